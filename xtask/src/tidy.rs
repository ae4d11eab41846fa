//! The rules that no compiler knows. Each is a module with a `check` over the [`Tree`], and with a
//! test that shows it a sample it must catch.

mod architecture;
mod bindings;
mod crates;
mod layers;
mod naming;
mod platforms;
mod purity;
mod size;
mod tree;
mod unfinished;

pub use tree::Tree;

use std::fmt;
use std::path::Path;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the tree.
    pub path: String,
    /// The line, counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Checks the tree below `root`.
///
/// # Errors
/// The broken rules, one in a line.
pub fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    for advice in size::advise(&tree) {
        println!("advice: {advice}");
    }
    let findings = check(&tree);
    if findings.is_empty() {
        println!("tidy: {} files", tree.paths().count());
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    Err(format!("{}\ntidy: {} findings", lines.join("\n"), lines.len()))
}

fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [
        architecture::check,
        bindings::check,
        crates::check,
        layers::check,
        naming::check,
        platforms::check,
        purity::check,
        size::check,
        tree::check,
        unfinished::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let findings = check(&Tree::read(root).unwrap());
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "{}", lines.join("\n"));
    }
}
