//! Windows and monitors of a real display, with known colours.
#![cfg(target_os = "linux")]

mod display;

use display::{PATIENCE, with_display};
use std::time::{Duration, Instant};
use voicehall_device::capture::{
    CaptureError, CaptureEvent, CaptureStream, CaptureSystem, Next, SourceId, SourceKind, Wanted, X11Screens,
};
use voicehall_video::{Picture, Size};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux,
    CreateWindowAux, PropMode, Rectangle, StackMode, Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const WANTED: Wanted = Wanted { size: Size::new(1280, 720), frame_rate: 60 };

/// So long nothing may come where nothing changes: many times what a picture takes.
const QUIET: Duration = Duration::from_millis(400);

const RED: u32 = 0xff_0000;
const GREEN: u32 = 0x00_ff00;
const BLUE: u32 = 0x00_00ff;
const GREY: u32 = 0x80_8080;

/// The programs on the display.
struct Programs {
    connection: RustConnection,
    root: Window,
}

impl Programs {
    fn start() -> Self {
        let (connection, screen) = RustConnection::connect(None).expect("there is a display");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    fn sync(&self) {
        self.connection.sync().unwrap();
    }

    /// A window of one colour within another.
    fn window_in(&self, parent: Window, place: (i16, i16, u16, u16), colour: u32) -> Window {
        let window = self.connection.generate_id().unwrap();
        let wanted = CreateWindowAux::new().background_pixel(colour).border_pixel(GREY);
        let ((x, y, width, height), class) = (place, WindowClass::INPUT_OUTPUT);
        self.connection.create_window(0, window, parent, x, y, width, height, 0, class, 0, &wanted).unwrap();
        self.connection.map_window(window).unwrap();
        self.sync();
        window
    }

    fn window(&self, place: (i16, i16, u16, u16), colour: u32) -> Window {
        self.window_in(self.root, place, colour)
    }

    fn paint(&self, window: Window, colour: u32) {
        let colour = ChangeWindowAttributesAux::new().background_pixel(colour);
        self.connection.change_window_attributes(window, &colour).unwrap();
        self.connection.clear_area(false, window, 0, 0, 0, 0).unwrap();
        self.sync();
    }

    fn configure(&self, window: Window, wanted: &ConfigureWindowAux) {
        self.connection.configure_window(window, wanted).unwrap();
        self.sync();
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// What a window manager does with its windows.
    fn list(&self, windows: &[Window]) {
        let list = self.atom("_NET_CLIENT_LIST");
        self.connection
            .change_property32(PropMode::REPLACE, self.root, list, AtomEnum::WINDOW, windows)
            .unwrap();
        self.sync();
    }

    fn set_monitor(&self, name: &str, place: (i16, i16, u16, u16)) {
        let (x, y, width, height) = place;
        let monitor = MonitorInfo { name: self.atom(name), x, y, width, height, ..MonitorInfo::default() };
        self.connection.randr_set_monitor(self.root, monitor).unwrap().check().unwrap();
    }

    fn delete_monitor(&self, name: &str) {
        self.connection.randr_delete_monitor(self.root, self.atom(name)).unwrap().check().unwrap();
    }

    fn move_pointer(&self, x: i16, y: i16) {
        const MOTION: u8 = 6;
        let moved = self.connection.xtest_fake_input(MOTION, 0, 0, self.root, x, y, 0).unwrap();
        moved.check().unwrap();
    }
}

fn id(window: Window) -> SourceId {
    SourceId::new(format!("window:{window}"))
}

/// A colour as BT.709 in limited range.
fn yuv(rgb: u32) -> [f64; 3] {
    let [_, red, green, blue] = rgb.to_be_bytes().map(|byte| f64::from(byte) / 255.0);
    let luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let (blueness, redness) = ((blue - luma) / 1.8556, (red - luma) / 1.5748);
    [16.0 + 219.0 * luma, 128.0 + 224.0 * blueness, 128.0 + 224.0 * redness]
}

fn has_colour(picture: &Picture, x: usize, y: usize, rgb: u32) -> bool {
    let wanted = yuv(rgb);
    let places = [(x, y), (x / 2, y / 2), (x / 2, y / 2)];
    let planes = picture.view().planes();
    planes.iter().zip(places).zip(wanted).all(|((plane, (x, y)), wanted)| {
        let found = f64::from(plane.bytes[y * plane.stride + x]);
        (found - wanted).abs() <= 2.0
    })
}

/// Whether all of a picture has one colour.
fn is_all(picture: &Picture, rgb: u32) -> bool {
    let Size { width, height } = picture.size();
    let (width, height) = (width as usize, height as usize);
    let mut places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places.all(|(x, y)| has_colour(picture, x, y, rgb))
}

/// Waits for a picture that is as wanted; what happens meanwhile is returned.
fn until(stream: &mut CaptureStream, what: &str, is: impl Fn(&Picture) -> bool) -> Vec<CaptureEvent> {
    let end = Instant::now() + PATIENCE;
    let mut events = Vec::new();
    loop {
        assert!(Instant::now() < end, "waited in vain for {what}; {events:?}");
        match stream.next(Duration::from_secs(1)) {
            Next::Picture(captured) if is(&captured.picture) => return events,
            Next::Picture(_) | Next::Nothing => {}
            Next::Event(event) => events.push(event),
        }
    }
}

fn event(stream: &mut CaptureStream) -> CaptureEvent {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing happens");
        if let Next::Event(event) = stream.next(Duration::from_secs(1)) {
            return event;
        }
    }
}

#[track_caller]
fn assert_quiet(stream: &mut CaptureStream) {
    let next = stream.next(QUIET);
    assert!(matches!(next, Next::Nothing), "{next:?}");
}

#[test]
fn windows_and_monitors_are_listed_with_what_people_know_them_by() {
    with_display("windows_and_monitors_are_listed_with_what_people_know_them_by", || {
        let programs = Programs::start();
        let game = programs.window((0, 0, 320, 200), RED);
        let panel = programs.window((0, 400, 640, 20), GREY);
        let set = |window, property: &str, kind: &str, text: &str| {
            let (property, kind) = (programs.atom(property), programs.atom(kind));
            let set = programs.connection.change_property8(
                PropMode::REPLACE,
                window,
                property,
                kind,
                text.as_bytes(),
            );
            set.unwrap();
        };
        set(game, "_NET_WM_NAME", "UTF8_STRING", "Größtes Spiel");
        let icon = [vec![1, 1, 0xff01_0203], vec![48, 48], vec![0x8004_0506; 48 * 48]].concat();
        let (property, kind) = (programs.atom("_NET_WM_ICON"), AtomEnum::CARDINAL);
        programs.connection.change_property32(PropMode::REPLACE, game, property, kind, &icon).unwrap();
        let process = programs.atom("_NET_WM_PID");
        programs.connection.change_property32(PropMode::REPLACE, game, process, kind, &[4321]).unwrap();
        let (property, kind) = (programs.atom("_NET_WM_WINDOW_TYPE"), AtomEnum::ATOM);
        let dock = [programs.atom("_NET_WM_WINDOW_TYPE_DOCK")];
        programs.connection.change_property32(PropMode::REPLACE, panel, property, kind, &dock).unwrap();
        programs.list(&[panel, game, 0x00de_ad00]);

        let screens = X11Screens::new();
        let listed = screens.sources();
        let kinds: Vec<SourceKind> = listed.iter().map(|source| source.kind).collect();
        assert_eq!(kinds, [SourceKind::Monitor, SourceKind::Window], "{listed:?}");
        assert_eq!(listed[0].formats[0].size, Size::new(640, 480));
        assert_eq!((&listed[1].id, listed[1].name.as_str()), (&id(game), "Größtes Spiel"));
        assert_eq!((listed[0].process, listed[1].process), (None, Some(4321)));
        let icon = listed[1].icon.as_ref().unwrap();
        assert_eq!((icon.size, &icon.rgba[..4]), (Size::new(48, 48), &[4, 5, 6, 0x80][..]));

        let of_screen = screens.thumbnail(&listed[0].id, Size::new(64, 48)).unwrap();
        assert_eq!((of_screen.size, &of_screen.rgba[..4]), (Size::new(64, 48), &[255, 0, 0, 255][..]));
        let of_window = screens.thumbnail(&id(game), Size::new(64, 64)).unwrap();
        assert_eq!((of_window.size, &of_window.rgba[..4]), (Size::new(64, 40), &[255, 0, 0, 255][..]));
        for missing in ["window:99", "window:x", "camera:1"] {
            let opened = screens.open(&SourceId::new(missing), WANTED);
            assert_eq!(opened.err(), Some(CaptureError::Closed), "{missing}");
        }
        let opened = screens.open(&SourceId::new("monitor:none"), WANTED);
        assert_eq!(opened.err(), Some(CaptureError::Unplugged));
    });
}

#[test]
fn a_window_is_followed_until_it_is_closed() {
    with_display("a_window_is_followed_until_it_is_closed", follow_window);
}

fn follow_window() {
    let programs = Programs::start();
    programs.move_pointer(600, 470);
    // As window managers do, within a frame.
    let frame = programs.window((10, 10, 211, 131), GREY);
    let window = programs.window_in(frame, (5, 25, 201, 101), RED);
    let mut stream = X11Screens::new().open(&id(window), WANTED).unwrap();
    let is = |width, height, colour| {
        move |picture: &Picture| picture.size() == Size::new(width, height) && is_all(picture, colour)
    };
    assert_eq!(until(&mut stream, "the window", is(201, 101, RED)), []);

    let cover = programs.window((0, 0, 640, 480), BLUE);
    programs.paint(window, GREEN);
    assert_eq!(until(&mut stream, "the covered window", is(201, 101, GREEN)), []);
    programs.configure(frame, &ConfigureWindowAux::new().x(-100).y(300).stack_mode(StackMode::BELOW));
    programs.paint(window, RED);
    assert_eq!(until(&mut stream, "the window beyond the edge", is(201, 101, RED)), []);
    programs.connection.destroy_window(cover).unwrap();

    programs.configure(window, &ConfigureWindowAux::new().width(320).height(240));
    let resized = CaptureEvent::Resized(Size::new(320, 240));
    assert_eq!(until(&mut stream, "the larger window", is(320, 240, RED)), [resized]);
    // There and back again, unseen.
    programs.connection.configure_window(window, &ConfigureWindowAux::new().width(50)).unwrap();
    programs.configure(window, &ConfigureWindowAux::new().width(320));
    programs.paint(window, GREEN);
    until(&mut stream, "the window as large as before", is(320, 240, GREEN));

    programs.connection.unmap_window(window).unwrap();
    programs.sync();
    assert_eq!(event(&mut stream), CaptureEvent::Minimised);
    programs.paint(window, BLUE);
    assert_quiet(&mut stream);
    programs.connection.map_window(window).unwrap();
    programs.sync();
    let events = until(&mut stream, "the window that is back", is(320, 240, BLUE));
    assert_eq!(events, [CaptureEvent::Restored]);

    programs.connection.destroy_window(window).unwrap();
    programs.sync();
    assert_eq!(event(&mut stream), CaptureEvent::Ended(CaptureError::Closed));
}

#[test]
fn of_two_monitors_one_is_seen_and_only_when_it_changes() {
    with_display("of_two_monitors_one_is_seen_and_only_when_it_changes", two_monitors);
}

fn two_monitors() {
    let programs = Programs::start();
    programs.move_pointer(10, 470);
    programs.set_monitor("left", (0, 0, 320, 480));
    programs.set_monitor("right", (320, 0, 320, 480));
    let left = programs.window((0, 0, 320, 480), RED);
    let right = programs.window((320, 0, 320, 480), GREEN);
    let screens = X11Screens::new();
    let names: Vec<String> = screens.sources().into_iter().map(|source| source.name).collect();
    assert!(names.contains(&"left".to_owned()) && names.contains(&"right".to_owned()), "{names:?}");
    let mut stream = screens.open(&SourceId::new("monitor:right"), WANTED).unwrap();
    until(&mut stream, "the right one", |picture| {
        picture.size() == Size::new(320, 480) && is_all(picture, GREEN)
    });
    assert_quiet(&mut stream);
    programs.paint(left, BLUE);
    programs.move_pointer(20, 400);
    assert_quiet(&mut stream);
    programs.paint(right, BLUE);
    until(&mut stream, "its change", |picture| is_all(picture, BLUE));

    programs.delete_monitor("right");
    assert_eq!(event(&mut stream), CaptureEvent::Lost(CaptureError::Unplugged));
    // Turned by a quarter, and partly beyond the screen.
    programs.set_monitor("right", (320, 100, 480, 320));
    let cut = Size::new(320, 320);
    let events = until(&mut stream, "the turned one", |picture| picture.size() == cut);
    assert_eq!(events, [CaptureEvent::Back, CaptureEvent::Resized(cut)]);
}

#[test]
fn the_cursor_is_drawn_where_it_is() {
    with_display("the_cursor_is_drawn_where_it_is", || {
        const SIDE: u16 = 16;
        let programs = Programs::start();
        let connection = &programs.connection;
        let window = programs.window((0, 0, 640, 480), GREEN);
        let (bits, pen, cursor) = (
            connection.generate_id().unwrap(),
            connection.generate_id().unwrap(),
            connection.generate_id().unwrap(),
        );
        connection.create_pixmap(1, bits, programs.root, SIDE, SIDE).unwrap();
        connection.create_gc(pen, bits, &CreateGCAux::new().foreground(1)).unwrap();
        let all = Rectangle { x: 0, y: 0, width: SIDE, height: SIDE };
        connection.poly_fill_rectangle(bits, pen, &[all]).unwrap();
        connection.create_cursor(cursor, bits, bits, u16::MAX, 0, 0, 0, 0, 0, 8, 8).unwrap();
        let wanted = ChangeWindowAttributesAux::new().cursor(cursor);
        connection.change_window_attributes(window, &wanted).unwrap();
        programs.move_pointer(100, 100);

        let screens = X11Screens::new();
        let mut of_window = screens.open(&id(window), WANTED).unwrap();
        let monitor = screens.sources().remove(0).id;
        let mut of_screen = screens.open(&monitor, WANTED).unwrap();
        let is_at = |x: usize, y: usize| {
            move |picture: &Picture| {
                let is_left = x == 100 || has_colour(picture, 100, 100, GREEN);
                is_left
                    && [(0, 0), (-7, -7), (7, 7)].iter().all(|(dx, dy): &(isize, isize)| {
                        has_colour(picture, x.wrapping_add_signed(*dx), y.wrapping_add_signed(*dy), RED)
                    })
            }
        };
        for (x, y) in [(100, 100), (300, 222), (620, 460)] {
            programs.move_pointer(x as i16, y as i16);
            until(&mut of_window, "the cursor in the window", is_at(x, y));
            until(&mut of_screen, "the cursor on the screen", is_at(x, y));
        }
        assert_quiet(&mut of_window);
    });
}

#[test]
fn what_was_opened_is_closed_again() {
    with_display("what_was_opened_is_closed_again", || {
        let programs = Programs::start();
        let window = programs.window((0, 0, 200, 100), RED);
        let screens = X11Screens::new();
        let monitor = screens.sources().remove(0).id;
        let once = || {
            for source in [&id(window), &monitor] {
                let mut stream = screens.open(source, WANTED).unwrap();
                until(&mut stream, "a picture", |picture| has_colour(picture, 50, 50, RED));
            }
        };
        let held = || {
            let count = |folder| std::fs::read_dir(folder).unwrap().count();
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let shared = maps.lines().filter(|line| line.contains("voicehall-screen")).count();
            [count("/proc/self/fd"), count("/proc/self/task"), shared]
        };
        once();
        let before = held();
        for _ in 0..50 {
            once();
        }
        // The kernel lists a thread for a moment after it was waited for.
        let patience = Instant::now() + Duration::from_secs(10);
        while held().iter().zip(before).any(|(now, before)| *now > before) {
            assert!(Instant::now() < patience, "{:?} are held, and {before:?} were", held());
            std::thread::yield_now();
        }
        // A stream that is stuck in a quiet wait is closed as soon.
        let mut stream = screens.open(&id(window), WANTED).unwrap();
        until(&mut stream, "a picture", |picture| has_colour(picture, 50, 50, RED));
        let start = Instant::now();
        drop(stream);
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}
