//! Who may import whom in the UI, and the one folder that knows Tauri.

use super::tree::lines;
use super::{Finding, Tree};

/// Where the UI's code lies.
const SOURCE: &str = "ui/src/";

/// Each folder below [`SOURCE`] and those it may import from. What lies directly in `ui/src` puts
/// the parts together and may import all.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("views", &["parts", "stores", "gateway", "platform", "bindings", "strings"]),
    ("parts", &["bindings", "strings"]),
    ("stores", &["gateway", "platform", "bindings", "strings"]),
    ("gateway", &["platform", "bindings"]),
    ("platform", &["bindings"]),
    ("bindings", &[]),
    ("strings", &["bindings"]),
];

/// Reports imports against the direction, and Tauri outside `platform`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.below(SOURCE, "").filter(|(path, _)| is_code(path)) {
        let Some((layer, _)) = path[SOURCE.len()..].split_once('/') else { continue };
        let allowed = ALLOWED.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed);
        for (number, line) in lines(text) {
            for target in imports(line) {
                if target.starts_with("@tauri-apps/") && layer != "platform" {
                    findings.push(Finding::new(path, number, "only ui/src/platform knows Tauri"));
                }
                let Some(other) = layer_of(path, target).filter(|other| other != layer) else { continue };
                if !allowed.is_none_or(|allowed| allowed.contains(&other.as_str())) {
                    let message = format!("{layer} must not import from {other}");
                    findings.push(Finding::new(path, number, message));
                }
            }
        }
        if allowed.is_none() && layer != "styles" {
            findings.push(Finding::new(
                path,
                0,
                format!("ui/src/{layer} has no place in the table of layers"),
            ));
        }
    }
    findings
}

fn is_code(path: &str) -> bool {
    [".ts", ".js", ".svelte"].iter().any(|ending| path.ends_with(ending))
}

/// What a line imports: `… from 'x'`, `import 'x'`, `import('x')`, with either quote.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    ["from ", "import ", "import("].into_iter().flat_map(move |word| {
        line.match_indices(word).filter_map(move |(at, _)| {
            let rest = &line[at + word.len()..];
            let quote = rest.chars().next().filter(|first| ['\'', '"'].contains(first))?;
            rest[1..].split_once(quote).map(|(target, _)| target)
        })
    })
}

/// The layer that a relative import of `path` leads to.
fn layer_of(path: &str, target: &str) -> Option<String> {
    if !target.starts_with('.') {
        return None;
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => drop(folders.pop()),
            name => folders.push(name),
        }
    }
    let whole = folders.join("/");
    let inside = whole.strip_prefix(SOURCE)?;
    inside.split_once('/').map(|(layer, _)| layer.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn imports_against_the_direction_are_found() {
        for (path, text, message) in [
            (
                "ui/src/stores/call.ts",
                "import X from '../views/X.svelte';",
                "stores must not import from views",
            ),
            (
                "ui/src/parts/a/B.svelte",
                "  import { s } from \"../../stores/call\";",
                "parts must not import from stores",
            ),
            (
                "ui/src/platform/native.ts",
                "const x = await import('../gateway/session');",
                "platform must not import from gateway",
            ),
            (
                "ui/src/gateway/x.ts",
                "export { y } from './../stores/y';",
                "gateway must not import from stores",
            ),
            (
                "ui/src/stores/x.ts",
                "import { invoke } from '@tauri-apps/api/core';",
                "only ui/src/platform knows Tauri",
            ),
        ] {
            assert_eq!(messages(path, text), [message], "{path}: {text}");
        }
    }

    #[test]
    fn the_right_direction_is_left_alone() {
        let view = "import Button from '../parts/Button.svelte';\nimport type { Guild } from '../bindings/protocol';\n\
                    import './view.css';\nimport { onMount } from 'svelte';";
        assert!(messages("ui/src/views/Guild.svelte", view).is_empty());
        assert!(
            messages("ui/src/platform/native.ts", "import { invoke } from '@tauri-apps/api/core';")
                .is_empty()
        );
        assert!(messages("ui/src/main.ts", "import App from './views/App.svelte';").is_empty());
    }

    #[test]
    fn a_folder_without_a_place_is_found() {
        assert_eq!(messages("ui/src/misc/x.ts", ""), ["ui/src/misc has no place in the table of layers"]);
    }
}
