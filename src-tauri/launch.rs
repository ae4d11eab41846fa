//! With what the app was started: `voicehall [--background] [--link LINK | LINK]`, or
//! `VOICEHALL_LINK`. An app that runs already is handed the arguments of one that is started.

use std::process::Command;
use std::sync::Mutex;
use tauri::{AppHandle, Manager};

/// Starts in the tray: what the desktop says that starts the app by itself.
pub const BACKGROUND: &str = "--background";

/// A link from an environment in which the app cannot be given arguments.
const LINK_VARIABLE: &str = "VOICEHALL_LINK";

/// Refused arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// `--link` stood last.
    #[error("--link needs an invite link")]
    LinkMissing,
    /// Something else than one link.
    #[error("unknown argument '{0}'; usage: voicehall [--background] [--link LINK]")]
    Unknown(String),
}

/// How the app was started, and the last link it was given, until the UI has taken it.
#[derive(Debug)]
pub struct Launch {
    link: Mutex<Option<String>>,
    background: bool,
}

impl Launch {
    /// Reads this process's arguments and environment; the arguments win.
    pub fn from_process() -> Result<Self, LaunchError> {
        let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
        Self::new(arguments, std::env::var(LINK_VARIABLE).ok())
    }

    /// Reads the arguments of an app that was started while this one runs.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, LaunchError> {
        Self::new(arguments, None)
    }

    fn new(
        mut arguments: impl Iterator<Item = String>,
        environment: Option<String>,
    ) -> Result<Self, LaunchError> {
        let mut link = environment.filter(|link| !link.is_empty());
        let mut background = false;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--link" => link = Some(arguments.next().ok_or(LaunchError::LinkMissing)?),
                BACKGROUND => background = true,
                _ if is_link(&argument) => link = Some(argument),
                _ => return Err(LaunchError::Unknown(argument)),
            }
        }
        Ok(Self { link: Mutex::new(link), background })
    }

    /// Whether nobody asked to see a window: the system started the app, and not for a link.
    pub fn in_background(&self) -> bool {
        self.background && self.link.lock().expect("nothing panics while holding it").is_none()
    }

    /// Keeps a link until the UI takes it; one that it has not taken yet is forgotten.
    pub fn put_link(&self, link: String) {
        *self.link.lock().expect("nothing panics while holding it") = Some(link);
    }

    /// Takes the link: a page that loads again must not follow a one-time link twice.
    pub fn take_link(&self) -> Option<String> {
        self.link.lock().expect("nothing panics while holding it").take()
    }
}

/// Starts the app anew, as a person starts it: what this one was started with is done, and a one-time
/// link must not be followed twice. Called last of all, when nothing of this one is in the way.
pub fn again(app: &AppHandle) {
    // Else the new one would hand over to this one.
    tauri_plugin_single_instance::destroy(app);
    let started = tauri::process::current_binary(&app.env())
        .and_then(|program| Command::new(program).env_remove(LINK_VARIABLE).spawn());
    if let Err(error) = started {
        tracing::warn!(%error, "the app does not start again");
    }
}

/// Whether an argument is a link as desktops pass it to the app that opens it.
fn is_link(argument: &str) -> bool {
    ["http://", "https://", "voicehall:"].iter().any(|scheme| argument.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(arguments: &[&str], environment: Option<&str>) -> Result<Option<String>, LaunchError> {
        let arguments = arguments.iter().map(|argument| argument.to_string());
        Launch::new(arguments, environment.map(str::to_owned)).map(|launch| launch.take_link())
    }

    #[test]
    fn a_link_comes_from_an_argument_or_the_environment() {
        let link = Some("https://a.example/join/x".to_owned());
        assert_eq!(
            launch(&["--link", "https://a.example/join/x"], Some("http://b.example")),
            Ok(link.clone())
        );
        assert_eq!(launch(&["https://a.example/join/x"], None), Ok(link.clone()));
        assert_eq!(launch(&[], Some("https://a.example/join/x")), Ok(link));
        assert_eq!(launch(&[], Some("")), Ok(None));
        assert_eq!(launch(&[], None), Ok(None));
    }

    #[test]
    fn other_arguments_are_refused() {
        assert_eq!(launch(&["--link"], None), Err(LaunchError::LinkMissing));
        assert_eq!(launch(&["--lnik", "x"], None), Err(LaunchError::Unknown("--lnik".to_owned())));
    }

    #[test]
    fn an_app_that_the_system_starts_shows_no_window_unless_for_a_link() {
        let in_background = |arguments: &[&str]| {
            Launch::parse(arguments.iter().map(|argument| argument.to_string())).unwrap().in_background()
        };
        assert!(in_background(&["--background"]));
        assert!(!in_background(&[]));
        assert!(!in_background(&["--background", "voicehall://join/a.example/x"]));
    }

    #[test]
    fn a_link_is_taken_once() {
        let launch = Launch::new(std::iter::empty(), Some("https://a.example".to_owned())).unwrap();
        assert!(launch.take_link().is_some());
        assert_eq!(launch.take_link(), None);
        launch.put_link("https://b.example".to_owned());
        assert_eq!(launch.take_link().as_deref(), Some("https://b.example"));
    }
}
