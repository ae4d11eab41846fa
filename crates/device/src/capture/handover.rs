//! Pictures on their way from a source's thread to whoever encodes them: the newest alone waits, and
//! the memory of those that were seen or missed is used again.

use super::{CaptureError, CaptureEvent};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use voicehall_video::{Picture, Size};

/// Events that wait. More than ever happen between two looks; the oldest give way.
const EVENTS_MAX: usize = 32;

/// How long whoever closes a stream waits for its thread. A camera whose driver hangs shall not hang us.
const THREAD_PATIENCE: Duration = Duration::from_secs(2);

/// A picture and when it was taken.
#[derive(Debug)]
pub struct Captured {
    /// The picture.
    pub picture: Picture,
    /// When the source gave it.
    pub at: Instant,
}

/// What a stream has to say.
#[derive(Debug)]
pub enum Next<'a> {
    /// A picture, until the next call.
    Picture(&'a Captured),
    /// Something happened to the source.
    Event(CaptureEvent),
    /// Nothing within the time that was given.
    Nothing,
}

/// An open source. It is closed when this is dropped.
pub struct CaptureStream {
    shared: Arc<Shared>,
    seen: Option<Captured>,
    /// Stops the source's thread when it goes.
    source: Option<Box<dyn Send>>,
}

/// The end that a source's thread fills.
pub(super) struct Sink {
    shared: Arc<Shared>,
    size: Option<Size>,
}

struct Shared {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    newest: Option<Captured>,
    /// Memory to be filled again: at most as much as is under way.
    free: Vec<Picture>,
    events: VecDeque<CaptureEvent>,
    /// Nobody takes pictures any more.
    closed: bool,
    missed: u64,
}

/// A stream and the end to fill it from. `source` is dropped when the stream is.
pub(super) fn stream() -> (Sink, CaptureStream) {
    let shared = Arc::new(Shared { state: Mutex::default(), told: Condvar::new() });
    let sink = Sink { shared: Arc::clone(&shared), size: None };
    (sink, CaptureStream { shared, seen: None, source: None })
}

impl CaptureStream {
    /// Keeps what stops the source's thread when it is dropped.
    pub(super) fn kept_by(mut self, source: impl Send + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What is next, events first. Waits for it, but not longer than this.
    pub fn next(&mut self, patience: Duration) -> Next<'_> {
        let mut state = self.shared.lock();
        if let Some(seen) = self.seen.take() {
            state.recycle(seen.picture);
        }
        let nothing = |state: &mut State| state.events.is_empty() && state.newest.is_none();
        if !patience.is_zero() {
            let waited = self.shared.told.wait_timeout_while(state, patience, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(event) = state.events.pop_front() {
            return Next::Event(event);
        }
        match state.newest.take() {
            Some(captured) => Next::Picture(self.seen.insert(captured)),
            None => Next::Nothing,
        }
    }

    /// How many pictures were replaced by newer ones before anybody took them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.lock().missed
    }
}

impl Drop for CaptureStream {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.told.notify_all();
        self.source = None;
    }
}

impl Sink {
    /// Hands over a picture of this size, which `fill` draws in memory that may hold another one. What
    /// cannot be drawn is left out.
    pub(super) fn picture(
        &mut self,
        size: Size,
        at: Instant,
        fill: impl FnOnce(&mut Picture) -> Result<(), CaptureError>,
    ) -> Result<(), CaptureError> {
        let free = self.shared.lock().free.pop();
        let mut picture = match free {
            Some(picture) => picture,
            None => Picture::new(size).map_err(CaptureError::failed)?,
        };
        if picture.size() != size {
            picture.resize(size).map_err(CaptureError::failed)?;
        }
        let filled = fill(&mut picture);
        let mut state = self.shared.lock();
        if let Err(error) = filled {
            state.recycle(picture);
            return Err(error);
        }
        if self.size.replace(size).is_some_and(|before| before != size) {
            state.tell(CaptureEvent::Resized(size));
        }
        if let Some(missed) = state.newest.replace(Captured { picture, at }) {
            state.missed += 1;
            state.recycle(missed.picture);
        }
        drop(state);
        self.shared.told.notify_all();
        Ok(())
    }

    /// Tells what happened. A picture of before is not shown after it.
    pub(super) fn tell(&self, event: CaptureEvent) {
        let mut state = self.shared.lock();
        if let Some(old) = state.newest.take() {
            state.recycle(old.picture);
        }
        state.tell(event);
        drop(state);
        self.shared.told.notify_all();
    }

    /// Waits, and says whether the stream was closed meanwhile.
    pub(super) fn closed_within(&self, time: Duration) -> bool {
        let state = self.shared.lock();
        let waited = self.shared.told.wait_timeout_while(state, time, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

impl State {
    fn tell(&mut self, event: CaptureEvent) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn recycle(&mut self, picture: Picture) {
        // One is being filled, one waits and one is looked at.
        if self.free.len() < 2 {
            self.free.push(picture);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done by a panic in here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that is over once its stream is closed, and waited for.
pub(super) struct SourceThread {
    thread: Option<JoinHandle<()>>,
    /// Hung up by the thread when it is over.
    over: mpsc::Receiver<()>,
}

impl SourceThread {
    /// Starts it; it has to end soon after its sink is closed.
    pub(super) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<Self, CaptureError> {
        let (running, over) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            body();
            drop(running);
        });
        Ok(Self { thread: Some(thread.map_err(CaptureError::failed)?), over })
    }
}

impl Drop for SourceThread {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.over.recv_timeout(THREAD_PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(thread = thread.thread().name(), "a device does not let go, and is left alone");
        } else if thread.join().is_err() {
            tracing::error!("a thread that captures pictures panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size::new(4, 2);

    fn fill(sink: &mut Sink, size: Size, luma: u8) {
        let draw = |picture: &mut Picture| {
            picture.planes_mut()[0].fill(luma);
            Ok(())
        };
        sink.picture(size, Instant::now(), draw).unwrap();
    }

    fn luma(stream: &mut CaptureStream) -> Option<u8> {
        match stream.next(Duration::ZERO) {
            Next::Picture(captured) => Some(captured.picture.bytes()[0]),
            Next::Nothing => None,
            Next::Event(event) => panic!("{event:?}"),
        }
    }

    #[test]
    fn the_newest_picture_alone_waits() {
        let (mut sink, mut stream) = stream();
        assert_eq!(luma(&mut stream), None);
        for n in 0..5 {
            fill(&mut sink, SMALL, n);
        }
        assert_eq!(luma(&mut stream), Some(4));
        assert_eq!(luma(&mut stream), None);
        assert_eq!(stream.missed(), 4);
    }

    #[test]
    fn memory_is_used_again() {
        let (mut sink, mut stream) = stream();
        let mut places = std::collections::BTreeSet::new();
        for n in 0..50 {
            fill(&mut sink, SMALL, n);
            if n % 3 == 0
                && let Next::Picture(captured) = stream.next(Duration::ZERO)
            {
                places.insert(captured.picture.bytes().as_ptr() as usize);
            }
        }
        assert!(places.len() <= 3, "{places:?}");
    }

    #[test]
    fn events_come_before_pictures_and_take_those_of_before_with_them() {
        let (mut sink, mut stream) = stream();
        fill(&mut sink, SMALL, 1);
        sink.tell(CaptureEvent::Minimised);
        assert!(matches!(stream.next(Duration::ZERO), Next::Event(CaptureEvent::Minimised)));
        assert_eq!(luma(&mut stream), None);
        let large = Size::new(8, 2);
        fill(&mut sink, large, 2);
        assert!(
            matches!(stream.next(Duration::ZERO), Next::Event(CaptureEvent::Resized(size)) if size == large)
        );
        assert_eq!(luma(&mut stream), Some(2));
    }

    #[test]
    fn events_are_bounded_and_the_last_is_kept() {
        let (sink, mut stream) = stream();
        for _ in 0..1000 {
            sink.tell(CaptureEvent::Back);
        }
        sink.tell(CaptureEvent::Ended(CaptureError::Closed));
        let mut told = Vec::new();
        while let Next::Event(event) = stream.next(Duration::ZERO) {
            told.push(event);
        }
        assert_eq!(told.len(), EVENTS_MAX);
        assert_eq!(told.pop(), Some(CaptureEvent::Ended(CaptureError::Closed)));
    }

    #[test]
    fn whoever_waits_is_woken() {
        let (mut sink, mut stream) = stream();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                fill(&mut sink, SMALL, 7);
                assert!(sink.closed_within(Duration::from_secs(30)));
            });
            assert!(matches!(stream.next(Duration::from_secs(30)), Next::Picture(_)));
            drop(stream);
        });
    }
}
