//! What runs on the operating system's audio threads neither allocates nor frees, nor does it ask the
//! system for anything: it cannot wait, nor log.

use std::sync::Arc;
use std::time::Duration;

use rtrb::RingBuffer;
use voicehall_device::{CaptureCallback, PlaybackCallback, StreamStatus};
use voicehall_test_realtime::allocations;

#[test]
fn a_capture_callback_does_not_allocate_and_survives_a_reader_that_is_gone() {
    let (producer, mut consumer) = RingBuffer::new(1_000);
    let status = Arc::new(StreamStatus::default());
    let mut callback = CaptureCallback::new(producer, 2, Arc::clone(&status));
    let (floats, integers) = ([0.5_f32, 0.25].repeat(256), [i16::MIN, 0].repeat(256));
    let latency = Some(Duration::from_millis(5));
    let counted = allocations(|| {
        callback.run(&floats, latency);
        callback.run(&integers, latency);
        for _ in 0..10 {
            callback.run(&floats, latency);
        }
    });
    assert_eq!(counted, 0);
    assert_eq!(consumer.pop(), Ok(0.375), "both channels, averaged");
    assert_eq!(consumer.slots(), 999, "full, and no further");
    let second = consumer.read_chunk(256).unwrap().into_iter().last().unwrap();
    assert_eq!(second, -0.5);
    assert_eq!((status.callbacks(), status.callback_frames_max()), (12, 256));
    assert_eq!(status.device_latency(), Duration::from_millis(5));
    assert_eq!(status.glitches(), 9, "every callback that found the ring full");
    drop(consumer);
    // The last owner of the ring frees it: the callback's, when the stream is dropped.
    assert_eq!(allocations(|| callback.run(&floats, None)), 0);
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
    let counted = allocations(|| {
        callback.run(&mut floats, None);
        callback.run(&mut integers, None);
        callback.run(&mut integers[..0], None);
    });
    assert_eq!(counted, 0);
    assert!(floats.iter().all(|sample| *sample == 0.5));
    assert!(integers[..88].iter().all(|sample| *sample == 16_384));
    assert!(integers[88..].iter().all(|sample| *sample == 0));
    assert_eq!(status.glitches(), 1);
    callback.run(&mut floats, None);
    assert_eq!(status.glitches(), 1, "a pause is no glitch");
}

#[cfg(target_os = "linux")]
#[test]
fn callbacks_ask_the_system_for_nothing_whether_anybody_keeps_up_or_not() {
    use voicehall_test_realtime::keeps_to_itself;
    let status = Arc::new(StreamStatus::default());
    let latency = Some(Duration::from_millis(5));
    let (producer, reader) = RingBuffer::new(1_000);
    let mut capture = CaptureCallback::new(producer, 2, Arc::clone(&status));
    let samples = [0.5_f32; 512];
    assert!(keeps_to_itself(|| (0..10).for_each(|_| capture.run(&samples, latency))), "it is not read");
    drop(reader);
    assert!(keeps_to_itself(|| capture.run(&samples, latency)), "nobody is there to read");

    let (mut producer, consumer) = RingBuffer::new(1_000);
    let mut playback = PlaybackCallback::new(consumer, 2, 48_000, status);
    producer.push(0.5).unwrap();
    let mut samples = [0_i16; 512];
    assert!(keeps_to_itself(|| (0..10).for_each(|_| playback.run(&mut samples, latency))), "it runs empty");
    drop(producer);
    assert!(keeps_to_itself(|| playback.run(&mut samples, latency)), "nobody is there to write");
}
