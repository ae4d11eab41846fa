//! The app's control socket, by way of `voicehall-cli ctl`.

use crate::rig::Rig;
use crate::session::Session;
use crate::wait;
use serde_json::Value;
use std::process::Output;

/// Runs `voicehall-cli ctl …` as somebody.
///
/// # Panics
/// When the program does not run.
pub fn ctl(rig: &Rig, session: &Session, order: &[&str]) -> Output {
    let mut command = session.product(rig, "voicehall-cli");
    command.arg("ctl").args(order).output().expect("the program runs")
}

/// The same, for what the app then says of itself.
///
/// # Panics
/// When it was not done.
pub fn status(rig: &Rig, session: &Session, order: &[&str]) -> Value {
    let output = ctl(rig, session, &[order, &["--json"]].concat());
    assert!(output.status.success(), "{order:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a status is JSON")
}

/// Waits until the app says such a thing of itself.
pub fn see_status(rig: &Rig, session: &Session, what: &str, holds: impl Fn(&Value) -> bool) {
    wait::until(&format!("the app says that {what}"), || {
        let output = ctl(rig, session, &["status", "--json"]);
        let status = serde_json::from_slice(&output.stdout).ok()?;
        holds(&status).then_some(())
    });
}
