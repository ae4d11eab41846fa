//! What an operator can set: one TOML file, every key also as an environment variable.
//!
//! [`Config`] is what the server runs with, [`KEYS`] says of each key what it means, and
//! [`load`] reads file and environment. A test holds the three together.

mod keys;
mod load;

pub use keys::{KEYS, Key, Kind, markdown};
pub use load::{ConfigError, ENV_PREFIX, Loaded, load};

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything that can be set. [`KEYS`] explains each key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "KEYS documents every key once, for this struct, the file and the manual")]
pub struct Config {
    pub http: Http,
    pub voice: Voice,
    pub guild: FirstGuild,
    pub gateway: Gateway,
    pub limits: Limits,
    pub log: Log,
    pub metrics: Metrics,
}

impl Config {
    /// As it would stand in a file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is TOML")
    }

    /// How people reach the server whose HTTP port this is: the start of every link.
    pub fn origin(&self, port: u16) -> String {
        if self.http.public_url.is_empty() {
            format!("{}://localhost:{port}", self.scheme())
        } else {
            self.http.public_url.clone()
        }
    }

    /// How this machine itself reaches a server that listens there.
    pub fn local_origin(&self, mut address: SocketAddr) -> String {
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("{}://{address}", self.scheme())
    }

    const fn scheme(&self) -> &'static str {
        if self.http.tls_certificate.is_some() { "https" } else { "http" }
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Http {
    pub listen: SocketAddr,
    pub public_url: String,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub trusted_proxies: Vec<IpAddr>,
    pub allowed_origins: Vec<String>,
    pub connections_max: usize,
    pub web_root: Option<PathBuf>,
}

/// `[voice]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Voice {
    pub bind: IpAddr,
    pub port: u16,
    pub shards: usize,
    pub advertise: Vec<IpAddr>,
}

/// `[guild]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct FirstGuild {
    pub name: String,
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Gateway {
    pub heartbeat_interval_ms: u32,
    pub identify_timeout_ms: u32,
    pub resume_window_ms: u32,
    pub events_kept: usize,
    pub write_timeout_ms: u32,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Limits {
    pub requests_per_minute: u32,
    pub sign_ins_per_minute: u32,
    pub password_tries_per_hour: u32,
    pub messages_per_minute: u32,
    pub invites_per_hour: u32,
    pub voice_joins_per_minute: u32,
    pub gateway_connects_per_minute: u32,
    pub gateway_messages_per_minute: u32,
    pub logins_per_account: u32,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see KEYS")]
pub struct Metrics {
    pub public: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7600)),
            public_url: String::new(),
            tls_certificate: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            connections_max: 8192,
            web_root: None,
        }
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self { bind: Ipv4Addr::UNSPECIFIED.into(), port: 7600, shards: 1, advertise: Vec::new() }
    }
}

impl Default for FirstGuild {
    fn default() -> Self {
        Self { name: "Voicehall".to_owned() }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 30_000,
            identify_timeout_ms: 10_000,
            resume_window_ms: 120_000,
            events_kept: 1024,
            write_timeout_ms: 10_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 600,
            sign_ins_per_minute: 30,
            password_tries_per_hour: 60,
            messages_per_minute: 60,
            invites_per_hour: 60,
            voice_joins_per_minute: 60,
            gateway_connects_per_minute: 120,
            gateway_messages_per_minute: 240,
            logins_per_account: 20,
        }
    }
}

impl Limits {
    /// Without any limit on rates: for load tests.
    pub fn none() -> Self {
        Self {
            requests_per_minute: 0,
            sign_ins_per_minute: 0,
            password_tries_per_hour: 0,
            messages_per_minute: 0,
            invites_per_hour: 0,
            voice_joins_per_minute: 0,
            gateway_connects_per_minute: 0,
            gateway_messages_per_minute: 0,
            ..Self::default()
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, filter: "info".to_owned() }
    }
}
