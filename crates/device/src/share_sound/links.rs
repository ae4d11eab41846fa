//! Which ports of a sound server have to be linked for a share's sound: a decision without a sound
//! server.

use super::{PlayingProgram, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// The left or right of what is shared, or what is on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
}

/// A port of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub node: u32,
    pub is_output: bool,
    /// What PipeWire calls the channel: FL, FR, MONO, …
    pub channel: String,
}

/// A stream that a program plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Playing {
    pub process: Option<u32>,
    pub name: String,
    /// One half of a filter or a loop, which plays what others have played to it.
    pub is_filter: bool,
}

/// A link that shall be: from a port of a node to one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wish {
    pub from_node: u32,
    pub from_port: u32,
    pub to_node: u32,
    pub to_port: u32,
}

/// What is known of the sound server.
#[derive(Debug, Default)]
pub(super) struct Patchbay {
    /// The stream that captures.
    pub own_node: Option<u32>,
    pub playing: BTreeMap<u32, Playing>,
    pub ports: BTreeMap<u32, Port>,
}

impl Patchbay {
    /// The links that shall be now. `parent` tells who started a process, and what its program is called.
    pub(super) fn wishes(
        &self,
        scope: Scope,
        own_process: u32,
        parent: &impl Fn(u32) -> Option<Process>,
    ) -> BTreeSet<Wish> {
        let Some(own_node) = self.own_node else { return BTreeSet::new() };
        let heard: BTreeSet<u32> = self
            .playing
            .iter()
            .filter(|(_, playing)| is_heard(playing, scope, own_process, parent))
            .map(|(node, _)| *node)
            .collect();
        let ours: Vec<(u32, Side)> = self
            .ports
            .iter()
            .filter(|(_, port)| port.node == own_node && !port.is_output)
            .map(|(id, port)| (*id, side(&port.channel)))
            .collect();
        let theirs = self.ports.iter().filter(|(_, port)| port.is_output && heard.contains(&port.node));
        let links = theirs.flat_map(|(id, port)| {
            let from = side(&port.channel);
            let meets = move |to: Side| from == Side::Both || to == Side::Both || from == to;
            ours.iter().filter(move |(_, to)| meets(*to)).map(move |(to_port, _)| Wish {
                from_node: port.node,
                from_port: *id,
                to_node: own_node,
                to_port: *to_port,
            })
        });
        links.collect()
    }

    /// Who plays, each once, without ourselves.
    pub(super) fn programs(
        &self,
        own_process: u32,
        parent: &impl Fn(u32) -> Option<Process>,
    ) -> Vec<PlayingProgram> {
        let heard =
            self.playing.values().filter(|playing| is_heard(playing, Scope::System, own_process, parent));
        let mut programs: Vec<PlayingProgram> = heard
            .filter_map(|playing| {
                Some(PlayingProgram { process: playing.process?, name: playing.name.clone() })
            })
            .collect();
        programs.sort_by(|a, b| (&a.name, a.process).cmp(&(&b.name, b.process)));
        programs.dedup_by_key(|program| program.process);
        programs
    }
}

/// What the system knows of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub name: String,
    pub parent: u32,
}

/// Whether a stream belongs to what is shared. One whose process is not known may be ours.
fn is_heard(
    playing: &Playing,
    scope: Scope,
    own_process: u32,
    parent: &impl Fn(u32) -> Option<Process>,
) -> bool {
    let Some(process) = playing.process else { return false };
    if playing.is_filter || is_own(process, own_process, parent) {
        return false;
    }
    match scope {
        Scope::System => true,
        Scope::Program(program) => descends(process, parent).any(|(ancestor, _)| ancestor == program),
    }
}

/// Ours are our own process and the web view's, which are children of it. Other programs that were
/// started from here, a browser by a link for one, are not ours.
fn is_own(process: u32, own: u32, parent: &impl Fn(u32) -> Option<Process>) -> bool {
    let mut line = descends(process, parent);
    let is_web_view =
        line.next().is_some_and(|(_, known)| known.is_some_and(|p| p.name.starts_with("WebKit")));
    process == own || is_web_view && line.any(|(ancestor, _)| ancestor == own)
}

/// A process, its parent, and so on. Bounded, for processes may change while they are looked at.
fn descends(
    process: u32,
    parent: &impl Fn(u32) -> Option<Process>,
) -> impl Iterator<Item = (u32, Option<Process>)> {
    const GENERATIONS_MAX: usize = 64;
    let first = (process, parent(process));
    let next = move |(_, known): &(u32, Option<Process>)| {
        let above = known.as_ref()?.parent;
        (above != 0).then(|| (above, parent(above)))
    };
    std::iter::successors(Some(first), next).take(GENERATIONS_MAX)
}

/// Where a channel belongs when there are two.
fn side(channel: &str) -> Side {
    match channel {
        "FL" | "SL" | "RL" | "FLC" | "RLC" | "TFL" | "TRL" | "TSL" | "BL" => Side::Left,
        "FR" | "SR" | "RR" | "FRC" | "RRC" | "TFR" | "TRR" | "TSR" | "BR" => Side::Right,
        _ => Side::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 10;

    /// Number, parent, name.
    fn parent(process: u32) -> Option<Process> {
        let known = [
            (OWN, 1, "voicehall"),
            (11, OWN, "WebKitWebProces"),
            (12, OWN, "firefox"),
            (20, 1, "game"),
            (21, 20, "game-audio"),
            (30, 31, "loop"),
            (31, 30, "loop"),
            (40, 1, "WebKitWebProces"),
        ];
        let found = known.iter().find(|(number, _, _)| *number == process)?;
        Some(Process { name: found.2.to_owned(), parent: found.1 })
    }

    fn playing(process: u32) -> Playing {
        Playing { process: Some(process), name: format!("of {process}"), is_filter: false }
    }

    /// Node `100 + process` plays on ports; ours is node 1 with ports 2 and 3.
    fn patchbay(processes: &[u32], channels: &[&str]) -> Patchbay {
        let mut bay = Patchbay { own_node: Some(1), ..Patchbay::default() };
        let port = |node, is_output, channel: &str| Port { node, is_output, channel: channel.to_owned() };
        bay.ports.extend([(2, port(1, false, "FL")), (3, port(1, false, "FR"))]);
        for process in processes {
            bay.playing.insert(100 + process, playing(*process));
            for (n, channel) in channels.iter().enumerate() {
                bay.ports.insert(process * 1000 + n as u32, port(100 + process, true, channel));
            }
        }
        bay
    }

    fn heard(bay: &Patchbay, scope: Scope) -> Vec<u32> {
        let mut nodes: Vec<u32> =
            bay.wishes(scope, OWN, &parent).iter().map(|wish| wish.from_node - 100).collect();
        nodes.dedup();
        nodes
    }

    #[test]
    fn all_but_ourselves_are_heard() {
        let bay = patchbay(&[OWN, 11, 12, 20, 21, 30, 40, 99], &["FL", "FR"]);
        assert_eq!(heard(&bay, Scope::System), [12, 20, 21, 30, 40, 99]);
        assert_eq!(heard(&bay, Scope::Program(20)), [20, 21]);
        assert_eq!(heard(&bay, Scope::Program(OWN)), [12], "never ourselves");
        assert_eq!(heard(&bay, Scope::Program(77)), []);
        let names: Vec<u32> = bay.programs(OWN, &parent).iter().map(|program| program.process).collect();
        assert_eq!(names, [12, 20, 21, 30, 40, 99]);
    }

    #[test]
    fn what_may_hold_our_own_sound_is_left_out() {
        let mut bay = patchbay(&[20, 21], &["FL"]);
        bay.playing.insert(120, Playing { is_filter: true, ..playing(20) });
        bay.playing.insert(121, Playing { process: None, ..playing(21) });
        assert_eq!(heard(&bay, Scope::System), []);
    }

    #[test]
    fn channels_keep_their_side() {
        for (channels, links) in [
            (vec!["FL", "FR"], vec![(0, 2), (1, 3)]),
            (vec!["MONO"], vec![(0, 2), (0, 3)]),
            (vec!["FL", "FR", "FC", "RL"], vec![(0, 2), (1, 3), (2, 2), (2, 3), (3, 2)]),
            (vec!["AUX0"], vec![(0, 2), (0, 3)]),
        ] {
            let wishes = patchbay(&[20], &channels).wishes(Scope::System, OWN, &parent);
            let made: Vec<(u32, u32)> =
                wishes.iter().map(|wish| (wish.from_port - 20_000, wish.to_port)).collect();
            assert_eq!(made, links, "{channels:?}");
        }
        let mut bay = patchbay(&[20], &["FL"]);
        bay.own_node = None;
        assert!(bay.wishes(Scope::System, OWN, &parent).is_empty());
    }
}
