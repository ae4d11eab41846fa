//! The server's command line.

use clap::{Args, Parser, Subcommand};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use voicehall_server::admin::{self, Link};
use voicehall_server::config::{self, Config, ConfigError};
use voicehall_server::store::StoreError;
use voicehall_server::{Server, StartError, logs, open_store, running_origin};

/// Self-hosted voice, video and text for guilds.
#[derive(Parser)]
#[command(name = "voicehall-server", version)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Place {
    /// Where everything is kept [default: voicehall in the user's data directory].
    #[arg(long, global = true, value_name = "DIR", env = "VOICEHALL_DATA")]
    data: Option<PathBuf>,
    /// The configuration [default: server.toml in the data directory, if it is there].
    #[arg(long, global = true, value_name = "FILE", env = "VOICEHALL_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until it is told to stop.
    Serve(Serve),
    /// Prints a link whose one use makes an account the guild's owner.
    OwnerLink,
    /// Prints an invite link.
    Invite {
        /// How often it can be used [default: without limit].
        #[arg(long, value_name = "COUNT")]
        uses: Option<u32>,
        /// How long it lasts [default: for ever].
        #[arg(long, value_name = "SECONDS")]
        lifetime: Option<u32>,
    },
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args)]
struct Serve {
    /// Writes a fresh owner link into this file.
    #[arg(long, value_name = "FILE")]
    owner_link_file: Option<PathBuf>,
    /// Writes a fresh invite link into this file.
    #[arg(long, value_name = "FILE")]
    invite_link_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with it, if anything.
    Check,
    /// Prints what the server would run with.
    Print,
    /// Prints every key, its environment variable, its default and its meaning.
    Keys,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("there is no home directory: say where with --data")]
    NoHome,
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no guild in {0}: start the server once")]
    NoGuild(PathBuf),
    #[error("unknown environment variables: {}; `config keys` prints all", .0.join(", "))]
    UnknownVariables(Vec<String>),
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("voicehall-server: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let data = match cli.place.data {
        Some(data) => data,
        None => default_data()?,
    };
    let file = cli.place.config.or_else(|| Some(data.join("server.toml")).filter(|file| file.exists()));
    let config::Loaded { config, unknown_variables } = config::load(file.as_deref(), environment())?;
    match cli.command {
        Command::Serve(options) => {
            logs::start(&config.log);
            for variable in unknown_variables {
                tracing::warn!(%variable, "this environment variable means nothing to the server");
            }
            runtime()?.block_on(serve(config, &data, options))
        }
        Command::OwnerLink => runtime()?.block_on(print_link(&config, &data, Link::Owner)),
        Command::Invite { uses, lifetime } => {
            let link = Link::Invite { uses_max: uses, lifetime_s: lifetime };
            runtime()?.block_on(print_link(&config, &data, link))
        }
        Command::Config(ConfigCommand::Check) if !unknown_variables.is_empty() => {
            Err(Failure::UnknownVariables(unknown_variables))
        }
        Command::Config(command) => {
            match command {
                ConfigCommand::Check => println!("the configuration is fine"),
                ConfigCommand::Print => print!("{}", config.to_toml()),
                ConfigCommand::Keys => print!("{}", config::markdown()),
            }
            Ok(())
        }
    }
}

/// The variables that are text; no other can be one of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn default_data() -> Result<PathBuf, Failure> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::choose_base_strategy().map_err(|_| Failure::NoHome)?;
    Ok(base.data_dir().join("voicehall"))
}

/// Two threads: voice has threads of its own, and memory is dearer here than cores.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

async fn serve(config: Config, data: &Path, options: Serve) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    raise_file_limit();
    let server = Server::start(config, data).await?;
    // Whoever asked for a file finds it there, and needs no second link to wonder about.
    let shown_link = match options.owner_link_file {
        Some(path) => {
            write_secret(&path, &server.link(Link::Owner).await?)?;
            None
        }
        None => server.owner_link(),
    };
    let invite = Link::Invite { uses_max: None, lifetime_s: None };
    if let Some(path) = options.invite_link_file {
        write_secret(&path, &server.link(invite).await?)?;
    }
    server.announce()?;
    // On standard output, apart from the log: logs are kept and passed on.
    if let Some(link) = shown_link {
        println!("Open this link once, within a week, to become the owner:\n{link}");
    }
    println!("Voicehall is at {}", server.origin());
    tracing::info!(http = %server.http_address(), voice = ?server.voice_addresses(), "listening");
    stop.asked().await;
    server.stop().await;
    Ok(())
}

async fn print_link(config: &Config, data: &Path, link: Link) -> Result<(), Failure> {
    let store = open_store(data).await?;
    let guilds = store.guilds().await?;
    let guild = guilds.first().ok_or_else(|| Failure::NoGuild(data.to_owned()))?;
    let code = admin::make_code(&*store, guild.id(), link).await?;
    // One that runs may listen elsewhere than the configuration says now.
    let origin = running_origin(data).unwrap_or_else(|| config.origin(config.http.listen.port()));
    println!("{}", admin::url(&origin, &code));
    store.close().await;
    Ok(())
}

/// Writes a link for its owner alone.
fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|error| Failure::File { path: path.to_owned(), error })
}

/// Every connection takes a file descriptor, and the usual soft limit of 1024 is for programs
/// that use `select`.
#[cfg(unix)]
fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or write the one struct, which outlives them.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
        }
    };
    if !raised {
        tracing::warn!("cannot raise the limit on open files");
    }
}

#[cfg(not(unix))]
fn raise_file_limit() {}

/// The signals by which a server is told to stop.
#[cfg(unix)]
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn asked(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot hear Ctrl+C");
            std::future::pending::<()>().await;
        }
    }
}
