//! Modules are named for what they are about.

use super::{Finding, Tree};

/// Names that say nothing, so that everything ends up there.
const FORBIDDEN: &[&str] =
    &["util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "shared"];

/// Where cargo's own manual puts what several integration tests of a package need.
const TESTS: &str = "/tests/common/";

/// Reports modules and folders with such a name.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.paths().filter(|path| !path.contains(TESTS)) {
        for part in path.split('/') {
            let name = part.split('.').next().unwrap_or(part).to_lowercase();
            let words = name.split(['_', '-']);
            if words.clone().any(|word| FORBIDDEN.contains(&word)) {
                findings.push(Finding::new(path, 0, format!("'{part}' does not say what it is about")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found() {
        for path in [
            "crates/audio/src/utils.rs",
            "ui/src/parts/Helpers.ts",
            "crates/common/src/lib.rs",
            "src/call_manager.rs",
        ] {
            assert_eq!(check(&Tree::of(&[(path, "")])).len(), 1, "{path}");
        }
        assert_eq!(check(&Tree::of(&[("crates/audio/src/gate.rs", "")])), []);
    }
}
