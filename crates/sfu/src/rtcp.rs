//! RTCP sender and receiver reports (RFC 3550 §6.4), and feedback on video (RFC 4585): generic
//! NACK and picture loss; transport-wide feedback is in [`crate::congestion::feedback`].
//!
//! Absent: REMB and FIR.

use std::time::Duration;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Format of generic NACK in transport feedback.
const NACK: u8 = 1;
/// Format of transport-wide feedback in transport feedback.
const ARRIVALS: u8 = 15;
/// Format of picture loss in payload feedback.
const PICTURE_LOSS: u8 = 1;
/// Transport-wide feedbacks that are read of one packet; a client writes one.
const FEEDBACKS_MAX: usize = 4;
const BLOCK_BYTES: usize = 24;
/// Our name in every report: the same for all, since it says nothing about anyone.
const CNAME: &[u8] = b"voicehall";

/// A time in NTP's format: seconds and 2^-32 seconds (RFC 3550 §4). Its zero is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// This long after the caller's zero.
    pub fn since_zero(elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        Self((elapsed.as_secs() << 32) | fraction)
    }

    /// The middle 32 bits, which reports quote: units of 1/65536 s.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// One reception report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all, clamped to 24 bits with sign.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with rollovers above.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the stream's clock.
    pub jitter: u32,
    /// [`NtpTime::middle`] of the last sender report received, or 0.
    pub last_sender_report: u32,
    /// How long ago that was, in 1/65536 s.
    pub delay_since: u32,
}

/// What a sender report says of its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: u32,
    /// When the report was written.
    pub ntp: NtpTime,
    /// The same moment on the stream's clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// A part of a compound packet that is understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// From a sender report.
    Sender(SenderInfo),
    /// From a sender or a receiver report.
    Block(ReportBlock),
    /// Packets of a stream are missing: this one, and those after it whose bits are set.
    Nack {
        /// The stream.
        ssrc: u32,
        /// The first one.
        sequence: u16,
        /// Bit `n` is the packet `n + 1` after it.
        more: u16,
    },
    /// A stream cannot be shown until its next key frame.
    PictureLoss {
        /// The stream.
        ssrc: u32,
    },
}

/// Reads a decrypted compound or reduced-size packet, calling `each` for what it understands and
/// skipping the rest. It stops at the first part that is not well formed.
pub fn read(mut packet: &[u8], mut each: impl FnMut(Report)) {
    while let Some(head) = packet.first_chunk::<4>() {
        let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        let Some((part, rest)) = packet.split_at_checked(len) else { return };
        packet = rest;
        if head[0] >> 6 != 2 {
            return;
        }
        let blocks_at = match head[1] {
            SENDER_REPORT if part.len() >= 28 => {
                each(Report::Sender(SenderInfo {
                    ssrc: be32(part, 4),
                    ntp: NtpTime(u64::from(be32(part, 8)) << 32 | u64::from(be32(part, 12))),
                    timestamp: be32(part, 16),
                    packets: be32(part, 20),
                    octets: be32(part, 24),
                }));
                28
            }
            RECEIVER_REPORT if part.len() >= 8 => 8,
            TRANSPORT_FEEDBACK if head[0] & 0x1f == NACK && part.len() >= 12 => {
                for nack in part[12..].chunks_exact(4) {
                    each(Report::Nack {
                        ssrc: be32(part, 8),
                        sequence: u16::from_be_bytes([nack[0], nack[1]]),
                        more: u16::from_be_bytes([nack[2], nack[3]]),
                    });
                }
                continue;
            }
            PAYLOAD_FEEDBACK if head[0] & 0x1f == PICTURE_LOSS && part.len() >= 12 => {
                each(Report::PictureLoss { ssrc: be32(part, 8) });
                continue;
            }
            _ => continue,
        };
        for block in part[blocks_at..].chunks_exact(BLOCK_BYTES).take(usize::from(head[0] & 0x1f)) {
            each(Report::Block(read_block(block)));
        }
    }
}

/// Calls `each` with every transport-wide feedback in a decrypted packet, without its SSRCs, for
/// [`crate::congestion::feedback::read`].
/// A packet with more of them is read so far only, since each may tell of thousands of packets.
pub fn read_transport_feedback(mut packet: &[u8], mut each: impl FnMut(&[u8])) {
    let mut left = FEEDBACKS_MAX;
    while left > 0
        && let Some(head) = packet.first_chunk::<4>()
    {
        let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        let Some((part, rest)) = packet.split_at_checked(len) else { return };
        packet = rest;
        if head[0] >> 6 != 2 {
            return;
        }
        if head[1] == TRANSPORT_FEEDBACK
            && head[0] & 0x1f == ARRIVALS
            && let Some(body) = part.get(12..)
        {
            left -= 1;
            each(body);
        }
    }
}

fn read_block(block: &[u8]) -> ReportBlock {
    let lost = be32(block, 4);
    ReportBlock {
        ssrc: be32(block, 0),
        fraction_lost: (lost >> 24) as u8,
        // Sign-extends the lower 24 bits.
        cumulative_lost: (lost << 8) as i32 >> 8,
        highest_sequence: be32(block, 8),
        jitter: be32(block, 12),
        last_sender_report: be32(block, 16),
        delay_since: be32(block, 20),
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Writes a compound packet into a buffer of at least 1300 bytes: reports first, then
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
    ssrc: Option<u32>,
}

impl<'a> Writer<'a> {
    /// Starts an empty packet.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0, ssrc: None }
    }

    /// A sender report without blocks.
    pub fn sender_report(&mut self, info: &SenderInfo) {
        self.head(0, SENDER_REPORT, 28, info.ssrc);
        self.word((info.ntp.0 >> 32) as u32);
        self.word(info.ntp.0 as u32);
        self.word(info.timestamp);
        self.word(info.packets);
        self.word(info.octets);
    }

    /// A receiver report with one block, or with none.
    pub fn receiver_report(&mut self, ssrc: u32, block: Option<&ReportBlock>) {
        let Some(block) = block else {
            return self.head(0, RECEIVER_REPORT, 8, ssrc);
        };
        self.head(1, RECEIVER_REPORT, 8 + BLOCK_BYTES, ssrc);
        self.word(block.ssrc);
        let lost = block.cumulative_lost.clamp(-(1 << 23), (1 << 23) - 1) as u32 & 0x00ff_ffff;
        self.word(u32::from(block.fraction_lost) << 24 | lost);
        self.word(block.highest_sequence);
        self.word(block.jitter);
        self.word(block.last_sender_report);
        self.word(block.delay_since);
    }

    /// Asks for packets of a stream (RFC 4585 §6.2.1). `ssrc` is who asks. The numbers grow; those
    /// beyond some 16 ranges are left for the next time.
    pub fn nack(&mut self, ssrc: u32, media: u32, sequences: &[u16]) {
        const RANGES_MAX: usize = 16;
        let mut ranges = [(0u16, 0u16); RANGES_MAX];
        let mut count = 0usize;
        for sequence in sequences {
            let after = count.checked_sub(1).map(|last| sequence.wrapping_sub(ranges[last].0));
            match after {
                Some(after @ 1..=16) => ranges[count - 1].1 |= 1 << (after - 1),
                _ if count < RANGES_MAX => {
                    ranges[count] = (*sequence, 0);
                    count += 1;
                }
                _ => break,
            }
        }
        if count > 0 {
            self.head(NACK, TRANSPORT_FEEDBACK, 12 + 4 * count, ssrc);
            self.word(media);
            for (sequence, more) in &ranges[..count] {
                self.word(u32::from(*sequence) << 16 | u32::from(*more));
            }
        }
    }

    /// Asks for a key frame of a stream (RFC 4585 §6.3.1). `ssrc` is who asks.
    pub fn picture_loss(&mut self, ssrc: u32, media: u32) {
        self.head(PICTURE_LOSS, PAYLOAD_FEEDBACK, 12, ssrc);
        self.word(media);
    }

    /// When packets came, as [`crate::congestion::feedback::write`] wrote it. `ssrc` is who tells.
    pub fn transport_feedback(&mut self, ssrc: u32, media: u32, body: &[u8]) {
        self.head(ARRIVALS, TRANSPORT_FEEDBACK, 12 + body.len(), ssrc);
        self.word(media);
        self.buffer[self.len..self.len + body.len()].copy_from_slice(body);
        self.len += body.len();
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the source description that every compound packet has (RFC 3550 §6.1), and returns
    /// the length.
    pub fn finish(mut self) -> usize {
        let Some(ssrc) = self.ssrc else { return 0 };
        let padded = (2 + CNAME.len() + 1).next_multiple_of(4);
        self.head(1, SOURCE_DESCRIPTION, 8 + padded, ssrc);
        let out = &mut self.buffer[self.len..self.len + padded];
        out.fill(0);
        out[0] = 1;
        out[1] = CNAME.len() as u8;
        out[2..2 + CNAME.len()].copy_from_slice(CNAME);
        self.len + padded
    }

    fn head(&mut self, count: u8, kind: u8, bytes: usize, ssrc: u32) {
        self.ssrc.get_or_insert(ssrc);
        self.word(u32::from(0x80 | count) << 24 | u32::from(kind) << 16 | (bytes / 4 - 1) as u32);
        self.word(ssrc);
    }

    fn word(&mut self, word: u32) {
        self.buffer[self.len..self.len + 4].copy_from_slice(&word.to_be_bytes());
        self.len += 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let info = SenderInfo {
            ssrc: 1,
            ntp: NtpTime::since_zero(Duration::from_millis(1500)),
            timestamp: 2,
            packets: 3,
            octets: 4,
        };
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 255,
            cumulative_lost: -3,
            highest_sequence: 0x0001_ffff,
            jitter: 77,
            last_sender_report: 5,
            delay_since: 6,
        };
        let mut buffer = [0; 700];
        let mut writer = Writer::new(&mut buffer);
        writer.sender_report(&info);
        writer.sender_report(&SenderInfo { ssrc: 2, ..info });
        writer.receiver_report(8, Some(&block));
        let len = writer.finish();
        let mut read_back = Vec::new();
        read(&buffer[..len], |report| read_back.push(report));
        assert_eq!(
            read_back,
            [Report::Sender(info), Report::Sender(SenderInfo { ssrc: 2, ..info }), Report::Block(block)]
        );
        assert_eq!(info.ntp.0, 0x1_8000_0000);
        assert_eq!(info.ntp.middle(), 0x0001_8000);
    }

    #[test]
    fn feedback_is_read_as_it_was_written() {
        let mut buffer = [0; 700];
        let mut writer = Writer::new(&mut buffer);
        writer.nack(1, 2, &[65_535, 0, 15, 16, 40]);
        writer.picture_loss(1, 3);
        writer.nack(1, 4, &[]);
        let len = writer.finish();
        let mut read_back = Vec::new();
        read(&buffer[..len], |report| read_back.push(report));
        assert_eq!(
            read_back,
            [
                Report::Nack { ssrc: 2, sequence: 65_535, more: 0b1000_0000_0000_0001 },
                Report::Nack { ssrc: 2, sequence: 16, more: 0 },
                Report::Nack { ssrc: 2, sequence: 40, more: 0 },
                Report::PictureLoss { ssrc: 3 },
            ]
        );
    }

    #[test]
    fn eight_sender_reports_and_a_block_fit() {
        let info = SenderInfo { ssrc: 1, ntp: NtpTime(0), timestamp: 0, packets: 0, octets: 0 };
        let mut buffer = [0; 700];
        let mut writer = Writer::new(&mut buffer);
        assert!(writer.is_empty());
        (0..8).for_each(|_| writer.sender_report(&info));
        writer.receiver_report(1, Some(&ReportBlock::default()));
        assert!(writer.finish() <= 600);
    }

    #[test]
    fn transport_feedback_is_found_among_others_and_bounded() {
        let bodies = |count: u8| {
            let mut buffer = [0; 1500];
            let mut writer = Writer::new(&mut buffer);
            writer.picture_loss(1, 2);
            (0..count).for_each(|number| writer.transport_feedback(1, 2, &[number; 8]));
            writer.nack(1, 2, &[3]);
            let len = writer.finish();
            let mut found = Vec::new();
            read_transport_feedback(&buffer[..len], |body| found.push(body.to_vec()));
            found
        };
        assert_eq!(bodies(0), Vec::<Vec<u8>>::new());
        assert_eq!(bodies(2), [vec![0; 8], vec![1; 8]]);
        assert_eq!(bodies(40).len(), FEEDBACKS_MAX);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            read(&packet, |_| {});
            read_transport_feedback(&packet, |_| {});
        }

        #[test]
        fn no_reports_make_it_panic(
            count in 0x80u8..0xa0,
            kind in 200u8..208,
            words in 0u8..40,
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut blocks = 0;
            read(&[vec![count, kind, 0, words], rest].concat(), |_| blocks += 1);
            prop_assert!(blocks <= 80);
        }
    }
}
