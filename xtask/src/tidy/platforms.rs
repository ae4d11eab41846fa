//! Documents say what was never run on Windows and macOS, as long as it is so.

use super::{Finding, Tree};

/// The page that says it.
const PAGE: &str = "docs/platforms.md";

/// The headings it has, one for each system that nobody has run the app on.
const HEADINGS: &[&str] = &["## Never run on Windows", "## Never run on macOS"];

/// Reports a page that lacks either, and a README that does not lead there.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let page = tree.text(PAGE).unwrap_or_default();
    let mut findings: Vec<Finding> = HEADINGS
        .iter()
        .filter(|heading| !page.lines().any(|line| line == **heading))
        .map(|heading| Finding::new(PAGE, 0, format!("lacks '{heading}'")))
        .collect();
    if !tree.text("ARCHITECTURE.md").is_some_and(|text| text.contains(PAGE)) {
        findings.push(Finding::new("ARCHITECTURE.md", 0, format!("does not lead to {PAGE}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_about_a_system_is_found() {
        let page = "# Platforms\n\n## Never run on Windows\n\n- the app\n";
        let files = [(PAGE, page), ("ARCHITECTURE.md", "see docs/platforms.md")];
        assert_eq!(check(&Tree::of(&files)), [Finding::new(PAGE, 0, "lacks '## Never run on macOS'")]);
        assert_eq!(check(&Tree::of(&[])).len(), 3);
    }
}
