//! The keychain of somebody's desktop: the real GNOME keyring, without anybody to type passwords.

use crate::processes::Process;
use crate::rig::Rig;
use crate::session::Session;
use crate::wait;
use nix::sys::signal::Signal;

/// A running keyring; its files stay when this is dropped.
#[derive(Debug)]
pub struct Keyring {
    daemon: Process,
}

impl Keyring {
    /// Starts it in somebody's session. One that is not unlocked stays locked, for nobody is asked.
    pub fn start(rig: &Rig, session: &Session, unlocked: bool) -> Self {
        let mut command = rig.command("sh");
        let daemon = "gnome-keyring-daemon --foreground --components=secrets";
        let script = if unlocked {
            format!("printf password | exec {daemon} --unlock")
        } else {
            format!("exec {daemon}")
        };
        command.args(["-c", &script]).envs(session.variables().iter().cloned());
        let mut daemon = rig.start(command, "keyring");
        wait::until("the keyring serves", || {
            daemon.assert_alive();
            session.has_service(rig, "org.freedesktop.secrets").then_some(())
        });
        Self { daemon }
    }

    /// Makes it answer nobody, or everybody who has asked meanwhile: so it is for programs while a person
    /// is asked for a password.
    pub fn set_silent(&self, silent: bool) {
        self.daemon.signal_all(if silent { Signal::SIGSTOP } else { Signal::SIGCONT });
    }
}
