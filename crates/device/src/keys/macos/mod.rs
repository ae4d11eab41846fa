//! Keys under macOS: what its numbers mean, which is known everywhere, and the tap that hears them.

mod codes;
#[cfg(target_os = "macos")]
mod tap;

#[cfg(target_os = "macos")]
pub(super) use tap::MacKeys;
