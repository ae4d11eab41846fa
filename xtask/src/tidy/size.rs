//! Files and functions stay small enough to be read at once.

use super::purity::without_tests;
use super::tree::lines;
use super::{Finding, Tree};

/// Lines a file should have at most, its test module not counted.
const FILE_LINES_SOFT: usize = 500;

/// Lines a file may have at most, its test module not counted.
const FILE_LINES_HARD: usize = 600;

/// Lines a function should have at most.
const FUNCTION_LINES: usize = 70;

/// Reports files that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let too_long = code(tree).filter(|(_, count, _)| *count > FILE_LINES_HARD);
    too_long
        .map(|(path, count, _)| {
            Finding::new(
                path,
                0,
                format!("{count} lines without tests; at most {FILE_LINES_HARD}: split it by idea"),
            )
        })
        .collect()
}

/// What should be shorter, and breaks no rule.
pub fn advise(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, count, text) in code(tree) {
        if (FILE_LINES_SOFT + 1..=FILE_LINES_HARD).contains(&count) {
            findings.push(Finding::new(path, 0, format!("{count} lines; aim at {FILE_LINES_SOFT}")));
        }
        if path.ends_with(".rs") {
            for (line, length) in functions(text).filter(|(_, length)| *length > FUNCTION_LINES) {
                let message = format!("a function of {length} lines; aim at {FUNCTION_LINES}");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// Hand-written code: path, lines outside its test module, and that text. Files of tests are as
/// long as their tables.
fn code(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    let is_code = |path: &str| [".rs", ".ts", ".svelte", ".js", ".css"].iter().any(|end| path.ends_with(end));
    let is_free =
        |path: &str| path.contains("/bindings/") || path.contains("/tests") || path.contains(".test.");
    tree.iter().filter(move |(path, _)| is_code(path) && !is_free(path)).map(|(path, text)| {
        let text = without_tests(text);
        (path, text.lines().count(), text)
    })
}

/// Where each function starts and how many lines it has. It ends at the first closing brace that
/// is indented as its start, which is how rustfmt writes it.
fn functions(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let starts = lines(text).filter(|(_, line)| {
        let words = line.trim_start();
        let words = words.strip_prefix("pub(crate) ").or(words.strip_prefix("pub ")).unwrap_or(words);
        ["fn ", "async fn ", "const fn ", "unsafe fn ", "extern "]
            .iter()
            .any(|start| words.starts_with(start))
    });
    starts.filter_map(move |(start, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let length = text.lines().skip(start - 1).position(|line| line == end)?;
        Some((start, length + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_its_tests_are_not_counted() {
        let long = "// line\n".repeat(FILE_LINES_HARD + 1);
        let tested = format!("\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let files = [("a.rs", long.as_str()), ("b.rs", tested.as_str()), ("x/tests/c.rs", long.as_str())];
        let found = check(&Tree::of(&files));
        assert_eq!(found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), ["a.rs"]);
    }

    #[test]
    fn a_long_function_is_advised_on() {
        let function = |body: usize| {
            format!("impl X {{\n    pub fn f() {{\n{}    }}\n}}\n", "        x();\n".repeat(body))
        };
        let found = advise(&Tree::of(&[("a.rs", &function(69)), ("b.rs", &function(68))]));
        assert_eq!(found, [Finding::new("a.rs", 2, "a function of 71 lines; aim at 70")]);
    }
}
