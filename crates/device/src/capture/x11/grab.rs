//! The thread of an open screen or window: waits until something changes, and then reads it.

use super::super::convert::Rows;
use super::super::formats::Pace;
use super::super::handover::Sink;
use super::super::packed::{Order, allowed, packed};
use super::super::{CaptureError, CaptureEvent, SourceId, Wanted};
use super::cursor::Cursor;
use super::display::{Display, DisplayError, Result};
use super::list::{Area, monitor_area};
use super::pixels::{Pixels, rows};
use super::{MONITOR, WINDOW, system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use x11rb::connection::Connection as _;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::damage::{ConnectionExt as _, Damage, ReportLevel};
use x11rb::protocol::randr::{ConnectionExt as _, NotifyMask};
use x11rb::protocol::xfixes::{ConnectionExt as _, CursorNotifyMask, Region};
use x11rb::protocol::xinput::{ConnectionExt as _, EventMask as InputMask, XIEventMask};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, Drawable, EventMask, MapState, Pixmap, Window,
};
use x11rb::protocol::{ErrorKind, Event};

/// XInput's word for every pointer and keyboard that programs see.
const ALL_MASTER_DEVICES: u16 = 1;

/// A window that comes and goes refuses to be read now and then. So often in a row it never does.
const REFUSALS_MAX: u32 = 50;

/// How long a window may take to draw itself for its thumbnail, on a display that has kept no picture of
/// it so far.
const DRAWING: Duration = Duration::from_millis(150);

/// What is captured.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Monitor(String),
    Window(Window),
}

impl Target {
    pub(super) fn of(source: &SourceId) -> std::result::Result<Self, CaptureError> {
        if let Some(name) = source.within(MONITOR) {
            return Ok(Self::Monitor(name.to_owned()));
        }
        let window = source.within(WINDOW).and_then(|number| number.parse().ok());
        window.map(Self::Window).ok_or(CaptureError::Closed)
    }
}

/// Where pixels are read while there are some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    /// The root, or the picture that the display keeps of a window.
    drawable: Drawable,
    area: Area,
}

/// An open target.
pub(super) struct Grabber {
    display: Display,
    target: Target,
    /// None while the window is minimised or the monitor unplugged.
    view: Option<View>,
    damage: Damage,
    region: Region,
    pixels: Pixels,
    /// For pictures that have to be made smaller.
    room: Vec<u8>,
    cursor: Cursor,
    cursor_was_within: bool,
    pending: Pending,
}

/// What has happened since the last picture.
#[derive(Default)]
struct Pending {
    damaged: bool,
    cursor_moved: bool,
    /// The view may be another one.
    outdated: bool,
    /// The display has begun another picture of the window.
    replaced: bool,
    /// There has been no picture of this view yet.
    renewed: bool,
}

impl Grabber {
    pub(super) fn open(target: Target) -> std::result::Result<Self, CaptureError> {
        let display = Display::open()?;
        let is_missing = matches!(&target, Target::Monitor(name) if monitor_area(&display, name)?.is_none());
        if is_missing {
            return Err(CaptureError::Unplugged);
        }
        Ok(Self::on(display, target)?)
    }

    fn on(display: Display, target: Target) -> Result<Self> {
        let connection = &display.connection;
        let (root, structure) = (display.root, EventMask::STRUCTURE_NOTIFY | EventMask::VISIBILITY_CHANGE);
        let events = ChangeWindowAttributesAux::new().event_mask(structure);
        let damaged = match target {
            Target::Monitor(_) => {
                let changes = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE | NotifyMask::OUTPUT_CHANGE;
                connection.randr_select_input(root, changes)?.check()?;
                root
            }
            Target::Window(window) => {
                if !matches!(connection.get_geometry(window)?.reply()?.depth, 24 | 32) {
                    return Err(DisplayError::Lacks(
                        "the window has pixels of a kind that is not known here",
                    ));
                }
                connection.composite_redirect_window(window, Redirect::AUTOMATIC)?.check()?;
                window
            }
        };
        connection.change_window_attributes(damaged, &events)?.check()?;
        let (damage, region) = (connection.generate_id()?, connection.generate_id()?);
        connection.damage_create(damage, damaged, ReportLevel::NON_EMPTY)?.check()?;
        connection.xfixes_create_region(region, &[])?.check()?;
        connection.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR)?.check()?;
        let motion = InputMask { deviceid: ALL_MASTER_DEVICES, mask: vec![XIEventMask::RAW_MOTION] };
        connection.xinput_xi_select_events(root, &[motion])?.check()?;
        let mut grabber = Self {
            display,
            target,
            view: None,
            damage,
            region,
            pixels: Pixels::default(),
            room: Vec::new(),
            cursor: Cursor::default(),
            cursor_was_within: false,
            pending: Pending::default(),
        };
        grabber.renew()?;
        Ok(grabber)
    }

    /// Shows what there is now, without the cursor. Nothing is shown of a window that is minimised.
    pub(super) fn look(&mut self, show: impl FnOnce(&Rows<'_>)) -> std::result::Result<(), CaptureError> {
        if matches!(self.target, Target::Window(_)) {
            let end = Instant::now() + DRAWING;
            while !self.pending.damaged {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.wait(None, Some(left))?;
                self.hear_all()?;
            }
        }
        if let Some(View { drawable, area }) = self.view {
            show(&rows(self.pixels.read(&self.display, drawable, area)?, area));
        }
        Ok(())
    }

    /// Captures until the stream is closed or the target is.
    pub(super) fn run(mut self, wanted: Wanted, mut sink: Sink, wake: &OwnedFd) {
        if let Err(error) = self.serve(Pace::new(wanted.frame_rate), &mut sink, wake) {
            tracing::info!(%error, target = ?self.target, "captured no longer");
            sink.tell(CaptureEvent::Ended(error));
        }
    }

    fn serve(
        &mut self,
        mut pace: Pace,
        sink: &mut Sink,
        wake: &OwnedFd,
    ) -> std::result::Result<(), CaptureError> {
        let mut was_seen = true;
        let mut refusals = 0;
        while !sink.closed_within(Duration::ZERO) {
            self.hear_all()?;
            if std::mem::take(&mut self.pending.outdated) {
                self.renew()?;
            }
            if was_seen != self.view.is_some() {
                was_seen = self.view.is_some();
                sink.tell(self.seen_event(was_seen));
            }
            let now = Instant::now();
            let wait = self.is_pending().then(|| pace.wait(now));
            if wait != Some(Duration::ZERO) {
                self.wait(Some(wake), wait)?;
                continue;
            }
            match self.refresh(&mut pace, sink) {
                Ok(()) => refusals = 0,
                Err(DisplayError::Refused(_)) if refusals < REFUSALS_MAX => {
                    refusals += 1;
                    (self.pending.outdated, self.pending.replaced) = (true, true);
                    pace.take(now);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn seen_event(&self, seen: bool) -> CaptureEvent {
        match (&self.target, seen) {
            (Target::Window(_), false) => CaptureEvent::Minimised,
            (Target::Window(_), true) => CaptureEvent::Restored,
            (Target::Monitor(_), false) => CaptureEvent::Lost(CaptureError::Unplugged),
            (Target::Monitor(_), true) => CaptureEvent::Back,
        }
    }

    fn is_pending(&self) -> bool {
        let Pending { damaged, cursor_moved, renewed, .. } = self.pending;
        self.view.is_some() && (damaged || cursor_moved || renewed)
    }

    /// Hands over a picture, if what has happened can be seen in it.
    fn refresh(&mut self, pace: &mut Pace, sink: &mut Sink) -> Result<()> {
        let Some(View { drawable, area }) = self.view else { return Ok(()) };
        let now = Instant::now();
        // Before the pixels are read, so that what is drawn meanwhile is told again.
        let is_damaged = std::mem::take(&mut self.pending.damaged) && self.takes_damage(area)?;
        self.pending.cursor_moved = false;
        let place = self.place(area)?;
        self.look_at_cursor()?;
        let is_cursor_within = self.cursor.is_within(place);
        let is_changed = is_damaged || self.pending.renewed || is_cursor_within || self.cursor_was_within;
        if !is_changed {
            return Ok(());
        }
        pace.take(now);
        let bytes = self.pixels.read(&self.display, drawable, area)?;
        self.cursor.draw(bytes, place);
        let rows = rows(bytes, area);
        let drawn = sink.picture(allowed(rows.size), now, |picture| {
            packed(&rows, Order::BlueFirst, picture, &mut self.room)
        });
        self.cursor_was_within = is_cursor_within;
        self.pending.renewed = false;
        drawn.unwrap_or_else(|error| tracing::warn!(%error, "a picture is left out"));
        Ok(())
    }

    /// Takes note of all damage, and says whether any of it is within what is captured.
    fn takes_damage(&self, area: Area) -> Result<bool> {
        let connection = &self.display.connection;
        if matches!(self.target, Target::Window(_)) {
            connection.damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?;
            return Ok(true);
        }
        connection.damage_subtract(self.damage, x11rb::NONE, self.region)?;
        let damaged = connection.xfixes_fetch_region(self.region)?.reply()?.rectangles;
        let range = |start: i16, len: u16| i32::from(start)..i32::from(start) + i32::from(len);
        let meet = |a: std::ops::Range<i32>, b: std::ops::Range<i32>| a.start < b.end && b.start < a.end;
        Ok(damaged.iter().any(|part| {
            meet(range(part.x, part.width), range(area.x, area.width))
                && meet(range(part.y, part.height), range(area.y, area.height))
        }))
    }

    /// Where on the screen the pixels are.
    fn place(&self, area: Area) -> Result<Area> {
        let Target::Window(window) = self.target else { return Ok(area) };
        let moved =
            self.display.connection.translate_coordinates(window, self.display.root, 0, 0)?.reply()?;
        Ok(Area { x: moved.dst_x, y: moved.dst_y, ..area })
    }

    fn look_at_cursor(&mut self) -> Result<()> {
        let image = self.display.connection.xfixes_get_cursor_image()?.reply()?;
        self.cursor = Cursor {
            x: i32::from(image.x) - i32::from(image.xhot),
            y: i32::from(image.y) - i32::from(image.yhot),
            width: image.width.into(),
            height: image.height.into(),
            argb: image.cursor_image,
        };
        Ok(())
    }

    fn hear_all(&mut self) -> Result<()> {
        while let Some(event) = self.display.connection.poll_for_event()? {
            self.hear(&event)?;
        }
        Ok(())
    }

    fn hear(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::DamageNotify(_) => self.pending.damaged = true,
            Event::XfixesCursorNotify(_) | Event::XinputRawMotion(_) => self.pending.cursor_moved = true,
            Event::DestroyNotify(_) => return Err(DisplayError::Closed),
            Event::UnmapNotify(_) | Event::MapNotify(_) => {
                (self.pending.outdated, self.pending.replaced) = (true, true);
            }
            Event::ConfigureNotify(event) => {
                self.pending.outdated = true;
                let size = (event.width, event.height);
                let is_as_large = |view: View| (view.area.width, view.area.height) == size;
                self.pending.replaced |= !self.view.is_some_and(is_as_large);
            }
            Event::RandrNotify(_) | Event::RandrScreenChangeNotify(_) => self.pending.outdated = true,
            Event::VisibilityNotify(_) => self.pending.outdated |= self.view.is_none(),
            _ => {}
        }
        Ok(())
    }

    /// Finds out anew where the pixels are.
    fn renew(&mut self) -> Result<()> {
        let before = self.view;
        let view = match self.target.clone() {
            Target::Monitor(name) => self.monitor_view(&name)?,
            Target::Window(window) => match self.window_view(window) {
                // It was hidden meanwhile, and will say when it is back.
                Err(DisplayError::Refused(error)) if error.error_kind == ErrorKind::Match => None,
                view => view?,
            },
        };
        self.pending.renewed |= view != before;
        self.view = view;
        Ok(())
    }

    fn monitor_view(&self, name: &str) -> Result<Option<View>> {
        let Some(area) = monitor_area(&self.display, name)? else { return Ok(None) };
        let screen = self.display.connection.get_geometry(self.display.root)?.reply()?;
        // What is said to be beyond the screen cannot be read.
        let (x, y) = (area.x.max(0), area.y.max(0));
        let cut = |start: i16, len: u16, whole: u16| {
            let end = (i32::from(start) + i32::from(len)).min(whole.into());
            (end - i32::from(start.max(0))).max(0) as u16
        };
        let (width, height) =
            (cut(area.x, area.width, screen.width), cut(area.y, area.height, screen.height));
        let area = Area { x, y, width, height };
        Ok((width > 0 && height > 0).then_some(View { drawable: self.display.root, area }))
    }

    /// The picture that the display keeps of a window. It is another one after each change of size.
    fn window_view(&mut self, window: Window) -> Result<Option<View>> {
        let connection = &self.display.connection;
        let attributes = connection.get_window_attributes(window)?.reply()?;
        let geometry = connection.get_geometry(window)?.reply()?;
        let border = geometry.border_width as i16;
        let area = Area { x: border, y: border, width: geometry.width, height: geometry.height };
        if attributes.map_state != MapState::VIEWABLE {
            self.forget_picture()?;
            return Ok(None);
        }
        let is_replaced = std::mem::take(&mut self.pending.replaced);
        if let Some(view) = self.view.filter(|view| view.area == area && !is_replaced) {
            return Ok(Some(view));
        }
        self.forget_picture()?;
        let picture: Pixmap = self.display.connection.generate_id()?;
        self.display.connection.composite_name_window_pixmap(window, picture)?.check()?;
        Ok(Some(View { drawable: picture, area }))
    }

    fn forget_picture(&mut self) -> Result<()> {
        if let Some(view) = self.view.take() {
            self.display.connection.free_pixmap(view.drawable)?;
        }
        Ok(())
    }

    /// Blocks until there is something to do: at most for so long, and then whatever the display says.
    fn wait(&self, wake: Option<&OwnedFd>, time: Option<Duration>) -> std::result::Result<(), CaptureError> {
        self.display.connection.flush().map_err(DisplayError::from)?;
        let timeout = time.map(|time| Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let stream = self.display.connection.stream();
        let mut waiting = Vec::with_capacity(2);
        waiting.extend(wake.map(|wake| PollFd::new(wake, PollFlags::IN)));
        // What the display says while a picture is being waited for can wait as well.
        if time.is_none() || wake.is_none() {
            waiting.push(PollFd::new(stream, PollFlags::IN));
        }
        match poll(&mut waiting, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(system(error)),
        }
    }
}
