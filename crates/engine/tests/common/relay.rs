//! A network between people and the node that can be cut without a word to either.

use std::collections::hash_map::{Entry, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Carries datagrams for every client to one address and back.
pub struct Relay {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Relay {
    pub async fn to(target: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = front.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        tasks.spawn(carry(front, target, Arc::clone(&cut)));
        Self { address, cut, tasks }
    }

    /// From now on every datagram is lost, in both directions.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Undoes [`Self::cut`].
    pub fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
    }
}

async fn carry(front: Arc<UdpSocket>, target: SocketAddr, cut: Arc<AtomicBool>) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut ways_back = JoinSet::new();
    let mut datagram = [0; 2048];
    loop {
        // An error is the answer to a client that is gone.
        let Ok((bytes, client)) = front.recv_from(&mut datagram).await else { continue };
        let back = match backs.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
                back.connect(target).await.unwrap();
                ways_back.spawn(way_back(Arc::clone(&back), Arc::clone(&front), client, Arc::clone(&cut)));
                unknown.insert(back)
            }
        };
        if !cut.load(Ordering::Relaxed) {
            let _ = back.send(&datagram[..bytes]).await;
        }
    }
}

async fn way_back(back: Arc<UdpSocket>, front: Arc<UdpSocket>, client: SocketAddr, cut: Arc<AtomicBool>) {
    let mut datagram = [0; 2048];
    loop {
        let Ok(bytes) = back.recv(&mut datagram).await else { continue };
        if !cut.load(Ordering::Relaxed) {
            let _ = front.send_to(&datagram[..bytes], client).await;
        }
    }
}
