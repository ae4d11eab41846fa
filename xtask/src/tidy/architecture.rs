//! `ARCHITECTURE.md` agrees with the code: its map names every place and no other, and its arrows
//! are the ones that the manifests draw.
//!
//! The map is the first code block below `## Map`: one place in a line, its path first. The arrows
//! are the first code block below `## Arrows`: `package → package, package` in a line.

use super::{Finding, Tree, crates, layers};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = "ARCHITECTURE.md";

/// Folders whose sub-folders the map names one by one.
const DEEP: &[&str] = &["crates", "tests", "ui/src"];

/// Reports differences between page and code.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "is missing")];
    };
    let mut findings = Vec::new();
    let mut report = |message: String| findings.push(Finding::new(PAGE, 0, message));
    let named: BTreeSet<String> = map(page).collect();
    let there = places(tree);
    for place in there.difference(&named) {
        report(format!("the map does not name {place}"));
    }
    for place in named.difference(&there) {
        report(format!("the map names {place}, which is not there"));
    }
    let drawn = arrows(page);
    for (package, found) in crates::found(tree) {
        if drawn.get(&package).cloned().unwrap_or_default() != found.iter().cloned().collect() {
            report(format!("the arrows of {package} lead to: {}", found.join(", ")));
        }
    }
    for (layer, allowed) in layers::ALLOWED {
        let wanted: BTreeSet<String> = allowed.iter().map(|name| name.to_string()).collect();
        if drawn.get(&format!("ui/{layer}")).cloned().unwrap_or_default() != wanted {
            report(format!("the arrows of ui/{layer} lead to: {}", allowed.join(", ")));
        }
    }
    findings
}

/// Every place that the map must name: what lies at the root, and the sub-folders of [`DEEP`].
fn places(tree: &Tree) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for path in tree.paths() {
        let top = path.split('/').next().unwrap_or(path);
        let deep = DEEP.iter().find_map(|folder| {
            let (name, _) = path.strip_prefix(folder)?.strip_prefix('/')?.split_once('/')?;
            Some(format!("{folder}/{name}/"))
        });
        places.extend(deep);
        // Settings of tools are found where their tools look for them.
        let is_setting = top.starts_with('.') || top.ends_with("-lock.json") || top.ends_with(".lock");
        if !is_setting {
            places.insert(if path.contains('/') { format!("{top}/") } else { top.to_owned() });
        }
    }
    places
}

/// The paths that the map names.
fn map(page: &str) -> impl Iterator<Item = String> {
    block(page, "## Map").filter_map(|line| line.split_whitespace().next()).map(str::to_owned)
}

/// The arrows as the page draws them.
fn arrows(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    block(page, "## Arrows")
        .filter_map(|line| line.split_once('→'))
        .map(|(from, to)| {
            let targets = to.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            (from.trim().to_owned(), targets.collect())
        })
        .collect()
}

/// The lines of the first code block below a heading.
fn block<'a>(page: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let below = page.lines().skip_while(move |line| *line != heading).skip(1);
    let inside = below.skip_while(|line| !line.starts_with("```")).skip(1);
    inside.take_while(|line| !line.starts_with("```"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that is right about [`SAMPLE`], whose parts the tests replace.
    fn page() -> String {
        let layers: Vec<String> = layers::ALLOWED
            .iter()
            .map(|(name, allowed)| format!("ui/{name} → {}", allowed.join(", ")))
            .collect();
        format!(
            "# Page\n## Map\n```\nARCHITECTURE.md  this\ncrates/          code\ncrates/guild/    state\n\
             crates/protocol/ words\n```\n## Arrows\n```\nguild → protocol\nprotocol →\n{}\n```\n",
            layers.join("\n")
        )
    }

    const SAMPLE: [(&str, &str); 2] = [
        ("crates/guild/Cargo.toml", "[dependencies]\nvoicehall-protocol.workspace = true"),
        ("crates/protocol/Cargo.toml", "[package]"),
    ];

    fn messages(page: &str) -> Vec<String> {
        let mut files = SAMPLE.to_vec();
        files.push((PAGE, page));
        check(&Tree::of(&files)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_page_that_agrees_is_left_alone() {
        assert_eq!(messages(&page()), [""; 0]);
    }

    #[test]
    fn a_page_that_disagrees_is_found() {
        for (from, to, message) in [
            ("crates/guild/    state\n", "", "the map does not name crates/guild/"),
            (
                "crates/guild/ ",
                "crates/build/\ncrates/guild/ ",
                "the map names crates/build/, which is not there",
            ),
            ("guild → protocol", "guild →", "the arrows of guild lead to: protocol"),
            ("guild → protocol", "guild → protocol, sfu", "the arrows of guild lead to: protocol"),
            ("ui/platform → bindings", "ui/platform → stores", "the arrows of ui/platform lead to: bindings"),
        ] {
            assert_eq!(messages(&page().replace(from, to)), [message]);
        }
    }

    #[test]
    fn no_page_at_all_is_found() {
        assert_eq!(check(&Tree::of(&SAMPLE)).len(), 1);
    }
}
