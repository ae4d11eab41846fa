//! What runs on the operating system's audio threads neither allocates nor frees.

use std::sync::Arc;
use std::time::Duration;

use rtrb::RingBuffer;
use voicehall_device::{CaptureCallback, PlaybackCallback, StreamStatus};
use voicehall_test_allocation::count;

#[test]
fn a_capture_callback_does_not_allocate_and_survives_a_reader_that_is_gone() {
    let (producer, mut consumer) = RingBuffer::new(1_000);
    let status = Arc::new(StreamStatus::default());
    let mut callback = CaptureCallback::new(producer, 2, Arc::clone(&status));
    let (floats, integers) = ([0.5_f32, 0.25].repeat(256), [i16::MIN, 0].repeat(256));
    let latency = Some(Duration::from_millis(5));
    let allocations = count(|| {
        callback.run(&floats, latency);
        callback.run(&integers, latency);
        for _ in 0..10 {
            callback.run(&floats, latency);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(consumer.pop(), Ok(0.375), "both channels, averaged");
    assert_eq!(consumer.slots(), 999, "full, and no further");
    let second = consumer.read_chunk(256).unwrap().into_iter().last().unwrap();
    assert_eq!(second, -0.5);
    assert_eq!((status.callbacks(), status.callback_frames_max()), (12, 256));
    assert_eq!(status.device_latency(), Duration::from_millis(5));
    assert_eq!(status.glitches(), 9, "every callback that found the ring full");
    drop(consumer);
    // The last owner of the ring frees it: the callback's, when the stream is dropped.
    assert_eq!(count(|| callback.run(&floats, None)), 0);
}

#[test]
fn a_playback_callback_does_not_allocate_and_fills_with_silence() {
    let (mut producer, consumer) = RingBuffer::new(1_000);
    let status = Arc::new(StreamStatus::default());
    let mut callback = PlaybackCallback::new(consumer, 2, 48_000, Arc::clone(&status));
    for _ in 0..300 {
        producer.push(0.5).unwrap();
    }
    let (mut floats, mut integers) = ([9.0_f32; 512], [9_i16; 512]);
    let allocations = count(|| {
        callback.run(&mut floats, None);
        callback.run(&mut integers, None);
        callback.run(&mut integers[..0], None);
    });
    assert_eq!(allocations, 0);
    assert!(floats.iter().all(|sample| *sample == 0.5));
    assert!(integers[..88].iter().all(|sample| *sample == 16_384));
    assert!(integers[88..].iter().all(|sample| *sample == 0));
    assert_eq!(status.glitches(), 1);
    callback.run(&mut floats, None);
    assert_eq!(status.glitches(), 1, "a pause is no glitch");
}
