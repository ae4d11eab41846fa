//! When the microphone is heard by others.

use super::surroundings::{SOFT_FRAMES, Surroundings};
use std::mem::discriminant;

/// How far below the probability that opens it a gate closes again. A detector is at a quarter to a third
/// in noise and rarely below 0.6 in a voice: there is not much room between them.
const HYSTERESIS: f32 = 0.06;

/// How much of what was said before its key is sent with it, in frames: people press it with the first
/// word, and some a little later. The jitter buffers of those who listen catch up on it.
const KEY_ONSET_FRAMES_MAX: usize = 10;

/// How the gate decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GateMode {
    /// Always open. Silence still costs nothing if the encoder's DTX is on.
    Open,
    /// Muted: nothing is sent, and nothing that was said meanwhile is sent later.
    Closed,
    /// Open while somebody speaks.
    VoiceActivity(VoiceActivity),
    /// Open while a key is held.
    PushToTalk {
        /// Whether the key is down.
        pressed: bool,
        /// How long it stays open after the key is let go, in milliseconds.
        release_ms: u16,
    },
    /// Open unless a key is held. What is said then is not sent later either.
    PushToMute {
        /// Whether the key is down.
        pressed: bool,
        /// How long it stays shut after the key is let go, in milliseconds.
        release_ms: u16,
    },
}

impl Default for GateMode {
    fn default() -> Self {
        Self::VoiceActivity(VoiceActivity::default())
    }
}

/// Settings of [`GateMode::VoiceActivity`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceActivity {
    /// The probability of a voice from which the gate opens, 0 to 1; none follows the noise around
    /// the speaker. It closes a little below that.
    pub threshold: Option<f32>,
    /// How long it stays open after the last frame with a voice, in milliseconds: long enough for
    /// the pauses inside a sentence.
    pub hangover_ms: u16,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self { threshold: None, hangover_ms: 300 }
    }
}

/// What may be done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GateState {
    /// It must never leave this machine.
    Shut,
    /// Nobody speaks; it may be sent as the pre-roll of what follows.
    Listening,
    /// It is to be heard.
    Open,
}

pub(super) struct Gate {
    mode: GateMode,
    hangover_frames: u16,
    surroundings: Surroundings,
}

impl Gate {
    pub(super) fn new(mode: GateMode) -> Self {
        Self { mode, hangover_frames: 0, surroundings: Surroundings::default() }
    }

    pub(super) fn set_mode(&mut self, mode: GateMode) {
        if discriminant(&mode) != discriminant(&self.mode) {
            self.hangover_frames = 0;
        }
        self.mode = mode;
    }

    /// Takes what was found out about a frame, its level in dBFS among it.
    pub(super) fn update(&mut self, voice_probability: f32, level_dbfs: f32) -> GateState {
        match self.mode {
            GateMode::Open => GateState::Open,
            GateMode::Closed => GateState::Shut,
            GateMode::VoiceActivity(activity) => {
                let threshold = activity.threshold.unwrap_or_else(|| self.surroundings.threshold());
                let threshold = threshold - if self.hangover_frames > 0 { HYSTERESIS } else { 0.0 };
                let open = self.lasts(voice_probability >= threshold, activity.hangover_ms);
                self.listen(open, voice_probability, level_dbfs)
            }
            GateMode::PushToTalk { pressed, release_ms } => {
                let open = self.lasts(pressed, release_ms);
                self.listen(open, voice_probability, level_dbfs)
            }
            GateMode::PushToMute { pressed, release_ms } => {
                if self.lasts(pressed, release_ms) {
                    GateState::Shut
                } else {
                    GateState::Open
                }
            }
        }
    }

    /// Hears a frame while the gate is open, or listens for what comes before it opens.
    fn listen(&mut self, open: bool, voice_probability: f32, level_dbfs: f32) -> GateState {
        if open {
            self.surroundings.hear_voice(level_dbfs);
            GateState::Open
        } else {
            self.surroundings.hear(voice_probability, level_dbfs);
            GateState::Listening
        }
    }

    /// Frames before the one that opened the gate which belong to what is said in it. A voice that
    /// opens it began a little before it stood out; a key mostly opens it before anything is said.
    pub(super) fn onset_frames(&self) -> usize {
        let onset = self.surroundings.onset_frames();
        match self.mode {
            GateMode::VoiceActivity(_) => onset.unwrap_or(SOFT_FRAMES),
            _ => onset.unwrap_or(0).min(KEY_ONSET_FRAMES_MAX),
        }
    }

    /// Whether something is so in this frame, or was until at most `hangover_ms` ago.
    fn lasts(&mut self, now: bool, hangover_ms: u16) -> bool {
        if now {
            // One more than the hangover, for the frame that is counted down right below.
            self.hangover_frames = (hangover_ms / 10).saturating_add(1);
        }
        let lasts = self.hangover_frames > 0;
        self.hangover_frames = self.hangover_frames.saturating_sub(1);
        lasts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_frames(gate: &mut Gate, probability: f32, frames: usize) -> usize {
        (0..frames).filter(|_| gate.update(probability, -60.0) == GateState::Open).count()
    }

    #[test]
    fn voice_opens_and_hangover_keeps_open() {
        let activity = VoiceActivity { threshold: Some(0.6), hangover_ms: 200 };
        let mut gate = Gate::new(GateMode::VoiceActivity(activity));
        assert_eq!(open_frames(&mut gate, 0.5, 100), 0, "below the threshold");
        assert_eq!(open_frames(&mut gate, 0.6, 1), 1);
        assert_eq!(open_frames(&mut gate, 0.55, 100), 100, "hysteresis keeps it open");
        assert_eq!(open_frames(&mut gate, 0.1, 100), 20, "200 ms of hangover");
    }

    #[test]
    fn a_held_key_opens_and_its_release_is_delayed() {
        let mode = |pressed| GateMode::PushToTalk { pressed, release_ms: 50 };
        let mut gate = Gate::new(mode(false));
        assert_eq!(gate.update(1.0, -60.0), GateState::Listening);
        gate.set_mode(mode(true));
        assert_eq!(open_frames(&mut gate, 0.0, 10), 10);
        gate.set_mode(mode(false));
        assert_eq!(open_frames(&mut gate, 0.0, 10), 5);
    }

    #[test]
    fn a_held_key_mutes_and_its_release_is_delayed() {
        let mode = |pressed| GateMode::PushToMute { pressed, release_ms: 50 };
        let mut gate = Gate::new(mode(false));
        assert_eq!(gate.update(0.0, -60.0), GateState::Open);
        gate.set_mode(mode(true));
        assert_eq!(gate.update(1.0, -60.0), GateState::Shut);
        gate.set_mode(mode(false));
        assert_eq!(open_frames(&mut gate, 1.0, 10), 5);
    }

    #[test]
    fn another_mode_begins_anew() {
        let mut gate = Gate::new(GateMode::PushToTalk { pressed: true, release_ms: 500 });
        gate.update(0.0, -60.0);
        gate.set_mode(GateMode::PushToMute { pressed: false, release_ms: 500 });
        assert_eq!(gate.update(0.0, -60.0), GateState::Open);
    }

    #[test]
    fn muting_forgets_the_hangover() {
        let mut gate = Gate::new(GateMode::default());
        gate.update(1.0, -60.0);
        gate.set_mode(GateMode::Closed);
        assert_eq!(gate.update(1.0, -60.0), GateState::Shut);
        gate.set_mode(GateMode::default());
        assert_eq!(gate.update(0.0, -60.0), GateState::Listening);
    }
}
