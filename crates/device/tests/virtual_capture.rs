//! Sources that are patterns, in the hands of a test.

use std::time::{Duration, Instant};
use voicehall_device::capture::{
    CaptureError, CaptureEvent, CaptureStream, CaptureSystem, Next, SourceId, SourceKind, VirtualCapture,
    Wanted,
};
use voicehall_video::{Size, pattern};

/// How long anything may take to come true. Far more than it ever does.
const PATIENCE: Duration = Duration::from_secs(30);

const WANTED: Wanted = Wanted { size: Size::new(640, 360), frame_rate: 60 };

fn event(stream: &mut CaptureStream) -> CaptureEvent {
    let end = Instant::now() + PATIENCE;
    loop {
        match stream.next(PATIENCE) {
            Next::Event(event) => return event,
            Next::Picture(_) => assert!(Instant::now() < end, "nothing happens"),
            Next::Nothing => panic!("nothing happens"),
        }
    }
}

/// The next picture's number, source, size and time.
fn picture(stream: &mut CaptureStream) -> (u32, u8, Size, Instant) {
    match stream.next(PATIENCE) {
        Next::Picture(captured) => {
            let picture = &captured.picture;
            let reading = pattern::read(&picture.view()).expect("it is a pattern");
            assert!(reading.colour_error < 4, "{reading:?}");
            (reading.counter, reading.source, picture.size(), captured.at)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_camera_gives_numbered_pictures_in_the_size_that_is_wanted() {
    let (system, camera) = VirtualCapture::with_camera();
    let listed = system.sources();
    assert_eq!((listed.len(), listed[0].kind), (1, SourceKind::Camera));
    assert_eq!(&listed[0].id, camera.id());
    let mut stream = system.open(camera.id(), WANTED).unwrap();
    let (first, source, size, start) = picture(&mut stream);
    assert_eq!((source, size), (0, WANTED.size));
    let (mut last, mut end) = (first, start);
    while last < first + 10 {
        let (number, _, _, at) = picture(&mut stream);
        assert!(number > last && at > end, "{last} then {number}");
        (last, end) = (number, at);
    }
    let rate = f64::from(last - first) / (end - start).as_secs_f64();
    assert!((50.0..70.0).contains(&rate), "{rate} pictures a second");
}

#[test]
fn a_camera_is_unplugged_taken_and_comes_back() {
    let (system, camera) = VirtualCapture::with_camera();
    let mut stream = system.open(camera.id(), WANTED).unwrap();
    picture(&mut stream);
    camera.plug(false);
    assert_eq!(event(&mut stream), CaptureEvent::Lost(CaptureError::Unplugged));
    assert_eq!(system.sources(), []);
    assert_eq!(system.open(camera.id(), WANTED).err(), Some(CaptureError::Unplugged));
    camera.plug(true);
    assert_eq!(event(&mut stream), CaptureEvent::Back);
    picture(&mut stream);
    camera.take(true);
    assert_eq!(event(&mut stream), CaptureEvent::Lost(CaptureError::InUse));
    camera.forbid();
    assert_eq!(event(&mut stream), CaptureEvent::Lost(CaptureError::Permission));
    camera.take(false);
    assert_eq!(event(&mut stream), CaptureEvent::Back);
    picture(&mut stream);
}

#[test]
fn a_window_is_resized_minimised_and_closed() {
    let system = VirtualCapture::new();
    system.add(SourceKind::Monitor, "screen", Size::new(1920, 1080));
    let window = system.add(SourceKind::Window, "game", Size::new(800, 600));
    let mut stream = system.open(window.id(), WANTED).unwrap();
    let (_, source, size, _) = picture(&mut stream);
    assert_eq!((source, size), (1, Size::new(800, 600)));
    let larger = Size::new(1024, 769);
    window.resize(larger);
    assert_eq!(event(&mut stream), CaptureEvent::Resized(larger));
    assert_eq!(picture(&mut stream).2, larger);
    window.minimise(true);
    assert_eq!(event(&mut stream), CaptureEvent::Minimised);
    window.minimise(false);
    assert_eq!(event(&mut stream), CaptureEvent::Restored);
    picture(&mut stream);
    window.close();
    assert_eq!(event(&mut stream), CaptureEvent::Ended(CaptureError::Closed));
    let thumbnail = system.thumbnail(&SourceId::new("virtual:0"), Size::new(16, 9)).unwrap();
    assert_eq!(thumbnail.rgba.len(), 16 * 9 * 4);
}

#[test]
fn what_is_closed_is_over() {
    let (system, camera) = VirtualCapture::with_camera();
    let streams: Vec<CaptureStream> = (0..3).map(|_| system.open(camera.id(), WANTED).unwrap()).collect();
    for mut stream in streams {
        picture(&mut stream);
        let open = camera.streams();
        drop(stream);
        assert!(camera.streams() < open);
    }
    assert_eq!(camera.streams(), 0);
}
