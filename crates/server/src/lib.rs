//! The server: HTTP, gateway, store and voice node in one binary.
//!
//! [`Server`] is a running server; the binary and the tests start it the same way. Its rooms:
//!
//! - [`config`]: what an operator can set;
//! - [`http`]: the TCP port with REST, web client, health and metrics;
//! - [`gateway`]: WebSocket sessions that lose no event;
//! - [`accounts`]: names, passwords, tokens;
//! - [`guilds`]: the owner task of each guild;
//! - [`calls`]: voice sessions as guilds see them;
//! - [`voice`]: the voice node that carries them;
//! - [`video`]: the control socket on which clients say what they want to see;
//! - [`store`]: what outlives a restart;
//! - [`limits`]: how often things may be asked;
//! - [`admin`]: links, for the command line.

pub mod accounts;
pub mod admin;
mod app;
pub mod calls;
pub mod config;
pub mod gateway;
pub mod guilds;
pub mod http;
mod ids;
pub mod limits;
pub mod logs;
mod metrics;
mod server;
pub mod store;
pub mod video;
pub mod voice;

pub use app::{App, Placement};
pub use server::{Server, StartError, open_store, running_origin};
