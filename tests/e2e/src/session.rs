//! A person's login to their desktop: a message bus and a runtime folder that others do not share.
//! Sound alone is everybody's.

use crate::processes::Process;
use crate::rig::Rig;
use crate::wait;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A desktop session; it ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    variables: Vec<(String, String)>,
    bus_address: String,
    _bus: Process,
}

impl Session {
    /// Logs somebody in, with a home of their own.
    pub fn start(rig: &Rig, who: &str) -> Self {
        let runtime = rig.make_folder(&format!("run-{who}"));
        // What XDG demands, and the app's folders in it inherit.
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("its mode can be set");
        let socket = runtime.join("bus");
        let bus_address = format!("unix:path={}", socket.display());
        let mut variables = rig.home(who);
        let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
        set("XDG_RUNTIME_DIR", runtime.display().to_string());
        set("DBUS_SESSION_BUS_ADDRESS", bus_address.clone());
        set("PIPEWIRE_RUNTIME_DIR", rig.path("run").display().to_string());
        set("PULSE_SERVER", format!("unix:{}", rig.path("run/pulse/native").display()));
        let mut command = rig.command("dbus-daemon");
        command.args(["--session", "--nofork", "--address", &bus_address]).envs(variables.iter().cloned());
        let bus = rig.start(command, &format!("bus-{who}"));
        wait::until("the message bus listens", || socket.exists().then_some(()));
        Self { variables, bus_address, _bus: bus }
    }

    /// What this person's programs find in their environment.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// A program of the product that this person starts.
    pub fn product(&self, rig: &Rig, name: &str) -> Command {
        let mut command = rig.product(name);
        command.envs(self.variables.iter().cloned());
        command
    }

    /// Where this person's message bus listens.
    pub fn bus_address(&self) -> &str {
        &self.bus_address
    }
}
