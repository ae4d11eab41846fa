//! A look-ahead peak limiter.

/// The loudest sample that leaves the limiter: −0.1 dBFS.
const CEILING: f32 = 0.988;

/// Look-ahead, and so delay, in samples: 1 ms. The gain has come down by the time a peak does.
const LOOK_AHEAD: usize = 48;

/// How far the gain recovers with each sample: a time constant of 60 ms.
const RECOVERY: f32 = 1.0 / (0.060 * 48_000.0);

/// Keeps a stream below full scale without distorting it. Adds 1 ms of delay.
#[derive(Debug, Clone)]
pub struct Limiter {
    delayed: [f32; LOOK_AHEAD],
    /// The gain that each delayed sample, and the one on its way out, needs by itself.
    needed: [f32; LOOK_AHEAD + 1],
    needed_position: usize,
    /// The gain wanted at each recent sample, whose mean is applied.
    wanted: [f32; LOOK_AHEAD],
    position: usize,
    recovering: f32,
    /// Samples since less than full gain was wanted.
    settled: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            delayed: [0.0; LOOK_AHEAD],
            needed: [1.0; LOOK_AHEAD + 1],
            needed_position: 0,
            wanted: [1.0; LOOK_AHEAD],
            position: 0,
            recovering: 1.0,
            settled: LOOK_AHEAD,
        }
    }
}

impl Limiter {
    /// Limits samples in place; they come out 1 ms later. What is no number comes out as silence.
    pub fn process(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let input = if sample.is_finite() { *sample } else { 0.0 };
            let needed = CEILING / input.abs().max(CEILING);
            let output = std::mem::replace(&mut self.delayed[self.position], input);
            let gain = self.gain(needed);
            self.position = (self.position + 1) % LOOK_AHEAD;
            // Rounding may leave a hair above the ceiling.
            *sample = (output * gain).clamp(-1.0, 1.0);
        }
    }

    /// The gain for the sample on its way out, when the one that needs `needed` comes in.
    ///
    /// The lowest need within reach, rising slowly, averaged over the look-ahead: every value in
    /// the mean has seen the sample on its way out, so the mean is at most what it needs.
    fn gain(&mut self, needed: f32) -> f32 {
        self.needed[self.needed_position] = needed;
        self.needed_position = (self.needed_position + 1) % self.needed.len();
        if self.recovering < 1.0 || needed < 1.0 {
            let lowest = self.needed.iter().copied().fold(1.0, f32::min);
            let recovered = self.recovering + (1.0 - self.recovering) * RECOVERY;
            // Close enough to 1 to be done.
            let recovered = if recovered > 0.9999 { 1.0 } else { recovered };
            self.recovering = recovered.min(lowest);
        }
        self.wanted[self.position] = self.recovering;
        self.settled = if self.recovering < 1.0 { 0 } else { self.settled + 1 };
        if self.settled >= LOOK_AHEAD {
            self.settled = LOOK_AHEAD;
            return 1.0;
        }
        self.wanted.iter().sum::<f32>() / LOOK_AHEAD as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_signal_only_comes_later() {
        let input: Vec<f32> = (0..4800).map(|n| (n as f32 * 0.03).sin() * 0.9).collect();
        let mut output = input.clone();
        Limiter::default().process(&mut output);
        for (out, expected) in output[LOOK_AHEAD..].iter().zip(&input) {
            assert!((out - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_loud_signal_stays_below_full_scale_and_whole() {
        let input: Vec<f32> = (0..48_000).map(|n| (n as f32 * 0.03).sin() * 4.0).collect();
        let mut output = input.clone();
        Limiter::default().process(&mut output);
        assert!(output.iter().all(|sample| sample.abs() <= 1.0));
        // Limited, not clipped: the settled output is the input, scaled.
        let (settled, original) = (&output[24_000 + LOOK_AHEAD..], &input[24_000..]);
        let product: f64 = settled.iter().zip(original).map(|(a, b)| f64::from(a * b)).sum();
        let power = |s: &[f32]| s.iter().map(|a| f64::from(a * a)).sum::<f64>();
        let likeness = product / (power(settled) * power(&original[..settled.len()])).sqrt();
        assert!(likeness > 0.999, "{likeness}");
    }

    #[test]
    fn nothing_that_is_no_number_gets_through() {
        let mut samples = [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30, 0.5];
        let mut limiter = Limiter::default();
        limiter.process(&mut samples);
        let mut rest = [0.1; 480];
        limiter.process(&mut rest);
        assert!(samples.iter().chain(&rest).all(|s| s.abs() <= 1.0));
    }
}
