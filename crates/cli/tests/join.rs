//! The program against a real server: files in, files out.

use clap::Parser as _;
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use voicehall_cli::{Arguments, Failure, Join, Verb, run};
use voicehall_server::Server;
use voicehall_server::admin::Link;
use voicehall_server::config::Config;

/// How long anything may take before a test fails: far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

struct Hall {
    server: Server,
    files: TempDir,
}

impl Hall {
    async fn open() -> Self {
        let files = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.http.listen = ([127, 0, 0, 1], 0).into();
        config.voice.bind = [127, 0, 0, 1].into();
        config.voice.port = 0;
        config.voice.shards = 1;
        let server = Server::start(config, &files.path().join("data")).await.unwrap();
        Self { server, files }
    }

    async fn invite(&self) -> String {
        self.server.link(Link::Invite { uses_max: None, lifetime_s: None }).await.unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    async fn join(&self, name: &str, arguments: &[&str]) -> Box<Join> {
        let state = self.file("logins.json");
        let fixed = ["--channel", "Lobby", "--name", name, "--state", state.to_str().unwrap()];
        arguments_of(&self.invite().await, &[&fixed, arguments].concat())
    }

    /// Waits until this many sessions are open at the voice node.
    async fn sessions(&self, wanted: u64) {
        let wait = async {
            while self.server.app().voice.stats().await.iter().map(|shard| shard.sessions).sum::<u64>()
                != wanted
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the sessions open");
    }
}

fn arguments_of(invite: &str, arguments: &[&str]) -> Box<Join> {
    match Arguments::parse_from(["voicehall-cli", "join", invite].iter().chain(arguments)).verb {
        Verb::Join(join) => join,
        Verb::Ctl(_) => unreachable!("the verb is join"),
    }
}

fn write_tone(path: &Path, hertz: f32, rate: u32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..rate * seconds {
        let sample = (TAU * hertz * n as f32 / rate as f32).sin() * 8000.0;
        for _ in 0..2 {
            writer.write_sample(sample as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// The seconds of a recording in which a tone is heard.
fn seconds_of(path: &Path, hertz: f32) -> f32 {
    let samples: Vec<f32> =
        hound::WavReader::open(path).unwrap().into_samples::<i16>().map(|s| f32::from(s.unwrap())).collect();
    let heard = |part: &&[f32]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in part.iter().enumerate() {
            let angle = TAU * hertz * n as f32 / 48_000.0;
            re += sample * angle.cos();
            im += sample * angle.sin();
        }
        2.0 * f32::hypot(re, im) / part.len() as f32 > 3000.0
    };
    samples.chunks_exact(960).filter(heard).count() as f32 * 0.02
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_plays_another_records_mixed_and_apart() {
    let hall = Hall::open().await;
    let (tone, mix, apart) = (hall.file("tone.wav"), hall.file("mix.wav"), hall.file("apart"));
    // Another rate than the network's, and two channels.
    write_tone(&tone, 440.0, 44_100, 3);
    let (done, stop) = tokio::sync::oneshot::channel::<()>();
    let recorder =
        hall.join("Rita", &["--record", mix.to_str().unwrap(), "--per-user", apart.to_str().unwrap()]).await;
    let player = hall.join("Paul", &["--play", tone.to_str().unwrap(), "--raw"]).await;
    let recording = tokio::spawn(async move {
        run(recorder, async {
            let _ = stop.await;
        })
        .await
    });
    // The recorder is in the channel before the player starts.
    hall.sessions(1).await;
    tokio::time::timeout(PATIENCE, run(player, std::future::pending())).await.unwrap().unwrap();
    done.send(()).unwrap();
    tokio::time::timeout(PATIENCE, recording).await.unwrap().unwrap().unwrap();

    let (mixed, of_paul) = (seconds_of(&mix, 440.0), seconds_of(&apart.join("Paul.wav"), 440.0));
    assert!(mixed > 2.0, "the mix has only {mixed} s of it");
    assert!(of_paul > 2.0, "the player's own file has only {of_paul} s of it");
    hall.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_with_what_to_do() {
    let hall = Hall::open().await;
    let fails = async |join: Box<Join>| {
        let outcome = tokio::time::timeout(PATIENCE, run(join, std::future::pending())).await;
        outcome.unwrap().unwrap_err()
    };

    let state = hall.file("no-logins.json");
    let state = state.to_str().unwrap();
    let mut other = hall.join("Ada", &[]).await;
    other.channel = "Nowhere".to_owned();
    let failure = fails(other).await;
    assert!(matches!(&failure, Failure::NoChannel { there, .. } if !there.is_empty()), "{failure}");
    assert_eq!(failure.exit_code(), 2);

    let unknown = format!("{}/join/nosuchcode", hall.server.origin());
    let failure = fails(arguments_of(&unknown, &["--channel", "Lobby", "--state", state])).await;
    assert!(matches!(failure, Failure::InviteInvalid), "{failure}");

    let text = hall.file("text.wav");
    std::fs::write(&text, "not a sound").unwrap();
    for file in [&text, &hall.file("missing.wav")] {
        let failure = fails(hall.join("Cid", &["--play", file.to_str().unwrap()]).await).await;
        assert!(matches!(&failure, Failure::File { path, .. } if path == file), "{failure}");
    }

    let origin = hall.server.origin().to_owned();
    hall.server.stop().await;
    let failure =
        fails(arguments_of(&format!("{origin}/join/x"), &["--channel", "Lobby", "--state", state])).await;
    assert!(
        matches!(&failure, Failure::Unreachable { reason, .. } if reason.contains("refused")),
        "{failure}"
    );
    assert_eq!(failure.exit_code(), 3);
}
