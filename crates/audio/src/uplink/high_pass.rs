//! Takes away what lies below voices: rumble, handling, mains hum, an offset.

use std::f64::consts::{PI, SQRT_2};

use crate::{Frame, SAMPLE_RATE};

/// Below the lowest voices, above most rumble, in Hz.
const CUTOFF: f64 = 80.0;

/// A second-order Butterworth high-pass. It is in `f64`: at such a low cut-off an `f32` one makes
/// noise of its own.
#[derive(Debug, Clone)]
pub(super) struct HighPass {
    input: [f64; 2],
    output: [f64; 2],
    forward: [f64; 3],
    backward: [f64; 2],
}

impl Default for HighPass {
    fn default() -> Self {
        // The bilinear transform of s² / (s² + √2 s + 1), pre-warped.
        let k = (PI * CUTOFF / f64::from(SAMPLE_RATE)).tan();
        let norm = 1.0 / (1.0 + SQRT_2 * k + k * k);
        Self {
            input: [0.0; 2],
            output: [0.0; 2],
            forward: [norm, -2.0 * norm, norm],
            backward: [2.0 * (k * k - 1.0) * norm, (1.0 - SQRT_2 * k + k * k) * norm],
        }
    }
}

impl HighPass {
    pub(super) fn process(&mut self, frame: &mut Frame) {
        let ([f0, f1, f2], [b1, b2]) = (self.forward, self.backward);
        for sample in frame {
            let input = f64::from(*sample);
            let output = f0 * input + f1 * self.input[0] + f2 * self.input[1]
                - b1 * self.output[0]
                - b2 * self.output[1];
            self.input = [input, self.input[0]];
            // Below this it would fade through denormal numbers, which are slow.
            self.output = [if output.abs() < 1e-20 { 0.0 } else { output }, self.output[0]];
            *sample = output as f32;
        }
    }
}
