//! The door: commands in, events out.

use crate::control::Control;
use crate::media::{MediaThread, VoiceTap};
use crate::send::Sender;
use crate::session::{Identity, IdentityError};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use voicehall_audio::AudioError;
use voicehall_device::{AudioSystem, UiSounds};
use voicehall_protocol::engine::{AudioSettings, Command, Event};

/// Commands that may wait. They come at the pace of people.
const COMMANDS_MAX: usize = 256;

/// Events that may wait for a user interface that is busy; half a minute of meters.
const EVENTS_MAX: usize = 1024;

/// Notices of the media thread that may wait: a second of them.
const NOTICES_MAX: usize = 64;

/// What an engine is started with.
pub struct EngineConfig {
    /// Posts the joins. [`crate::http_client`], or one that pins a server's certificate; sharing
    /// it with other requests to the same server saves the join a handshake.
    pub http: reqwest::Client,
    /// What was chosen about sound.
    pub settings: AudioSettings,
    /// Plays the sounds for join, leave, mute and unmute.
    pub sounds: Option<UiSounds>,
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
    #[error("the media thread could not be started")]
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
    control: JoinHandle<()>,
}

impl Engine {
    /// Starts an engine on these devices, none of which it opens before it needs them. To be
    /// called within a tokio runtime.
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
        let control =
            Control::new(audio, config.http, identity, media, config.settings, config.sounds, events);
        let control = tokio::spawn(control.run(commands_receiver, notices_receiver));
        Ok((Self { commands, control }, events_receiver))
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
        if self.control.await.is_err() {
            tracing::error!("the engine panicked");
        }
    }
}
