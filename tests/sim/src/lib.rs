//! A whole call in virtual time, from one seed.
