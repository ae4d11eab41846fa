//! The server: HTTP, gateway, store and voice node in one binary.
