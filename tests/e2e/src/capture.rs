//! Everything that reaches a host, frame by frame.

use crate::network::Host;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// `ETH_P_ALL` in network byte order, as the kernel wants it.
const ALL_PROTOCOLS: i32 = 0x0003_u16.to_be() as i32;

const RECEIVE_BUFFER_BYTES: usize = 32 << 20;
const FRAME_BYTES_MAX: usize = 1 << 16;

/// A capture that runs on a host.
#[derive(Debug)]
pub struct Capture {
    stop: Arc<AtomicBool>,
    frames: JoinHandle<Vec<Vec<u8>>>,
}

impl Capture {
    /// Starts to keep every frame on the host's interfaces, in both directions.
    pub fn start(host: &Host) -> Self {
        let mut socket = host.run(|| {
            Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL_PROTOCOLS)))
                .expect("frames can be captured (it needs root)")
        });
        // The largest that the kernel grants; a test's traffic is far below.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket has a time-out");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let frames = std::thread::spawn(move || {
            let mut frames = Vec::new();
            let mut buffer = vec![0; FRAME_BYTES_MAX];
            while !stopped.load(Ordering::Relaxed) {
                // Time-outs are the moments in which it looks whether to stop.
                if let Ok(length) = socket.read(&mut buffer) {
                    frames.push(buffer[..length].to_vec());
                }
            }
            frames
        });
        Self { stop, frames }
    }

    /// Ends it.
    pub fn stop(self) -> Captured {
        self.stop.store(true, Ordering::Relaxed);
        Captured { frames: self.frames.join().expect("the capture runs to its end") }
    }
}

/// What was captured.
#[derive(Debug)]
pub struct Captured {
    /// Frames with their Ethernet headers.
    pub frames: Vec<Vec<u8>>,
}

impl Captured {
    /// How often these bytes stand in the frames and in the TCP streams put together from them.
    pub fn count(&self, bytes: &[u8]) -> usize {
        let streams = self.tcp_streams();
        self.frames.iter().chain(&streams).map(|text| count(text, bytes)).sum()
    }

    /// Bytes in UDP datagrams of this source port or destination port, for a look at how much
    /// media there was.
    pub fn udp_bytes(&self) -> usize {
        self.frames
            .iter()
            .filter_map(|frame| Ipv4::read(frame))
            .filter(|packet| packet.protocol == 17)
            .map(|packet| packet.payload.len())
            .sum()
    }

    /// The byte streams of all TCP connections, one for each direction, so that what was cut in
    /// two by a segment's end is whole again.
    pub fn tcp_streams(&self) -> Vec<Vec<u8>> {
        type Flow = ([u8; 8], [u8; 4]);
        let mut flows: BTreeMap<Flow, BTreeMap<u32, &[u8]>> = BTreeMap::new();
        for packet in self.frames.iter().filter_map(|frame| Ipv4::read(frame)) {
            let Some((header, _)) = packet.payload.split_first_chunk::<20>().filter(|_| packet.protocol == 6)
            else {
                continue;
            };
            let ports = [header[0], header[1], header[2], header[3]];
            let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            let data = packet.payload.get(usize::from(header[12] >> 4) * 4..).unwrap_or_default();
            if !data.is_empty() {
                let segments = flows.entry((packet.addresses, ports)).or_default();
                // Of a segment that was sent twice, the longer one.
                let known = segments.entry(sequence).or_default();
                if data.len() > known.len() {
                    *known = data;
                }
            }
        }
        flows.into_values().map(joined).collect()
    }
}

/// Puts segments together by their sequence numbers; a stream of a test never wraps around.
fn joined(segments: BTreeMap<u32, &[u8]>) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut next = None;
    for (sequence, data) in segments {
        let expected = next.unwrap_or(sequence);
        let known = expected.saturating_sub(sequence) as usize;
        stream.extend(data.get(known..).unwrap_or_default());
        next = Some(expected.max(sequence + data.len() as u32));
    }
    stream
}

struct Ipv4<'a> {
    protocol: u8,
    addresses: [u8; 8],
    payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    fn read(frame: &'a [u8]) -> Option<Self> {
        let (ethernet, packet) = frame.split_first_chunk::<14>()?;
        let (header, _) = packet.split_first_chunk::<20>()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        // Short frames are padded; segments joined by the network card may carry no length.
        let packet = if (20..packet.len()).contains(&length) { &packet[..length] } else { packet };
        (ethernet[12..] == [0x08, 0x00]).then_some(Self {
            protocol: header[9],
            addresses: header[12..20].try_into().expect("eight bytes"),
            payload: packet.get(usize::from(header[0] & 0xf) * 4..)?,
        })
    }
}

fn count(text: &[u8], bytes: &[u8]) -> usize {
    text.windows(bytes.len()).filter(|window| *window == bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_whole_whatever_their_segments() {
        let text = b"the address 10.1.2.3 in two segments";
        let segments = [(100, 0..15), (115, 15..20), (110, 10..20), (120, 20..36)];
        let stream = joined(segments.map(|(sequence, range)| (sequence, &text[range])).into());
        assert_eq!(stream, text);
        assert_eq!(count(&stream, b"10.1.2.3"), 1);
    }
}
