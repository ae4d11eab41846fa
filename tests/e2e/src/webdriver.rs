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
        let mut command = rig.command("chromedriver");
        command.arg(format!("--port={port}"));
        Self::start(rig, command, who, port, variables)
    }

    /// Starts the driver of the desktop app with variables of its user's own.
    pub fn of_app(rig: &Rig, who: &str, variables: &[(String, String)]) -> Self {
        let port = free_port();
        let mut command = rig.command(binaries::tool("bin/tauri-driver"));
        command.args(["--port", &port.to_string(), "--native-port", &free_port().to_string()]);
        Self::start(rig, command, who, port, variables)
    }

    fn start(rig: &Rig, mut command: Command, who: &str, port: u16, variables: &[(String, String)]) -> Self {
        command.envs(variables.iter().cloned());
        let mut process = rig.start(command, who);
        wait::until("the WebDriver listens", || {
            process.assert_alive();
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        Self { process, port }
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
