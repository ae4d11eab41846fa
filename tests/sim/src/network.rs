//! A bad network in virtual time: loss, bursts of loss, delay, jitter, reordering and duplication,
//! all from one seed.

use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a path does to packets. The default is a perfect one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Path {
    /// Share of packets lost at random, 0 to 1.
    pub loss: f64,
    /// Chance that a packet begins a burst of loss, 0 to 1.
    pub burst: f64,
    /// Length of such a burst, in packets.
    pub burst_packets: u32,
    /// Delay of every packet.
    pub delay: Duration,
    /// Further delay, even between nothing and this, drawn anew for each packet: what reorders.
    pub jitter: Duration,
    /// Share of packets that arrive twice, 0 to 1.
    pub duplicate: f64,
}

/// A datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Sender.
    pub from: SocketAddr,
    /// Receiver.
    pub to: SocketAddr,
    /// Payload.
    pub bytes: Vec<u8>,
}

/// All datagrams on their way, ordered by arrival.
#[derive(Debug)]
pub struct Network {
    random: Random,
    in_flight: BinaryHeap<Arrival>,
    sent: u64,
    burst_left: std::collections::HashMap<(SocketAddr, SocketAddr), u32>,
}

#[derive(Debug, PartialEq, Eq)]
struct Arrival {
    at: Instant,
    // Breaks ties, so that one seed gives one order.
    number: u64,
    datagram: Datagram,
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives the largest first; the earliest arrival is wanted.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Network {
    /// An empty network.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            in_flight: BinaryHeap::new(),
            sent: 0,
            burst_left: Default::default(),
        }
    }

    /// Sends a datagram over `path`; it may never arrive, or twice.
    pub fn send(&mut self, datagram: Datagram, path: &Path, now: Instant) {
        let left = self.burst_left.entry((datagram.from, datagram.to)).or_default();
        if *left > 0 {
            *left -= 1;
            return;
        }
        if self.random.chance(path.burst) {
            *left = path.burst_packets.saturating_sub(1);
            return;
        }
        if self.random.chance(path.loss) {
            return;
        }
        let copies = if self.random.chance(path.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let at = now + path.delay + path.jitter.mul_f64(self.random.unit());
            self.sent += 1;
            self.in_flight.push(Arrival { at, number: self.sent, datagram: datagram.clone() });
        }
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.peek().map(|arrival| arrival.at)
    }

    /// Takes the next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        if self.next_arrival()? > now {
            return None;
        }
        self.in_flight.pop().map(|arrival| arrival.datagram)
    }
}

/// SplitMix64: small, seedable, and the same on every machine and in every version.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence that `seed` determines.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Even between 0 (included) and 1 (not).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Even between 0 and `below`, which is not 0.
    pub fn below(&mut self, below: usize) -> usize {
        (self.bits() % below as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(number: u32) -> Datagram {
        let address = "192.0.2.1:1".parse().unwrap();
        Datagram { from: address, to: address, bytes: number.to_be_bytes().to_vec() }
    }

    fn received(path: &Path, seed: u64) -> Vec<u32> {
        let start = Instant::now();
        let mut network = Network::new(seed);
        for number in 0..10_000 {
            network.send(datagram(number), path, start + Duration::from_millis(20) * number);
        }
        let end = start + Duration::from_secs(1000);
        std::iter::from_fn(|| network.receive(end))
            .map(|datagram| u32::from_be_bytes(datagram.bytes.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn a_perfect_path_loses_and_reorders_nothing() {
        assert_eq!(received(&Path::default(), 1), (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn loss_is_what_was_asked_for() {
        let got = received(&Path { loss: 0.2, ..Path::default() }, 2).len();
        assert!((7_800..8_200).contains(&got), "{got} of 10000 arrived at 20 % loss");
    }

    #[test]
    fn bursts_take_packets_in_a_row() {
        let got = received(&Path { burst: 0.01, burst_packets: 5, ..Path::default() }, 3);
        let gaps: Vec<u32> =
            got.windows(2).map(|pair| pair[1] - pair[0] - 1).filter(|gap| *gap > 0).collect();
        assert!(!gaps.is_empty() && gaps.iter().all(|gap| *gap >= 5), "{gaps:?}");
    }

    #[test]
    fn jitter_reorders_and_duplicates_arrive_twice() {
        let path = Path { jitter: Duration::from_millis(200), duplicate: 0.1, ..Path::default() };
        let got = received(&path, 4);
        assert!(got.windows(2).any(|pair| pair[0] > pair[1]));
        assert!(got.len() > 10_500);
    }

    #[test]
    fn one_seed_gives_one_run() {
        let path = Path { loss: 0.1, jitter: Duration::from_millis(50), ..Path::default() };
        assert_eq!(received(&path, 5), received(&path, 5));
        assert_ne!(received(&path, 5), received(&path, 6));
    }
}
