-- Ids are below 2^63. Times are Unix milliseconds.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    -- The name as it is compared; only accounts with a password have one.
    name_key      TEXT UNIQUE,
    password_hash TEXT,
    created_at    INTEGER NOT NULL,
    CHECK ((name_key IS NULL) = (password_hash IS NULL))
) STRICT;

CREATE TABLE logins (
    id         INTEGER PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_by_account ON logins (account);

CREATE TABLE guilds (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL,
    owner INTEGER REFERENCES accounts (id)
) STRICT;

CREATE TABLE roles (
    id          INTEGER PRIMARY KEY,
    guild       INTEGER NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    name        TEXT NOT NULL,
    permissions INTEGER NOT NULL
) STRICT;

CREATE TABLE channels (
    id      INTEGER PRIMARY KEY,
    guild   INTEGER NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    -- 0 voice, 1 text
    kind    INTEGER NOT NULL,
    bitrate INTEGER NOT NULL
) STRICT;
CREATE INDEX channels_by_guild ON channels (guild);

CREATE TABLE members (
    -- Members are shown in the order in which they joined.
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    guild       INTEGER NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    account     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Ids as a JSON list.
    roles       TEXT NOT NULL DEFAULT '[]',
    server_mute INTEGER NOT NULL DEFAULT 0,
    server_deaf INTEGER NOT NULL DEFAULT 0,
    UNIQUE (guild, account)
) STRICT;
CREATE INDEX members_by_account ON members (account);

CREATE TABLE invites (
    code       TEXT PRIMARY KEY,
    guild      INTEGER NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    owner      INTEGER NOT NULL,
    uses_left  INTEGER,
    expires_at INTEGER
) STRICT;

CREATE TABLE messages (
    id      INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    author  INTEGER NOT NULL REFERENCES accounts (id),
    text    TEXT NOT NULL,
    sent_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_channel ON messages (channel, id);
