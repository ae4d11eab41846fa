//! A named pipe that takes programs of this machine alone.

use std::io::{Error, ErrorKind, Result};
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use voicehall_protocol::control::pipe_name;

/// The pipe's next end, which waits for a program.
pub struct Listener {
    name: String,
    next: NamedPipeServer,
}

impl Listener {
    /// # Errors
    /// When another app has the pipe.
    pub fn bind() -> Result<Self> {
        let name = pipe_name(&std::env::var("USERNAME").unwrap_or_default());
        let next = ServerOptions::new().first_pipe_instance(true).reject_remote_clients(true).create(&name);
        // So Windows says that there is such a pipe.
        let next = next.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => Error::new(ErrorKind::AddrInUse, error),
            _ => error,
        })?;
        Ok(Self { name, next })
    }

    /// The next program.
    pub async fn accept(&mut self) -> Result<NamedPipeServer> {
        self.next.connect().await?;
        let fresh = ServerOptions::new().reject_remote_clients(true).create(&self.name)?;
        Ok(std::mem::replace(&mut self.next, fresh))
    }
}
