//! Unix's way to ask a program to end: the session closes, or somebody stops the app by hand.
#![cfg(unix)]

use crate::desktop::Desktop;
use std::io;
use tauri::{AppHandle, Manager};
use tokio::signal::unix::{SignalKind, signal};

/// Ends the app, as its tray does, when the system asks for it: the call is left and nothing is lost.
pub fn end_by(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        if let Err(error) = asked().await {
            tracing::warn!(%error, "a signal will end the app at once");
            return;
        }
        // Where the windows are, which are asked for their places.
        let main = app.clone();
        if let Err(error) = app.run_on_main_thread(move || main.state::<Desktop>().quit()) {
            tracing::warn!(%error, "the app ends already");
        }
    });
}

async fn asked() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
