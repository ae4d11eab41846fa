//! What programs cost: their processor time and memory, as the kernel counts it.

use crate::rig::Rig;
use std::fs;
use std::time::{Duration, Instant};

/// The processes of the app: its own and its webview's.
pub const APP: &[&str] = &["voicehall", "WebKitWebProces", "WebKitNetworkPr"];

/// The rig's processes with these names (of which the kernel keeps 15 characters).
pub fn processes(rig: &Rig, names: &[&str]) -> Vec<u32> {
    let named = |id: &u32| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        names.contains(&name.trim())
    };
    rig.processes().into_iter().filter(named).collect()
}

/// All processes that one has started, and those that these have, and so on.
pub fn descendants(of: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(process) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == process).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may hold spaces.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Share of one processor that processes use for this long, in per cent. It waits as long.
///
/// # Panics
/// When there are none.
pub fn cpu_pct(processes: &[u32], time: Duration) -> f32 {
    assert!(!processes.is_empty(), "there is something to be watched");
    let (before, started) = (cpu_s(processes), Instant::now());
    std::thread::sleep(time);
    (cpu_s(processes) - before) / started.elapsed().as_secs_f32() * 100.0
}

/// Processor time that processes have used, in seconds.
fn cpu_s(processes: &[u32]) -> f32 {
    const TICKS_PER_S: f32 = 100.0;
    let ticks = |id: &u32| -> Option<f32> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // Counted after the name, which may hold spaces: user time is field 14, system time 15.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields[11].parse::<f32>().ok()? + fields[12].parse::<f32>().ok()?)
    };
    processes.iter().filter_map(ticks).sum::<f32>() / TICKS_PER_S
}

/// Memory of processes in MB (PSS: what they share is divided among those who share it).
pub fn memory_mb(processes: &[u32]) -> f32 {
    let kilobytes = |id: &u32| -> Option<f32> {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().trim_end_matches(" kB").parse().ok())
    };
    processes.iter().filter_map(kilobytes).sum::<f32>() / 1024.0
}
