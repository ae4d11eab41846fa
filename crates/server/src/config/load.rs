//! Reading the configuration: the file, then the environment over it, then what only sense can
//! check.

use super::{Config, KEYS, Key, Kind};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What every environment variable of the server starts with.
pub const ENV_PREFIX: &str = "VOICEHALL_";

/// Variables that are options of the command line.
const ENV_OPTIONS: [&str; 2] = ["VOICEHALL_DATA", "VOICEHALL_CONFIG"];

/// Fewest events a session must keep: fewer would lose sessions in ordinary use.
const EVENTS_KEPT_MIN: usize = 16;

/// What is wrong with a configuration. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML, or has a key or value that does not exist.
    #[error("{path}: {error}")]
    Toml {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A variable's value does not fit.
    #[error("{variable}: {reason}")]
    Variable {
        /// Which.
        variable: String,
        /// Why.
        reason: String,
    },
    /// A value is of the right kind and still makes no sense.
    #[error("{key}: {advice}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What to write instead.
        advice: String,
    },
}

/// A configuration, and what is odd about where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// What to run with.
    pub config: Config,
    /// Variables with the server's prefix that it does not know.
    pub unknown_variables: Vec<String>,
}

/// Reads the file, if one is given, and the environment over it.
///
/// # Errors
/// See [`ConfigError`].
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let mut table = match file {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    let mut unknown_variables = Vec::new();
    for (variable, text) in environment {
        if !variable.starts_with(ENV_PREFIX) || ENV_OPTIONS.contains(&variable.as_str()) {
            continue;
        }
        match KEYS.iter().find(|key| key.variable() == variable) {
            Some(key) => set(&mut table, key, &variable, &text)?,
            None => unknown_variables.push(variable),
        }
    }
    // The file alone was fine, and each variable over it: what is left is checked as a whole.
    let config: Config = table.try_into().map_err(|error: toml::de::Error| ConfigError::Variable {
        variable: "environment".to_owned(),
        reason: error.message().to_owned(),
    })?;
    check(&config)?;
    Ok(Loaded { config, unknown_variables })
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::File { path: path.to_owned(), error })?;
    let broken = |error| ConfigError::Toml { path: path.to_owned(), error: Box::new(error) };
    // As a whole first: only then does an error name the line.
    toml::from_str::<Config>(&text).map_err(broken)?;
    toml::from_str(&text).map_err(broken)
}

/// Puts one variable's value into the table, and checks that it fits there.
fn set(table: &mut Table, key: &Key, variable: &str, text: &str) -> Result<(), ConfigError> {
    let wrong = |reason: String| ConfigError::Variable { variable: variable.to_owned(), reason };
    let value = match key.kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Number => {
            Value::Integer(text.parse().map_err(|_| wrong(format!("`{text}` is not a whole number")))?)
        }
        Kind::Flag => {
            Value::Boolean(text.parse().map_err(|_| wrong(format!("`{text}` is neither true nor false")))?)
        }
        Kind::List => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
        }
    };
    let section = table.entry(key.section).or_insert_with(|| Value::Table(Table::new()));
    let section = section.as_table_mut().expect("the file was checked");
    section.insert(key.name.to_owned(), value.clone());
    let alone = Table::from_iter([(
        key.section.to_owned(),
        Value::Table(Table::from_iter([(key.name.to_owned(), value)])),
    )]);
    let fits: Result<Config, _> = alone.try_into();
    fits.map(drop).map_err(|error: toml::de::Error| wrong(error.message().trim().to_owned()))
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |key, advice: &str| Err(ConfigError::Value { key, advice: advice.to_owned() });
    if !config.http.public_url.is_empty() && !is_origin(&config.http.public_url) {
        return refuse(
            "http.public_url",
            "write scheme, host and perhaps port alone: `https://voice.example.org`",
        );
    }
    if let Some(bad) = config.http.allowed_origins.iter().find(|origin| !origin.contains("://")) {
        return refuse(
            "http.allowed_origins",
            &format!("`{bad}` is no origin: write `https://chat.example.org`"),
        );
    }
    if config.http.tls_certificate.is_some() != config.http.tls_key.is_some() {
        return refuse("http.tls_key", "set `tls_certificate` and `tls_key` both, or neither");
    }
    if config.http.connections_max == 0 {
        return refuse("http.connections_max", "at least 1 is needed");
    }
    if !(1..=256).contains(&config.voice.shards) {
        return refuse("voice.shards", "between 1 and 256");
    }
    if config.voice.port != 0 && usize::from(config.voice.port) + config.voice.shards > 65_536 {
        return refuse("voice.port", "leave room for one port per shard below 65536");
    }
    if config.voice.advertise.iter().any(IpAddr::is_unspecified) {
        return refuse("voice.advertise", "write an address that clients can reach, not 0.0.0.0 or ::");
    }
    if crate::accounts::names::check(&config.guild.name).is_err() {
        return refuse("guild.name", "1 to 32 visible characters");
    }
    if config.gateway.heartbeat_interval_ms < 100 {
        return refuse("gateway.heartbeat_interval_ms", "at least 100");
    }
    if config.gateway.events_kept < EVENTS_KEPT_MIN {
        return refuse("gateway.events_kept", "at least 16");
    }
    if config.limits.logins_per_account == 0 {
        return refuse("limits.logins_per_account", "at least 1");
    }
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log.filter) {
        return refuse("log.filter", &format!("{error}; write `info`, or `info,sqlx=warn`"));
    }
    Ok(())
}

/// Whether this is `http://host` or `https://host`, perhaps with a port, and no more.
fn is_origin(url: &str) -> bool {
    let Ok(uri) = url.parse::<axum::http::Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    web && uri.host().is_some() && uri.path() == "/" && uri.query().is_none() && !url.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Loaded, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), [])
    }

    fn from_variable(name: &str, value: &str) -> Result<Loaded, ConfigError> {
        load(None, [(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        assert_eq!(load(None, []).unwrap().config, Config::default());
    }

    #[test]
    fn the_defaults_survive_being_written_and_read() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(from_file(&text).unwrap().config, Config::default());
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        std::fs::write(&path, "[voice]\nport = 1000\nshards = 3\n").unwrap();
        let variables = [
            ("VOICEHALL_VOICE_PORT", "2000"),
            ("VOICEHALL_VOICE_ADVERTISE", "192.0.2.1, 2001:db8::1"),
            ("VOICEHALL_METRICS_PUBLIC", "true"),
            ("VOICEHALL_LOG_FORMAT", "json"),
            ("VOICEHALL_DATA", "/elsewhere"),
            ("VOICEHALL_SPEED", "high"),
            ("HOME", "/root"),
        ];
        let loaded =
            load(Some(&path), variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        assert_eq!((loaded.config.voice.port, loaded.config.voice.shards), (2000, 3));
        assert_eq!(loaded.config.voice.advertise.len(), 2);
        assert!(loaded.config.metrics.public);
        assert_eq!(loaded.unknown_variables, ["VOICEHALL_SPEED"]);
    }

    #[test]
    fn errors_name_the_key_and_what_to_do() {
        let table = [
            ("[voice]\nports = 1\n", "unknown field `ports`"),
            ("[voices]\nport = 1\n", "unknown field `voices`"),
            ("[voice]\nport = \"x\"\n", "port = \"x\""),
            ("[voice]\nport = 70000\n", "70000"),
            ("[voice]\nshards = 0\n", "voice.shards: between 1 and 256"),
            ("[voice]\nadvertise = [\"0.0.0.0\"]\n", "voice.advertise"),
            ("[http]\npublic_url = \"voice.example.org\"\n", "http.public_url: write scheme"),
            ("[http]\npublic_url = \"https://voice.example.org/\"\n", "http.public_url"),
            ("[http]\ntls_key = \"key.pem\"\n", "both, or neither"),
            ("[http]\nallowed_origins = [\"example.org\"]\n", "http.allowed_origins"),
            ("[guild]\nname = \"\"\n", "guild.name"),
            ("[log]\nformat = \"xml\"\n", "xml"),
            ("[log]\nfilter = \"a=b=c\"\n", "log.filter"),
            ("[gateway]\nevents_kept = 1\n", "gateway.events_kept"),
            ("what?", "line 1"),
        ];
        for (text, expected) in table {
            let error = from_file(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?} gave {error:?}, without {expected:?}");
        }
    }

    #[test]
    fn errors_in_variables_name_the_variable() {
        for (name, value) in [
            ("VOICEHALL_VOICE_PORT", "high"),
            ("VOICEHALL_VOICE_PORT", "70000"),
            ("VOICEHALL_METRICS_PUBLIC", "yes"),
            ("VOICEHALL_HTTP_LISTEN", "localhost"),
            ("VOICEHALL_VOICE_ADVERTISE", "192.0.2.1,x"),
        ] {
            let error = from_variable(name, value).unwrap_err().to_string();
            assert!(error.starts_with(name), "{name}={value} gave {error:?}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(Some(Path::new("/nonexistent/server.toml")), []).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/server.toml"));
    }
}
