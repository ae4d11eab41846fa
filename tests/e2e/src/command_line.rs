//! `voicehall-cli`: somebody in a call without a screen.

use crate::network::Host;
use crate::processes::Process;
use crate::rig::Rig;
use crate::wait;
use serde_json::Value;
use std::path::Path;

/// Somebody in a call.
#[derive(Debug)]
pub struct CommandLine {
    process: Process,
}

impl CommandLine {
    /// Joins the lobby by an invite.
    pub fn join<'a>(rig: &Rig, name: &str, invite: &str, options: impl IntoIterator<Item = &'a str>) -> Self {
        Self::run(rig, rig.product("voicehall-cli"), name, invite, options)
    }

    /// The same from a host.
    pub fn join_from<'a>(
        rig: &Rig,
        host: &Host,
        name: &str,
        invite: &str,
        options: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::run(rig, host.wrap(rig, rig.product("voicehall-cli")), name, invite, options)
    }

    fn run<'a>(
        rig: &Rig,
        mut command: std::process::Command,
        name: &str,
        invite: &str,
        options: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        command.envs(rig.home(name));
        command.args(["join", invite, "--channel", "Lobby", "--json", "--name", name]).args(options);
        Self { process: rig.start(command, name) }
    }

    /// Waits until it has told such a step for which `holds` holds, and returns the first one.
    ///
    /// # Panics
    /// When it ends before that.
    pub fn see(&mut self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.see_after(0, kind, holds)
    }

    /// The same, looking only at steps after the first `known` ones.
    pub fn see_after(&mut self, known: usize, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait::until(&format!("it tells {kind}"), || {
            let found = self.steps().into_iter().skip(known).find(|step| step["type"] == kind && holds(step));
            if found.is_none() {
                self.process.assert_alive();
            }
            found
        })
    }

    /// Waits until media flows.
    pub fn see_connected(&mut self) -> Value {
        self.see("connected", |_| true)
    }

    /// Waits until exactly these people are in the channel, in any order.
    pub fn see_present(&mut self, names: &[&str]) {
        self.see("present", |step| {
            let mut present: Vec<_> =
                step["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            present.sort_unstable();
            let mut names = names.to_vec();
            names.sort_unstable();
            present == names
        });
    }

    /// What it has told so far.
    pub fn steps(&self) -> Vec<Value> {
        self.process.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Leaves on Ctrl-C.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn leave(self) {
        let log = self.process.log();
        let status = self.process.interrupt();
        assert!(status.success(), "left with {status}; the log:\n{log}");
    }
}

/// A path as an option's value.
///
/// # Panics
/// When it is not text; the rig's paths are.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("the rig's paths are text")
}
