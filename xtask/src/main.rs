//! The project's own checks and chores, the same on a desk and in CI.

mod bench;
mod codegen;
mod cross;
mod run;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask VERB
  codegen   writes the UI's bindings from crates/protocol
  tidy      checks the rules that no compiler knows
  run       builds everything, starts a demo server and opens the app on it
  bench     measures, and writes target/bench/figures.json
  cross     type-checks for Windows and macOS";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("codegen") => codegen::write(root),
        Some("tidy") => tidy::run(root),
        Some("run") => run::run(root),
        Some("bench") => bench::run(root),
        Some("cross") => cross::run(root),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
