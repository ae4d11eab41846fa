//! What the UI may ask of the shell: the other end of `ui/src/platform/native.ts`. Each command is
//! one line to the module that does it. A command that is added here is also added to
//! `permissions/shell.toml`, or the window is refused it.

use crate::engine_bridge::EngineBridge;
use crate::http::{Answer, Client, Request};
use crate::launch::Launch;
use crate::socket::{SocketEvent, Sockets};
use crate::storage::Storage;
use serde_json::Value;
use tauri::ipc::{Channel, Invoke};
use tauri::{State, Wry};
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
        credentials_save,
        launch_link,
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

#[tauri::command(async)]
fn settings_save(storage: State<'_, Storage>, settings: Value) -> Outcome<()> {
    storage.settings.save(&settings).map_err(text)
}

/// The UI keeps a record by server here, so none yet is an empty one.
#[tauri::command(async)]
fn credentials_load(storage: State<'_, Storage>) -> Outcome<Value> {
    let credentials = storage.credentials.load().map_err(text)?;
    Ok(credentials.unwrap_or_else(|| Value::Object(Default::default())))
}

#[tauri::command(async)]
fn credentials_save(storage: State<'_, Storage>, credentials: Value) -> Outcome<()> {
    storage.credentials.save(&credentials).map_err(text)
}

#[tauri::command]
fn launch_link(launch: State<'_, Launch>) -> Option<String> {
    launch.take_link()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
