//! Lets people hear themselves as others do: records what the processing chain makes of the
//! microphone for some seconds, then plays it.
//!
//! One after the other and not at once, because that works with loudspeakers as well as with a
//! headset: nothing howls, the echo canceller has nothing to take away from the voice while it is
//! recorded, and whoever speaks is not deafened by hearing themselves through their own skull.

use voicehall_audio::{FRAME_SAMPLES, Frame};
use voicehall_protocol::engine::PlaybackPhase;

/// Frames that are recorded: five seconds, for a sentence or two.
const RECORDED_FRAMES: usize = 500;

/// Frames before the gate opens that others hear too, as the encoder's pre-roll has them.
const PRE_ROLL_FRAMES: usize = 4;

/// Frames of silence at the end, so that the device has played all before it may be closed.
const TAIL_FRAMES: usize = 20;

/// A recording and how far it was played.
#[derive(Debug)]
pub(crate) struct Playback {
    /// Each frame, and whether the gate was open in it.
    frames: Vec<(Frame, bool)>,
    played: usize,
    /// Whether the frame before was heard.
    open: bool,
}

impl Playback {
    /// An empty recording with all the room it will need.
    pub(crate) fn new() -> Self {
        Self { frames: Vec::with_capacity(RECORDED_FRAMES), played: 0, open: false }
    }

    /// Takes the next frame of the microphone, processed, and whether others are to hear it. Says
    /// what changes with it.
    pub(super) fn record(&mut self, frame: &Frame, talking: bool) -> Option<PlaybackPhase> {
        if self.frames.len() == RECORDED_FRAMES {
            return None;
        }
        self.frames.push((*frame, talking));
        match self.frames.len() {
            1 => Some(PlaybackPhase::Recording),
            RECORDED_FRAMES => Some(PlaybackPhase::Playing),
            _ => None,
        }
    }

    /// Whether it plays.
    pub(super) fn is_playing(&self) -> bool {
        self.frames.len() == RECORDED_FRAMES
    }

    /// Adds its next frame to what is played. Returns whether that was the last.
    pub(super) fn play(&mut self, mix: &mut Frame) -> bool {
        if let Some((frame, _)) = self.frames.get(self.played) {
            let reach = self.frames.len().min(self.played + 1 + PRE_ROLL_FRAMES);
            let open = self.frames[self.played..reach].iter().any(|(_, talking)| *talking);
            let (from, to) = (f32::from(u8::from(self.open)), f32::from(u8::from(open)));
            self.open = open;
            for (n, (sum, sample)) in mix.iter_mut().zip(frame).enumerate() {
                *sum += sample * (from + (to - from) * (n + 1) as f32 / FRAME_SAMPLES as f32);
            }
        }
        self.played += 1;
        self.played >= RECORDED_FRAMES + TAIL_FRAMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_would_hear_is_recorded_first_and_then_played_once() {
        let mut playback = Playback::new();
        let mut phases = Vec::new();
        for n in 0..RECORDED_FRAMES + 50 {
            phases.extend(playback.record(&[0.5; FRAME_SAMPLES], (100..200).contains(&n)));
        }
        assert_eq!(phases, [PlaybackPhase::Recording, PlaybackPhase::Playing]);
        let mut heard = Vec::new();
        loop {
            let mut mix = [0.25; FRAME_SAMPLES];
            let last = playback.play(&mut mix);
            heard.push(mix[FRAME_SAMPLES - 1]);
            if last {
                break;
            }
        }
        assert_eq!(heard.len(), RECORDED_FRAMES + TAIL_FRAMES);
        let expected = |n: usize| if (96..200).contains(&n) { 0.75 } else { 0.25 };
        assert!(heard.iter().enumerate().all(|(n, level)| *level == expected(n)));
    }
}
