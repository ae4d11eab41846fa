//! A place to talk: one sound server, one screen, one server, and people who come in.

use crate::app::App;
use crate::browser::Browser;
use crate::rig::Rig;
use crate::screen::Screen;
use crate::server::Server;
use crate::session::Session;
use crate::sound::{Device, SoundServer};

/// Somebody's microphone and speaker.
#[derive(Debug)]
pub struct Headset<'r> {
    /// Goes by `name-microphone`.
    pub microphone: Device<'r>,
    /// Goes by `name-speaker`.
    pub speaker: Device<'r>,
}

impl<'r> Headset<'r> {
    /// Plugs both in.
    pub fn new(sound: &SoundServer<'r>, who: &str) -> Self {
        Self {
            microphone: sound.microphone(&format!("{who}-microphone")),
            speaker: sound.speaker(&format!("{who}-speaker")),
        }
    }
}

/// The machine of a test: one sound server, one screen, one voicehall server.
#[derive(Debug)]
pub struct Place<'r> {
    /// Where everybody's devices are plugged in.
    pub sound: SoundServer<'r>,
    /// Where everybody's windows are.
    pub screen: Screen,
    /// What they talk through.
    pub server: Server,
}

impl<'r> Place<'r> {
    /// Starts everything, in the rig's folder.
    pub fn new(rig: &'r Rig) -> Self {
        Self { sound: SoundServer::start(rig), screen: Screen::start(rig), server: Server::start(rig) }
    }

    /// Somebody opens the app for the first time and joins the lobby.
    pub async fn app(&self, rig: &Rig, name: &str, headset: &Headset<'_>) -> App {
        self.app_in(rig, name, Session::start(rig, name), headset).await
    }

    /// The same in a session that there is already.
    pub async fn app_in(&self, rig: &Rig, name: &str, session: Session, headset: &Headset<'_>) -> App {
        let app = App::open_in(rig, name, session, &[]).await;
        app.come_in(&self.server.invite(), name).await;
        app.sound_as_it_is(headset.microphone.name(), headset.speaker.name()).await;
        app.enter("Lobby").await;
        app
    }

    /// Somebody opens the invite's link in a browser and joins the lobby.
    pub async fn browser(&self, rig: &Rig, name: &str, headset: &Headset<'_>) -> Browser {
        let browser = Browser::open(rig, name, &headset.microphone, &headset.speaker).await;
        browser.client().goto(&self.server.invite()).await.expect("the server serves the web client");
        browser.come_in_as(name).await;
        browser.sound_as_it_is(headset.microphone.name(), headset.speaker.name()).await;
        browser.enter("Lobby").await;
        browser
    }
}
