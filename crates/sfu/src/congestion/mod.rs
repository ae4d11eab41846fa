//! How much a line carries.
//!
//! Towards publishers: when their packets came (`arrivals`), told them in transport-wide feedback
//! ([`feedback`]), from which they work out their own rates.

pub(crate) mod arrivals;
pub mod feedback;
