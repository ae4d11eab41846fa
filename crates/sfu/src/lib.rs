//! Pure media server: one shard as a state machine.
