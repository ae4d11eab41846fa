//! Unix's way to ask a program to end: the session closes, or somebody stops the app by hand.
#![cfg(unix)]

use crate::desktop::Desktop;
use std::io;
use tauri::{AppHandle, Manager};
use tokio::signal::unix::{SignalKind, signal};

/// Ends the app, as its tray does, when the system asks for it: the call is left and nothing is lost.
pub fn end_by(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        match asked().await {
            Ok(()) => app.state::<Desktop>().quit(),
            Err(error) => tracing::warn!(%error, "a signal will end the app at once"),
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
