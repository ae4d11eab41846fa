//! Datagrams on their way out, handed to the kernel many at once: a voice goes to every listener of
//! its channel, and each call of the kernel costs more than to encrypt a packet.

use arrayvec::ArrayVec;
use mio::net::UdpSocket;
use std::io;
use std::net::SocketAddr;
use voicehall_sfu::DATAGRAM_BYTES_MAX;

/// Datagrams in a batch. To make this many takes some five microseconds, for which the first of them
/// waits; twice as many would save next to nothing.
const DATAGRAMS_MAX: usize = 64;

/// A socket, and what waits to be sent through it.
pub(super) struct Batch {
    socket: UdpSocket,
    buffers: Box<[[u8; DATAGRAM_BYTES_MAX]; DATAGRAMS_MAX]>,
    /// For each buffer in use where it goes, and its length.
    waiting: ArrayVec<(SocketAddr, usize), DATAGRAMS_MAX>,
    dropped: u64,
}

impl Batch {
    pub(super) fn new(socket: UdpSocket) -> Self {
        let buffers = Box::new([[0; DATAGRAM_BYTES_MAX]; DATAGRAMS_MAX]);
        Self { socket, buffers, waiting: ArrayVec::new(), dropped: 0 }
    }

    pub(super) fn receive(&self, datagram: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(datagram)
    }

    /// Where the next datagram is written.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        // Never full: what fills it sends it.
        &mut self.buffers[self.waiting.len()]
    }

    /// Takes the first bytes of the buffer as a datagram. It leaves with the next flush at the latest.
    pub(super) fn push(&mut self, to: SocketAddr, len: usize) {
        self.waiting.push((to, len.min(DATAGRAM_BYTES_MAX)));
        if self.waiting.is_full() {
            self.flush();
        }
    }

    /// Sends what waits. Voice that waits is worth nothing: what the kernel has no room for is
    /// dropped.
    pub(super) fn flush(&mut self) {
        match &self.waiting[..] {
            [] => return,
            [(to, len)] => {
                self.dropped += u64::from(self.socket.send_to(&self.buffers[0][..*len], *to).is_err());
            }
            _ => self.flush_all(),
        }
        self.waiting.clear();
    }

    /// Datagrams dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    #[cfg(target_os = "linux")]
    fn flush_all(&mut self) {
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
        use std::io::IoSlice;
        let count = self.waiting.len();
        let addresses: ArrayVec<SocketAddrAny, DATAGRAMS_MAX> =
            self.waiting.iter().map(|(to, _)| SocketAddrAny::from(*to)).collect();
        let parts: ArrayVec<[IoSlice<'_>; 1], DATAGRAMS_MAX> = self
            .waiting
            .iter()
            .zip(self.buffers.iter())
            .map(|((_, len), buffer)| [IoSlice::new(&buffer[..*len])])
            .collect();
        let mut controls: [_; DATAGRAMS_MAX] = std::array::from_fn(|_| SendAncillaryBuffer::default());
        let mut messages: ArrayVec<MMsgHdr<'_>, DATAGRAMS_MAX> = addresses
            .iter()
            .zip(&parts)
            .zip(&mut controls)
            .map(|((to, part), control)| MMsgHdr::new_with_addr(to, part, control))
            .collect();
        let mut sent = 0;
        while sent < count {
            // An error is that of the first of them; the others may still go.
            sent += sendmmsg(&self.socket, &mut messages[sent..], SendFlags::empty()).unwrap_or_else(|_| {
                self.dropped += 1;
                1
            });
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn flush_all(&mut self) {
        for ((to, len), buffer) in self.waiting.iter().zip(self.buffers.iter()) {
            self.dropped += u64::from(self.socket.send_to(&buffer[..*len], *to).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::socket;
    use std::net::{Ipv4Addr, UdpSocket as StdSocket};
    use std::time::Duration;

    #[test]
    fn each_receiver_gets_its_own_and_one_that_cannot_be_sent_costs_no_other() {
        let receivers: Vec<StdSocket> = (0..DATAGRAMS_MAX + 10)
            .map(|_| {
                let receiver = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                receiver
            })
            .collect();
        let mut batch = Batch::new(socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
        // Port 0 is none.
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        for (number, receiver) in receivers.iter().enumerate() {
            if number % 20 == 3 {
                batch.push(nowhere, 1);
            }
            let text = format!("for number {number}");
            batch.buffer()[..text.len()].copy_from_slice(text.as_bytes());
            batch.push(receiver.local_addr().unwrap(), text.len());
        }
        batch.flush();
        batch.flush();
        for (number, receiver) in receivers.iter().enumerate() {
            let mut datagram = [0; 64];
            let len = receiver.recv(&mut datagram).unwrap();
            assert_eq!(datagram[..len], *format!("for number {number}").as_bytes());
        }
        assert_eq!(batch.dropped(), 4);
    }
}
