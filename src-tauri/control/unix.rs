//! A Unix socket in the person's runtime folder, in a folder that only they may enter.

use std::fs::{DirBuilder, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream as Probe;
use std::path::PathBuf;
use tokio::net::{UnixListener, UnixStream};
use voicehall_protocol::control::SOCKET;

/// The socket, whose file goes with it.
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// # Errors
    /// When there is no runtime folder, or another app listens there.
    pub fn bind() -> Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "XDG_RUNTIME_DIR is not set"))?;
        let path = PathBuf::from(runtime).join(SOCKET);
        let folder = path.parent().expect("the socket is in a folder");
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // It may have been there with another mode.
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        if Probe::connect(&path).is_ok() {
            return Err(Error::new(ErrorKind::AddrInUse, "another app listens there"));
        }
        // What an app left that was killed.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { socket, path })
    }

    /// The next program.
    pub async fn accept(&mut self) -> Result<UnixStream> {
        Ok(self.socket.accept().await?.0)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A file that is gone already needs no removal.
        let _ = std::fs::remove_file(&self.path);
    }
}
