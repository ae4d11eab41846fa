//! Sound servers that die and devices that come and go, again and again, in the middle of a call: it
//! goes on each time, and leaves nothing behind.
#![cfg(target_os = "linux")]

mod sound_server;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use sound_server::whistle::{Whistle, loopback};
use sound_server::{wait, with_sound_server};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use voicehall_device::{AudioSystem, DeviceChoice, NativeAudio};

/// Interruptions.
const ROUNDS: u32 = 50;

/// What was opened before this many is there to stay: libraries set themselves up at first use, and
/// again after a server's first death.
const SETTLED: u32 = 10;

/// Lines of log that one interruption may take: a few for each of two streams, and none repeated
/// while there is no server.
const LINES_MAX: u64 = 20;

static LINES: AtomicU64 = AtomicU64::new(0);

/// Counts lines of log, debugging ones too.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        LINES.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What this process has open: threads, file descriptors.
fn held() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"].map(|folder| fs::read_dir(folder).expect("Linux").count())
}

#[test]
fn a_call_survives_fifty_interruptions_and_leaves_nothing_behind() {
    let test = "a_call_survives_fifty_interruptions_and_leaves_nothing_behind";
    with_sound_server(test, |mut server| {
        tracing::subscriber::set_global_default(Lines).expect("the only subscriber");
        let (mut speaker, mut microphone) = loopback(&server);
        let audio = NativeAudio::start().unwrap();
        let mut whistle = Whistle::new(
            audio.open_speaker(DeviceChoice::SystemDefault),
            audio.open_microphone(DeviceChoice::SystemDefault),
        );
        whistle.until_heard("at first");
        let mut settled = [0; 2];
        let (mut lines, mut lines_max) = (LINES.load(Ordering::Relaxed), 0);
        for round in 0..ROUNDS {
            match round % 5 {
                0 | 1 => {
                    server.unplug(speaker);
                    whistle.turn();
                    speaker = server.plug_speaker("hall");
                    server.make_default("set-default-sink", &speaker);
                    server.connect(&speaker, &microphone);
                }
                2 | 3 => {
                    server.unplug(microphone);
                    whistle.turn();
                    microphone = server.plug_microphone("mike");
                    server.make_default("set-default-source", &microphone);
                    server.connect(&speaker, &microphone);
                }
                _ => {
                    server.kill();
                    whistle.turn();
                    server.start_parts();
                    (speaker, microphone) = loopback(&server);
                }
            }
            whistle.until_heard(&format!("after interruption {round}"));
            let now = LINES.load(Ordering::Relaxed);
            lines_max = lines_max.max(now - lines);
            lines = now;
            if round + 1 == SETTLED {
                settled = held();
            }
        }
        println!("at most {lines_max} lines of log for one interruption; {settled:?} threads and files");
        assert!(lines_max <= LINES_MAX, "{lines_max} lines of log for one interruption");
        // What the last interruption ended may take a moment to be gone.
        wait("all that was opened since is closed", || {
            whistle.turn();
            let now = held();
            (now.iter().zip(settled).all(|(now, settled)| *now <= settled)).then_some(())
        });
    });
}
