//! The capture chain: high-pass → echo → noise → gain → gate.

use nnnoiseless::DenoiseState;
use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, MaxProcessingRate, Pipeline};
use sonora::{AudioProcessing, StreamConfig};

use super::gate::{Gate, GateMode, GateState};
use super::high_pass::HighPass;

use crate::level::amplitude;
use crate::voice_detector::VoiceDetector;
use crate::{AudioLevel, FRAME_SAMPLES, Frame, Level, Limiter, SAMPLE_RATE};

/// The scale nnnoiseless expects its samples in: that of 16-bit integers.
const INT16_SCALE: f32 = 32_768.0;

/// How background noise is taken out of the microphone's signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoiseSuppression {
    /// Not at all.
    Off,
    /// Spectral suppression, which takes steady noise some 12 dB down and a little of a voice's
    /// clarity with it.
    Standard,
    /// A recurrent network (RNNoise), which leaves a voice clearer and removes keyboards too, and music
    /// with them.
    #[default]
    Strong,
}

/// What the capture chain does. Each stage that is off costs nothing and changes no sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UplinkConfig {
    /// Remove what lies below 80 Hz: rumble, handling, mains hum. Echo cancellation and automatic
    /// gain need it and switch it on.
    pub high_pass: bool,
    /// Remove what the speaker plays from what the microphone hears.
    pub echo_cancellation: bool,
    /// Remove background noise.
    pub noise_suppression: NoiseSuppression,
    /// Bring the voice to a common loudness, slowly.
    pub automatic_gain: bool,
    /// Make it louder or softer after that, in dB, from −60 to +30. 0 leaves the samples as they are.
    pub gain_db: f32,
    /// When the microphone is heard by others.
    pub gate: GateMode,
}

impl Default for UplinkConfig {
    fn default() -> Self {
        Self {
            high_pass: true,
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::default(),
            automatic_gain: false,
            gain_db: 0.0,
            gate: GateMode::default(),
        }
    }
}

impl UplinkConfig {
    /// Nothing but the microphone as it is, always open: for music, measurements and tests.
    pub const UNPROCESSED: Self = Self {
        high_pass: false,
        echo_cancellation: false,
        noise_suppression: NoiseSuppression::Off,
        automatic_gain: false,
        gain_db: 0.0,
        gate: GateMode::Open,
    };
}

/// What [`Uplink::process`] found out about one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptureReport {
    /// Loudness of the microphone before processing, for an input meter.
    pub input: Level,
    /// Without echo and noise: RMS in dBFS.
    pub cleaned_dbfs: f32,
    /// After automatic gain: RMS in dBFS.
    pub levelled_dbfs: f32,
    /// Loudness after processing.
    pub output: Level,
    /// How likely the frame holds a voice, 0 to 1; updated every 16 ms.
    pub voice_probability: f32,
    /// Whether others are to hear this frame.
    pub talking: bool,
    /// The level for the RTP header extension of RFC 6464.
    pub audio_level: AudioLevel,
    /// Frames before this one that belong to what is said in it: they are the pre-roll if a talk
    /// spurt starts here.
    pub onset_frames: usize,
    pub(super) gate: GateState,
}

/// The capture chain of one microphone. It works in place and adds less than 10 ms of delay with
/// noise suppression at strong, next to none otherwise, and none at all when everything is off.
pub struct Uplink {
    config: UplinkConfig,
    high_pass: Option<HighPass>,
    cleaner: Option<AudioProcessing>,
    denoiser: Option<Denoiser>,
    leveller: Option<AudioProcessing>,
    gain: f32,
    limiter: Limiter,
    detector: VoiceDetector,
    gate: Gate,
}

impl std::fmt::Debug for Uplink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uplink").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Uplink {
    /// Builds the stages that `config` asks for.
    #[must_use]
    pub fn new(config: UplinkConfig) -> Self {
        Self {
            high_pass: needs_high_pass(&config).then(HighPass::default),
            cleaner: cleaner(&config),
            denoiser: denoiser(&config),
            leveller: leveller(&config),
            gain: linear_gain(&config),
            limiter: Limiter::default(),
            detector: VoiceDetector::default(),
            gate: Gate::new(config.gate),
            config,
        }
    }

    /// Changes the chain while it runs. A stage that stays as it was keeps what it has learned.
    pub fn configure(&mut self, config: UplinkConfig) {
        let old = std::mem::replace(&mut self.config, config);
        if needs_high_pass(&old) != needs_high_pass(&config) {
            self.high_pass = needs_high_pass(&config).then(HighPass::default);
        }
        let standard = |c: &UplinkConfig| c.noise_suppression == NoiseSuppression::Standard;
        let cleans = |c: &UplinkConfig| (c.echo_cancellation, standard(c));
        if cleans(&old) != cleans(&config) {
            self.cleaner = cleaner(&config);
        }
        if old.noise_suppression != config.noise_suppression {
            self.denoiser = denoiser(&config);
        }
        if old.automatic_gain != config.automatic_gain {
            self.leveller = leveller(&config);
        }
        self.gain = linear_gain(&config);
        self.gate.set_mode(config.gate);
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> &UplinkConfig {
        &self.config
    }

    /// Processes 10 ms from the microphone in place.
    ///
    /// `reference` is what the speaker was given to play since the last call, the mix after its
    /// limiter, or `None` if it was silent. The echo canceller finds the delay between the two
    /// by itself, up to 500 ms.
    pub fn process(&mut self, frame: &mut Frame, reference: Option<&Frame>) -> CaptureReport {
        for sample in frame.iter_mut() {
            // A device may deliver anything; NaN would stay in the filters for ever.
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let input = Level::of(frame);
        self.feed_reference(reference);
        if let Some(high_pass) = &mut self.high_pass {
            high_pass.process(frame);
        }
        run(self.cleaner.as_mut(), frame);
        if let Some(denoiser) = &mut self.denoiser {
            denoiser.process(frame);
        }
        let cleaned_dbfs = Level::of(frame).rms_dbfs;
        run(self.leveller.as_mut(), frame);
        let levelled_dbfs = Level::of(frame).rms_dbfs;
        if self.gain != 1.0 {
            frame.iter_mut().for_each(|sample| *sample *= self.gain);
            self.limiter.process(frame);
        }
        let voice_probability = self.detector.update(frame);
        let level = Level::of(frame);
        let gate = self.gate.update(voice_probability, level.rms_dbfs);
        let output = if gate == GateState::Shut {
            // Muted: that somebody speaks may be known here, but nothing of the frame is left.
            frame.fill(0.0);
            Level::SILENCE
        } else {
            level
        };
        CaptureReport {
            input,
            cleaned_dbfs,
            levelled_dbfs,
            output,
            voice_probability,
            talking: gate == GateState::Open,
            audio_level: output.audio_level(),
            onset_frames: self.gate.onset_frames(),
            gate,
        }
    }

    fn feed_reference(&mut self, reference: Option<&Frame>) {
        if !self.config.echo_cancellation {
            return;
        }
        if let Some(cleaner) = &mut self.cleaner {
            const SILENCE: Frame = [0.0; FRAME_SAMPLES];
            let mut unused = SILENCE;
            // The frame has the length and channels the stage was built for.
            let _ = cleaner.process_render_f32(&[reference.unwrap_or(&SILENCE)], &mut [&mut unused]);
        }
    }
}

fn run(stage: Option<&mut AudioProcessing>, frame: &mut Frame) {
    if let Some(stage) = stage {
        let source = *frame;
        // The frame has the length and channels the stage was built for.
        let _ = stage.process_capture_f32(&[&source], &mut [frame]);
    }
}

/// Echo cancellation and automatic gain take an offset or rumble for sound.
fn needs_high_pass(config: &UplinkConfig) -> bool {
    config.high_pass || config.echo_cancellation || config.automatic_gain
}

fn cleaner(config: &UplinkConfig) -> Option<AudioProcessing> {
    let standard = config.noise_suppression == NoiseSuppression::Standard;
    if !(config.echo_cancellation || standard) {
        return None;
    }
    Some(processing(sonora::Config {
        echo_canceller: config.echo_cancellation.then(|| EchoCanceller {
            // There is one before it, which leaves more of a low voice.
            enforce_high_pass_filtering: false,
            ..Default::default()
        }),
        noise_suppression: standard.then(sonora::config::NoiseSuppression::default),
        ..Default::default()
    }))
}

fn denoiser(config: &UplinkConfig) -> Option<Denoiser> {
    (config.noise_suppression == NoiseSuppression::Strong).then(Denoiser::new)
}

fn leveller(config: &UplinkConfig) -> Option<AudioProcessing> {
    config.automatic_gain.then(|| {
        processing(sonora::Config {
            gain_controller2: Some(GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..Default::default()
            }),
            ..Default::default()
        })
    })
}

fn linear_gain(config: &UplinkConfig) -> f32 {
    let decibels = config.gain_db;
    if decibels.is_finite() { amplitude(decibels.clamp(-60.0, 30.0)) } else { 1.0 }
}

fn processing(mut config: sonora::Config) -> AudioProcessing {
    config.pipeline =
        Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Default::default() };
    let stream = StreamConfig::new(SAMPLE_RATE, 1);
    AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build()
}

/// RNNoise, in our sample scale.
struct Denoiser {
    state: Box<DenoiseState<'static>>,
}

impl Denoiser {
    fn new() -> Self {
        Self { state: DenoiseState::new() }
    }

    fn process(&mut self, frame: &mut Frame) {
        let scaled = frame.map(|sample| sample * INT16_SCALE);
        self.state.process_frame(frame, &scaled);
        frame.iter_mut().for_each(|sample| *sample /= INT16_SCALE);
    }
}
