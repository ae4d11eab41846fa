//! The desktop shell: a window over the native engine.
//!
//! The UI asks through [`commands`], the engine answers through [`engine_bridge`], the gateway's
//! WebSocket lives in [`socket`], REST calls go through [`http`], and what is kept on this device
//! lies in [`storage`]. Nothing here knows what a guild or a call is.

mod commands;
mod engine_bridge;
mod http;
mod launch;
mod socket;
mod storage;
mod tls;

use engine_bridge::EngineBridge;
use launch::Launch;
use std::process::ExitCode;
use storage::Storage;
use tauri::webview::PageLoadEvent;
use tauri::{App, Manager, RunEvent};
use tracing_subscriber::EnvFilter;

/// Runs the app until its last window is closed.
pub fn run() -> ExitCode {
    let launch = match Launch::from_process() {
        Ok(launch) => launch,
        Err(error) => {
            eprintln!("voicehall: {error}");
            return ExitCode::from(2);
        }
    };
    log_to_stderr();
    let app = tauri::Builder::default()
        .invoke_handler(commands::handler())
        .setup(move |app| set_up(app, launch))
        .on_page_load(|webview, load| {
            // A page that loads anew knows nothing of its predecessor's sockets and call.
            if load.event() == PageLoadEvent::Started {
                webview.state::<socket::Sockets>().close_all();
                webview.state::<EngineBridge>().leave();
            }
        })
        .build(context());
    match app {
        Ok(app) => {
            app.run(|app, event| {
                if matches!(event, RunEvent::Exit) {
                    app.state::<EngineBridge>().shut_down();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("voicehall: cannot open a window: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The manifest and the UI's files, as they were at build time.
#[expect(
    clippy::disallowed_methods,
    reason = "the macro's own code exits, for a manifest of another platform"
)]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

/// Makes what the commands share. It runs before the window loads its page, and the engine runs
/// from here on whether or not a page ever asks for it.
fn set_up(app: &mut App, launch: Launch) -> Result<(), Box<dyn std::error::Error>> {
    let tls = tls::client_config()?;
    let http = http::Client::new(tls.clone())?;
    app.manage(EngineBridge::start(http.inner())?);
    app.manage(http);
    app.manage(socket::Sockets::new(tls));
    app.manage(Storage::new(app.path().app_config_dir()?));
    app.manage(launch);
    Ok(())
}

/// What is logged unless `VOICEHALL_LOG` says otherwise, in the syntax of `tracing_subscriber`'s
/// filters. The two libraries warn of what is ordinary with a server that is ICE-lite.
const LOG_FILTER: &str = "warn,voicehall=info,rtc_dtls=error,rtc_ice=error";

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("VOICEHALL_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
