//! What work on a realtime thread must not do, made visible to tests.
//!
//! - [`allocations`]: how often it allocates and frees;
//! - [`keeps_to_itself`]: whether it asks the system for anything.

mod allocation;
#[cfg(target_os = "linux")]
mod system_calls;

pub use allocation::allocations;
#[cfg(target_os = "linux")]
pub use system_calls::keeps_to_itself;
