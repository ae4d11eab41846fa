//! The server under test: its real binary, in a folder of the rig, on loopback or on a host.

use crate::network::{Host, Network};
use crate::processes::Process;
use crate::rig::Rig;
use crate::wait;
use nix::sys::signal::Signal;
use std::net::Ipv4Addr;
use std::process::Command;

/// A running server with an empty guild.
#[derive(Debug)]
pub struct Server {
    process: Process,
    /// The name of its folder and of its log.
    name: String,
    port: u16,
    owner_code: String,
    invite_code: String,
}

impl Server {
    /// Starts a server on loopback.
    pub fn start(rig: &Rig) -> Self {
        Self::start_another(rig, "server")
    }

    /// Starts one beside others, which goes by another name than theirs.
    pub fn start_another(rig: &Rig, name: &str) -> Self {
        Self::run(rig, rig.product("voicehall-server"), name, "127.0.0.1")
    }

    /// Starts a server on the host of a network, for the clients that the network has by now.
    pub fn start_on(rig: &Rig, network: &Network, clients: &[&Host]) -> Self {
        let mut command = network.server().wrap(rig, rig.product("voicehall-server"));
        let addresses: Vec<_> = clients.iter().map(|client| client.server.to_string()).collect();
        command.env("VOICEHALL_VOICE_ADVERTISE", addresses.join(","));
        Self::run(rig, command, "server", "0.0.0.0")
    }

    fn run(rig: &Rig, command: Command, name: &str, address: &str) -> Self {
        let (process, port) = Self::serve(rig, command, name, address, 0);
        let [owner, invite] = links(name).map(|link| rig.path(&link));
        let code = |path| {
            let link = std::fs::read_to_string(path).expect("the server wrote its links");
            link.trim().rsplit('/').next().expect("a link ends with a code").to_owned()
        };
        Self { process, name: name.to_owned(), port, owner_code: code(owner), invite_code: code(invite) }
    }

    /// Stops a server on loopback as an operator does, and starts it again on its port.
    pub fn restart(&mut self, rig: &Rig) {
        self.stop();
        self.resume(rig);
    }

    /// Stops it as an operator does.
    pub fn stop(&mut self) {
        self.process.signal(Signal::SIGTERM);
        assert!(self.process.wait().success(), "the server stops in good order");
    }

    /// Starts a server on loopback that was stopped again, on its port.
    pub fn resume(&mut self, rig: &Rig) {
        let command = rig.product("voicehall-server");
        (self.process, _) = Self::serve(rig, command, &self.name, "127.0.0.1", self.port);
    }

    /// Runs it, and waits until it says where it is.
    fn serve(rig: &Rig, mut command: Command, name: &str, address: &str, port: u16) -> (Process, u16) {
        let [owner, invite] = links(name).map(|link| rig.path(&link));
        command.args(["serve", "--data"]).arg(rig.path(name));
        command.arg("--owner-link-file").arg(owner).arg("--invite-link-file").arg(invite);
        command.env("VOICEHALL_HTTP_LISTEN", format!("{address}:{port}"));
        command.env("VOICEHALL_VOICE_BIND", address);
        command.env("VOICEHALL_VOICE_PORT", "0");
        // Tests come and go faster than people do, all from one address.
        for limit in ["REQUESTS", "SIGN_INS", "VOICE_JOINS", "GATEWAY_CONNECTS"] {
            command.env(format!("VOICEHALL_LIMITS_{limit}_PER_MINUTE"), "0");
        }
        // A server before this one has written into the same log.
        let written = std::fs::read(rig.path(&format!("logs/{name}.log"))).map_or(0, |log| log.len());
        let mut process = rig.start(command, name);
        let origin = wait::until("the server is up", || {
            process.assert_alive();
            let log = process.log();
            log[written..].lines().find_map(|line| line.strip_prefix("Voicehall is at ").map(str::to_owned))
        });
        let port =
            origin.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an origin has a port");
        (process, port)
    }

    /// Where it is, for those on the same machine.
    pub fn origin(&self) -> String {
        self.origin_at(Ipv4Addr::LOCALHOST)
    }

    /// Where it is, for those who reach it at this address.
    pub fn origin_at(&self, address: Ipv4Addr) -> String {
        format!("http://{address}:{}", self.port)
    }

    /// The link by which everybody comes in.
    pub fn invite(&self) -> String {
        self.invite_at(Ipv4Addr::LOCALHOST)
    }

    /// The same for those who reach the server at this address.
    pub fn invite_at(&self, address: Ipv4Addr) -> String {
        format!("{}/join/{}", self.origin_at(address), self.invite_code)
    }

    /// The code of the link by which the owner comes in, once.
    pub fn owner_code(&self) -> &str {
        &self.owner_code
    }

    /// The code of the link by which everybody comes in.
    pub fn invite_code(&self) -> &str {
        &self.invite_code
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until a figure of `/metrics` has reached a value.
    pub async fn see_metric(&self, name: &str, value: f64) {
        let reached = || async { (self.metric(name).await >= value).then_some(()) };
        wait::until_async(&format!("{name} reaches {value}"), reached).await;
    }

    /// A figure of `/metrics`, all its labels added up.
    ///
    /// # Panics
    /// When there is no such figure.
    pub async fn metric(&self, name: &str) -> f64 {
        let url = format!("{}/metrics", self.origin());
        let answer = reqwest::get(url).await.expect("the server answers");
        let text =
            answer.error_for_status().expect("it says its figures").text().await.expect("they are text");
        let mut values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let named = series.split('{').next() == Some(name);
            named.then(|| value.parse::<f64>().expect("a figure is a number"))
        });
        let first = values.next().unwrap_or_else(|| panic!("no figure {name} in:\n{text}"));
        first + values.sum::<f64>()
    }
}

/// Where a server writes the link for its owner, and the one for everybody.
fn links(name: &str) -> [String; 2] {
    ["owner", "invite"].map(|kind| format!("{name}-{kind}-link"))
}
