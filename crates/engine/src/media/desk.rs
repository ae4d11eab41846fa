//! The mixing desk: what the media thread does with a frame from the microphone and with the
//! speaker's wish for another. It knows no device and no clock.

use super::meters::{InputMeter, ProcessingMeter, SpeakingList};
use super::playback::Playback;
use super::unheard::UnheardSpeech;
use super::{Notice, Order, VoiceTap};
use crate::receive::Receiver;
use crate::send::{CaptureReport, Sender};
use crate::session::Link;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use voicehall_audio::{FRAME_SAMPLES, Frame, Limiter, SAMPLE_RATE};
use voicehall_protocol::engine::{AudioSettings, PlaybackPhase};
use voicehall_protocol::rtp::SourceId;

/// Mixed frames kept as the echo canceller's reference. Microphone and speaker take turns, so one
/// is the rule; more bridge a callback that comes late.
const REFERENCE_FRAMES_MAX: usize = 4;

/// A microphone that was silent for longer was closed meanwhile, and its RTP time has to catch up.
const CAPTURE_GAP: Duration = Duration::from_millis(100);

/// A pause between packets that still belongs to one talk spurt: twice a packet's time, and some
/// lateness.
const SPURT_GAP: Duration = Duration::from_millis(50);

/// Time of one frame.
const FRAME: Duration = Duration::from_millis(10);

/// A call's place at the desk.
pub(crate) struct Seat {
    /// Packets both ways.
    pub link: Link,
    /// Fresh slots.
    pub receiver: Receiver,
    /// The own microphone.
    pub source: SourceId,
}

/// The desk itself. It belongs to the media thread.
pub(super) struct Desk {
    sender: Sender,
    seat: Option<Seat>,
    tap: Option<Box<dyn VoiceTap>>,
    muted: bool,
    deafened: bool,
    output_gain: f32,
    levelling: bool,
    priority_attenuation_db: f32,
    limiter: Limiter,
    references: VecDeque<Frame>,
    captured_at: Option<Instant>,
    played_frames: u64,
    input: InputMeter,
    /// While the microphone is monitored.
    processing: Option<ProcessingMeter>,
    playback: Option<Box<Playback>>,
    speaking: SpeakingList,
    unheard: UnheardSpeech,
    /// When the latest packet of the microphone went out.
    sent_at: Option<Instant>,
    notices: mpsc::Sender<Notice>,
}

impl Desk {
    pub(super) fn new(
        sender: Sender,
        settings: &AudioSettings,
        tap: Option<Box<dyn VoiceTap>>,
        notices: mpsc::Sender<Notice>,
    ) -> Self {
        Self {
            sender,
            seat: None,
            tap,
            muted: false,
            deafened: false,
            output_gain: settings.output_gain,
            levelling: settings.levelling,
            priority_attenuation_db: settings.priority_attenuation,
            limiter: Limiter::default(),
            references: VecDeque::with_capacity(REFERENCE_FRAMES_MAX),
            captured_at: None,
            played_frames: 0,
            input: InputMeter::default(),
            processing: None,
            playback: None,
            speaking: SpeakingList::default(),
            unheard: UnheardSpeech::default(),
            sent_at: None,
            notices,
        }
    }

    /// Carries out what the engine wants.
    pub(super) fn carry_out(&mut self, order: Order) {
        match order {
            Order::Take(seat) => {
                self.seat = Some(*seat);
                self.apply_mute();
                self.apply_hearing();
            }
            Order::Leave => {
                self.seat = None;
                self.apply_mute();
                self.speaking.clear();
                // What was being said belongs to this call: the next one begins with nothing of it, nor
                // with a reading that began in this one.
                self.sender.skip(0);
                self.sent_at = None;
                self.input = InputMeter::default();
            }
            Order::Mute { muted, deafened } => {
                (self.muted, self.deafened) = (muted, deafened);
                self.apply_mute();
            }
            Order::Talk(talk) => self.sender.set_talk(talk),
            Order::Volume { source, volume } => {
                if let Some(seat) = &mut self.seat {
                    seat.receiver.set_volume(source, volume);
                }
            }
            Order::Priority(sources) => {
                if let Some(seat) = &mut self.seat {
                    seat.receiver.set_priority(sources.into_iter());
                }
            }
            Order::Monitor { on, playback } => self.monitor(on, playback),
            Order::Audio(settings) => {
                self.output_gain = settings.output_gain;
                self.levelling = settings.levelling;
                self.priority_attenuation_db = settings.priority_attenuation;
                self.apply_hearing();
                if let Err(error) = self.sender.set_audio(&settings) {
                    tracing::error!(%error, "the microphone keeps its settings");
                }
            }
            Order::Bitrate(bitrate) => self.sender.set_bitrate(bitrate),
            Order::ExpectedLoss(loss) => self.sender.set_expected_loss(loss),
        }
    }

    /// Outside a call nothing is sent anyway, and a microphone that is tested shall be heard.
    fn apply_mute(&mut self) {
        self.sender.set_muted(self.seat.is_some() && (self.muted || self.deafened));
    }

    fn apply_hearing(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.receiver.set_levelling(self.levelling);
            seat.receiver.set_priority_attenuation_db(self.priority_attenuation_db);
        }
    }

    fn monitor(&mut self, on: bool, playback: Option<Box<Playback>>) {
        self.processing = on.then(ProcessingMeter::default);
        if self.playback.is_some() && playback.is_none() {
            self.notify(Notice::Playback(PlaybackPhase::Over));
        }
        self.playback = playback;
    }

    /// Shows what was made of a frame to whoever tests the microphone.
    fn show(&mut self, frame: &Frame, report: &CaptureReport) {
        if let Some(notice) = self.processing.as_mut().and_then(|meter| meter.update(report)) {
            self.notify(notice);
        }
        let recorded = self.playback.as_mut().and_then(|playback| playback.record(frame, report.talking));
        if let Some(phase) = recorded {
            self.notify(Notice::Playback(phase));
        }
    }

    /// Adds one's own voice to what is played, if it is to be heard now; returns whether it is.
    fn play_back(&mut self, frame: &mut Frame) -> bool {
        let Some(playback) = self.playback.as_mut().filter(|playback| playback.is_playing()) else {
            return false;
        };
        if playback.play(frame) {
            self.playback = None;
            self.notify(Notice::Playback(PlaybackPhase::Over));
        }
        true
    }

    /// Takes 10 ms of the microphone.
    pub(super) fn captured(&mut self, now: Instant, frame: &mut Frame) {
        self.skip_gap(now);
        let reference = self.references.pop_front();
        let reference = reference.as_ref();
        let mut sent = false;
        let report = match &self.seat {
            None => self.sender.meter(frame, reference),
            Some(seat) => {
                let outgoing = &seat.link.outgoing;
                let captured = self.sender.capture(frame, reference, |packet| {
                    // Full only while the network task hangs; voice that waits is worth nothing.
                    sent |= outgoing.try_send(packet).is_ok();
                });
                match captured {
                    Ok(report) => report,
                    Err(error) => {
                        tracing::error!(%error, "a frame of the microphone is lost");
                        return;
                    }
                }
            }
        };
        self.show(frame, &report);
        if sent {
            self.sent_at = Some(now);
        }
        // Not whether the gate is open: an open gate sends nothing either while there is silence.
        let lately = self.sent_at.is_some_and(|at| now.saturating_duration_since(at) < SPURT_GAP);
        let sending = self.seat.is_some() && lately && !self.muted && !self.deafened;
        if let Some(notice) = self.input.update(report.output.rms_dbfs, report.voice_probability, sending) {
            self.notify(notice);
        }
        let unheard = self.sender.unheard().filter(|_| self.seat.is_some() && !report.talking);
        if let Some(reason) = self.unheard.update(now, report.voice_probability, unheard) {
            self.notify(Notice::Unheard(reason));
        }
        let own = self.seat.as_ref().filter(|_| sending).map(|seat| seat.source);
        self.speaking.set_own(own);
    }

    /// Makes the next 10 ms for the speaker.
    pub(super) fn render(&mut self, now: Instant, frame: &mut Frame) {
        let heard = match &mut self.seat {
            None => {
                frame.fill(0.0);
                false
            }
            Some(seat) => {
                while let Ok((arrival, packet)) = seat.link.arrived.pop() {
                    seat.receiver.push(arrival, &packet);
                }
                let heard = match &mut self.tap {
                    None => seat.receiver.mix(now, frame),
                    Some(tap) => {
                        let start = self.played_frames * FRAME_SAMPLES as u64;
                        seat.receiver.mix_with_tap(now, frame, |source, at, samples| {
                            tap.voice(source, start + at as u64, samples);
                        })
                    }
                };
                self.speaking.set_heard(seat.receiver.audible());
                heard
            }
        };
        self.played_frames += 1;
        if self.deafened {
            frame.fill(0.0);
        }
        let played_back = self.play_back(frame);
        if self.output_gain != 1.0 {
            frame.iter_mut().for_each(|sample| *sample *= self.output_gain);
        }
        if self.output_gain > 1.0 || played_back {
            self.limiter.process(frame);
        }
        self.refer(frame, heard && !self.deafened || played_back);
        if let Some(notice) = self.speaking.update(now)
            && self.notices.try_send(notice).is_err()
        {
            self.speaking.lost();
        }
    }

    /// What the receive path measured, for the call's figures.
    pub(super) fn receiver(&self) -> Option<&Receiver> {
        self.seat.as_ref().map(|seat| &seat.receiver)
    }

    /// The microphone's way to the network.
    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(super) fn notify(&self, notice: Notice) {
        // The engine's task reads these between other things. What does not fit is superseded by the
        // next one anyway, but for the list of who speaks.
        let _ = self.notices.try_send(notice);
    }

    fn refer(&mut self, frame: &Frame, heard: bool) {
        if self.references.len() == REFERENCE_FRAMES_MAX {
            self.references.pop_front();
        }
        // Silence is a reference too while frames wait, or the others would move in time.
        if heard || !self.references.is_empty() {
            self.references.push_back(*frame);
        }
    }

    fn skip_gap(&mut self, now: Instant) {
        if let Some(last) = self.captured_at.replace(now) {
            let gap = now.saturating_duration_since(last);
            if gap > CAPTURE_GAP {
                let missing = (gap - FRAME).as_millis() as u64 * u64::from(SAMPLE_RATE) / 1000;
                // RTP time wraps; so may this.
                self.sender.skip(missing as u32);
            }
        }
    }
}
