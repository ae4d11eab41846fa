//! A display of a test's own, without a monitor.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the process that has a display of its own, to the number of the display's process.
pub const INSIDE: &str = "VOICEHALL_TEST_DISPLAY";

/// How long anything may take to come true. Far more than it ever does.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A display without a monitor.
struct Display(Child);

impl Display {
    fn start() -> (Self, String) {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut number = String::new();
        let output = server.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut number).expect("it tells its number");
        (Self(server), format!(":{}", number.trim()))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `body` in a process of its own with a display of its own: the environment names it, and
/// cannot be changed within the process that runs the other tests.
pub fn with_display(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let (display, name) = Display::start();
    let outcome = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, display.0.id().to_string())
        .env("DISPLAY", name)
        .env("XDG_SESSION_TYPE", "x11")
        .env_remove("WAYLAND_DISPLAY")
        .status()
        .expect("this program runs");
    assert!(outcome.success(), "{test} failed on its display");
}
