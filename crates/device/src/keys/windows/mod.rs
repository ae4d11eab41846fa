//! Keys under Windows: what its numbers mean, which is known everywhere, and the hooks that hear them.

mod codes;
#[cfg(windows)]
mod hooks;

#[cfg(windows)]
pub(super) use hooks::WindowsKeys;
