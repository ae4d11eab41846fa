//! Programs that play without a sound system, in the hands of a test.

use super::{Filler, PlayingProgram, Scope, ShareSound, SoundLack, SoundSystem, ring};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A system in which programs play what a test says.
#[derive(Clone, Default)]
pub struct VirtualSound(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    programs: Vec<PlayingProgram>,
    open: Vec<(Scope, Weak<Mutex<Filler>>)>,
    lack: Option<SoundLack>,
}

/// A program that plays.
pub struct VirtualProgram {
    process: u32,
    system: VirtualSound,
}

impl VirtualSound {
    /// A system in which nobody plays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on no share has sound, or they have again.
    pub fn lack(&self, lack: Option<SoundLack>) {
        self.lock().lack = lack;
    }

    /// A program starts to play.
    pub fn start(&self, name: &str) -> VirtualProgram {
        let mut state = self.lock();
        let process = 1000 + state.programs.len() as u32;
        state.programs.push(PlayingProgram { process, name: name.to_owned() });
        VirtualProgram { process, system: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done by a panic in here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VirtualProgram {
    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Plays, left and right. Of several programs one is heard after the other.
    pub fn play(&self, samples: &[[f32; 2]]) {
        let mut state = self.system.lock();
        state.open.retain(|(_, filler)| filler.strong_count() > 0);
        for (scope, filler) in &state.open {
            if matches!(scope, Scope::System) || *scope == Scope::Program(self.process) {
                let Some(filler) = filler.upgrade() else { continue };
                filler.lock().unwrap_or_else(PoisonError::into_inner).add(samples.iter().copied());
            }
        }
    }
}

impl SoundSystem for VirtualSound {
    fn programs(&self) -> Result<Vec<PlayingProgram>, SoundLack> {
        let state = self.lock();
        state.lack.map_or_else(|| Ok(state.programs.clone()), Err)
    }

    fn open(&self, scope: Scope) -> Result<ShareSound, SoundLack> {
        let mut state = self.lock();
        if let Some(lack) = state.lack {
            return Err(lack);
        }
        ring(|filler| {
            let filler = Arc::new(Mutex::new(filler));
            state.open.push((scope, Arc::downgrade(&filler)));
            Ok(filler)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voicehall_audio::FRAME_SAMPLES;

    #[test]
    fn who_is_meant_is_heard() {
        let system = VirtualSound::new();
        let (game, music) = (system.start("game"), system.start("music"));
        let mut all = system.open(Scope::System).unwrap();
        let mut one = system.open(Scope::Program(music.process())).unwrap();
        game.play(&[[0.1, 0.2]; FRAME_SAMPLES]);
        let mut frame = [[0.0; 2]; FRAME_SAMPLES];
        assert!(!one.read(&mut frame));
        assert!(all.read(&mut frame) && frame == [[0.1, 0.2]; FRAME_SAMPLES]);
        music.play(&[[0.3, 0.4]; FRAME_SAMPLES - 1]);
        assert!(!one.read(&mut frame), "10 ms are not full yet");
        music.play(&[[0.5, 0.6]]);
        assert!(one.read(&mut frame) && frame[FRAME_SAMPLES - 1] == [0.5, 0.6]);
        // What nobody reads is bounded.
        (0..100).for_each(|_| game.play(&[[0.0; 2]; FRAME_SAMPLES]));
        assert_eq!(std::iter::from_fn(|| all.read(&mut frame).then_some(())).count(), 20);
        system.lack(Some(SoundLack::OwnSound));
        assert_eq!(system.open(Scope::System).err(), Some(SoundLack::OwnSound));
    }
}
