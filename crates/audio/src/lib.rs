//! Pure, realtime-safe audio processing.
