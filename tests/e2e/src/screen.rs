//! A display for windows, without a monitor.

use crate::processes::Process;
use crate::rig::Rig;
use crate::wait;

/// A virtual X display with a window manager; every process started after it finds it.
#[derive(Debug)]
pub struct Screen {
    // In the order in which they end.
    _window_manager: Process,
    _display: Process,
    name: String,
}

impl Screen {
    /// Opens a display.
    pub fn start(rig: &Rig) -> Self {
        let mut command = rig.command("Xvfb");
        // It takes a free number by itself and writes it to its standard output.
        command.args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]);
        let display = rig.start(command, "Xvfb");
        let number = wait::until("the display is open", || {
            let log = display.log();
            log.lines().find_map(|line| line.trim().parse::<u32>().ok()).filter(|_| log.ends_with('\n'))
        });
        let name = format!(":{number}");
        rig.set("DISPLAY", &name);
        let window_manager = rig.start(rig.command("openbox"), "openbox");
        Self { _window_manager: window_manager, _display: display, name }
    }

    /// The display's name, as in `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.name
    }
}
