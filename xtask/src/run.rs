//! `make run`: builds, starts a server on this machine with a demo guild, and opens the app on it,
//! signed in as the guild's owner. Everything it keeps lies in `target/run`; deleting that folder
//! starts anew. The app's own settings and logins are left alone.

mod demo;
mod process;

use demo::{LinkFiles, Links};
use process::{Child, Interrupt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the demo server listens: fixed, because logins are kept by a server's address.
const ORIGIN: &str = "http://127.0.0.1:8787";

/// Runs until the app is closed, or Ctrl-C.
///
/// # Errors
/// What went wrong, for people.
pub fn run(root: &Path) -> Result<(), String> {
    let interrupt = Interrupt::listen()?;
    build(root)?;
    let folder = root.join("target/run");
    let binaries = target_folder(root).join("debug");
    let files = LinkFiles::fresh(&folder)?;
    let mut server = start_server(&binaries, &folder, &files)?;
    let links = Links::wait(&files, ORIGIN, &mut server, &interrupt)?;
    println!(
        "\nA second person joins by opening this link in a browser on this machine:\n  {}\n",
        links.invite
    );
    if has_display() {
        let config = folder.join("app");
        demo::sign_in_owner(ORIGIN, &links, &config)?;
        let mut app = start_app(&binaries, &config)?;
        println!("Closing the app or Ctrl-C ends the server too.");
        process::wait_for_any(&mut app, &mut [&mut server], &interrupt)
    } else {
        println!("There is no display for the app. The guild's owner opens this in a browser instead:");
        println!("  {}\n\nCtrl-C ends the server.", links.owner);
        process::wait_for_any(&mut server, &mut [], &interrupt)
    }
}

/// The development profile: a quick build, in which all that works on sound is optimised anyway.
fn build(root: &Path) -> Result<(), String> {
    succeed(Command::new("npm").args(["run", "build"]).current_dir(root))?;
    let packages = ["--package", "voicehall", "--package", "voicehall-server"];
    succeed(Command::new("cargo").args(["build", "--locked"]).args(packages).current_dir(root))
}

fn start_server(binaries: &Path, folder: &Path, files: &LinkFiles) -> Result<Child, String> {
    let mut command = Command::new(binaries.join("voicehall-server"));
    command.arg("serve").arg("--data").arg(folder.join("server"));
    command.arg("--owner-link-file").arg(&files.owner).arg("--invite-link-file").arg(&files.invite);
    command.env("VOICEHALL_HTTP_LISTEN", ORIGIN.trim_start_matches("http://"));
    command.env("VOICEHALL_HTTP_PUBLIC_URL", ORIGIN);
    command.env("VOICEHALL_VOICE_BIND", "127.0.0.1");
    command.env("VOICEHALL_GUILD_NAME", "Demo");
    Child::start("voicehall-server", &mut command)
}

fn start_app(binaries: &Path, config: &Path) -> Result<Child, String> {
    let mut command = Command::new(binaries.join("voicehall"));
    command.env("XDG_CONFIG_HOME", config);
    Child::start("voicehall", &mut command)
}

fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Where cargo puts what it builds.
pub fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or fails.
pub fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}
