//! How likely a frame holds a voice.

use earshot::Detector;

use crate::Frame;

/// Samples at 16 kHz that the detector judges at once: 16 ms.
const BLOCK_SAMPLES: usize = 256;

/// Taps of the low-pass before every third sample is kept: a Hann-windowed sinc with its cut-off
/// at 7 kHz. What folds back above 8 kHz is far below a voice.
const TAPS: usize = 33;

/// The detector network behind a decimator from 48 to 16 kHz.
pub(crate) struct VoiceDetector {
    detector: Box<Detector>,
    taps: [f32; TAPS],
    history: [f32; TAPS - 1],
    block: [f32; BLOCK_SAMPLES],
    filled: usize,
    probability: f32,
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self {
            detector: Box::default(),
            taps: low_pass(),
            history: [0.0; TAPS - 1],
            block: [0.0; BLOCK_SAMPLES],
            filled: 0,
            probability: 0.0,
        }
    }
}

impl VoiceDetector {
    /// Takes 10 ms and returns the newest probability, 0 to 1.
    pub(crate) fn update(&mut self, frame: &Frame) -> f32 {
        let mut extended = [0.0; TAPS - 1 + crate::FRAME_SAMPLES];
        extended[..TAPS - 1].copy_from_slice(&self.history);
        extended[TAPS - 1..].copy_from_slice(frame);
        self.history.copy_from_slice(&extended[crate::FRAME_SAMPLES..]);
        for window in extended.windows(TAPS).step_by(3) {
            let sample: f32 = window.iter().zip(&self.taps).map(|(s, tap)| s * tap).sum();
            self.block[self.filled] = sample.clamp(-1.0, 1.0);
            self.filled += 1;
            if self.filled == BLOCK_SAMPLES {
                self.filled = 0;
                self.probability = self.detector.predict_f32(&self.block).clamp(0.0, 1.0);
            }
        }
        self.probability
    }
}

fn low_pass() -> [f32; TAPS] {
    let centre = (TAPS - 1) as f64 / 2.0;
    let cutoff = 7_000.0 / 48_000.0;
    let mut taps = [0.0; TAPS];
    for (n, tap) in taps.iter_mut().enumerate() {
        let x = n as f64 - centre;
        let sinc = if x == 0.0 {
            2.0 * cutoff
        } else {
            (std::f64::consts::TAU * cutoff * x).sin() / (std::f64::consts::PI * x)
        };
        let phase = std::f64::consts::TAU * (n as f64 + 1.0) / (TAPS as f64 + 1.0);
        *tap = (sinc * (0.5 - 0.5 * phase.cos())) as f32;
    }
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}
