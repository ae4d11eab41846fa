//! The application's end of the interceptor chain: every RTP packet of a voice slot leaves here
//! straight for the media thread, and what receiver reports say is kept.
//!
//! It takes the place of `webrtc`'s remote tracks, which would cost a task and two channels for
//! each slot and a packet's way through both.

use crate::packet::SlotPacket;
use crate::session::figures::Figures;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A packet with the time it was read from the socket.
pub(crate) type Arrival = (Instant, SlotPacket);

/// The tap itself, last in the chain.
pub(super) struct Tap {
    /// Never locked: the chain hands out `&mut self`, and the mutex only makes the ring `Sync`.
    packets: Mutex<rtrb::Producer<Arrival>>,
    figures: Arc<Figures>,
    microphone: u32,
    outgoing: VecDeque<TaggedPacket>,
}

impl Tap {
    pub(super) fn new(packets: rtrb::Producer<Arrival>, figures: Arc<Figures>, microphone: u32) -> Self {
        Self { packets: Mutex::new(packets), figures, microphone, outgoing: VecDeque::new() }
    }

    fn reported(&self, reports: &[ReceptionReport]) {
        for report in reports.iter().filter(|report| report.ssrc == self.microphone) {
            self.figures.set_loss_up(f32::from(report.fraction_lost) / 256.0);
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, arrived: TaggedPacket) -> Result<(), Error> {
        match &arrived.message.packet {
            Packet::Rtp(packet) => {
                let Some(voice) = SlotPacket::read(packet) else { return Ok(()) };
                if let Ok(packets) = self.packets.get_mut() {
                    // A full ring means that the media thread hangs; what is late then is lost.
                    let _ = packets.push((arrived.now, voice));
                }
            }
            Packet::Rtcp(packets) => {
                for packet in packets {
                    let packet = packet.as_any();
                    if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                        self.reported(&report.reports);
                    } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
                        self.reported(&report.reports);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outgoing.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
