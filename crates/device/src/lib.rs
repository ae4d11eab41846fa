//! The edges of the operating system: microphone, speaker and UI sounds.
