//! Takes out of a line of text what nobody else should read: addresses of any kind, and whatever
//! looks like a secret. It rather takes too much than too little.

use std::net::{IpAddr, SocketAddr};

/// What stands in the place of an address.
const ADDRESS: &str = "<address>";

/// What stands in the place of a secret.
const SECRET: &str = "<secret>";

/// From this many characters on, a word of letters and digits is taken for a secret.
const SECRET_CHARS_MIN: usize = 16;

/// Words after which a secret comes.
const HERALDS: [&str; 7] = ["bearer", "token", "ticket", "password", "code", "secret", "authorization"];

/// Places in a path after which a secret comes: an invite's code.
const HERALDING_SEGMENTS: [&str; 2] = ["join", "invites"];

/// Last parts of dotted words that are files of this program, not names of hosts.
const FILES: [&str; 8] = ["json", "toml", "rs", "ts", "js", "log", "broken", "service"];

/// The line without addresses and secrets.
pub fn redact(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut heralded = false;
    for piece in line.split_inclusive(is_separator) {
        let word = piece.trim_end_matches(is_separator);
        let kind = judge(word, heralded);
        // A herald counts over the signs between it and its secret.
        if !bare(word).is_empty() {
            heralded = is_herald(bare(word));
        }
        out.push_str(kind.unwrap_or(word));
        out.push_str(&piece[word.len()..]);
    }
    out
}

/// Colons, dots, slashes and dashes belong to addresses, so they separate nothing.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || "\"'`()<>[]{},;=|".contains(c)
}

/// Without the signs of a sentence: "code:" is a herald, "10.0.0.1:" an address.
fn bare(word: &str) -> &str {
    word.trim_matches([':', '.', '!', '?'])
}

fn is_herald(word: &str) -> bool {
    HERALDS.contains(&word.to_ascii_lowercase().as_str())
}

fn judge(word: &str, heralded: bool) -> Option<&'static str> {
    let bare = bare(word);
    if bare.is_empty() {
        None
    // "::1" needs its colons.
    } else if is_address(bare) || is_address(word) {
        Some(ADDRESS)
    } else if (heralded && !is_herald(bare)) || is_secret(bare) {
        Some(SECRET)
    } else {
        None
    }
}

fn is_address(word: &str) -> bool {
    if word.contains("://") || word.contains('@') {
        return true;
    }
    let host = word.split('/').next().unwrap_or(word);
    let host = host.rsplit_once('%').map_or(host, |(address, _zone)| address);
    if host.parse::<IpAddr>().is_ok() || host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => {
            // With a port even a bare name is an address.
            if !name.is_empty() && name.chars().all(is_host_char) {
                return true;
            }
            name
        }
        _ => host,
    };
    is_host_name(name)
}

fn is_host_char(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '.'
}

/// `voice.example.org`; not `settings.json`, `1.5` or `e.g`.
fn is_host_name(name: &str) -> bool {
    let mut labels = name.split('.').rev();
    let Some(last) = labels.next() else { return false };
    labels.clone().next().is_some()
        && labels.all(|label| !label.is_empty())
        && name.chars().all(is_host_char)
        && last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic)
        && !FILES.contains(&last)
}

fn is_secret(word: &str) -> bool {
    let mut segments = word.split(['/', ':']).peekable();
    while let Some(segment) = segments.next() {
        if looks_random(segment) {
            return true;
        }
        if HERALDING_SEGMENTS.contains(&segment) && segments.peek().is_some_and(|code| !code.is_empty()) {
            return true;
        }
    }
    false
}

/// Long, of letters and digits in one run, as no word of a language is.
fn looks_random(segment: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    segment.len() >= SECRET_CHARS_MIN
        && segment.chars().all(plain)
        && segment.chars().any(|c| c.is_ascii_digit())
        && segment.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out() {
        for (line, left) in [
            ("connecting to 203.0.113.7:7600 failed", "connecting to <address> failed"),
            ("from 10.0.0.1, then 192.168.1.20.", "from <address>, then <address>"),
            ("peer [2001:db8::1]:443 and fe80::1%eth0", "peer [<address>]:443 and <address>"),
            ("candidate=::1", "candidate=<address>"),
            ("error for url (https://voice.example.org/api/guests)", "error for url (<address>)"),
            ("host: voice.example.org", "host: <address>"),
            ("cannot resolve my-server:7600", "cannot resolve <address>"),
            ("ada@example.org wrote", "<address> wrote"),
            ("wss://10.1.2.3/gateway closed", "<address> closed"),
        ] {
            assert_eq!(redact(line), left, "{line}");
        }
    }

    #[test]
    fn secrets_are_taken_out() {
        for (line, left) in [
            ("Authorization: Bearer abcdef", "Authorization: Bearer <secret>"),
            ("{\"token\":\"t0k\",\"a\": 1}", "{\"token\":\"<secret>\",\"a\": 1}"),
            ("GET /api/invites/Xk29sQ 404", "GET <secret> 404"),
            ("opened voicehall:join/Xk29sQ", "opened <secret>"),
            ("session 4fJ2nQ8vLx0aZb7cR1tY ended", "session <secret> ended"),
            ("password=hunter2", "password=<secret>"),
        ] {
            assert_eq!(redact(line), left, "{line}");
        }
    }

    #[test]
    fn what_helps_stays() {
        for line in [
            "2026-11-25T02:40:11.123456Z  WARN voicehall_engine::media: the speaker fell behind by 25 ms",
            "settings.json cannot be read; starting without it kept_as=settings.json.broken",
            "voicehall 0.1.0, rtt 1.5 ms, 48000 Hz, e.g. 3/4",
            "INFO voicehall::socket: closed (1006)",
        ] {
            assert_eq!(redact(line), line);
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        for line in
            ["", ":::", "[[::]]", "://", "@", "%", "é%ü:1", "/join/", "\u{1f980}.\u{1f980}", "....", "=="]
        {
            let _ = redact(line);
        }
    }
}
