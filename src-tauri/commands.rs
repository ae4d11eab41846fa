//! What the UI may ask of the shell: the other end of `ui/src/platform/native.ts`. Each command is
//! one line to the module that does it. A command that is added here is also added to
//! `permissions/shell.toml`, or the window is refused it.

use crate::control::Pending;
use crate::credentials::Loaded;
use crate::desktop::{Desktop, Facts};
use crate::engine_bridge::EngineBridge;
use crate::http::{Answer, Client, Request};
use crate::launch::Launch;
use crate::log::LastLines;
use crate::notifications::{self, Notification};
use crate::presence::{Presence, ShellEvent};
use crate::socket::{SocketEvent, Sockets};
use crate::storage::Storage;
use crate::updates::{Found, Progress, UpdateError, Updates};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tauri::ipc::{Channel, Invoke};
use tauri::{AppHandle, State, Wry};
use voicehall_protocol::control::Answer as ControlAnswer;
use voicehall_protocol::engine::{Command, Event};

/// Errors cross to the UI as text for its log; what it acts on are the commands' answers.
type Outcome<T> = Result<T, String>;

/// Every command, for the app's builder.
pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        http,
        socket_open,
        socket_send,
        socket_close,
        engine_send,
        engine_subscribe,
        settings_load,
        settings_save,
        credentials_load,
        credentials_open,
        credentials_save,
        launch_link,
        control_answer,
        shell_present,
        shell_facts,
        shell_autostart,
        shell_notify,
        shell_hide,
        shell_quit,
        mini_open,
        mini_set,
        mini_get,
        mini_act,
        diagnostics,
        update_look,
        update_install,
        update_restart,
    ]
}

#[tauri::command]
async fn http(client: State<'_, Client>, request: Request) -> Outcome<Answer> {
    client.send(request).await.map_err(text)
}

// Asynchronous only to run within tokio, which the socket's task needs.
#[tauri::command]
async fn socket_open(
    sockets: State<'_, Sockets>,
    url: String,
    channel: Channel<SocketEvent>,
) -> Outcome<u32> {
    // Sending fails only when the page is gone, and then its sockets are being closed.
    sockets.open(url, move |event| drop(channel.send(event))).map_err(text)
}

#[tauri::command]
fn socket_send(sockets: State<'_, Sockets>, id: u32, text: String) -> Outcome<()> {
    sockets.send(id, text).map_err(self::text)
}

#[tauri::command]
fn socket_close(sockets: State<'_, Sockets>, id: u32) {
    sockets.close(id);
}

#[tauri::command]
fn engine_send(engine: State<'_, EngineBridge>, command: Command) -> Outcome<()> {
    engine.send(command).map_err(text)
}

#[tauri::command]
fn engine_subscribe(engine: State<'_, EngineBridge>, channel: Channel<Event>) {
    engine.subscribe(move |event| channel.send(event).is_ok());
}

#[tauri::command(async)]
fn settings_load(storage: State<'_, Storage>) -> Outcome<Option<Value>> {
    storage.settings.load().map_err(text)
}

// On the main thread, as what ends the app is: what was saved before it is not overtaken.
#[tauri::command]
fn settings_save(storage: State<'_, Storage>, settings: Value) {
    storage.settings.save(settings);
}

#[tauri::command]
async fn credentials_load(storage: State<'_, Storage>) -> Outcome<Loaded> {
    storage.credentials.load().await.map_err(text)
}

// Answers when the keychain has, which may wait for the person.
#[tauri::command]
async fn credentials_open(storage: State<'_, Storage>) -> Outcome<Loaded> {
    storage.credentials.open().await.map_err(text)
}

#[tauri::command]
async fn credentials_save(storage: State<'_, Storage>, credentials: Value) -> Outcome<()> {
    storage.credentials.save(&credentials).await.map_err(text)
}

#[tauri::command]
fn launch_link(launch: State<'_, Launch>) -> Option<String> {
    launch.take_link()
}

#[tauri::command]
fn control_answer(pending: State<'_, Arc<Pending>>, id: u32, answer: ControlAnswer) {
    pending.answer(id, answer);
}

// On the main thread, as every command that is not asynchronous: trays change there.
#[tauri::command]
fn shell_present(desktop: State<'_, Desktop>, presence: Presence) {
    desktop.present(presence);
}

#[tauri::command]
fn shell_facts(desktop: State<'_, Desktop>, storage: State<'_, Storage>) -> Facts {
    desktop.facts(&storage)
}

#[tauri::command(async)]
fn shell_autostart(desktop: State<'_, Desktop>, enabled: bool) -> Outcome<()> {
    desktop.set_autostart(enabled).map_err(text)
}

#[tauri::command]
async fn shell_notify(app: AppHandle, notification: Notification) -> Outcome<()> {
    notifications::show(&app, notification).await.map_err(text)
}

#[tauri::command]
fn shell_hide(desktop: State<'_, Desktop>) {
    desktop.hide();
}

#[tauri::command]
fn shell_quit(desktop: State<'_, Desktop>) {
    desktop.quit();
}

#[tauri::command]
async fn update_look(updates: State<'_, Updates>) -> Result<Found, UpdateError> {
    updates.look().await
}

#[tauri::command]
async fn update_install(updates: State<'_, Updates>, channel: Channel<Progress>) -> Result<(), UpdateError> {
    // A page that is gone needs no telling.
    updates.install(|progress| drop(channel.send(progress))).await
}

#[tauri::command]
fn update_restart(updates: State<'_, Updates>) -> Result<(), UpdateError> {
    updates.restart()
}

#[tauri::command]
fn mini_open(desktop: State<'_, Desktop>) {
    desktop.open_mini();
}

#[tauri::command]
fn mini_set(desktop: State<'_, Desktop>, content: Value) {
    desktop.set_mini(content);
}

#[tauri::command]
fn mini_get(desktop: State<'_, Desktop>) -> Value {
    desktop.mini()
}

#[tauri::command]
fn mini_act(desktop: State<'_, Desktop>, action: MiniAction) {
    match action {
        MiniAction::Mute => desktop.tell(ShellEvent::ToggleMute {}),
        MiniAction::Leave => desktop.tell(ShellEvent::Leave {}),
        MiniAction::Show => desktop.show(),
        MiniAction::Close => desktop.close_mini(),
    }
}

/// What people do in the small window.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum MiniAction {
    Mute,
    Leave,
    Show,
    Close,
}

/// What the shell knows of itself and its surroundings, for a report that people may paste
/// anywhere: no address, no secret.
#[derive(Debug, Serialize)]
struct Diagnostics {
    version: &'static str,
    system: String,
    webview: Option<String>,
    /// Oldest first.
    log: Vec<String>,
}

#[tauri::command]
fn diagnostics(log: State<'_, LastLines>) -> Diagnostics {
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
    let session = std::env::var("XDG_SESSION_TYPE").unwrap_or_default();
    let system = [std::env::consts::OS, std::env::consts::ARCH, &desktop, &session];
    Diagnostics {
        version: env!("CARGO_PKG_VERSION"),
        system: system.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        webview: tauri::webview_version().ok(),
        log: log.read(),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
