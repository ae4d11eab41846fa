//! Pictures through encoder, packets and decoder, and back.

use std::time::Duration;
use voicehall_video::{
    Codec, ContentHint, Depacketizer, EncodedFrame, EncoderConfig, FrameContent, Packetizer, Picture, Rate,
    SequenceParameters, Size, VideoDecoder, VideoEncoder, VideoError, nal_units, pattern,
};

const SIZE: Size = Size::new(320, 180);
const RATE: Rate = Rate { bitrate: 400_000, frame_rate: 30 };
const CONFIG: EncoderConfig =
    EncoderConfig { size: SIZE, rate: RATE, content: ContentHint::Motion, temporal_layers: 1, threads: 1 };
const CODECS: [Codec; 2] = [Codec::H264, Codec::Av1];

/// An encoder, with what it makes cut into payloads and put together again.
struct Chain {
    encoder: Box<dyn VideoEncoder>,
    packetizer: Packetizer,
    depacketizer: Depacketizer,
    decoder: Box<dyn VideoDecoder>,
    picture: Picture,
    shown: Picture,
    counter: u32,
    frame_rate: u32,
    at: Duration,
}

struct Frame {
    encoded: EncodedFrame,
    content: FrameContent,
    data: Vec<u8>,
}

impl Chain {
    fn new(codec: Codec, config: &EncoderConfig) -> Self {
        Self {
            encoder: codec.encoder(config).unwrap(),
            packetizer: Packetizer::new(codec),
            depacketizer: Depacketizer::new(codec),
            decoder: codec.decoder().unwrap(),
            picture: Picture::new(config.size).unwrap(),
            shown: Picture::new(Size::new(2, 2)).unwrap(),
            counter: 0,
            frame_rate: config.rate.frame_rate,
            at: Duration::ZERO,
        }
    }

    /// Encodes the next picture, and joins what came of it.
    fn encode(&mut self) -> Option<Frame> {
        self.counter += 1;
        self.at += Duration::from_secs(1) / self.frame_rate;
        pattern::draw(&mut self.picture, 7, self.counter);
        let mut made = Vec::new();
        let encoded = self.encoder.encode(&self.picture.view(), self.at, &mut made).unwrap()?;
        let mut payloads = Vec::new();
        self.packetizer.packetize(&made, 1100, |payload, _| payloads.push(payload.to_vec())).unwrap();
        let mut data = Vec::new();
        let content = self.depacketizer.join(payloads.iter().map(Vec::as_slice), &mut data).unwrap();
        Some(Frame { encoded, content, data })
    }

    /// Decodes a frame and reads its number from the picture.
    fn decode(&mut self, frame: &Frame) -> Option<u32> {
        assert!(self.decoder.decode(&frame.data, &mut self.shown).unwrap());
        let reading = pattern::read(&self.shown.view())?;
        assert_eq!(reading.source, 7);
        assert!(reading.colour_error < 40, "{reading:?}");
        Some(reading.counter)
    }
}

#[test]
fn every_picture_is_seen_with_its_number_and_colours() {
    for codec in CODECS {
        let mut chain = Chain::new(codec, &CONFIG);
        for counter in 1..=60 {
            let frame = chain.encode().expect("there is room for all");
            assert_eq!(frame.encoded.key, counter == 1, "{codec:?} {counter}");
            assert_eq!((frame.content.key, frame.content.discardable), (counter == 1, false));
            assert_eq!(chain.decode(&frame), Some(counter), "{codec:?}");
            assert_eq!(chain.shown.size(), SIZE);
            if frame.content.key {
                assert_eq!(frame.content.size, Some(SIZE));
            }
        }
    }
}

#[test]
fn a_key_frame_comes_when_asked_and_needs_nothing_before_it() {
    for codec in CODECS {
        let mut chain = Chain::new(codec, &CONFIG);
        (0..10).for_each(|_| drop(chain.encode()));
        chain.encoder.request_key_frame();
        let frame = chain.encode().expect("a key frame");
        assert!(frame.encoded.key && frame.content.key);
        // The decoder has seen nothing so far.
        assert_eq!(chain.decode(&frame), Some(11));
        assert!(!chain.encode().unwrap().encoded.key, "{codec:?}: once is enough");
    }
}

#[test]
fn a_decoder_without_the_frame_before_says_so() {
    for codec in CODECS {
        let mut chain = Chain::new(codec, &CONFIG);
        let first = chain.encode().unwrap();
        let second = chain.encode().unwrap();
        let outcome = chain.decoder.decode(&second.data, &mut chain.shown);
        assert!(matches!(outcome, Err(VideoError::Decode { .. }) | Ok(false)), "{codec:?} {outcome:?}");
        assert_eq!(chain.decode(&first), Some(1));
        assert_eq!(chain.decode(&second), Some(2));
    }
}

#[test]
fn the_bit_rate_is_kept_and_changes_without_a_key_frame() {
    for codec in CODECS {
        let mut chain = Chain::new(codec, &CONFIG);
        let measure = |chain: &mut Chain, rate: Rate| {
            chain.encoder.set_rate(rate).unwrap();
            chain.frame_rate = rate.frame_rate;
            // It settles, and then counts.
            (0..rate.frame_rate * 2).for_each(|_| drop(chain.encode()));
            let frames: Vec<_> = (0..rate.frame_rate * 3).filter_map(|_| chain.encode()).collect();
            assert!(frames.iter().all(|frame| !frame.encoded.key));
            let bits = frames.iter().map(|frame| frame.data.len() * 8).sum::<usize>() / 3;
            bits as f64 / f64::from(rate.bitrate)
        };
        for rate in [
            RATE,
            Rate { bitrate: 150_000, frame_rate: 30 },
            Rate { bitrate: 150_000, frame_rate: 10 },
            Rate { bitrate: 300_000, frame_rate: 30 },
        ] {
            let share = measure(&mut chain, rate);
            assert!((0.5..1.2).contains(&share), "{codec:?} {rate:?}: {share}");
        }
    }
}

#[test]
fn every_other_frame_of_two_temporal_layers_can_be_left_out() {
    let config = EncoderConfig { temporal_layers: 2, ..CONFIG };
    let mut chain = Chain::new(Codec::H264, &config);
    let mut left_out = 0;
    for counter in 1..=61 {
        let frame = chain.encode().expect("there is room for all");
        assert_eq!(frame.encoded.discardable, frame.content.discardable);
        assert_eq!(frame.content.discardable, counter % 2 == 0, "{counter}");
        if frame.content.discardable {
            left_out += 1;
        } else {
            assert_eq!(chain.decode(&frame), Some(counter));
        }
    }
    assert_eq!(left_out, 30);
}

#[test]
fn the_stream_is_what_browsers_decode() {
    for temporal_layers in [1, 2] {
        for content in [ContentHint::Motion, ContentHint::Detail] {
            let mut chain = Chain::new(Codec::H264, &EncoderConfig { temporal_layers, content, ..CONFIG });
            let frame = chain.encode().unwrap();
            let kinds: Vec<_> = nal_units(&frame.data).map(|unit| unit[0] & 0x1f).collect();
            assert_eq!(kinds, [7, 8, 5]);
            let parameters = nal_units(&frame.data).next().and_then(SequenceParameters::parse).unwrap();
            // Constrained baseline.
            assert_eq!((parameters.profile, parameters.constraints & 0x40), (66, 0x40), "{parameters:?}");
            assert_eq!(parameters.size, SIZE);
            let kinds: Vec<_> = nal_units(&chain.encode().unwrap().data).map(|unit| unit[0] & 0x1f).collect();
            assert_eq!(kinds, [1]);
        }
    }
}

#[test]
fn sizes_are_as_they_are() {
    for codec in CODECS {
        for size in [(2, 2), (16, 16), (18, 34), (90, 160), (322, 182)] {
            let size = Size::new(size.0, size.1);
            let mut chain = Chain::new(codec, &EncoderConfig { size, ..CONFIG });
            // OpenH264 has a least size.
            if codec == Codec::H264 && size.width < 16 {
                continue;
            }
            let frame = chain.encode().expect("a key frame");
            assert_eq!(frame.content.size, Some(size), "{codec:?}");
            assert!(chain.decoder.decode(&frame.data, &mut chain.shown).unwrap());
            assert_eq!(chain.shown.size(), size);
        }
        let wrong = Picture::new(Size::new(64, 64)).unwrap();
        let mut encoder = codec.encoder(&CONFIG).unwrap();
        let outcome = encoder.encode(&wrong.view(), Duration::ZERO, &mut Vec::new());
        assert_eq!(outcome, Err(VideoError::PictureSize { width: 64, height: 64 }));
        let huge = EncoderConfig { size: Size::new(100_000, 100_000), ..CONFIG };
        assert!(codec.encoder(&huge).is_err());
    }
}

#[test]
fn pages_are_encoded_as_pages() {
    for codec in CODECS {
        let config = EncoderConfig { content: ContentHint::Detail, ..CONFIG };
        let mut chain = Chain::new(codec, &config);
        for counter in 1..=10 {
            let frame = chain.encode().expect("there is room for all");
            assert_eq!(chain.decode(&frame), Some(counter), "{codec:?}");
        }
    }
}
