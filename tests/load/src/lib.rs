//! Load on a real voice node: real threads, sockets and time, on loopback only.
//!
//! - [`Rig`]: a node with any number of sans-I/O peers, each on a socket of its own;
//! - [`bare`]: a shard without sockets;
//! - [`kernel`]: the system's own part in it, without a node;
//! - [`cpu`]: what the node's threads cost;
//! - [`figures`]: what was measured, printed and written.

pub mod bare;
pub mod cpu;
pub mod figures;
pub mod kernel;
mod rig;

pub use rig::{JoinFailed, Rig};
