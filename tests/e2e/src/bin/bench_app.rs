//! What the app costs people who keep it open while they play, beside Chromium in the same call.
//!
//! - `gaming.start_ms`: from the start of the app of somebody who came in before to the last change of
//!   its window before it stays as it is, median; no program drives the window;
//! - `gaming.idle_cpu_pct`, `gaming.idle_mb`: the app with its window open, in no call;
//! - `gaming.call_cpu_pct`, `gaming.call_mb`: the app in a call in which somebody speaks all the time,
//!   with all processing at its defaults, its window open and of the size of Chromium's;
//! - `gaming.call_chromium_cpu_pct`, `gaming.call_chromium_mb`: Chromium on the web client in its place;
//! - `gaming.load_glitches`: how often in ten minutes sound was missing or lost at the app's devices,
//!   in such a call, while every processor is kept busy by other programs; without what came in a
//!   second in which the machine itself stood still (`voicehall_test_e2e::machine`);
//! - `gaming.load_glitches_with_standstills`: with that.
//!
//! Processor time is of one processor; memory is divided among those who share it. With `--quick` before
//! the last argument everything is measured for seconds only, to see that it runs.
//!
//! Appends its figures to the file given as its last argument, one JSON object a line.

use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use voicehall_test_e2e::app::App;
use voicehall_test_e2e::binaries;
use voicehall_test_e2e::browser::Browser;
use voicehall_test_e2e::command_line::{CommandLine, text};
use voicehall_test_e2e::figures::Figures;
use voicehall_test_e2e::machine::Machine;
use voicehall_test_e2e::measure::median;
use voicehall_test_e2e::place::{Headset, Place};
use voicehall_test_e2e::processes::Process;
use voicehall_test_e2e::rig::Rig;
use voicehall_test_e2e::session::Session;
use voicehall_test_e2e::speech::{Voice, speak};
use voicehall_test_e2e::usage;
use voicehall_test_e2e::wait;
use voicehall_test_e2e::windows::{self, Windows};

/// Starts that are measured.
const STARTS: usize = 7;

/// How long costs are watched, after as long in which programs come to rest.
const WATCHED: Duration = Duration::from_secs(20);

/// How long the machine is kept busy.
const LOAD: Duration = Duration::from_secs(600);

/// How often the app's log tells of glitches.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A processor that was away for longer may have cost sound whatever the app did: what waits at a
/// speaker beyond one callback's worth is about as long.
const STANDSTILL_MIN: Duration = Duration::from_millis(5);

/// Where the app's window is put, in pixels from the screen's corner.
const CORNER: (i16, i16) = (40, 60);

/// Lines of a window that are looked at, and how often: a glance is a thousandth of a processor.
const LINES: u16 = 12;
const GLANCE: Duration = Duration::from_millis(4);

/// A window that does not change for so long shows what it is going to show.
const STEADY: Duration = Duration::from_secs(3);

/// The share of a picture that may differ: a caret blinks.
const DIFFERENT_MAX: f32 = 0.002;

#[tokio::main]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (watched, load) =
        if quick { (Duration::from_secs(2), Duration::from_secs(10)) } else { (WATCHED, LOAD) };
    let mut figures = Figures::of_arguments();
    let rig = Rig::new();
    let place = Place::new(&rig);
    let [alice_set, carol_set] = ["alice", "carol"].map(|who| Headset::new(&place.sound, who));
    let alice = App::open(&rig, "Alice").await;
    alice.come_in(&place.server.invite(), "Alice").await;
    alice.choose_devices(alice_set.microphone.name(), alice_set.speaker.name()).await;
    let session = alice.close().await;

    let times = start_ms(&rig, &place, &session);
    println!("gaming.start_ms: {times:.0?}");
    figures.add("gaming.start_ms", median(&times).expect("there were starts"), "ms", json!(1500));

    // Bob speaks from now on.
    let speech = speak(&rig, Voice::Bob);
    let playing = ["--raw", "--play", text(&speech.path), "--loop"];
    let mut bob = CommandLine::join(&rig, "Bob", &place.server.invite(), playing);
    bob.see_connected();

    let carol = Browser::open(&rig, "Carol", &carol_set.microphone, &carol_set.speaker).await;
    carol.client().goto(&place.server.invite()).await.expect("the server serves the web client");
    carol.come_in_as("Carol").await;
    carol.choose_devices(carol_set.microphone.name(), carol_set.speaker.name()).await;
    carol.enter("Lobby").await;
    let windows = Windows::of(&place.screen);
    let window = *windows.all().first().expect("a browser has a window");
    let size = windows.place_of(window);
    carol.see_person("Bob", "speaking=true").await;
    std::thread::sleep(watched);
    let chromium = carol.processes();
    let cpu = usage::cpu_pct(&chromium, watched);
    let memory = usage::memory_mb(&chromium);
    figures.add("gaming.call_chromium_cpu_pct", cpu, "%", Value::Null);
    figures.add("gaming.call_chromium_mb", memory, "MB", Value::Null);
    drop(carol);

    let alice = App::open_in(&rig, "Alice", session, &[]).await;
    alice.see("[data-testid='channel'][data-name='Lobby']").await;
    let window = windows.see("Voicehall");
    windows.place(window, windows::Place { x: CORNER.0, y: CORNER.1, ..size });
    std::thread::sleep(watched);
    let app = usage::processes(&rig, usage::APP);
    figures.add("gaming.idle_cpu_pct", usage::cpu_pct(&app, watched), "%", json!(1));
    figures.add("gaming.idle_mb", usage::memory_mb(&app), "MB", Value::Null);
    alice.enter("Lobby").await;
    alice.see_person("Bob", "speaking=true").await;
    std::thread::sleep(watched);
    let app = usage::processes(&rig, usage::APP);
    // What Chromium needs for the same is what is to be undercut.
    figures.add("gaming.call_cpu_pct", usage::cpu_pct(&app, watched), "%", json!(cpu));
    figures.add("gaming.call_mb", usage::memory_mb(&app), "MB", json!(memory));

    let (all, ours) = glitches_under_load(&rig, &alice, load);
    figures.add("gaming.load_glitches", ours, "", json!(0));
    figures.add("gaming.load_glitches_with_standstills", all, "", Value::Null);
    bob.leave();
}

/// Starts the app again and again, of somebody who came in before.
fn start_ms(rig: &Rig, place: &Place<'_>, session: &Session) -> Vec<f32> {
    let windows = Windows::of(&place.screen);
    let program = binaries::product("voicehall");
    // The window of the app that was driven before is gone soon.
    windows.see_none("Voicehall");
    (0..STARTS).map(|_| start_once(rig, session, &windows, &program)).collect()
}

/// The time until the window's last change before it stays as it is.
fn start_once(rig: &Rig, session: &Session, windows: &Windows, program: &Path) -> f32 {
    let started = Instant::now();
    let mut app = App::start_alone(rig, session, program, &[]);
    let mut steady = (started, Vec::new());
    loop {
        app.assert_alive();
        assert!(started.elapsed() < wait::PATIENCE, "the window goes on changing, or is empty");
        std::thread::sleep(GLANCE);
        let window = windows.titled("Voicehall").first().copied();
        let Some(picture) = window.and_then(|window| windows.picture(window, LINES)) else { continue };
        if !alike(&picture, &steady.1) {
            steady = (Instant::now(), picture);
        }
        // An empty window may be steady too, before there is a page in it.
        let varied = steady.1.iter().any(|byte| steady.1.first() != Some(byte));
        if varied && steady.0.elapsed() >= STEADY {
            break;
        }
    }
    end(windows, &mut app);
    (steady.0 - started).as_secs_f32() * 1000.0
}

/// Closes the app's window, which ends it: there is no tray.
fn end(windows: &Windows, app: &mut Process) {
    windows.close(windows.see("Voicehall"));
    assert!(app.wait().success());
}

fn alike(one: &[u8], other: &[u8]) -> bool {
    let different = one.chunks(4).zip(other.chunks(4)).filter(|(a, b)| a != b).count();
    one.len() == other.len() && (different as f32) <= one.len() as f32 / 4.0 * DIFFERENT_MAX
}

/// Keeps every processor busy with a program that only calculates, and counts what the app's log says
/// of its devices meanwhile: all of it, and what came while the machine itself ran on.
fn glitches_under_load(rig: &Rig, app: &App, time: Duration) -> (f32, f32) {
    let processors = std::thread::available_parallelism().expect("the processors can be counted").get();
    let busy: Vec<_> = (0..processors)
        .map(|number| {
            let mut command = rig.command("sh");
            command.args(["-c", "while :; do :; done"]);
            rig.start(command, &format!("busy-{number}"))
        })
        .collect();
    let machine = Machine::watch();
    let (started, mut told) = (Instant::now(), glitches(&app.log()));
    let (mut all, mut ours, mut standstills, mut stretches) = (0.0, 0.0, 0, 0);
    // The app's log tells once a second of the second before.
    let mut before = Duration::ZERO;
    while started.elapsed() < time {
        std::thread::sleep(TOLD_EVERY);
        let (now, stood) = (glitches(&app.log()), machine.stalled_meanwhile());
        let (new, excused) = (now - told, stood.max(before) > STANDSTILL_MIN);
        if new > 0.0 {
            println!("load: {new} glitches at {:.0?}, machine stood {stood:.1?}", started.elapsed());
        }
        all += new;
        ours += if excused { 0.0 } else { new };
        standstills += u32::from(stood > STANDSTILL_MIN);
        stretches += 1;
        (told, before) = (now, stood);
    }
    drop(busy);
    println!("load: the machine stood still in {standstills} of {stretches} seconds");
    (all, ours)
}

/// How many glitches a log tells of.
fn glitches(log: &str) -> f32 {
    let told = log.lines().filter_map(|line| line.split_once("glitches=")?.1.split_whitespace().next());
    told.filter_map(|number| number.trim_matches(|letter: char| !letter.is_ascii_digit()).parse::<f32>().ok())
        .sum()
}
