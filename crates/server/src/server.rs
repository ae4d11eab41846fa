//! A running server, from the first file to the last.

use crate::accounts::Passwords;
use crate::admin::{self, Link};
use crate::app::{App, Placement};
use crate::calls::{self, Calls};
use crate::config::Config;
use crate::gateway::{End, Ended, Sessions};
use crate::guilds::Guilds;
use crate::http::{self, Listening};
use crate::ids::{self, Ids};
use crate::limits::Limits;
use crate::metrics::Counters;
use crate::store::{SqliteStore, Store, StoreError};
use crate::video::Door;
use crate::voice::{VoiceConfig, VoiceEvent, VoiceNode};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use voicehall_guild::{Command, Guild, TemplateIds, from_template};
use voicehall_protocol::ids::{ChannelId, GuildId, RoleId};
use voicehall_protocol::ticket::TicketKey;

/// The database, in the data directory.
const DATABASE: &str = "voicehall.sqlite";

/// Held while a server runs on the data directory.
const LOCK: &str = "lock";

/// Says where a running server listens.
const ENDPOINT: &str = "endpoint.json";

/// How often sessions are looked at that may be over.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How many of those looks go by between the slower ones.
const SWEEPS_PER_SLOW_SWEEP: u32 = 60;

/// This server's voice node, of which there is one.
const NODE: u16 = 0;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file in the data directory.
    #[error("{path}: {error}")]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Two servers would each think they own the guilds.
    #[error("another server runs on {0}: stop it first, or choose another directory with --data")]
    Locked(PathBuf),
    /// The database.
    #[error("{path}: {error}")]
    Store {
        /// Which.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The TCP port.
    #[error("cannot listen on {address}: {error}; another address goes into `http.listen`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The certificate or its key.
    #[error("cannot use the certificate: {0}; see `http.tls_certificate` and `http.tls_key`")]
    Certificate(io::Error),
    /// The UDP ports.
    #[error(
        "cannot receive voice on {address}, UDP port {port} and up: {error}; see `voice.bind` and `voice.port`"
    )]
    Voice {
        /// Where.
        address: std::net::IpAddr,
        /// The first port.
        port: u16,
        /// Why.
        error: io::Error,
    },
}

/// Where a running server listens, as the file in its data directory says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    http: String,
    public_url: String,
    voice: Vec<SocketAddr>,
    pid: u32,
}

/// A running server.
pub struct Server {
    app: Arc<App>,
    listening: Listening,
    origin: String,
    endpoint: PathBuf,
    guild: GuildId,
    owner_link: Option<String>,
    tasks: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Server {
    /// Starts a server on a data directory, which is made if there is none.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config, data: &Path) -> Result<Self, StartError> {
        let lock = lock(data)?;
        let store = open_store(data).await?;
        let failed = |error| StartError::Store { path: data.join(DATABASE), error };
        let ids = Ids::default();
        let (guilds, fresh) = guilds(&*store, &ids, &config.guild.name).await.map_err(failed)?;
        let guild = guilds[0].id();
        let placement = placement(&*store).await.map_err(failed)?;

        let tls = http::tls_config(&config.http).await.map_err(StartError::Certificate)?;
        let listener = TcpListener::bind(config.http.listen)
            .map_err(|error| StartError::Listen { address: config.http.listen, error })?;
        let (voice, voice_events) = start_voice(&config, &placement)?;
        let (sessions, ended) = Sessions::new(&config.gateway);
        let sessions = Arc::new(sessions);
        let running = Guilds::new(Arc::clone(&store), Arc::clone(&sessions), voice.clone());
        guilds.into_iter().for_each(|guild| running.start(guild));
        let app = Arc::new(App {
            guilds: running,
            sessions,
            calls: Calls::default(),
            voice,
            video_door: Door::default(),
            placement,
            passwords: Passwords::default(),
            limits: Limits::new(&config.limits),
            counters: Counters::default(),
            ids,
            stopping: watch::Sender::new(false),
            store,
            config,
        });
        let tasks = vec![
            tokio::spawn(follow_voice(Arc::clone(&app), voice_events)),
            tokio::spawn(follow_ended(Arc::clone(&app), ended)),
            tokio::spawn(sweep(Arc::clone(&app))),
        ];
        let address = app.config.http.listen;
        let listening = http::listen(Arc::clone(&app), listener, tls)
            .await
            .map_err(|error| StartError::Listen { address, error })?;
        let origin = app.config.origin(listening.address.port());
        let owner_link = if fresh {
            Some(admin::make_code(&*app.store, guild, Link::Owner).await.map_err(failed)?)
        } else {
            None
        };
        let owner_link = owner_link.map(|code| admin::url(&origin, &code));
        let endpoint = data.join(ENDPOINT);
        Ok(Self { app, listening, origin, endpoint, guild, owner_link, tasks, _lock: lock })
    }

    /// Where HTTP is served.
    pub const fn http_address(&self) -> SocketAddr {
        self.listening.address
    }

    /// Where voice is received, one address a shard.
    pub fn voice_addresses(&self) -> Vec<SocketAddr> {
        self.app.voice.local_addresses()
    }

    /// How people reach this server: the start of every link.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The one-time owner link, when this start made the guild.
    pub fn owner_link(&self) -> Option<&str> {
        self.owner_link.as_deref()
    }

    /// Makes a link to this server's first guild.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn link(&self, link: Link) -> Result<String, StoreError> {
        let code = admin::make_code(&*self.app.store, self.guild, link).await?;
        Ok(admin::url(&self.origin, &code))
    }

    /// The running parts, for tests that look inside.
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops: clients are told, voice sessions end, requests are finished, the store is flushed.
    pub async fn stop(self) {
        tracing::info!("stopping");
        let Self { app, listening, endpoint, tasks, .. } = self;
        // Voice first, while the gateway is still there to tell clients of the end.
        app.voice.stop().await;
        app.stopping.send_replace(true);
        listening.stop().await;
        app.sessions.stop();
        app.guilds.stop();
        for task in tasks {
            task.abort();
        }
        app.store.close().await;
        if let Err(error) = std::fs::remove_file(&endpoint)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %endpoint.display(), "cannot remove a file");
        }
        tracing::info!("stopped");
    }

    /// Writes into the data directory where this server listens, for programs that wait for it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self) -> Result<(), StartError> {
        let endpoint = Endpoint {
            http: self.app.config.local_origin(self.http_address()),
            public_url: self.origin.clone(),
            voice: self.voice_addresses(),
            pid: std::process::id(),
        };
        let text = serde_json::to_string(&endpoint).expect("an endpoint is JSON") + "\n";
        // Readers see the whole file or none.
        let draft = self.endpoint.with_extension("json.new");
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &self.endpoint));
        written.map_err(|error| StartError::Data { path: self.endpoint.clone(), error })
    }
}

/// How people reach the server that runs on a data directory; `None` if none does, or if it has not
/// yet said so.
pub fn running_origin(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join(ENDPOINT)).ok()?;
    // A server that was killed leaves its file behind, but not its lock.
    let runs = matches!(lock(data), Err(StartError::Locked(_)));
    let endpoint: Endpoint = serde_json::from_str(&text).ok().filter(|_| runs)?;
    Some(endpoint.public_url)
}

/// Opens the store of a data directory, also beside a running server.
///
/// # Errors
/// See [`StartError`].
pub async fn open_store(data: &Path) -> Result<Arc<dyn Store>, StartError> {
    make_directory(data)?;
    let path = data.join(DATABASE);
    let store = SqliteStore::open(&path).await.map_err(|error| StartError::Store { path, error })?;
    Ok(Arc::new(store))
}

/// Makes the data directory, for its owner alone: it holds secrets.
fn make_directory(data: &Path) -> Result<(), StartError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data).map_err(|error| StartError::Data { path: data.to_owned(), error })
}

fn lock(data: &Path) -> Result<File, StartError> {
    make_directory(data)?;
    let path = data.join(LOCK);
    let failed = |error| StartError::Data { path: path.clone(), error };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Locked(data.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The guilds, and whether the first one was just made.
async fn guilds(store: &dyn Store, ids: &Ids, name: &str) -> Result<(Vec<Guild>, bool), StoreError> {
    let guilds = store.guilds().await?;
    if !guilds.is_empty() {
        return Ok((guilds, false));
    }
    let ids = TemplateIds {
        guild: GuildId(ids.next()),
        everyone: RoleId(ids.next()),
        voice: ChannelId(ids.next()),
        text: ChannelId(ids.next()),
    };
    let guild = from_template(name.to_owned(), ids);
    store.add_guild(&guild).await?;
    Ok((vec![guild], true))
}

async fn placement(store: &dyn Store) -> Result<Placement, StoreError> {
    let key = TicketKey::new(store.secret("ticket key", rand::random()).await?);
    Ok(Placement { node: NODE, epoch: store.count("voice epoch").await?, key })
}

fn start_voice(
    config: &Config,
    placement: &Placement,
) -> Result<(VoiceNode, mpsc::UnboundedReceiver<VoiceEvent>), StartError> {
    let voice = &config.voice;
    let started = VoiceNode::start(VoiceConfig {
        bind: voice.bind,
        port_first: voice.port,
        shards: voice.shards,
        advertise: voice.advertise.clone(),
        node: placement.node,
        epoch: placement.epoch,
        key: placement.key.clone(),
    });
    started.map_err(|error| StartError::Voice { address: voice.bind, port: voice.port, error })
}

async fn follow_voice(app: Arc<App>, mut events: mpsc::UnboundedReceiver<VoiceEvent>) {
    while let Some(event) = events.recv().await {
        calls::follow(&app, event).await;
    }
}

/// Tells the guilds of sessions that are over, and ends the calls of clients that are gone for good.
async fn follow_ended(app: Arc<App>, mut ended: mpsc::UnboundedReceiver<Ended>) {
    while let Some(Ended { session, end, guilds }) = ended.recv().await {
        for guild in guilds.into_iter().filter_map(|guild| app.guilds.get(guild)) {
            guild.unsubscribe(&session).await;
        }
        // A client that only lost its gateway goes on talking.
        if matches!(end, End::Lapsed(_)) {
            continue;
        }
        let user = session.user.id;
        let call = app.calls.of_gateway(session.id, user);
        if let Some(guild) = call.and_then(|guild| app.guilds.get(guild))
            && let Err(error) = guild.apply(Command::VoiceLeave { user }).await
        {
            tracing::debug!(%error, "the voice session had ended already");
        }
    }
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 1u32.. {
        ticks.tick().await;
        app.sessions.sweep();
        if !count.is_multiple_of(SWEEPS_PER_SLOW_SWEEP) {
            continue;
        }
        app.limits.sweep();
        app.calls.sweep();
        if let Err(error) = app.store.sweep_invites(ids::now_ms()).await {
            tracing::warn!(%error, "cannot forget old invites");
        }
    }
}
