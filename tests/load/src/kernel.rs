//! What the system itself takes to send a datagram over loopback: the floor under what a node's packets
//! cost on this machine, which tells a slow machine from a slow node.

use crate::cpu::ThreadCpu;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

const SENDER_THREAD: &str = "plain-sender";

/// Mean processor time of one plain `sendto` to one of so many receivers, who read as a node's
/// clients do. All of them are sent to at once, every `interval`.
///
/// # Errors
/// When the system has no socket or thread left.
pub fn send_time(
    receivers: usize,
    rounds: u32,
    interval: Duration,
    datagram: &'static [u8],
) -> io::Result<Duration> {
    let mut poll = Poll::new()?;
    let mut sockets = Vec::new();
    let mut addresses = Vec::new();
    for number in 0..receivers {
        let mut socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        addresses.push(socket.local_addr()?);
        sockets.push(socket);
    }
    let send = move || send(&addresses, rounds, interval, datagram);
    let sender = thread::Builder::new().name(SENDER_THREAD.to_owned()).spawn(send)?;
    let mut events = Events::with_capacity(1024);
    let mut read = [0; 2048];
    while !sender.is_finished() {
        poll.poll(&mut events, Some(interval))?;
        for event in &events {
            while sockets[event.token().0].recv(&mut read).is_ok() {}
        }
    }
    sender.join().map_err(|_| io::Error::other("the sender panicked"))?
}

fn send(receivers: &[SocketAddr], rounds: u32, interval: Duration, datagram: &[u8]) -> io::Result<Duration> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let before = ThreadCpu::of_threads(SENDER_THREAD)?;
    let start = Instant::now();
    for round in 1..=rounds {
        for receiver in receivers {
            socket.send_to(datagram, receiver)?;
        }
        thread::sleep((start + interval * round).saturating_duration_since(Instant::now()));
    }
    let (total, _) = ThreadCpu::of_threads(SENDER_THREAD)?.since(&before);
    Ok(total.div_f64(f64::from(rounds) * receivers.len().max(1) as f64))
}
