//! One speaker and many listeners on a real voice node: what forwarding costs and how long it
//! takes. Build it for release.
//!
//! `voicehall-test-load [--listeners 200] [--seconds 20] [--json FILE]`

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use voicehall_test_load::cpu::ThreadCpu;
use voicehall_test_load::figures::{Figure, report};
use voicehall_test_load::{Rig, bare, kernel};

/// With header, extension and tag this makes a packet of 120 bytes, as in the figures that other
/// servers were measured with.
const PAYLOAD: [u8; 80] = [0x78; 80];
const DATAGRAM: [u8; 120] = [0; 120];
const FRAME: Duration = Duration::from_millis(20);
/// While cost is measured: the system tells user from kernel time by looking once in 10 ms, so it
/// takes many packets, and an interval that does not fall into step with that. Near the most that a
/// node takes from one voice.
const FRAME_UNDER_LOAD: Duration = Duration::from_micros(6_130);
/// Delay is measured in a small call, where the client's own work does not hide it.
const DELAY_LISTENERS: usize = 10;
const SHARD_THREADS: &str = "voice-shard";

struct Arguments {
    listeners: usize,
    seconds: u64,
    json: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let mut figures = Vec::new();
    cost(&arguments, &mut figures)?;
    delay(&mut figures)?;
    let bare = bare::forward_time(arguments.listeners, 1_000, &PAYLOAD);
    let value = bare.as_secs_f64() * 1e6;
    figures.push(Figure { name: "call.forward_bare_us", value, unit: "µs", goal: None });
    let kernel = kernel::send_time(arguments.listeners, 1_000, FRAME_UNDER_LOAD, &DATAGRAM)?;
    let value = kernel.as_secs_f64() * 1e6;
    figures.push(Figure { name: "call.forward_kernel_us", value, unit: "µs", goal: None });
    report(&figures, arguments.json.as_deref())?;
    Ok(())
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments { listeners: 200, seconds: 20, json: None };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--listeners" => arguments.listeners = value.parse()?,
            "--seconds" => arguments.seconds = value.parse()?,
            "--json" => arguments.json = Some(value.into()),
            _ => return Err(format!("unknown argument {name}").into()),
        }
    }
    Ok(arguments)
}

/// Processor time of the shard's thread for each packet forwarded.
fn cost(arguments: &Arguments, figures: &mut Vec<Figure>) -> Result<(), Box<dyn Error>> {
    let mut rig = Rig::start()?;
    rig.add(arguments.listeners + 1)?;
    speak(&mut rig, Duration::from_secs(1))?;
    let cpu = ThreadCpu::of_threads(SHARD_THREADS)?;
    let before = rig.wait(rig.node.stats())[0];
    speak(&mut rig, Duration::from_secs(arguments.seconds))?;
    let after = rig.wait(rig.node.stats())[0];
    let (total, user) = ThreadCpu::of_threads(SHARD_THREADS)?.since(&cpu);
    let forwarded = (after.voice_forwarded - before.voice_forwarded).max(1) as f64;
    println!(
        "1 speaker → {} listeners: {forwarded} packets forwarded, {} not sent for want of room",
        arguments.listeners,
        after.dropped_send - before.dropped_send
    );
    let us = |time: Duration| time.as_secs_f64() * 1e6 / forwarded;
    figures.push(Figure { name: "call.forward_cpu_us", value: us(total), unit: "µs", goal: Some(3.5) });
    figures.push(Figure { name: "call.forward_user_us", value: us(user), unit: "µs", goal: Some(0.3) });
    rig.wait(rig.node.stop());
    Ok(())
}

/// From a packet's sending to its arrival at each of a few listeners, median.
fn delay(figures: &mut Vec<Figure>) -> Result<(), Box<dyn Error>> {
    let mut rig = Rig::start()?;
    rig.add(DELAY_LISTENERS + 1)?;
    let mut delays = Vec::new();
    let mut sent = Instant::now();
    for _ in 0..250 {
        let arrived = speak_once(&mut rig, &mut sent)?;
        delays.extend(arrived.into_iter().map(|at| at.saturating_duration_since(sent)));
    }
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).ok_or("nothing was heard")?;
    let value = median.as_secs_f64() * 1e3;
    figures.push(Figure { name: "call.forward_delay_ms", value, unit: "ms", goal: None });
    rig.wait(rig.node.stop());
    Ok(())
}

/// The first client speaks.
fn speak(rig: &mut Rig, duration: Duration) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut frame = start;
    while frame < start + duration {
        rig.peers[0].send_voice(&PAYLOAD, 30, frame).ok_or("the speaker is not connected")?;
        frame += FRAME_UNDER_LOAD;
        rig.run(frame.saturating_duration_since(Instant::now()))?;
        for peer in &mut rig.peers {
            while peer.poll_voice().is_some() {}
        }
    }
    Ok(())
}

/// One frame, and when it arrived at the others.
fn speak_once(rig: &mut Rig, sent: &mut Instant) -> Result<Vec<Instant>, Box<dyn Error>> {
    *sent = Instant::now();
    rig.peers[0].send_voice(&PAYLOAD, 30, *sent).ok_or("the speaker is not connected")?;
    rig.run(FRAME)?;
    Ok(rig.peers[1..].iter_mut().filter_map(|peer| peer.poll_voice().map(|voice| voice.at)).collect())
}
