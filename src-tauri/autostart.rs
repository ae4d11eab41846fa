//! The app's start with the system. On Linux by the freedesktop.org's autostart entries, written here
//! so that they are where this desktop looks and start the app whatever its path is; elsewhere as
//! Tauri's plugin does it.

use tauri::AppHandle;

/// Why it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// The entry cannot be written, read or removed.
    #[cfg(target_os = "linux")]
    #[error("the autostart entry: {0}")]
    Entry(#[from] std::io::Error),
    /// There is no place for it.
    #[cfg(target_os = "linux")]
    #[error("no folder for autostart entries: {0}")]
    Nowhere(#[from] tauri::Error),
    /// The system does not take it.
    #[cfg(not(target_os = "linux"))]
    #[error(transparent)]
    System(#[from] tauri_plugin_autostart::Error),
}

/// Whether the app starts with the system.
#[cfg(target_os = "linux")]
pub fn is_enabled(app: &AppHandle) -> Result<bool, AutostartError> {
    Ok(entry::is_enabled(&path(app)?)?)
}

/// Starts it with the system, or no longer.
#[cfg(target_os = "linux")]
pub fn set(app: &AppHandle, enabled: bool) -> Result<(), AutostartError> {
    let path = path(app)?;
    if enabled {
        let program = tauri::process::current_binary(&tauri::Manager::env(app))?;
        entry::write(&path, &program)?;
    } else {
        entry::remove(&path)?;
    }
    Ok(())
}

/// Named like the entry by which packages put the app into menus: desktops take both for one app.
#[cfg(target_os = "linux")]
fn path(app: &AppHandle) -> Result<std::path::PathBuf, AutostartError> {
    let folder = tauri::Manager::path(app).config_dir()?;
    Ok(folder.join("autostart/Voicehall.desktop"))
}

/// Whether the app starts with the system.
#[cfg(not(target_os = "linux"))]
pub fn is_enabled(app: &AppHandle) -> Result<bool, AutostartError> {
    use tauri_plugin_autostart::ManagerExt;
    Ok(app.autolaunch().is_enabled()?)
}

/// Starts it with the system, or no longer.
#[cfg(not(target_os = "linux"))]
pub fn set(app: &AppHandle, enabled: bool) -> Result<(), AutostartError> {
    use tauri_plugin_autostart::ManagerExt;
    let autostart = app.autolaunch();
    match (enabled, autostart.is_enabled()?) {
        (true, false) => autostart.enable()?,
        (false, true) => autostart.disable()?,
        _ => {}
    }
    Ok(())
}

/// Desktop entries (Desktop Entry Specification 1.5, Desktop Application Autostart Specification 0.5).
#[cfg(target_os = "linux")]
mod entry {
    use crate::launch::BACKGROUND;
    use std::fs;
    use std::io::{Error, ErrorKind, Result};
    use std::path::Path;

    /// An entry that the desktop's own settings switched off stays, and says so.
    const SWITCHED_OFF: &[&str] = &["Hidden=true", "X-GNOME-Autostart-enabled=false"];

    pub fn is_enabled(path: &Path) -> Result<bool> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(!text.lines().any(|line| SWITCHED_OFF.contains(&line.trim()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn write(path: &Path, program: &Path) -> Result<()> {
        let program = program.to_str().ok_or_else(|| Error::other("the app's path is not UTF-8"))?;
        let folder = path.parent().expect("the entry is in a folder");
        fs::create_dir_all(folder)?;
        fs::write(path, text(program))
    }

    pub fn remove(path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn text(program: &str) -> String {
        let exec = format!("{} {BACKGROUND}", quoted(program));
        format!(
            "[Desktop Entry]\nType=Application\nName=Voicehall\nExec={exec}\nIcon=voicehall\n\
             Terminal=false\nStartupNotify=false\n"
        )
    }

    /// An argument of `Exec`: in quotes, within which four characters are escaped, and the
    /// backslashes of that again as in every value; a percent sign would be a field code.
    fn quoted(argument: &str) -> String {
        let mut quoted = String::from('"');
        for character in argument.chars() {
            match character {
                '"' | '`' | '$' => quoted.push_str("\\\\"),
                '\\' => quoted.push_str("\\\\\\"),
                '%' => quoted.push('%'),
                _ => {}
            }
            quoted.push(character);
        }
        quoted.push('"');
        quoted
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn paths_are_written_as_desktops_read_them() {
            for (path, exec) in [
                ("/usr/bin/voicehall", r#""/usr/bin/voicehall""#),
                ("/home/a b/100%", r#""/home/a b/100%%""#),
                (r#"/a"b`c$d"#, r#""/a\\"b\\`c\\$d""#),
                (r"/a\b", r#""/a\\\\b""#),
            ] {
                assert_eq!(quoted(path), exec);
            }
        }

        #[test]
        fn an_entry_that_the_desktop_switched_off_is_off() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("autostart/Voicehall.desktop");
            assert!(!is_enabled(&path).unwrap());
            remove(&path).unwrap();
            write(&path, Path::new("/usr/bin/voicehall")).unwrap();
            assert!(is_enabled(&path).unwrap());
            for line in SWITCHED_OFF {
                fs::write(&path, format!("{}{line}\n", text("/usr/bin/voicehall"))).unwrap();
                assert!(!is_enabled(&path).unwrap(), "{line}");
            }
            write(&path, Path::new("/usr/bin/voicehall")).unwrap();
            assert!(is_enabled(&path).unwrap());
            remove(&path).unwrap();
            assert!(!is_enabled(&path).unwrap());
        }
    }
}
