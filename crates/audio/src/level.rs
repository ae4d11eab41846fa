//! Loudness: RMS and peak in dBFS, and the audio level of RFC 6464.

/// Below this, a level is reported as silence, in dBFS.
const FLOOR_DBFS: f32 = -127.0;

/// How fast a [`Meter`]'s peak falls, in dB per frame of 10 ms: 20 dB in a second, as on a
/// peak programme meter.
const PEAK_FALL_DB: f32 = 0.2;

/// The loudness of a block of samples. Full scale is 0 dBFS, silence is −127.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square, in dBFS.
    pub rms_dbfs: f32,
    /// Largest sample, in dBFS.
    pub peak_dbfs: f32,
}

impl Level {
    /// Digital silence.
    pub const SILENCE: Self = Self { rms_dbfs: FLOOR_DBFS, peak_dbfs: FLOOR_DBFS };

    /// Measures a block of samples.
    #[must_use]
    pub fn of(samples: &[f32]) -> Self {
        if samples.is_empty() {
            return Self::SILENCE;
        }
        let (power, peak) =
            samples.iter().fold((0.0_f32, 0.0_f32), |(power, peak), s| (power + s * s, peak.max(s.abs())));
        let mean = power / samples.len() as f32;
        Self { rms_dbfs: decibels(mean.sqrt()), peak_dbfs: decibels(peak) }
    }

    /// The level as RFC 6464 writes it.
    #[must_use]
    pub fn audio_level(self) -> AudioLevel {
        AudioLevel::from_dbfs(self.rms_dbfs)
    }
}

/// An audio level as in the RTP header extension of RFC 6464: −dBov, 0 is full scale, 127 is
/// silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AudioLevel(u8);

impl AudioLevel {
    /// Digital silence.
    pub const SILENCE: Self = Self(127);

    /// Takes a level in dBFS. What a meter shows as its floor is digital silence.
    #[must_use]
    pub fn from_dbfs(dbfs: f32) -> Self {
        if dbfs <= FLOOR_DBFS {
            return Self::SILENCE;
        }
        // A float cast saturates, and NaN becomes 0 dB; `max` first turns NaN into silence.
        Self((-dbfs.max(FLOOR_DBFS)).round().clamp(0.0, 127.0) as u8)
    }

    /// The seven-bit number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A level meter for a user interface: RMS of the last frame, and a peak that falls slowly enough
/// to be read.
#[derive(Debug, Clone)]
pub struct Meter {
    shown: Level,
}

impl Default for Meter {
    fn default() -> Self {
        Self { shown: Level::SILENCE }
    }
}

impl Meter {
    /// Takes the next 10 ms and returns what to show.
    pub fn update(&mut self, samples: &[f32]) -> Level {
        let level = Level::of(samples);
        let falling = (self.shown.peak_dbfs - PEAK_FALL_DB).max(FLOOR_DBFS);
        self.shown = Level { rms_dbfs: level.rms_dbfs, peak_dbfs: level.peak_dbfs.max(falling) };
        self.shown
    }
}

/// An amplitude in dBFS, at least −127.
pub(crate) fn decibels(amplitude: f32) -> f32 {
    (20.0 * amplitude.max(f32::MIN_POSITIVE).log10()).max(FLOOR_DBFS)
}

/// The factor that a gain in dB stands for.
pub(crate) fn amplitude(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_known_signals() {
        let square = [1.0, -1.0, 1.0, -1.0];
        assert_eq!(Level::of(&square), Level { rms_dbfs: 0.0, peak_dbfs: 0.0 });
        assert_eq!(Level::of(&[0.0; 480]), Level::SILENCE);
        assert_eq!(Level::of(&[]), Level::SILENCE);
        let tenth = Level::of(&[0.1; 480]);
        assert!((tenth.rms_dbfs + 20.0).abs() < 0.01, "{tenth:?}");
    }

    #[test]
    fn audio_levels_are_seven_bits() {
        let table = [(0.0, 0), (3.0, 0), (-0.4, 0), (-20.0, 20), (-126.6, 127), (-500.0, 127)];
        for (dbfs, wire) in table {
            assert_eq!(AudioLevel::from_dbfs(dbfs).get(), wire, "{dbfs} dBFS");
        }
        assert_eq!(AudioLevel::from_dbfs(f32::NAN), AudioLevel::SILENCE);
    }

    #[test]
    fn the_meters_peak_falls_slowly() {
        let mut meter = Meter::default();
        meter.update(&[0.5; 480]);
        let peak = meter.update(&[0.0; 480]).peak_dbfs;
        assert!((-6.5..-6.1).contains(&peak), "{peak}");
        for _ in 0..1000 {
            meter.update(&[0.0; 480]);
        }
        assert_eq!(meter.update(&[0.0; 480]), Level::SILENCE);
    }
}
