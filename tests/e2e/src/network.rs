//! Hosts with addresses of their own: network namespaces, each joined to the server's by a cable
//! that can be pulled. No host has a way to another but through the server's programs.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::rig::Rig;
use nix::sched::{CloneFlags, setns};

/// The private network of the tests, first two bytes: rare ones, so that finding them in random
/// bytes is no accident.
const NETWORK: [u8; 2] = [10, 233];

static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A server's host and its clients'. All are removed when it is dropped.
#[derive(Debug)]
pub struct Network {
    prefix: String,
    hub: Host,
    clients: AtomicU32,
}

/// A host: removed when dropped.
#[derive(Debug)]
pub struct Host {
    namespace: String,
    /// The host's address; the server's host has one for each client.
    pub address: Ipv4Addr,
    /// The server's address as this host reaches it.
    pub server: Ipv4Addr,
    /// The server's end of the cable: namespace and interface.
    cable: Option<(String, String)>,
}

impl Network {
    /// Makes the server's host.
    ///
    /// # Panics
    /// Without the right to make network namespaces.
    pub fn new() -> Self {
        let prefix = format!("vh{}-{}", std::process::id(), NETWORKS.fetch_add(1, Ordering::Relaxed));
        let hub = Host::new(format!("{prefix}-server"), Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, None);
        // The server's host is no router, whatever the machine around it is.
        hub.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").expect("forwarding can be set"));
        Self { prefix, hub, clients: AtomicU32::new(0) }
    }

    /// The server's host.
    pub fn server(&self) -> &Host {
        &self.hub
    }

    /// Makes a client's host, with a cable to the server's.
    pub fn client(&self) -> Host {
        let number = self.clients.fetch_add(1, Ordering::Relaxed) as u8;
        let [a, b] = NETWORK;
        let (server, client) =
            (Ipv4Addr::new(a, b, 201 + number, 97), Ipv4Addr::new(a, b, 201 + number, 98 + number * 3));
        let interface = format!("client{number}");
        let cable = Some((self.hub.namespace.clone(), interface.clone()));
        let host = Host::new(format!("{}-{interface}", self.prefix), client, server, cable);
        let (hub, namespace) = (&self.hub.namespace, &host.namespace);
        ip(&format!("link add {interface} netns {hub} type veth peer name cable netns {namespace}"));
        ip(&format!("-n {hub} address add {server}/24 dev {interface}"));
        ip(&format!("-n {hub} link set {interface} up"));
        ip(&format!("-n {namespace} address add {client}/24 dev cable"));
        ip(&format!("-n {namespace} link set cable up"));
        host
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    fn new(namespace: String, address: Ipv4Addr, server: Ipv4Addr, cable: Option<(String, String)>) -> Self {
        ip(&format!("netns add {namespace}"));
        ip(&format!("-n {namespace} link set lo up"));
        Self { namespace, address, server, cable }
    }

    /// Has a command run on this host. Its variables are set on the command that is returned.
    pub fn wrap(&self, rig: &Rig, command: Command) -> Command {
        let mut outer = rig.command("nsenter");
        outer.arg(format!("--net={}", self.path())).arg("--").arg(command.get_program());
        outer.args(command.get_args());
        outer
    }

    /// Runs `work` on this host, in a thread of its own.
    ///
    /// # Panics
    /// When `work` does.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter();
                work()
            });
            inside.join().expect("the work is done")
        })
    }

    /// Moves the calling thread to this host, for good.
    pub fn enter(&self) {
        let namespace = std::fs::File::open(self.path()).expect("the namespace is there");
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).expect("the namespace can be entered");
    }

    /// Pulls the cable.
    pub fn pull_cable(&self) {
        self.set_cable("down");
    }

    /// Puts the cable back.
    pub fn replug_cable(&self) {
        self.set_cable("up");
    }

    fn set_cable(&self, state: &str) {
        let (hub, interface) = self.cable.as_ref().expect("a client's host has a cable");
        ip(&format!("-n {hub} link set {interface} {state}"));
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.namespace)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.namespace]).status();
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2 is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`ip {arguments}` failed (it needs root): {error}");
}
