//! A whole call in virtual time, from one seed: clients with the engine's own send and receive
//! paths, a shard, and a bad network between them, in one thread.
//!
//! [`Call`] is the one driver; [`witness`] watches every packet that leaves the shard and holds it
//! to the promises of the slots.

mod call;
mod client;
pub mod network;
pub mod witness;

pub use call::Call;
pub use client::{Client, Speech};
