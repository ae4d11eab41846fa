//! How large the app is as people download and install it: `gaming.deb_mb` is its Debian package,
//! `gaming.installed_mb` what that takes on a disk.

use super::Figure;
use crate::run::{succeed, target_folder};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What people wait for on a slow line: 20 MB are half a minute at 5 Mbit/s.
const DEB_MB_MAX: u32 = 20;

/// Puts the release build that is there into a package, and measures that.
pub fn measure(root: &Path) -> Result<Vec<Figure>, String> {
    let bundles = target_folder(root).join("release/bundle/deb");
    // What is there may be of another version.
    if bundles.exists() {
        fs::remove_dir_all(&bundles).map_err(|error| format!("{}: {error}", bundles.display()))?;
    }
    let bundle = ["tauri", "bundle", "--bundles", "deb", "--no-sign"];
    succeed(Command::new("npx").args(bundle).current_dir(root))?;
    let package = find(&bundles)?;
    let bytes = fs::metadata(&package).map_err(|error| format!("{}: {error}", package.display()))?.len();
    Ok(vec![
        figure("gaming.deb_mb", bytes as f64 / 1e6, json!(DEB_MB_MAX)),
        figure("gaming.installed_mb", installed_kib(&package)? * 1024.0 / 1e6, Value::Null),
    ])
}

fn figure(name: &str, value: f64, goal: Value) -> Figure {
    Figure { name: name.to_owned(), value, unit: "MB".to_owned(), goal }
}

/// The one package in a folder.
fn find(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = entries.flatten().map(|entry| entry.path());
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| format!("{}: no package", folder.display()))
}

/// As the package itself says.
fn installed_kib(package: &Path) -> Result<f64, String> {
    let mut command = Command::new("dpkg-deb");
    let output = command.arg("--field").arg(package).arg("Installed-Size").output();
    let text = output.map_err(|error| format!("dpkg-deb: {error}"))?.stdout;
    let text = String::from_utf8_lossy(&text);
    text.trim().parse().map_err(|_| format!("{}: its size is {text:?}", package.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_in_menus_hands_links_on() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(root.join("tauri.conf.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        for kind in ["deb", "rpm"] {
            let template = manifest["bundle"]["linux"][kind]["desktopTemplate"].as_str().unwrap();
            let entry = fs::read_to_string(root.join(template)).unwrap();
            assert!(entry.lines().any(|line| line == "Exec={{exec}} %u"), "{kind}: {entry}");
        }
    }
}
