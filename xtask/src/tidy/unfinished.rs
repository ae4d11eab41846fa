//! The tree holds only finished work: nothing marked for later, and no test that is skipped.

use super::tree::lines;
use super::{Finding, Tree};

/// What must not stand in code: the file endings it is looked for in, and the words. In two parts,
/// so that this file does not hold them either.
const FORBIDDEN: &[(&[&str], &str, &str)] = &[
    (&[".rs"], "todo", "!("),
    (&[".rs"], "unimplemented", "!("),
    (&[".rs"], "dbg", "!("),
    (&[".rs"], "#[ign", "ore"),
    (&["src/lib.rs", "src/main.rs"], "#![allow(dead", "_code"),
    (&[".ts", ".svelte", ".js"], ".on", "ly("),
    (&[".ts", ".svelte", ".js"], ".sk", "ip("),
    (&[".ts", ".svelte", ".js"], "debug", "ger;"),
    (&[".rs", ".ts", ".svelte", ".js", ".css", ".sh", ".py", ".toml", ".md", "Makefile"], "FIX", "ME"),
    (&[".rs", ".ts", ".svelte", ".js", ".css", ".sh", ".py", ".toml", ".md", "Makefile"], "TO", "DO"),
];

/// Reports unfinished work.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.iter() {
        let looked_for: Vec<String> = FORBIDDEN
            .iter()
            .filter(|(endings, ..)| endings.iter().any(|ending| path.ends_with(ending)))
            .map(|(_, start, end)| format!("{start}{end}"))
            .collect();
        for (number, line) in lines(text) {
            for word in looked_for.iter().filter(|word| line.contains(word.as_str())) {
                findings.push(Finding::new(path, number, format!("unfinished: '{word}'")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_found() {
        for (path, start, end) in [
            ("crates/audio/src/gate.rs", "fn x() { todo", "!() }"),
            ("crates/audio/src/gate.rs", "#[ign", "ore = \"slow\"]"),
            ("ui/src/stores/call.test.ts", "it.on", "ly('joins', () => {})"),
            ("ui/src/stores/call.test.ts", "describe.sk", "ip('call', () => {})"),
            ("docs/protocol.md", "FIX", "ME later"),
        ] {
            assert_eq!(check(&Tree::of(&[(path, &format!("{start}{end}"))])).len(), 1, "{start}");
        }
        assert_eq!(check(&Tree::of(&[("crates/audio/src/gate.rs", "iter.skip(1)")])), []);
    }
}
