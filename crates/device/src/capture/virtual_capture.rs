//! Cameras, screens and windows without any: moving test patterns that say which picture they are. For
//! tests, and for programs on machines without a camera.

use super::handover::{Sink, SourceThread, stream};
use super::{
    CaptureError, CaptureEvent, CaptureStream, CaptureSystem, Image, PictureFormat, SourceId, SourceInfo,
    SourceKind, Wanted,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use voicehall_video::{Size, pattern};

/// What a camera offers; a screen gives the size that it has.
const CAMERA_FORMATS: [(u32, u32); 4] = [(1920, 1080), (1280, 720), (640, 360), (320, 180)];
const FRAME_RATE_MAX: u32 = 60;

/// How soon a source notices what was done to it.
const NOTICE: Duration = Duration::from_millis(5);

/// A system of patterns.
#[derive(Clone, Default)]
pub struct VirtualCapture {
    sources: Arc<Mutex<Vec<VirtualSource>>>,
}

/// One of them, in the hands of whoever does things to it.
#[derive(Clone)]
pub struct VirtualSource {
    info: SourceInfo,
    /// What the pattern says of whose it is.
    number: u8,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct State {
    size: Size,
    minimised: bool,
    lack: Option<CaptureError>,
    open: usize,
}

impl VirtualCapture {
    /// A system without any source.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A system with a camera, whose pictures say that they are of source 0.
    #[must_use]
    pub fn with_camera() -> (Self, VirtualSource) {
        let system = Self::default();
        let camera = system.add(SourceKind::Camera, "Test pattern", Size::new(1280, 720));
        (system, camera)
    }

    /// Adds a source. Of cameras the size does not matter.
    pub fn add(&self, kind: SourceKind, name: &str, size: Size) -> VirtualSource {
        let mut sources = lock(&self.sources);
        let number = sources.len() as u8;
        let format = |size| PictureFormat { size, frame_rate: FRAME_RATE_MAX };
        let formats = match kind {
            SourceKind::Camera => {
                CAMERA_FORMATS.map(|(width, height)| format(Size::new(width, height))).to_vec()
            }
            _ => vec![format(size)],
        };
        let id = SourceId::new(format!("virtual:{number}"));
        let source = VirtualSource {
            info: SourceInfo { id, name: name.to_owned(), kind, formats, icon: None, process: None },
            number,
            state: Arc::new(Mutex::new(State { size, minimised: false, lack: None, open: 0 })),
        };
        sources.push(source.clone());
        source
    }

    fn find(&self, id: &SourceId) -> Result<VirtualSource, CaptureError> {
        let found = lock(&self.sources).iter().find(|source| source.info.id == *id).cloned();
        found.filter(VirtualSource::is_listed).ok_or(CaptureError::Unplugged)
    }
}

impl VirtualSource {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SourceId {
        &self.info.id
    }

    /// How many streams of it are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        lock(&self.state).open
    }

    /// Pulls the plug, or puts it back.
    pub fn plug(&self, plugged: bool) {
        lock(&self.state).lack = (!plugged).then_some(CaptureError::Unplugged);
    }

    /// Another program takes the camera, or gives it back.
    pub fn take(&self, taken: bool) {
        lock(&self.state).lack = taken.then_some(CaptureError::InUse);
    }

    /// The system takes the permission away.
    pub fn forbid(&self) {
        lock(&self.state).lack = Some(CaptureError::Permission);
    }

    /// Closes it for good, as windows are.
    pub fn close(&self) {
        lock(&self.state).lack = Some(CaptureError::Closed);
    }

    /// Gives a screen or window another size.
    pub fn resize(&self, size: Size) {
        lock(&self.state).size = size;
    }

    /// Minimises a window, or shows it again.
    pub fn minimise(&self, minimised: bool) {
        lock(&self.state).minimised = minimised;
    }

    fn is_listed(&self) -> bool {
        !matches!(lock(&self.state).lack, Some(CaptureError::Unplugged | CaptureError::Closed))
    }

    /// The size of its pictures, for one who wants this.
    fn size(&self, state: &State, wanted: Wanted) -> Size {
        if self.info.kind != SourceKind::Camera {
            return state.size;
        }
        let mut sizes = self.info.formats.iter().map(|format| format.size);
        let large = |size: &Size| size.width >= wanted.size.width && size.height >= wanted.size.height;
        sizes.rfind(large).unwrap_or(self.info.formats[0].size)
    }
}

impl CaptureSystem for VirtualCapture {
    fn sources(&self) -> Vec<SourceInfo> {
        let sources = lock(&self.sources);
        sources.iter().filter(|source| source.is_listed()).map(|source| source.info.clone()).collect()
    }

    fn thumbnail(&self, source: &SourceId, size_max: Size) -> Result<Image, CaptureError> {
        let source = self.find(source)?;
        if source.info.kind == SourceKind::Camera {
            return Err(CaptureError::Unsupported("a camera has no thumbnail".to_owned()));
        }
        let grey = [128, 128, 128, 255];
        Ok(Image { size: size_max, rgba: grey.repeat(size_max.pixels() as usize) })
    }

    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError> {
        let source = self.find(source)?;
        let (sink, stream) = stream();
        // Here, because its thread may start later.
        lock(&source.state).open += 1;
        let drawn = source.clone();
        let thread = SourceThread::spawn("test pattern", move || {
            draw(&drawn, wanted, sink);
            lock(&drawn.state).open -= 1;
        });
        if thread.is_err() {
            lock(&source.state).open -= 1;
        }
        Ok(stream.kept_by(thread?))
    }
}

/// Draws until the stream is closed or the source is. Pictures are numbered by the time since the
/// start, so what is missed is missed in the numbers too.
fn draw(source: &VirtualSource, wanted: Wanted, mut sink: Sink) {
    let start = Instant::now();
    let interval = Duration::from_secs(1) / wanted.frame_rate.clamp(1, FRAME_RATE_MAX);
    let (mut minimised, mut lost) = (false, None);
    let mut next = 0;
    loop {
        let state = lock(&source.state).clone();
        if state.lack == Some(CaptureError::Closed) {
            return sink.tell(CaptureEvent::Ended(CaptureError::Closed));
        }
        if lost != state.lack {
            lost.clone_from(&state.lack);
            sink.tell(lost.clone().map_or(CaptureEvent::Back, CaptureEvent::Lost));
        }
        if minimised != state.minimised {
            minimised = state.minimised;
            sink.tell(if minimised { CaptureEvent::Minimised } else { CaptureEvent::Restored });
        }
        let due = start + interval * next;
        let now = Instant::now();
        if now < due || minimised || lost.is_some() {
            let time = if minimised || lost.is_some() { NOTICE } else { NOTICE.min(due - now) };
            if sink.closed_within(time) {
                return;
            }
            continue;
        }
        let number = ((now - start).as_nanos() / interval.as_nanos()) as u32;
        let size = source.size(&state, wanted);
        let drawn = sink.picture(size, now, |picture| {
            pattern::draw(picture, source.number, number);
            Ok(())
        });
        if let Err(error) = drawn {
            return sink.tell(CaptureEvent::Ended(error));
        }
        next = number + 1;
        if sink.closed_within(Duration::ZERO) {
            return;
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-done by a panic in here.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
