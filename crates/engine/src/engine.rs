//! The door: commands in, events out.

use crate::control::Control;
use crate::media::{MediaThread, VoiceTap};
use crate::send::Sender;
use crate::session::{Identity, IdentityError};
use std::sync::Arc;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use voicehall_audio::AudioError;
use voicehall_device::keys::{HotkeyEvent, HotkeySource};
use voicehall_device::{AudioSystem, UiSounds, realtime};
use voicehall_protocol::engine::{AudioSettings, Command, Event};

/// Commands that may wait. They come at the pace of people.
const COMMANDS_MAX: usize = 256;

/// Events that may wait for a user interface that is busy; half a minute of meters.
const EVENTS_MAX: usize = 1024;

/// Notices of the media thread that may wait: a second of them.
const NOTICES_MAX: usize = 64;

/// What keys do, that may wait: more than hands do in a second.
const KEY_EVENTS_MAX: usize = 256;

/// What an engine is started with.
pub struct EngineConfig {
    /// Posts the joins. [`crate::http_client`], or one that pins a server's certificate; sharing
    /// it with other requests to the same server saves the join a handshake.
    pub http: reqwest::Client,
    /// What was chosen about sound.
    pub settings: AudioSettings,
    /// Plays the sounds for join, leave, mute and unmute.
    pub sounds: Option<UiSounds>,
    /// Hears keys while other programs have the focus.
    pub keys: Option<Arc<dyn HotkeySource>>,
    /// Is shown every voice apart, before its volume.
    pub tap: Option<Box<dyn VoiceTap>>,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No certificate for DTLS.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No codec.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// No thread.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

/// A command could not be taken: the engine has not followed for long, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine takes no commands")]
pub struct Busy;

/// A running engine. Dropping it ends its session and its threads.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    ended: oneshot::Receiver<()>,
}

impl Engine {
    /// Starts an engine on these devices, none of which it opens before it needs them.
    ///
    /// Control and network have a thread of their own, so that packets do not wait for whatever else
    /// the program does, nor for what other programs do.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        audio: Arc<dyn AudioSystem>,
        config: EngineConfig,
    ) -> Result<(Self, mpsc::Receiver<Event>), StartError> {
        let identity = Identity::generate()?;
        let sender = Sender::new(&config.settings, rand::random(), rand::random())?;
        let (notices, notices_receiver) = mpsc::channel(NOTICES_MAX);
        let media = MediaThread::start(sender, &config.settings, config.tap, notices)?;
        let (events, events_receiver) = mpsc::channel(EVENTS_MAX);
        let (commands, commands_receiver) = mpsc::channel(COMMANDS_MAX);
        let (key_events, key_receiver) = mpsc::channel(KEY_EVENTS_MAX);
        if let Some(keys) = &config.keys {
            keys.listen(Box::new(move |event| pass(&key_events, event)));
        }
        let control =
            Control::new(audio, config.http, identity, media, config.settings, config.sounds, events)
                .with_keys(config.keys);
        let (ending, ended) = oneshot::channel();
        let runtime =
            runtime::Builder::new_current_thread().enable_all().on_thread_start(realtime::lower).build()?;
        std::thread::Builder::new().name("network".to_owned()).spawn(move || {
            realtime::raise_network();
            runtime.block_on(control.run(commands_receiver, notices_receiver, key_receiver));
            // Nobody may be waiting for it.
            let _ = ending.send(());
        })?;
        Ok((Self { commands, ended }, events_receiver))
    }

    /// Tells the engine something.
    ///
    /// # Errors
    /// [`Busy`] if it cannot be told now.
    pub fn send(&self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|_| Busy)
    }

    /// Ends the session, so that the voice node knows at once, and waits until all is closed.
    pub async fn shut_down(self) {
        drop(self.commands);
        if self.ended.await.is_err() {
            tracing::error!("the engine panicked");
        }
    }
}

/// Passes on what a key does. Waits where it cannot be taken now: a release that is lost would leave
/// a microphone open.
fn pass(events: &mpsc::Sender<HotkeyEvent>, event: HotkeyEvent) {
    if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(event) {
        // Fails only once the engine has ended.
        let _ = events.blocking_send(event);
    }
}
