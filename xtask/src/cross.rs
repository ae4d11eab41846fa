//! `make cross`: type-checks the programs for Windows and macOS, and runs under wine what of the
//! native client runs there. The compilers and wine come from a script beside the project
//! (`../shared/cross.sh`); without it this says so and is done.

use crate::run::succeed;
use std::path::Path;
use std::process::Command;

/// The programs; the libraries come with them.
const PACKAGES: &[&str] = &["voicehall", "voicehall-cli", "voicehall-server"];

/// Unit tests that run under wine. A call does not: its sockets lack what `webrtc` asks of Windows'.
const SELF_TESTS: &[&str] =
    &["test", "--lib", "--package", "voicehall-engine", "--package", "voicehall-device"];

/// Runs the native client's own tests for Windows, then checks both systems.
///
/// # Errors
/// When a test fails or a program does not type-check.
pub fn run(root: &Path) -> Result<(), String> {
    let script = root.join("../shared/cross.sh");
    if !script.exists() {
        println!("skipped: {} is not there, so nothing was checked for Windows or macOS", script.display());
        return Ok(());
    }
    let cross = || {
        let mut command = Command::new(&script);
        command.current_dir(root);
        command
    };
    succeed(cross().arg("setup"))?;
    let runner = format!("{} wine", script.display());
    succeed(cross().env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", runner).arg("win").args(SELF_TESTS))?;
    let packages: Vec<&str> = PACKAGES.iter().flat_map(|package| ["--package", package]).collect();
    for system in ["winq", "mac"] {
        succeed(cross().args([system, "check"]).args(&packages))?;
    }
    Ok(())
}
