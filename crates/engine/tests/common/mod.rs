//! A real voice node behind a real join, and people: engines on virtual devices, whose microphone
//! and speaker the test holds.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod relay;
pub mod signal;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use relay::Relay;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use voicehall_device::keys::HotkeySource;
use voicehall_device::{VirtualAudio, VirtualMicrophone, VirtualSpeaker};
use voicehall_engine::{Engine, EngineConfig, http_client};
use voicehall_protocol::engine::{
    AudioSettings, Command, Event, Gate, NoiseSuppression, SessionState, SoundVolumes,
};
use voicehall_protocol::ids::{ChannelId, UserId, VoiceSessionId};
use voicehall_protocol::rest::{ErrorBody, ErrorCode};
use voicehall_protocol::rtp::SourceId;
use voicehall_protocol::ticket::{SessionBits, Ticket, TicketKey};
use voicehall_protocol::voice::{JOIN_PATH, JoinAnswer, JoinRequest};
use voicehall_server::voice::{JoinError, VoiceConfig, VoiceNode};

/// How long anything may take before a test fails: far more than it does.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Samples in 10 ms.
pub const FRAME: usize = 480;

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A voice node behind a relay, and its join.
pub struct Node {
    pub voice: VoiceNode,
    pub relay: Relay,
    key: TicketKey,
    url: String,
    http: tokio::task::JoinHandle<()>,
}

impl Node {
    pub async fn start() -> Self {
        let key = TicketKey::new([7; 32]);
        let config = VoiceConfig {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port_first: 0,
            shards: 1,
            advertise: vec![],
            node: 1,
            epoch: 1,
            key: key.clone(),
        };
        let (voice, _events) = VoiceNode::start(config).unwrap();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let relay = Relay::to(voice.local_addresses()[0]).await;
        let state = (voice.clone(), relay.address);
        let routes = Router::new().route(JOIN_PATH, post(join)).with_state(state);
        let http = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { voice, relay, key, url: format!("http://{address}{JOIN_PATH}"), http }
    }

    /// The command that joins the node's only channel.
    pub fn join_command(&self) -> Command {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let ticket = self.key.seal(&Ticket {
            node: 1,
            epoch: 1,
            user: UserId(number),
            session: VoiceSessionId(number),
            channel: ChannelId(1),
            bits: SessionBits::SPEAK,
            expires_s: now_s as u32 + 30,
        });
        Command::Join { url: self.url.clone(), ticket, bitrate: 64_000 }
    }

    /// The node tells its sessions that it stops, and is gone.
    pub async fn stop(self) {
        self.http.abort();
        self.voice.stop().await;
    }
}

async fn join(
    State((voice, relay)): State<(VoiceNode, SocketAddr)>,
    Json(request): Json<JoinRequest>,
) -> Result<Json<JoinAnswer>, (StatusCode, Json<ErrorBody>)> {
    let through_relay = |answer| Json(JoinAnswer { addresses: vec![relay], ..answer });
    voice.join(&request).await.map(through_relay).map_err(|error| {
        let code = match error {
            JoinError::Ticket(_) => ErrorCode::TicketInvalid,
            JoinError::Used => ErrorCode::TicketUsed,
            JoinError::Foreign => ErrorCode::TicketForeign,
            JoinError::Full | JoinError::Stopping => ErrorCode::Unavailable,
        };
        let body = ErrorBody { code, message: error.to_string(), retry_after_ms: None };
        (StatusCode::FORBIDDEN, Json(body))
    })
}

/// Settings that leave the sound alone.
pub fn raw() -> AudioSettings {
    AudioSettings {
        echo_cancellation: false,
        noise_suppression: NoiseSuppression::Off,
        automatic_gain: false,
        gate: Gate::Open,
        levelling: false,
        sounds: SoundVolumes::all(0.0),
        ..AudioSettings::default()
    }
}

/// Somebody with an engine.
pub struct Person {
    pub engine: Engine,
    pub source: SourceId,
    pub sound: Sound,
    events: mpsc::Receiver<Event>,
    /// Who speaks, as the engine told it last.
    speaking: Vec<SourceId>,
}

impl Person {
    pub fn new(settings: AudioSettings) -> Self {
        Self::with_keys(settings, None)
    }

    /// Somebody with keys at hand.
    pub fn with_keys(settings: AudioSettings, keys: Option<Arc<dyn HotkeySource>>) -> Self {
        let (audio, microphone, speaker) = VirtualAudio::new();
        let http = http_client().unwrap();
        let config = EngineConfig { http, settings, sounds: None, keys, tap: None };
        let (engine, events) = Engine::start(Arc::new(audio), config).unwrap();
        let sound = Sound::start(microphone, speaker);
        Self { engine, source: SourceId(0), sound, events, speaking: Vec::new() }
    }

    /// Somebody who is connected.
    pub async fn joined(node: &Node) -> Self {
        let mut person = Self::new(raw());
        person.join(node).await;
        person
    }

    pub async fn join(&mut self, node: &Node) {
        self.engine.send(node.join_command()).unwrap();
        // Whatever is told before is of an earlier call.
        self.state(|state| *state == SessionState::Connecting {}).await;
        let state = self.state(|state| !matches!(state, SessionState::Connecting {})).await;
        let SessionState::Connected { source } = state else { panic!("{state:?}") };
        self.source = source;
    }

    /// Waits for an event and returns what `pick` made of it.
    pub async fn event<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the engine runs");
                if let Event::Speaking { sources } = &event {
                    self.speaking.clone_from(sources);
                }
                if let Some(picked) = pick(&event) {
                    return picked;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the event comes")
    }

    /// Waits until this person is heard to speak, or is not, as the engine itself tells it. It tells only
    /// changes, and the last one may have come while something else was waited for.
    pub async fn speaks(&mut self, wanted: bool) {
        while self.speaking.contains(&self.source) != wanted {
            self.event(|event| matches!(event, Event::Speaking { .. }).then_some(())).await;
        }
    }

    pub async fn state(&mut self, wanted: impl Fn(&SessionState) -> bool) -> SessionState {
        self.event(|event| match event {
            Event::State { state } if wanted(state) => Some(state.clone()),
            _ => None,
        })
        .await
    }
}

/// Somebody's microphone and speaker, driven in real time.
pub struct Sound {
    shared: Arc<Mutex<Shared>>,
    pub microphone: VirtualMicrophone,
    pub speaker: VirtualSpeaker,
    running: Arc<AtomicBool>,
}

#[derive(Default)]
struct Shared {
    to_say: VecDeque<f32>,
    heard: Vec<f32>,
}

impl Sound {
    fn start(microphone: VirtualMicrophone, speaker: VirtualSpeaker) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let running = Arc::new(AtomicBool::new(true));
        let sound = Self { shared, microphone, speaker, running };
        let (shared, running) = (Arc::clone(&sound.shared), Arc::clone(&sound.running));
        let (microphone, speaker) = (sound.microphone.clone(), sound.speaker.clone());
        std::thread::spawn(move || {
            let start = Instant::now();
            for frame in 1_u32.. {
                if !running.load(Ordering::Relaxed) {
                    return;
                }
                let due = start + Duration::from_millis(10) * frame;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let said: Vec<f32> = {
                    let mut shared = shared.lock().unwrap();
                    (0..FRAME).map(|_| shared.to_say.pop_front().unwrap_or(0.0)).collect()
                };
                microphone.say(&said);
                let mut heard = [0.0; FRAME];
                speaker.hear(&mut heard);
                shared.lock().unwrap().heard.extend(heard);
            }
        });
        sound
    }

    /// Says something, after what is still to be said.
    pub fn say(&self, samples: &[f32]) {
        self.shared.lock().unwrap().to_say.extend(samples);
    }

    /// How much of it is still to be said.
    pub fn left_to_say(&self) -> usize {
        self.shared.lock().unwrap().to_say.len()
    }

    /// Everything heard since the start or the last [`Self::forget`].
    pub fn heard(&self) -> Vec<f32> {
        self.shared.lock().unwrap().heard.clone()
    }

    /// The last 200 ms heard.
    pub fn heard_lately(&self) -> Vec<f32> {
        let heard = &self.shared.lock().unwrap().heard;
        heard[heard.len().saturating_sub(20 * FRAME)..].to_vec()
    }

    pub fn forget(&self) {
        self.shared.lock().unwrap().heard.clear();
    }

    /// Listens until this much was heard from now on, and returns it.
    pub async fn listen(&self, samples: usize) -> Vec<f32> {
        self.forget();
        let enough = || self.shared.lock().unwrap().heard.len() >= samples;
        until(enough).await;
        self.heard()
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
    }
}

/// Waits until something holds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "it never held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
