//! With what the app was started: `voicehall [--link LINK | LINK]`, or `VOICEHALL_LINK`.

use std::sync::Mutex;

/// Refused arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// `--link` stood last.
    #[error("--link needs an invite link")]
    LinkMissing,
    /// Something else than one link.
    #[error("unknown argument '{0}'; usage: voicehall [--link LINK]")]
    Unknown(String),
}

/// The invite link the app was started with, until the UI has taken it.
#[derive(Debug)]
pub struct Launch {
    link: Mutex<Option<String>>,
}

impl Launch {
    /// Reads this process's arguments and environment; the arguments win.
    pub fn from_process() -> Result<Self, LaunchError> {
        let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
        Self::new(arguments, std::env::var("VOICEHALL_LINK").ok())
    }

    fn new(
        mut arguments: impl Iterator<Item = String>,
        environment: Option<String>,
    ) -> Result<Self, LaunchError> {
        let mut link = environment.filter(|link| !link.is_empty());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--link" => link = Some(arguments.next().ok_or(LaunchError::LinkMissing)?),
                _ if is_link(&argument) => link = Some(argument),
                _ => return Err(LaunchError::Unknown(argument)),
            }
        }
        Ok(Self { link: Mutex::new(link) })
    }

    /// Takes the link: a page that loads again must not follow a one-time link twice.
    pub fn take_link(&self) -> Option<String> {
        self.link.lock().expect("nothing panics while holding it").take()
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
    fn a_link_is_taken_once() {
        let launch = Launch::new(std::iter::empty(), Some("https://a.example".to_owned())).unwrap();
        assert!(launch.take_link().is_some());
        assert_eq!(launch.take_link(), None);
    }
}
