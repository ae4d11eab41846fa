//! The native client: the voice session and its threads.
