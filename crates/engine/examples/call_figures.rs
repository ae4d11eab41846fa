//! Figures of the engine in a call, on virtual devices and a voice node on loopback, as a table on
//! standard output and, with `--json FILE`, appended to a file, one JSON object a line. Build it
//! optimised.
//!
//! - `engine.join_ms`: from the join to the first sample heard, median;
//! - `engine.mouth_to_ear_ms`, `engine.mouth_to_ear_low_ms`: from a sample's instant in one
//!   microphone to its instant in another speaker, with 20 and 10 ms packets, median; devices of
//!   10 ms a callback, and no sound server, which comes on top in a real call;
//! - `call.engine_cpu_pct`, `call.engine_full_cpu_pct`: of one core, for an engine that hears three
//!   people and speaks itself, with all processing off and on, in a process of its own (Linux).

#[path = "../tests/common/mod.rs"]
mod common;

use common::signal::tone;
use common::{FRAME, Node, PATIENCE, Person, raw, until};
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use voicehall_device::VirtualAudio;
use voicehall_engine::{Engine, EngineConfig, http_client};
use voicehall_protocol::engine::{AudioSettings, Command, Event, Gate, SessionState, SoundVolumes};

const CALLS: usize = 11;
const CPU_SECONDS: u64 = 10;
/// Loud enough to be no noise of the codec's.
const HEARD: f32 = 0.02;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, command, settings] = &arguments[..]
        && role == "--measured"
    {
        return measured(command, settings).await;
    }
    let node = Node::start().await;
    let join_ms = median(&join_times(&node).await);
    let mouth_to_ear_ms = median(&mouth_to_ear(&node, raw()).await);
    let low = AudioSettings { low_latency: true, ..raw() };
    let mouth_to_ear_low_ms = median(&mouth_to_ear(&node, low).await);
    let cpu_pct = cpu(&node, &raw()).await;
    let full = AudioSettings { gate: Gate::Open, sounds: SoundVolumes::all(0.0), ..AudioSettings::default() };
    let cpu_full_pct = cpu(&node, &full).await;
    let figures = [
        ("engine.join_ms", join_ms, "ms", Some(60.0)),
        ("engine.mouth_to_ear_ms", mouth_to_ear_ms, "ms", Some(70.0)),
        ("engine.mouth_to_ear_low_ms", mouth_to_ear_low_ms, "ms", Some(55.0)),
        ("call.engine_cpu_pct", cpu_pct, "%", Some(5.0)),
        ("call.engine_full_cpu_pct", cpu_full_pct, "%", None),
    ];
    for (name, value, unit, _) in figures {
        println!("{name:<28} {value:>8.2} {unit}");
    }
    if let [option, file] = &arguments[..]
        && option == "--json"
    {
        append(file, &figures).expect("the file can be written");
    }
}

fn append(file: &str, figures: &[(&str, f64, &str, Option<f64>)]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    for (name, value, unit, goal) in figures {
        writeln!(file, "{}", serde_json::json!({"name": name, "value": value, "unit": unit, "goal": goal}))?;
    }
    Ok(())
}

async fn join_times(node: &Node) -> Vec<f64> {
    let speaker = Person::joined(node).await;
    speaker.sound.say(&tone(500.0, 600 * 48_000));
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let listener = Person::new(raw());
        // The first connection to a server is not the join's.
        let start = Instant::now();
        listener.engine.send(node.join_command()).unwrap();
        while !listener.sound.heard().iter().any(|sample| sample.abs() > HEARD) {
            assert!(start.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// One thread is the clock of both ends, so that no clocks are compared.
async fn mouth_to_ear(node: &Node, settings: AudioSettings) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let (audio, microphone, _unheard) = VirtualAudio::new();
        let speaker = start(node, audio, settings.clone()).await;
        let (audio, _unsaid, ear) = VirtualAudio::new();
        let listener = start(node, audio, settings.clone()).await;
        let clock = std::thread::spawn(move || bursts(&microphone, &ear));
        times.extend(tokio::task::spawn_blocking(move || clock.join().unwrap()).await.unwrap());
        speaker.shut_down().await;
        listener.shut_down().await;
    }
    times
}

async fn start(node: &Node, audio: VirtualAudio, settings: AudioSettings) -> Engine {
    let config = EngineConfig { http: http_client().unwrap(), settings, sounds: None, keys: None, tap: None };
    let (engine, mut events) = Engine::start(Arc::new(audio), config).unwrap();
    engine.send(node.join_command()).unwrap();
    loop {
        match events.recv().await {
            Some(Event::State { state: SessionState::Connected { .. } }) => break,
            Some(_) => {}
            None => panic!("the engine ended"),
        }
    }
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    engine
}

/// Says a burst every 500 ms, and returns when each was heard, in ms after it was spoken.
fn bursts(
    microphone: &voicehall_device::VirtualMicrophone,
    ear: &voicehall_device::VirtualSpeaker,
) -> Vec<f64> {
    let (mut times, mut spoken) = (Vec::new(), None::<u32>);
    let burst = tone(1000.0, FRAME);
    let start = Instant::now();
    for frame in 1..=350_u32 {
        let due = start + Duration::from_millis(10) * frame;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // A quiet hum between the bursts keeps the stream going.
        let hum: Vec<f32> = tone(200.0, FRAME).iter().map(|sample| sample * 0.01).collect();
        let speaks = frame % 50 == 0;
        microphone.say(if speaks { &burst } else { &hum });
        if speaks && frame > 100 {
            // What a callback brings at its end was spoken from its beginning on.
            spoken = Some((frame - 1) * FRAME as u32);
        }
        let mut heard = [0.0; FRAME];
        ear.hear(&mut heard);
        if let (Some(at), Some(offset)) = (spoken, heard.iter().position(|sample| sample.abs() > 2.0 * HEARD))
        {
            times.push(f64::from(frame * FRAME as u32 + offset as u32 - at) / 48.0);
            spoken = None;
        }
    }
    times
}

/// CPU of a listener in a process of its own, in percent of one core.
async fn cpu(node: &Node, settings: &AudioSettings) -> f64 {
    let mut speakers = Vec::new();
    for pitch in [300.0, 450.0, 700.0] {
        let speaker = Person::joined(node).await;
        speaker.sound.say(&tone(pitch, 60 * 48_000));
        speakers.push(speaker);
    }
    let command = serde_json::to_string(&node.join_command()).unwrap();
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--measured", &command, &serde_json::to_string(settings).unwrap()])
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

async fn measured(command: &str, settings: &str) {
    let command: Command = serde_json::from_str(command).unwrap();
    let mut person = Person::new(serde_json::from_str(settings).unwrap());
    person.engine.send(command).unwrap();
    person.state(|state| matches!(state, SessionState::Connected { .. })).await;
    person.sound.say(&tone(250.0, 60 * 48_000));
    until(|| person.sound.heard().iter().any(|sample| sample.abs() > HEARD)).await;
    let (before, start) = (cpu_time(), Instant::now());
    while start.elapsed() < Duration::from_secs(CPU_SECONDS) {
        // Reading the events is part of the work.
        let _ = tokio::time::timeout(Duration::from_millis(50), person.event(|_| Some(()))).await;
    }
    println!("{}", (cpu_time() - before) / start.elapsed().as_secs_f64() * 100.0);
}

/// CPU time of this process in seconds, as the kernel counts it (hundredths).
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
