//! Screens that the desktop shares: a portal that the test plays, and a real PipeWire.
#![cfg(target_os = "linux")]

mod screen_cast;
mod sound_server;

use screen_cast::{Asked, Desktop, PATIENCE, Screen};
use sound_server::with_sound_server;
use std::time::{Duration, Instant};
use voicehall_device::capture::{
    CaptureError, CaptureEvent, CaptureStream, CaptureSystem, Next, PortalScreens, SourceId, SourceKind,
    Wanted,
};
use voicehall_video::Size;

const WANTED: Wanted = Wanted { size: Size::new(1280, 720), frame_rate: 60 };

fn event(stream: &mut CaptureStream) -> CaptureEvent {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing happens");
        if let Next::Event(event) = stream.next(Duration::from_secs(1)) {
            return event;
        }
    }
}

#[test]
fn the_desktop_chooses_and_its_screen_is_seen() {
    with_sound_server("the_desktop_chooses_and_its_screen_is_seen", |_server| {
        let desktop = Desktop::start();
        let screen = Screen::start(321, 201, [0, 0, 255]);
        let screens = PortalScreens::new();
        let listed = screens.sources();
        assert_eq!((listed.len(), listed[0].kind), (1, SourceKind::Desktop));

        let mut stream = screens.open(&listed[0].id, WANTED).unwrap();
        let (session, wanted) = desktop.open_session();
        let Asked::Sources { types, cursor, persist, token, .. } = wanted else { panic!("{wanted:?}") };
        assert_eq!((types, cursor, persist, token), (3, 2, 2, None));
        desktop.choose(Some(screen.node));
        assert_eq!(event(&mut stream), CaptureEvent::Remember("again".to_owned()));
        for _ in 0..5 {
            let Next::Picture(captured) = stream.next(PATIENCE) else { panic!("there is no picture") };
            let picture = captured.picture.view();
            assert_eq!(picture.size(), Size::new(321, 201));
            let red = [63, 102, 240];
            for (plane, wanted) in picture.planes().iter().zip(red) {
                assert!(plane.bytes.iter().all(|byte: &u8| byte.abs_diff(wanted) <= 1));
            }
        }
        desktop.close(&session);
        assert_eq!(event(&mut stream), CaptureEvent::Ended(CaptureError::Closed));
        drop(stream);

        // The same again, without asking; this time we end it.
        let mut stream = screens.open(&PortalScreens::remembered("again"), WANTED).unwrap();
        while !matches!(desktop.asked(), Asked::Close) {}
        let (_, wanted) = desktop.open_session();
        let Asked::Sources { token, .. } = wanted else { panic!("{wanted:?}") };
        assert_eq!(token.as_deref(), Some("again"));
        desktop.choose(Some(screen.node));
        event(&mut stream);
        assert!(matches!(stream.next(PATIENCE), Next::Picture(_)));
        drop(stream);
        assert!(matches!(desktop.asked(), Asked::Close));
    });
}

#[test]
fn who_declines_is_not_asked_again_and_who_gives_up_is_not_waited_for() {
    let test = "who_declines_is_not_asked_again_and_who_gives_up_is_not_waited_for";
    with_sound_server(test, |_server| {
        let screens = PortalScreens::new();
        assert_eq!(screens.sources(), [], "there is no portal yet");
        let mut stream = screens.open(&PortalScreens::remembered(""), WANTED).unwrap();
        let CaptureEvent::Ended(CaptureError::Unsupported(_)) = event(&mut stream) else {
            panic!("nobody shares anything")
        };
        assert_eq!(screens.open(&SourceId::new("monitor:1"), WANTED).err(), Some(CaptureError::Closed));

        let desktop = Desktop::start();
        let mut stream = screens.open(&PortalScreens::remembered(""), WANTED).unwrap();
        desktop.open_session();
        desktop.choose(None);
        assert_eq!(event(&mut stream), CaptureEvent::Ended(CaptureError::Declined));

        let stream = screens.open(&PortalScreens::remembered(""), WANTED).unwrap();
        desktop.open_session();
        assert!(matches!(desktop.asked(), Asked::Start { .. }));
        let start = Instant::now();
        drop(stream);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    });
}
