//! The pure crates know no socket, no runtime, no clock, no thread and no file: time and
//! randomness are arguments. That is what lets `tests/sim` run a whole call in virtual time.

use super::tree::lines;
use super::{Finding, Tree};

/// Crates that must stay pure.
pub const PURE: &[&str] = &["protocol", "guild", "sfu", "audio", "video"];

/// What they must not say, and what instead. Addresses (`SocketAddr`) and points in time
/// (`Instant`) are plain values and welcome.
const FORBIDDEN: &[(&str, &str)] = &[
    ("tokio", "no async runtime"),
    ("async fn", "no async runtime"),
    ("UdpSocket", "no socket"),
    ("TcpStream", "no socket"),
    ("TcpListener", "no socket"),
    ("std::thread", "no thread"),
    ("thread::spawn", "no thread"),
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("elapsed()", "time is an argument"),
    ("thread_rng", "randomness is an argument"),
    ("rand::rng", "randomness is an argument"),
    ("std::fs", "no file"),
    ("std::env", "no environment"),
    ("std::process", "no process"),
    ("println!", "no output"),
];

/// Reports what a pure crate's code says that it must not.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE {
        let folder = format!("crates/{name}/src/");
        for (path, text) in tree.below(&folder, ".rs").filter(|(path, _)| !is_test_file(path)) {
            for (number, line) in lines(without_tests(text)) {
                let code = line.split("//").next().unwrap_or_default();
                for (_, instead) in FORBIDDEN.iter().filter(|(word, _)| code.contains(word)) {
                    findings.push(Finding::new(path, number, format!("{name} is pure: {instead}")));
                }
            }
        }
    }
    findings
}

/// A module that is compiled for tests alone, by the name the project gives those.
pub fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The part of a file above its test module, which stands last.
pub fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_a_socket_and_a_thread_are_found() {
        for sample in [
            "let now = Instant::now();",
            "use std::net::{SocketAddr, UdpSocket};",
            "std::thread::sleep(delay);",
            "let age = since.elapsed();",
            "pub async fn read() {}",
        ] {
            let found = check(&Tree::of(&[("crates/sfu/src/shard.rs", sample)]));
            assert_eq!(found.len(), 1, "{sample}");
        }
    }

    #[test]
    fn plain_values_comments_tests_and_other_crates_are_left_alone() {
        let pure = "use std::net::SocketAddr;\n// never `Instant::now()`\npub fn at(now: Instant) {}\n\
                    \n#[cfg(test)]\nmod tests {\n    fn now() -> Instant { Instant::now() }\n}\n";
        let shell = "let now = Instant::now();";
        let files = [
            ("crates/sfu/src/shard.rs", pure),
            ("crates/sfu/src/shard/tests.rs", shell),
            ("crates/server/src/main.rs", shell),
        ];
        assert_eq!(check(&Tree::of(&files)), []);
    }
}
