//! The real app, the real browser, real sound servers.
