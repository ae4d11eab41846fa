//! The program as an operator has it: its commands, files and signals.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The server's program on a data directory, on free ports of loopback.
fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicehall-server"));
    command.arg("--data").arg(data);
    command.env("VOICEHALL_HTTP_LISTEN", "127.0.0.1:0");
    command.env("VOICEHALL_VOICE_BIND", "127.0.0.1").env("VOICEHALL_VOICE_PORT", "0");
    command
}

fn output(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (status.success(), text)
}

/// Waits for what will come about, on however busy a machine.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: `kill` only looks at its arguments, and the child was not waited for.
    assert_eq!(unsafe { libc::kill(child.id().try_into().unwrap(), signal) }, 0);
}

#[test]
fn a_server_starts_says_where_it_is_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (data, invite) = (folder.path().join("data"), folder.path().join("invite"));
    let endpoint = data.join("endpoint.json");
    for (round, stop) in [libc::SIGTERM, libc::SIGINT].into_iter().enumerate() {
        let mut command = program(&data);
        command
            .arg("serve")
            .arg("--invite-link-file")
            .arg(&invite)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let text = until("the endpoint file", || std::fs::read_to_string(&endpoint).ok());
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["pid"], child.id());
        assert!(told["http"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert_eq!(told["voice"].as_array().unwrap().len(), 1);
        let link = std::fs::read_to_string(&invite).unwrap();
        assert!(link.starts_with(&format!("{}/join/", told["publicUrl"].as_str().unwrap())), "{link}");
        for secret in [&invite, &data] {
            let mode = std::fs::metadata(secret).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is its owner's alone", secret.display());
        }
        let (ok, more) = output(program(&data).args(["invite", "--uses", "1"]));
        let start = format!("{}/join/", told["publicUrl"].as_str().unwrap());
        assert!(ok && more.starts_with(&start), "beside a running server: {more}");
        let (ok, second) = output(program(&data).arg("serve"));
        assert!(!ok && second.contains("another server runs"), "{second}");

        signal(&child, stop);
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(status.success(), "{stderr}");
        assert_eq!(stdout.contains("become the owner"), round == 0, "only the first time: {stdout}");
        assert!(stderr.contains("stopped"), "{stderr}");
        assert!(!stderr.contains("/join/"), "links are not for logs: {stderr}");
        assert!(!endpoint.exists());
    }
    // What a server that was killed left behind says nothing of the next one.
    std::fs::write(&endpoint, r#"{"http":"","publicUrl":"http://localhost:1","voice":[],"pid":1}"#).unwrap();
    let (ok, link) = output(program(&data).arg("invite"));
    assert!(ok && link.starts_with("http://localhost:0/join/"), "{link}");
}

#[test]
fn an_owner_link_that_goes_into_a_file_is_not_shown_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (data, owner) = (folder.path().join("data"), folder.path().join("owner"));
    let mut command = program(&data);
    command.arg("serve").arg("--owner-link-file").arg(&owner).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    until("the server listens", || std::fs::read(data.join("endpoint.json")).ok());
    signal(&child, libc::SIGTERM);
    let stdout = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(stdout.starts_with("Voicehall is at "), "{stdout}");
    assert!(std::fs::read_to_string(&owner).unwrap().contains("/join/"));
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, variable: Option<(&str, &str)>| {
        std::fs::write(folder.path().join("server.toml"), text).unwrap();
        let mut command = program(folder.path());
        command.args(["config", "check"]).envs(variable);
        output(&mut command)
    };
    assert_eq!(check("[guild]\nname = \"Ours\"\n", None), (true, "the configuration is fine\n".to_owned()));
    let (ok, text) = check("[voice]\nprot = 1\n", None);
    assert!(!ok && text.contains("server.toml") && text.contains("unknown field `prot`"), "{text}");
    let (ok, text) = check("", Some(("VOICEHALL_VOICE_PROT", "1")));
    assert!(!ok && text.contains("VOICEHALL_VOICE_PROT"), "{text}");
    let (ok, text) = output(program(folder.path()).args(["config", "print"]));
    assert!(ok && text.contains("[gateway]\nheartbeat_interval_ms = 30000\n"), "{text}");
}
