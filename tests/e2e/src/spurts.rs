//! When talk spurts leave a program: the first packet of each, as the kernel sees it.

use socket2::{Domain, Protocol, Socket, Type};
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use voicehall_protocol::rtp::PT_OPUS;

/// `ETH_P_IP` in network byte order, as the kernel wants it.
const IPV4: i32 = 0x0800_u16.to_be() as i32;

/// Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;

/// How long a spurt may take to come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches for packets with RTP's marker on the loopback interface.
#[derive(Debug)]
pub struct Spurts(Receiver<Instant>);

impl Spurts {
    /// Starts to watch.
    ///
    /// # Panics
    /// Without the right to capture frames.
    pub fn watch() -> Self {
        let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(IPV4)))
            .expect("frames can be captured (it needs root)");
        let (sender, spurts) = channel();
        std::thread::spawn(move || {
            let mut frame = [0; 2048];
            while let Ok(length) = socket.read(&mut frame) {
                // Each frame comes twice, on its way out and in; so does what the server passes on.
                if starts_spurt(&frame[..length]) && sender.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
        Self(spurts)
    }

    /// The first packet of a spurt after this moment.
    pub fn after(&self, moment: Instant) -> Instant {
        loop {
            let seen = self.0.recv_timeout(PATIENCE).expect("a talk spurt comes");
            if seen >= moment {
                return seen;
            }
        }
    }
}

fn starts_spurt(frame: &[u8]) -> bool {
    const UDP: u8 = 17;
    const MARKER: u8 = 0x80;
    let rtp = frame.get(HEADERS..HEADERS + 2);
    frame.get(23) == Some(&UDP) && rtp.is_some_and(|rtp| rtp[0] >> 6 == 2 && rtp[1] == MARKER | PT_OPUS)
}
