//! A person's login to their desktop: a message bus that others do not share, because the app runs
//! once on each. The runtime folder, and the sound servers in it, are everybody's.

use crate::processes::Process;
use crate::rig::Rig;
use crate::wait;
use std::process::Command;
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::object_server::Interface;

/// A desktop session; it ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    variables: Vec<(String, String)>,
    _bus: Process,
}

impl Session {
    /// Logs somebody in, with a home of their own.
    pub fn start(rig: &Rig, who: &str) -> Self {
        let socket = rig.path(&format!("run/bus-{who}"));
        let bus_address = format!("unix:path={}", socket.display());
        let mut variables = rig.home(who);
        variables.push(("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus_address.clone()));
        // What this machine's own configuration would start on demand belongs to no test.
        let configuration = rig.path(&format!("bus-{who}.conf"));
        std::fs::write(&configuration, configure(&bus_address)).expect("it can be written");
        let mut command = rig.command("dbus-daemon");
        command.arg("--nofork").arg(format!("--config-file={}", configuration.display()));
        command.envs(variables.iter().cloned());
        let bus = rig.start(command, &format!("bus-{who}"));
        wait::until("the message bus listens", || socket.exists().then_some(()));
        Self { variables, _bus: bus }
    }

    /// What this person's programs find in their environment.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Serves an object under a name on the message bus, until the connection is dropped.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn serve(&self, name: &str, path: &str, object: impl Interface) -> Connection {
        let bus = self.variables.iter().find(|(variable, _)| variable == "DBUS_SESSION_BUS_ADDRESS");
        let (_, address) = bus.expect("a session has a bus");
        Builder::address(address.as_str())
            .and_then(|builder| builder.name(name.to_owned()))
            .and_then(|builder| builder.serve_at(path.to_owned(), object))
            .and_then(Builder::build)
            .expect("the name is free")
    }

    /// Whether somebody serves this name on the message bus.
    pub fn has_service(&self, rig: &Rig, name: &str) -> bool {
        let mut command = rig.command("dbus-send");
        command.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]);
        command.args(["org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")]);
        command.envs(self.variables.iter().cloned());
        let answer = command.output().expect("dbus-send runs").stdout;
        String::from_utf8_lossy(&answer).contains("boolean true")
    }

    /// A program of the product that this person starts.
    pub fn product(&self, rig: &Rig, name: &str) -> Command {
        let mut command = rig.product(name);
        command.envs(self.variables.iter().cloned());
        command
    }
}

/// A message bus for everybody in the session, which starts nothing by itself.
fn configure(address: &str) -> String {
    format!(
        r#"<busconfig>
            <type>session</type>
            <listen>{address}</listen>
            <auth>EXTERNAL</auth>
            <policy context="default">
                <allow send_destination="*" eavesdrop="true"/>
                <allow eavesdrop="true"/>
                <allow own="*"/>
            </policy>
        </busconfig>"#
    )
}
