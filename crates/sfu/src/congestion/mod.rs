//! How much a line carries.
//!
//! Towards publishers: when their packets came (`arrivals`), told them in transport-wide feedback
//! ([`feedback`]), from which they work out their own rates.
//!
//! Towards receivers: when packets left (`sent`) and what is told of them make an `estimate`, by whether
//! the line's queue grows (`trend`), by loss, and by trying (`probe`).

pub(crate) mod arrivals;
pub(crate) mod estimate;
pub mod feedback;
mod probe;
mod sent;
mod trend;
