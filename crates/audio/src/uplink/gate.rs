//! When the microphone is heard by others.

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
}

impl Default for GateMode {
    fn default() -> Self {
        Self::VoiceActivity(VoiceActivity::default())
    }
}

/// Settings of [`GateMode::VoiceActivity`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceActivity {
    /// The probability of a voice from which the gate opens, 0 to 1. It closes at two thirds of
    /// that.
    pub threshold: f32,
    /// How long it stays open after the last frame with a voice, in milliseconds: long enough for
    /// the pauses inside a sentence.
    pub hangover_ms: u16,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self { threshold: 0.5, hangover_ms: 300 }
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
}

impl Gate {
    pub(super) fn new(mode: GateMode) -> Self {
        Self { mode, hangover_frames: 0 }
    }

    pub(super) fn set_mode(&mut self, mode: GateMode) {
        self.mode = mode;
    }

    pub(super) fn update(&mut self, voice_probability: f32) -> GateState {
        let (wanted, hangover_ms) = match self.mode {
            GateMode::Open => return GateState::Open,
            GateMode::Closed => {
                self.hangover_frames = 0;
                return GateState::Shut;
            }
            GateMode::VoiceActivity(activity) => {
                let open = self.hangover_frames > 0;
                let threshold = activity.threshold * if open { 2.0 / 3.0 } else { 1.0 };
                (voice_probability >= threshold, activity.hangover_ms)
            }
            GateMode::PushToTalk { pressed, release_ms } => (pressed, release_ms),
        };
        if wanted {
            // One more than the hangover, for the frame that is counted down right below.
            self.hangover_frames = (hangover_ms / 10).saturating_add(1);
        }
        if self.hangover_frames == 0 {
            return GateState::Listening;
        }
        self.hangover_frames -= 1;
        GateState::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_frames(gate: &mut Gate, probability: f32, frames: usize) -> usize {
        (0..frames).filter(|_| gate.update(probability) == GateState::Open).count()
    }

    #[test]
    fn voice_opens_and_hangover_keeps_open() {
        let activity = VoiceActivity { threshold: 0.6, hangover_ms: 200 };
        let mut gate = Gate::new(GateMode::VoiceActivity(activity));
        assert_eq!(open_frames(&mut gate, 0.5, 100), 0, "below the threshold");
        assert_eq!(open_frames(&mut gate, 0.6, 1), 1);
        assert_eq!(open_frames(&mut gate, 0.45, 100), 100, "hysteresis keeps it open");
        assert_eq!(open_frames(&mut gate, 0.1, 100), 20, "200 ms of hangover");
    }

    #[test]
    fn a_held_key_opens_and_its_release_is_delayed() {
        let mode = |pressed| GateMode::PushToTalk { pressed, release_ms: 50 };
        let mut gate = Gate::new(mode(false));
        assert_eq!(gate.update(1.0), GateState::Listening);
        gate.set_mode(mode(true));
        assert_eq!(open_frames(&mut gate, 0.0, 10), 10);
        gate.set_mode(mode(false));
        assert_eq!(open_frames(&mut gate, 0.0, 10), 5);
    }

    #[test]
    fn muting_forgets_the_hangover() {
        let mut gate = Gate::new(GateMode::default());
        gate.update(1.0);
        gate.set_mode(GateMode::Closed);
        assert_eq!(gate.update(1.0), GateState::Shut);
        gate.set_mode(GateMode::default());
        assert_eq!(gate.update(0.0), GateState::Listening);
    }
}
