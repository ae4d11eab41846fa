//! WebDriver servers, and windows driven through them.

use crate::processes::Process;
use crate::{binaries, rig::Rig, wait};
use fantoccini::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;

/// A WebDriver server.
#[derive(Debug)]
pub struct WebDriver {
    process: Process,
    port: u16,
}

impl WebDriver {
    /// Starts the driver of Chromium with variables of its user's own.
    pub fn of_chromium(rig: &Rig, who: &str, variables: &[(String, String)]) -> Self {
        let port = free_port();
        let mut command = rig.command("chrt");
        command
            .args(["--rr", "1", "chromedriver"])
            .arg(format!("--port={port}"))
            .envs(variables.iter().cloned());
        Self::start(rig, command, who, &[port])
    }

    /// Starts the driver of the desktop app with variables of its user's own.
    pub fn of_app(rig: &Rig, who: &str, variables: &[(String, String)]) -> Self {
        let (port, native) = (free_port(), free_port());
        let mut command = rig.command(binaries::tool("bin/tauri-driver"));
        command.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
        command.envs(variables.iter().cloned());
        // It hands everything on to the webview's own driver, and listens before that one does.
        Self::start(rig, command, who, &[port, native])
    }

    /// `ports` are those it listens on, its own first.
    fn start(rig: &Rig, command: Command, who: &str, ports: &[u16]) -> Self {
        let mut process = rig.start(command, who);
        wait::until("the WebDriver listens", || {
            process.assert_alive();
            let listens = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
            ports.iter().all(listens).then_some(())
        });
        Self { process, port: ports[0] }
    }

    /// The driver's process, whose children the windows are.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What the driver and its windows have logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Opens a window.
    pub async fn open(&self, capabilities: Value) -> Client {
        let capabilities = capabilities.as_object().expect("capabilities are an object").clone();
        let address = format!("http://127.0.0.1:{}", self.port);
        Client::with_capabilities_and_connector(&address, &capabilities, HttpConnector::new())
            .await
            .unwrap_or_else(|error| panic!("no window opens: {error}; the log:\n{}", self.process.log()))
    }
}

/// A TCP port that nobody has now.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}
