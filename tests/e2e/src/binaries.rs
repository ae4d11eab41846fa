//! Where the programs under test and the tools are.

use std::path::{Path, PathBuf};

/// A program of the product.
///
/// It is taken from the folder in `VOICEHALL_BIN_DIR`, else from where cargo put this test.
///
/// # Panics
/// When it is not there, with the command that builds it.
pub fn product(name: &str) -> PathBuf {
    let folder = std::env::var_os("VOICEHALL_BIN_DIR").map_or_else(beside_this_test, PathBuf::from);
    let path = folder.join(name);
    let release = if folder.ends_with("release") { " --release" } else { "" };
    assert!(
        path.is_file(),
        "{} is missing; build it with: npm run build && cargo build{release} --package {name}",
        path.display()
    );
    path
}

/// A tool that `tests/e2e/tools.sh` provides, by its path below `target/tools`.
///
/// # Panics
/// When it is not there, with the command that provides it.
pub fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools").join(name);
    assert!(path.exists(), "{} is missing; get it with: tests/e2e/tools.sh", path.display());
    path
}

/// `target/debug` or `target/release`, from `…/deps/this-test` or `…/this-program`.
fn beside_this_test() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let folder = own.parent().expect("a program is in a folder");
    if folder.ends_with("deps") {
        folder.parent().expect("deps is in a folder").into()
    } else {
        folder.into()
    }
}
