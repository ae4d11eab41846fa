//! The files of the project as git sees them: committed, or new and not ignored. The rule here:
//! nothing lies at the root that the map does not know, and no file names a package registry.

use super::Finding;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything that may lie at the root.
const ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    ".taurignore",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "clippy.toml",
    "crates",
    "docs",
    "icons",
    "package-lock.json",
    "package.json",
    "rustfmt.toml",
    "src-tauri",
    "tauri.conf.json",
    "tests",
    "ui",
    "xtask",
];

/// Hosts that serve packages. Whoever builds chooses where packages come from, by the settings of
/// cargo and npm. In two parts, so that this file does not name them either.
const REGISTRIES: &[(&str, &str)] =
    &[("crates", ".io"), ("npmjs", ".org"), ("npmjs", ".com"), ("pypi", ".org"), ("pythonhosted", ".org")];

/// Files by their path from the root, with slashes.
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the working tree below `root`. Files that are not text are known by name alone.
    ///
    /// # Errors
    /// When git or a file cannot be read.
    pub fn read(root: &Path) -> Result<Self, String> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git: {error}"))?;
        if !output.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let names = String::from_utf8(output.stdout).map_err(|_| "a file name is not UTF-8".to_owned())?;
        let mut files = BTreeMap::new();
        for name in names.split_terminator('\0') {
            match fs::read(root.join(name)) {
                Ok(bytes) => {
                    files.insert(name.to_owned(), String::from_utf8(bytes).unwrap_or_default());
                }
                // Deleted, and not yet committed so.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
        Ok(Self { files })
    }

    /// A tree for a rule's test.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect() }
    }

    /// Every file's path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Every file with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Files below `folder` (with its slash) whose name ends so.
    pub fn below<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter(move |(path, _)| path.starts_with(folder) && path.ends_with(ending))
    }
}

/// Lines with their numbers, counted from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Reports strangers at the root and names of registries.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.iter() {
        let entry = path.split('/').next().unwrap_or(path);
        if !ROOT.contains(&entry) {
            let message = format!("'{entry}' is not a known entry of the root; see xtask/src/tidy/tree.rs");
            findings.push(Finding::new(path, 0, message));
        }
        // Cargo writes its index's address into each entry of its lock file.
        if path == "Cargo.lock" {
            continue;
        }
        for (number, line) in lines(text) {
            if REGISTRIES.iter().any(|(name, domain)| line.contains(&format!("{name}{domain}"))) {
                findings.push(Finding::new(path, number, "names a package registry's host"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_root_is_found() {
        let found = check(&Tree::of(&[("notes.txt", ""), ("README.md", ""), ("old/x.rs", "")]));
        assert_eq!(
            found.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(),
            ["notes.txt", "old/x.rs"]
        );
    }

    #[test]
    fn a_registry_is_found() {
        let lock = format!("{{\n\"resolved\": \"https://registry.{}{}/x\"}}", "npmjs", ".org");
        let found = check(&Tree::of(&[("package-lock.json", &lock), ("Cargo.lock", &lock)]));
        assert_eq!(found, [Finding::new("package-lock.json", 2, "names a package registry's host")]);
    }
}
