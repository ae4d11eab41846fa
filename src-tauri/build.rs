//! Reads `tauri.conf.json`, the capabilities and the permissions into the app.

use tauri_build::{AppManifest, Attributes};

fn main() {
    // The UI is built into the binary; a new build of it has new file names, which only its
    // folder's time stamp tells.
    println!("cargo:rerun-if-changed=ui/dist");
    let permissions = AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes = Attributes::new()
        .app_manifest(permissions)
        .capabilities_path_pattern("./src-tauri/capabilities/**/*");
    tauri_build::try_build(attributes).expect("the app's manifest is valid");
}
