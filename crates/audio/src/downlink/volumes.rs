//! How loud each person is for this listener.

use super::SourceId;

/// The largest volume: 200 %.
pub const VOLUME_MAX: f32 = 2.0;

/// People whose volume differs from 100 % at once. Far more than hear each other; beyond it another
/// setting is forgotten for a new one.
const SETTINGS_MAX: usize = 1024;

/// Volumes by source, sorted; what is not in it is 100 %.
#[derive(Debug)]
pub(super) struct Volumes {
    settings: Vec<(SourceId, f32)>,
}

impl Volumes {
    pub(super) fn new() -> Self {
        Self { settings: Vec::with_capacity(SETTINGS_MAX) }
    }

    /// Sets a volume, 0 to [`VOLUME_MAX`]; values outside are brought inside, NaN is 100 %.
    pub(super) fn set(&mut self, source: SourceId, volume: f32) {
        let volume = if volume.is_nan() { 1.0 } else { volume.clamp(0.0, VOLUME_MAX) };
        match self.settings.binary_search_by_key(&source, |setting| setting.0) {
            Ok(place) if volume == 1.0 => {
                self.settings.remove(place);
            }
            Ok(place) => self.settings[place].1 = volume,
            Err(_) if volume == 1.0 => {}
            Err(place) if self.settings.len() < SETTINGS_MAX => {
                self.settings.insert(place, (source, volume));
            }
            // Full: the place nearest by is reused, so that the newest wish always holds.
            Err(place) => {
                let place = place.min(SETTINGS_MAX - 1);
                self.settings.remove(place);
                let place = self.settings.partition_point(|setting| setting.0 < source);
                self.settings.insert(place, (source, volume));
            }
        }
    }

    pub(super) fn get(&self, source: SourceId) -> f32 {
        self.settings
            .binary_search_by_key(&source, |setting| setting.0)
            .map_or(1.0, |place| self.settings[place].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_kept_and_bounded() {
        let mut volumes = Volumes::new();
        assert_eq!(volumes.get(7), 1.0);
        for (wish, kept) in [(0.0, 0.0), (2.0, 2.0), (5.0, 2.0), (-1.0, 0.0), (f32::NAN, 1.0)] {
            volumes.set(7, wish);
            assert_eq!(volumes.get(7), kept);
        }
        for source in 0..5000 {
            volumes.set(source, 0.5);
            assert_eq!(volumes.get(source), 0.5);
        }
        assert_eq!(volumes.settings.len(), SETTINGS_MAX);
        assert_eq!(volumes.settings.capacity(), SETTINGS_MAX);
    }
}
