//! `make cross`: type-checks the programs for Windows and macOS. The compilers for them come from
//! a script beside the project (`../shared/cross.sh`); without it this says so and is done.

use crate::run::succeed;
use std::path::Path;
use std::process::Command;

/// The programs; the libraries come with them.
const PACKAGES: &[&str] = &["voicehall", "voicehall-cli", "voicehall-server"];

/// Checks both systems.
///
/// # Errors
/// When a program does not type-check.
pub fn run(root: &Path) -> Result<(), String> {
    let script = root.join("../shared/cross.sh");
    if !script.exists() {
        println!("skipped: {} is not there, so nothing was checked for Windows or macOS", script.display());
        return Ok(());
    }
    let cross = |arguments: &[&str]| {
        let packages = PACKAGES.iter().flat_map(|package| ["--package", package]);
        let packages: Vec<&str> = if arguments.len() > 1 { packages.collect() } else { Vec::new() };
        succeed(Command::new(&script).args(arguments).args(packages).current_dir(root))
    };
    cross(&["setup"])?;
    cross(&["winq", "check"])?;
    cross(&["mac", "check"])
}
