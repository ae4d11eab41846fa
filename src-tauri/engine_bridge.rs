//! The engine and the page that listens to it. The engine runs from the app's start to its end;
//! pages come and go. A page that subscribes first hears how things stand, then what happens.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tauri::async_runtime;
use voicehall_engine::device::keys::{HotkeySource, NativeKeys};
use voicehall_engine::device::{NativeAudio, UiSounds};
use voicehall_engine::{Busy, Engine, EngineConfig};
use voicehall_protocol::engine::{AudioSettings, Command, Event};

/// The name of the app's desktop file, by which desktops know it: the manifest's `productName`.
const DESKTOP_FILE: &str = "Voicehall";

/// How long the engine may take to leave its call while the app ends.
const SHUT_DOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no engine, and thus no app.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No thread for the devices.
    #[error("the system gives no threads for sound: {0}")]
    Threads(#[from] std::io::Error),
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] voicehall_engine::StartError),
}

/// The running engine, and who hears it.
pub struct EngineBridge {
    /// None once the app ends.
    engine: Mutex<Option<Engine>>,
    relay: Arc<Mutex<Relay>>,
}

impl EngineBridge {
    /// Starts the engine on this machine's devices. It posts its joins with `http`, whose
    /// connections the REST calls keep warm.
    ///
    /// # Errors
    /// When the system gives it no thread.
    pub fn start(http: reqwest::Client) -> Result<Self, StartError> {
        let audio = Arc::new(NativeAudio::start()?);
        // The page sends what the person chose as soon as it has loaded it.
        let settings = AudioSettings::default();
        let keys: Arc<dyn HotkeySource> = Arc::new(NativeKeys::start(DESKTOP_FILE));
        let sounds = Some(UiSounds::start()?);
        let config = EngineConfig { http, settings, sounds, keys: Some(keys), tap: None };
        let (engine, mut events) = Engine::start(audio, config)?;
        let relay = Arc::new(Mutex::new(Relay::default()));
        let hearing = relay.clone();
        async_runtime::spawn(async move {
            while let Some(event) = events.recv().await {
                lock(&hearing).pass(event);
            }
        });
        Ok(Self { engine: Mutex::new(Some(engine)), relay })
    }

    /// Passes a command on.
    ///
    /// # Errors
    /// When the engine does not take it, because the app ends or because it is stuck.
    pub fn send(&self, command: Command) -> Result<(), Busy> {
        lock(&self.engine).as_ref().ok_or(Busy)?.send(command)
    }

    /// Ends the call, if there is one.
    pub fn leave(&self) {
        if self.send(Command::Leave {}).is_err() {
            tracing::warn!("the engine cannot be told to leave");
        }
    }

    /// A program presses the talk key, or lets it go.
    pub fn talk(&self, pressed: bool) {
        if self.send(Command::Talk { pressed }).is_err() {
            tracing::warn!("the engine does not hear the talk key");
        }
    }

    /// Makes `listener` the one that hears the engine, until it returns false or another takes
    /// its place. The page is one, so its newest subscription is the only one that is alive.
    pub fn subscribe(&self, listener: impl Fn(Event) -> bool + Send + 'static) {
        lock(&self.relay).subscribe(Box::new(listener));
    }

    /// Leaves the call, so that others see it at once rather than when consent lapses.
    pub fn shut_down(&self) {
        let Some(engine) = lock(&self.engine).take() else { return };
        let ended = async_runtime::block_on(async {
            tokio::time::timeout(SHUT_DOWN_TIMEOUT, engine.shut_down()).await
        });
        if ended.is_err() {
            tracing::warn!("the engine did not end in time");
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("nothing panics while holding it")
}

type Listener = Box<dyn Fn(Event) -> bool + Send>;

/// Passes events to the present listener, and remembers those that say how things stand.
#[derive(Default)]
struct Relay {
    state: Option<Event>,
    devices: Option<Event>,
    keys: Option<Event>,
    desktop_keys: Option<Event>,
    listener: Option<Listener>,
}

impl Relay {
    fn pass(&mut self, event: Event) {
        match event {
            Event::State { .. } => self.state = Some(event.clone()),
            Event::Devices { .. } => self.devices = Some(event.clone()),
            Event::Keys { .. } => self.keys = Some(event.clone()),
            Event::DesktopKeys { .. } => self.desktop_keys = Some(event.clone()),
            _ => {}
        }
        if self.listener.as_ref().is_some_and(|listener| !listener(event)) {
            self.listener = None;
        }
    }

    fn subscribe(&mut self, listener: Listener) {
        let standing = [&self.state, &self.devices, &self.keys, &self.desktop_keys];
        let alive = standing.into_iter().flatten().all(|event| listener(event.clone()));
        self.listener = alive.then_some(listener);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::mpsc::{Receiver, channel};
    use voicehall_protocol::engine::{KeyAccess, SessionState};
    use voicehall_protocol::rtp::SourceId;

    fn listener() -> (Listener, Receiver<Event>) {
        let (sender, events) = channel();
        (Box::new(move |event| sender.send(event).is_ok()), events)
    }

    fn speaking(source: u32) -> Event {
        Event::Speaking { sources: vec![SourceId(source)] }
    }

    fn devices() -> Event {
        Event::Devices { inputs: vec![], outputs: vec![], input_in_use: None, output_in_use: None }
    }

    fn keys() -> Event {
        Event::Keys { access: KeyAccess::Everywhere, names: BTreeMap::new() }
    }

    #[test]
    fn a_page_hears_how_things_stand_and_then_what_happens() {
        let mut relay = Relay::default();
        relay.pass(Event::State { state: SessionState::Connecting {} });
        relay.pass(devices());
        relay.pass(keys());
        relay.pass(speaking(4));
        relay.pass(Event::State { state: SessionState::Idle {} });
        let (page, events) = listener();
        relay.subscribe(page);
        relay.pass(speaking(8));
        let heard: Vec<Event> = events.try_iter().collect();
        assert_eq!(heard, [Event::State { state: SessionState::Idle {} }, devices(), keys(), speaking(8)]);
    }

    #[test]
    fn only_the_newest_page_hears() {
        let mut relay = Relay::default();
        let (old, old_events) = listener();
        let (new, new_events) = listener();
        relay.subscribe(old);
        relay.subscribe(new);
        relay.pass(speaking(4));
        assert_eq!(old_events.try_iter().count(), 0);
        assert_eq!(new_events.try_iter().count(), 1);
    }

    #[test]
    fn a_page_that_is_gone_is_forgotten() {
        let mut relay = Relay::default();
        let (page, events) = listener();
        relay.subscribe(page);
        drop(events);
        relay.pass(speaking(4));
        assert!(relay.listener.is_none());
    }
}
