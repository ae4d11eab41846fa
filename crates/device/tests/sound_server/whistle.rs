//! A tone that goes from a speaker to a microphone, for as long as the devices between them work.

use std::f32::consts::TAU;
use std::sync::mpsc::Receiver;

use super::{Device, SoundServer, wait};
use voicehall_audio::Frame;
use voicehall_device::{DeviceEvent, Microphone, Speaker};

/// Somebody who whistles into a speaker and listens at a microphone.
pub struct Whistle {
    pub speaker: Speaker,
    pub microphone: Microphone,
    phase: f32,
    pub heard: Vec<f32>,
}

const HERTZ: f32 = 440.0;

impl Whistle {
    pub fn new(speaker: Speaker, microphone: Microphone) -> Self {
        Self { speaker, microphone, phase: 0.0, heard: Vec::new() }
    }

    /// One turn of a media thread.
    pub fn turn(&mut self) {
        let mut frame: Frame = [0.0; 480];
        while self.speaker.wants_frame() {
            for sample in &mut frame {
                *sample = 0.5 * self.phase.sin();
                self.phase = (self.phase + TAU * HERTZ / 48_000.0) % TAU;
            }
            self.speaker.write(&frame);
        }
        while self.microphone.read(&mut frame) {
            self.heard.extend_from_slice(&frame);
        }
    }

    /// Goes on until the whistle is heard clearly for 200 ms.
    pub fn until_heard(&mut self, when: &str) {
        self.heard.clear();
        wait(&format!("the whistle is heard {when}"), || {
            self.turn();
            let start = self.heard.len().checked_sub(9_600)?;
            let recent = &self.heard[start..];
            let share = amplitude(recent) / 0.5;
            (0.9..1.1).contains(&share).then_some(())
        });
    }

    /// Goes on until nothing is heard, or nothing comes at all.
    pub fn until_event(
        &mut self,
        events: &Receiver<DeviceEvent>,
        what: &str,
        is: impl Fn(&DeviceEvent) -> bool,
    ) {
        wait(what, || {
            self.turn();
            events.try_iter().find(&is).map(|_| ())
        });
    }
}

pub fn amplitude(samples: &[f32]) -> f32 {
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
        let phase = n as f32 * TAU * HERTZ / 48_000.0;
        (re + sample * phase.cos(), im + sample * phase.sin())
    });
    2.0 * f32::hypot(re, im) / samples.len() as f32
}

/// A microphone that hears a speaker, both the system's default.
pub fn loopback(server: &SoundServer) -> (Device, Device) {
    let (speaker, microphone) = (server.plug_speaker("hall"), server.plug_microphone("mike"));
    server.make_default("set-default-sink", &speaker);
    server.make_default("set-default-source", &microphone);
    server.connect(&speaker, &microphone);
    (speaker, microphone)
}
