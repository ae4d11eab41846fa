//! A shard's UDP socket: never blocks, and drops what the kernel has no room for.

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Asked of the kernel, which may give less: room for a burst to every listener of a large
/// channel, and for what arrives while a shard is busy with that.
const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// Binds a non-blocking socket with large buffers. An IPv6 socket on the unspecified address
/// serves IPv4 too.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Best effort: the limit is the system's (net.core.rmem_max, wmem_max).
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

/// The machine's own addresses by which a client may reach an unspecified bind, best first.
pub(super) fn local_addresses(ipv6: bool) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    // Connecting a UDP socket sends nothing: it asks the routing table which address would be
    // used. The targets are documentation addresses (RFC 5737, RFC 3849).
    let routes: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    for (any, target) in routes {
        if any.is_ipv6() && !ipv6 {
            continue;
        }
        let probe = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect((target, 9))?;
            socket.local_addr()
        });
        if let Ok(address) = probe {
            addresses.push(address.ip());
        }
    }
    addresses.push(Ipv4Addr::LOCALHOST.into());
    if ipv6 {
        addresses.push(Ipv6Addr::LOCALHOST.into());
    }
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_always_among_the_local_addresses() {
        assert!(local_addresses(false).contains(&Ipv4Addr::LOCALHOST.into()));
        assert!(local_addresses(false).iter().all(IpAddr::is_ipv4));
        assert!(local_addresses(true).contains(&Ipv6Addr::LOCALHOST.into()));
    }
}
