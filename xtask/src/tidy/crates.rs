//! Who may depend on whom, among the workspace's own packages.

use super::{Finding, Tree};
use std::collections::BTreeMap;

/// The arrows: each package by its folder's name, and what it may depend on. `ARCHITECTURE.md`
/// shows the same ones.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("guild", &["protocol"]),
    ("sfu", &["protocol"]),
    ("audio", &[]),
    ("video", &[]),
    ("device", &["audio", "video"]),
    ("engine", &["audio", "device", "protocol"]),
    ("server", &["guild", "protocol", "sfu"]),
    ("cli", &["engine", "protocol"]),
    ("src-tauri", &["engine", "protocol"]),
    ("xtask", &["protocol"]),
];

/// The packages' own prefix.
const PREFIX: &str = "voicehall-";

/// The arrows that the manifests draw, outside tests: package → what it depends on.
pub fn found(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    manifests(tree)
        .filter(|(_, package, _)| !package.starts_with("tests/"))
        .map(|(_, package, manifest)| (package, own_dependencies(&manifest)))
        .collect()
}

/// Reports edges that are not in the table, and packages that it does not know. Packages below
/// `tests/` may use everything, and so may the tests of the others (`dev-dependencies`).
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, package, manifest) in manifests(tree) {
        if package.starts_with("tests/") {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else {
            findings.push(Finding::new(&path, 0, "this package has no place in the table of arrows"));
            continue;
        };
        for dependency in own_dependencies(&manifest) {
            if !allowed.contains(&dependency.as_str()) {
                findings.push(Finding::new(&path, 0, format!("{package} must not depend on {dependency}")));
            }
        }
    }
    findings
}

/// Every package's manifest: path, the folder's name as the table has it, content.
fn manifests(tree: &Tree) -> impl Iterator<Item = (String, String, toml::Table)> {
    tree.below("", "Cargo.toml").filter_map(|(path, text)| {
        let folder = path.strip_suffix("Cargo.toml")?.trim_end_matches('/');
        let package = match folder {
            "" => "src-tauri",
            _ => folder.strip_prefix("crates/").unwrap_or(folder),
        };
        // Cargo reports a manifest that is no TOML, and better.
        Some((path.to_owned(), package.to_owned(), text.parse().ok()?))
    })
}

/// What a package needs of the workspace's own, platform-specific tables included.
fn own_dependencies(manifest: &toml::Table) -> Vec<String> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let tables = platforms.into_iter().flat_map(|targets| targets.values()).filter_map(toml::Value::as_table);
    let mut names: Vec<String> = std::iter::once(manifest)
        .chain(tables)
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)))
        .flatten()
        .filter_map(toml::Value::as_table)
        .flat_map(|dependencies| dependencies.keys())
        .filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_forbidden_edge_is_found_wherever_it_hides() {
        for manifest in [
            "[dependencies]\nvoicehall-server.workspace = true",
            "[dependencies.voicehall-server]\npath = '../server'",
            "[build-dependencies]\nvoicehall-server.workspace = true",
            "[target.'cfg(unix)'.dependencies]\nvoicehall-server = { workspace = true }",
        ] {
            let found = messages(&[("crates/guild/Cargo.toml", manifest)]);
            assert_eq!(found, ["guild must not depend on server"], "{manifest}");
        }
        assert_eq!(
            messages(&[("Cargo.toml", "[dependencies]\nvoicehall-sfu.workspace = true")]),
            ["src-tauri must not depend on sfu"]
        );
    }

    #[test]
    fn allowed_edges_and_tests_are_left_alone() {
        let server = "[dependencies]\nvoicehall-guild.workspace = true\ntokio = '1'\n\
                      [dev-dependencies]\nvoicehall-test-peer.workspace = true";
        let sim = "[dependencies]\nvoicehall-engine.workspace = true\nvoicehall-sfu.workspace = true";
        assert!(messages(&[("crates/server/Cargo.toml", server), ("tests/sim/Cargo.toml", sim)]).is_empty());
    }

    #[test]
    fn a_package_without_a_place_is_found() {
        assert_eq!(messages(&[("crates/extra/Cargo.toml", "[package]")]).len(), 1);
    }
}
