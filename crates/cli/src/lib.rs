//! Voicehall without a screen.
