//! The desktop shell: a window over the native engine.
//!
//! The UI asks through [`commands`], the engine answers through [`engine_bridge`], the gateway's
//! WebSocket lives in [`socket`], REST calls go through [`http`], and what is kept on this device
//! lies in [`storage`], logins by way of [`credentials`] in the [`keychain`]. [`desktop`] is the app's
//! windows and its tray, [`notifications`] reach who looks elsewhere, [`autostart`] starts it with the
//! system, [`updates`] looks for newer versions, [`control`] is the door for other programs. Nothing
//! here knows what a guild or a call is.

mod autostart;
mod commands;
mod control;
mod credentials;
mod desktop;
mod engine_bridge;
mod http;
mod keychain;
mod launch;
mod log;
mod notifications;
mod presence;
mod redact;
mod signals;
mod socket;
mod storage;
mod tls;
mod tray;
mod tray_host;
mod updates;

use desktop::Desktop;
use engine_bridge::EngineBridge;
use launch::Launch;
use presence::ShellEvent;
use std::process::ExitCode;
use std::sync::Arc;
use storage::Storage;
use tauri::webview::PageLoadEvent;
use tauri::{App, AppHandle, Manager, RunEvent};
use voicehall_protocol::control::Request;

/// Runs the app until its last window is closed.
pub fn run() -> ExitCode {
    let launch = match Launch::from_process() {
        Ok(launch) => launch,
        Err(error) => {
            eprintln!("voicehall: {error}");
            return ExitCode::from(2);
        }
    };
    let last_lines = log::start();
    // First, so that a second app hands over before it has begun anything.
    let single = tauri_plugin_single_instance::init(|app, arguments, _| opened_again(app, arguments));
    let app = tauri::Builder::default()
        .manage(last_lines)
        .plugin(single)
        .plugin(tauri_plugin_window_state::Builder::new().with_state_flags(desktop::REMEMBERED).build())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_updater::Builder::new().build())
        .invoke_handler(commands::handler())
        .setup(move |app| set_up(app, launch))
        .on_window_event(|window, event| window.state::<Desktop>().on_window_event(window, event))
        .on_page_load(|webview, load| {
            // A page that loads anew knows nothing of its predecessor's sockets and call.
            if load.event() == PageLoadEvent::Started && webview.label() == desktop::MAIN {
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
                    app.state::<Storage>().finish();
                    if app.state::<updates::Updates>().restarts() {
                        launch::again(app);
                    }
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
    app.manage(updates::Updates::new(app.handle().clone(), tls.clone()));
    app.manage(socket::Sockets::new(tls));
    #[cfg(not(target_os = "linux"))]
    app.handle().plugin(tauri_plugin_autostart::Builder::new().arg(launch::BACKGROUND).build())?;
    let storage = Storage::new(app.path().app_config_dir()?, Arc::new(keychain::Keychain));
    // While the page loads, so that it finds the logins there.
    storage.credentials.ask();
    app.manage(storage);
    let desktop = Desktop::new(app.handle().clone());
    if launch.in_background() {
        desktop.wait_for_tray();
    } else {
        desktop.show();
    }
    notifications::listen(app.handle())?;
    app.manage(launch);
    app.manage(desktop);
    serve_desktop(app.handle());
    Ok(())
}

/// Listens to the desktop: its tray, its links, its other programs.
fn serve_desktop(app: &AppHandle) {
    let pending = Arc::new(control::Pending::default());
    app.manage(pending.clone());
    let handle = app.clone();
    control::start(pending, move |id, request| {
        let desktop = handle.state::<Desktop>();
        match request {
            Request::Show {} => desktop.show(),
            Request::Ptt { down } => handle.state::<EngineBridge>().talk(down),
            _ => {}
        }
        desktop.tell(ShellEvent::Control { id, request });
    });
    let handle = app.clone();
    tray_host::watch(move |hosted| {
        let app = handle.clone();
        let told = handle.run_on_main_thread(move || app.state::<Desktop>().tray_changed(hosted));
        if let Err(error) = told {
            tracing::warn!(%error, "the tray is left as it is");
        }
    });
    #[cfg(unix)]
    signals::end_by(app.clone());
    #[cfg(target_os = "macos")]
    open_links_of_the_system(app);
}

/// The app was started while it runs: it comes to the front, with the link if there was one.
fn opened_again(app: &AppHandle, arguments: Vec<String>) {
    match Launch::parse(arguments.into_iter().skip(1)) {
        Ok(asked) => {
            if let Some(link) = asked.take_link() {
                open_link(app, link);
            }
        }
        // Its own process would have refused them; here nobody reads an answer.
        Err(error) => tracing::warn!(%error, "started again in a way that is not understood"),
    }
    app.state::<Desktop>().show();
}

/// A link that came while the app runs: the page fetches it.
fn open_link(app: &AppHandle, link: String) {
    app.state::<Launch>().put_link(link);
    app.state::<Desktop>().tell(ShellEvent::Link {});
}

/// On macOS links come as events of the system, to the app that runs.
#[cfg(target_os = "macos")]
fn open_links_of_the_system(app: &AppHandle) {
    use tauri_plugin_deep_link::DeepLinkExt as _;
    if let Err(error) = app.plugin(tauri_plugin_deep_link::init()) {
        tracing::warn!(%error, "links will not open the app");
        return;
    }
    let handle = app.clone();
    app.deep_link().on_open_url(move |event| {
        if let Some(link) = event.urls().into_iter().next() {
            open_link(&handle, link.to_string());
            handle.state::<Desktop>().show();
        }
    });
}
