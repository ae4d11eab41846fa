//! Writes what is generated from Rust and committed: the UI's TypeScript bindings.

use std::{fs, path::Path};

/// Where the bindings live, from the root of the tree.
pub const BINDINGS: &str = "ui/src/bindings/protocol.ts";

/// Writes the bindings below `root`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    let path = root.join(BINDINGS);
    fs::create_dir_all(path.parent().expect("the path has a folder"))
        .and_then(|()| fs::write(&path, voicehall_protocol::bindings::typescript()))
        .map_err(|error| format!("{BINDINGS}: {error}"))
}
