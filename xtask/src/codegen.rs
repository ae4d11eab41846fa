//! Writes what is generated from Rust and committed: the UI's TypeScript bindings.

use std::{fs, io, path::Path};

/// Where the bindings live, from the root of the tree.
pub const BINDINGS: &str = "ui/src/bindings/protocol.ts";

/// Writes the bindings below `root`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(root: &Path) -> io::Result<()> {
    let path = root.join(BINDINGS);
    fs::create_dir_all(path.parent().expect("the path has a folder"))?;
    fs::write(path, voicehall_protocol::bindings::typescript())
}

/// Whether the committed bindings are what the code says.
pub fn is_fresh(root: &Path) -> bool {
    fs::read_to_string(root.join(BINDINGS))
        .is_ok_and(|text| text == voicehall_protocol::bindings::typescript())
}
