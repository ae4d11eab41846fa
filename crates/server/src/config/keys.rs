//! Every key of the configuration, with what it means.

use super::{Config, ENV_PREFIX};
use std::fmt::Write as _;

/// How a key's environment variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it stands.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Texts with commas between them.
    List,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means, for people.
    pub meaning: &'static str,
}

impl Key {
    /// As people write it: `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("{ENV_PREFIX}{}_{}", self.section, self.name).to_uppercase()
    }
}

macro_rules! keys {
    ($($section:ident { $($name:ident: $kind:ident, $meaning:literal;)* })*) => {
        /// Every key, in the order of the manual.
        pub const KEYS: &[Key] = &[$($(
            Key {
                section: stringify!($section),
                name: stringify!($name),
                kind: Kind::$kind,
                meaning: $meaning,
            },
        )*)*];
    };
}

keys! {
    http {
        listen: Text, "Address and TCP port of HTTP and the gateway. Port 0 takes a free one.";
        public_url: Text, "How people reach this server, for links: `https://voice.example.org`. When empty, `http://localhost` and the port.";
        tls_certificate: Text, "PEM file with the certificate chain. With `tls_key`, the port speaks HTTPS.";
        tls_key: Text, "PEM file with the certificate's private key.";
        trusted_proxies: List, "Addresses of reverse proxies whose `X-Forwarded-For` is believed.";
        allowed_origins: List, "Further origins of web pages that may open the gateway.";
        connections_max: Number, "Most TCP connections at once; further ones are closed.";
        web_root: Text, "Folder with a web client to serve instead of the built-in one.";
    }
    voice {
        bind: Text, "Address on which voice is received.";
        port: Number, "UDP port of the first shard; each further shard has the next one. 0 takes free ones.";
        shards: Number, "Threads that carry voice, each with a UDP port.";
        advertise: List, "Addresses under which clients reach the voice ports, best first. When empty: this machine's own.";
    }
    guild {
        name: Text, "Name of the guild that the first start makes.";
    }
    gateway {
        heartbeat_interval_ms: Number, "How often clients show that they are there. After two intervals without, the connection is closed.";
        identify_timeout_ms: Number, "How long a connection may take to identify.";
        resume_window_ms: Number, "How long a session waits for its client after a lost connection.";
        events_kept: Number, "Most events kept for a session that resumes.";
        write_timeout_ms: Number, "How long a client may take to accept a message.";
    }
    limits {
        requests_per_minute: Number, "HTTP requests of one address. 0 is no limit, here and below.";
        sign_ins_per_minute: Number, "Sign-ins, registrations, guests and looks at invites of one address.";
        password_tries_per_hour: Number, "Passwords tried on one account name.";
        messages_per_minute: Number, "Text messages of one account.";
        invites_per_hour: Number, "Invites and channels made by one account.";
        voice_joins_per_minute: Number, "Voice joins of one account.";
        gateway_connects_per_minute: Number, "Gateway connections and control sockets of one address.";
        gateway_messages_per_minute: Number, "Messages on one gateway connection.";
        logins_per_account: Number, "Logins of one account at once; beyond, the longest unused one ends.";
    }
    log {
        format: Text, "`human` or `json`.";
        filter: Text, "`error`, `warn`, `info`, `debug`, or finer, as `info,sqlx=warn`.";
    }
    metrics {
        public: Flag, "Whether `/metrics` answers everybody; otherwise only this machine itself.";
    }
}

/// The table of the manual: every key, its variable, its default, its meaning.
pub fn markdown() -> String {
    let defaults = toml::Table::try_from(Config::default()).expect("the defaults are TOML");
    let mut out = String::from("| key | environment variable | default | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let default =
            defaults[key.section].get(key.name).map_or("none".to_owned(), |value| format!("`{value}`"));
        let _ = writeln!(out, "| `{}` | `{}` | {default} | {} |", key.path(), key.variable(), key.meaning);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_has_every_key_of_the_config_and_no_other() {
        let config = serde_json::to_value(Config::default()).unwrap();
        let mut fields = BTreeSet::new();
        for (section, keys) in config.as_object().unwrap() {
            fields.extend(keys.as_object().unwrap().keys().map(|name| format!("{section}.{name}")));
        }
        let table: BTreeSet<_> = KEYS.iter().map(Key::path).collect();
        assert_eq!(table, fields);
        assert_eq!(table.len(), KEYS.len(), "no key twice");
    }
}
