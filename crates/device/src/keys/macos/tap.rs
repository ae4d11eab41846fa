//! Keys under macOS: a tap that listens to events and can change none of them.
//!
//! The system lets a program listen only if the person permits it, and is asked for that when the first
//! key is wanted, not before. It may switch a tap off that it finds slow, and tells it so: then what is
//! down is asked for anew, as it is every moment while anything is down.
//!
//! Without a permission there are combinations that the system watches.

use super::super::chords::{Chords, Held};
use super::super::raw::{RawKeys, Wanted};
use super::super::{Access, Action, Binding, Cause, HotkeyEvent, HotkeySource, Listener};
use super::codes::{Place, is_modifier_down};
use dispatch2::DispatchQueue;
use objc2_core_foundation::{
    CFIndex, CFMachPort, CFRetained, CFRunLoop, CFRunLoopSource, CFRunLoopSourceContext,
    kCFRunLoopDefaultMode,
};
use objc2_core_graphics::{
    CGEvent, CGEventField, CGEventMask, CGEventSource, CGEventSourceStateID, CGEventTapCallBack,
    CGEventTapLocation, CGEventTapOptions, CGEventTapPlacement, CGEventTapProxy, CGEventType, CGMouseButton,
    CGPreflightListenEventAccess, CGRequestListenEventAccess,
};
use std::cell::RefCell;
use std::ffi::c_void;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is asked whether what is held still is.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// As long as the thread sleeps while nothing is down: until it is woken.
const FOREVER_S: f64 = 1e9;

/// What is listened to for keys, and for buttons.
const KEY_EVENTS: [CGEventType; 3] = [CGEventType::KeyDown, CGEventType::KeyUp, CGEventType::FlagsChanged];
const BUTTON_EVENTS: [CGEventType; 2] = [CGEventType::OtherMouseDown, CGEventType::OtherMouseUp];

/// What the keyboard does, not what programs make of it.
const STATE: CGEventSourceStateID = CGEventSourceStateID::HIDSystemState;

enum Command {
    Listen(Listener),
    Bind(Vec<Binding>),
    Record(bool),
    /// The system's combinations for an action are held, or no longer.
    Chord(Action, bool),
    End,
}

/// The keyboards and mice of a Mac.
pub(in super::super) struct MacKeys {
    commands: Sender<Command>,
    alarm: Alarm,
    thread: Option<JoinHandle<()>>,
}

impl MacKeys {
    /// Starts the thread. Nothing is tapped before a key is wanted.
    pub(in super::super) fn start() -> io::Result<Self> {
        let (commands, receiver) = channel();
        let (ready, alarm) = channel();
        let chords = commands.clone();
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            crate::realtime::raise_network();
            let Some(alarm) = Alarm::new() else { return };
            // Somebody waits for it.
            let _ = ready.send(alarm.clone());
            EAR.set(Some(Ear::new(receiver, MainChords::new(chords, alarm))));
            while with_ear(Ear::obey) == Some(true) {
                let sleep_s = with_ear(|ear| ear.sleep_s()).unwrap_or(FOREVER_S);
                // SAFETY: the name is a constant of the system.
                CFRunLoop::run_in_mode(unsafe { kCFRunLoopDefaultMode }, sleep_s, true);
                with_ear(Ear::check);
            }
            EAR.set(None);
        })?;
        let alarm = alarm.recv().map_err(|_| io::Error::other("the thread has no run loop"))?;
        Ok(Self { commands, alarm, thread: Some(thread) })
    }

    fn tell(&self, command: Command) {
        // Refused only by a thread that is over.
        if self.commands.send(command).is_ok() {
            self.alarm.ring();
        }
    }
}

impl HotkeySource for MacKeys {
    fn listen(&self, listener: Listener) {
        self.tell(Command::Listen(listener));
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.tell(Command::Bind(bindings));
    }

    fn record(&self, enabled: bool) {
        self.tell(Command::Record(enabled));
    }
}

impl Drop for MacKeys {
    fn drop(&mut self) {
        self.tell(Command::End);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that hears keys panicked");
        }
    }
}

/// Wakes the thread's run loop.
#[derive(Clone)]
struct Alarm {
    source: CFRetained<CFRunLoopSource>,
    run_loop: CFRetained<CFRunLoop>,
}

// SAFETY: both are only signalled, which the system allows from any thread.
unsafe impl Send for Alarm {}
// SAFETY: as above.
unsafe impl Sync for Alarm {}

impl Alarm {
    /// Of the calling thread.
    fn new() -> Option<Self> {
        unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}
        let mut context = CFRunLoopSourceContext {
            version: 0 as CFIndex,
            info: null_mut(),
            retain: None,
            release: None,
            copyDescription: None,
            equal: None,
            hash: None,
            schedule: None,
            cancel: None,
            perform: Some(nothing),
        };
        // SAFETY: the context is copied by the call.
        let source = unsafe { CFRunLoopSource::new(None, 0, &raw mut context) }?;
        let run_loop = CFRunLoop::current()?;
        // SAFETY: the name is a constant of the system.
        run_loop.add_source(Some(&source), unsafe { kCFRunLoopDefaultMode });
        Some(Self { source, run_loop })
    }

    /// A ring before the loop runs is not lost: the source stays signalled.
    fn ring(&self) {
        self.source.signal();
        self.run_loop.wake_up();
    }
}

/// Combinations, which the main thread alone may have watched, and on which they are told.
struct MainChords {
    chords: Arc<Mutex<Option<Chords>>>,
    commands: Sender<Command>,
    alarm: Alarm,
    bound: Vec<Binding>,
}

impl MainChords {
    fn new(commands: Sender<Command>, alarm: Alarm) -> Self {
        Self { chords: Arc::default(), commands, alarm, bound: Vec::new() }
    }

    /// Has these watched, and no others.
    fn bind(&mut self, bindings: Vec<Binding>) {
        if bindings == self.bound {
            return;
        }
        self.bound.clone_from(&bindings);
        let (commands, alarm) = (self.commands.clone(), self.alarm.clone());
        let held: Held = Box::new(move |action, pressed| {
            // Refused only by a thread that is over.
            if commands.send(Command::Chord(action, pressed)).is_ok() {
                alarm.ring();
            }
        });
        let chords = Arc::clone(&self.chords);
        DispatchQueue::main().exec_async(move || {
            let mut chords = chords.lock().expect("nothing panics while it is held");
            if chords.is_none() && !bindings.is_empty() {
                let started = Chords::start(held);
                *chords = started.inspect_err(|error| tracing::warn!(%error, "no combinations")).ok();
            }
            if let Some(chords) = &mut *chords {
                chords.bind(&bindings);
            }
        });
    }
}

/// A tap that runs on the thread's run loop, until it is dropped.
struct Tap {
    port: CFRetained<CFMachPort>,
    wanted: Wanted,
}

impl Tap {
    fn open(wanted: Wanted) -> Option<Self> {
        type Callback = unsafe extern "C-unwind" fn(
            CGEventTapProxy,
            CGEventType,
            *mut CGEvent,
            *mut c_void,
        ) -> *mut CGEvent;
        // SAFETY: a pointer that may be null, in the place of one that may not: with some kinds of
        // events the system passes none.
        let callback = unsafe { std::mem::transmute::<Option<Callback>, CGEventTapCallBack>(Some(on_event)) };
        let keys = KEY_EVENTS.iter().filter(|_| wanted.keyboard);
        let buttons = BUTTON_EVENTS.iter().filter(|_| wanted.mouse);
        let mask: CGEventMask = keys.chain(buttons).map(|kind| 1 << kind.0).sum();
        // SAFETY: the callback has the right form, and is handed nothing of ours.
        let port = unsafe {
            CGEvent::tap_create(
                CGEventTapLocation::SessionEventTap,
                CGEventTapPlacement::TailAppendEventTap,
                CGEventTapOptions::ListenOnly,
                mask,
                callback,
                null_mut(),
            )
        }?;
        let source = CFMachPort::new_run_loop_source(None, Some(&port), 0)?;
        // SAFETY: the name is a constant of the system.
        CFRunLoop::current()?.add_source(Some(&source), unsafe { kCFRunLoopDefaultMode });
        Some(Self { port, wanted })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Its source goes with it.
        self.port.invalidate();
    }
}

thread_local! {
    /// What the tap's callback finds.
    static EAR: RefCell<Option<Ear>> = const { RefCell::new(None) };
}

/// Hands the ear to somebody whom the system calls. None within such a call; a key that is missed so is
/// let go by the next check.
fn with_ear<T>(act: impl FnOnce(&mut Ear) -> T) -> Option<T> {
    EAR.with(|ear| ear.try_borrow_mut().ok()?.as_mut().map(act))
}

/// What belongs to the thread.
struct Ear {
    keys: RawKeys,
    commands: Receiver<Command>,
    listener: Option<Listener>,
    tap: Option<Tap>,
    chords: MainChords,
    bindings: Vec<Binding>,
    recording: bool,
    /// Whether the person was asked for permission since the start. Later the system asks no more.
    asked: bool,
    access: Access,
    checked: Instant,
}

impl Ear {
    fn new(commands: Receiver<Command>, chords: MainChords) -> Self {
        Self {
            keys: RawKeys::default(),
            commands,
            listener: None,
            tap: None,
            chords,
            bindings: Vec::new(),
            recording: false,
            asked: false,
            access: access(),
            checked: Instant::now(),
        }
    }

    /// Does what it was told. Returns false once that is to end.
    fn obey(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            let events = match command {
                Command::Listen(listener) => {
                    self.listener = Some(listener);
                    self.access = access();
                    self.tell_access();
                    self.keys.held()
                }
                Command::Bind(bindings) => {
                    self.bindings.clone_from(&bindings);
                    self.keys.bind(bindings)
                }
                Command::Record(enabled) => {
                    self.recording = enabled;
                    self.keys.record(enabled)
                }
                Command::Chord(action, pressed) => {
                    vec![HotkeyEvent::Action { action, pressed, cause: Cause::Key }]
                }
                Command::End => {
                    self.chords.bind(Vec::new());
                    return false;
                }
            };
            self.tell(events);
            self.fit();
        }
        true
    }

    /// Taps what is wanted, and nothing else.
    fn fit(&mut self) {
        let wanted = self.keys.wanted();
        if wanted == Wanted::default() {
            self.tap = None;
        } else if self.tap.as_ref().is_none_or(|tap| tap.wanted != wanted) {
            if !CGPreflightListenEventAccess() && !self.asked {
                self.asked = true;
                CGRequestListenEventAccess();
            }
            self.tap = if CGPreflightListenEventAccess() { Tap::open(wanted) } else { None };
            // What went down before is not told.
            self.resync();
        }
        let now = access();
        if now != self.access {
            self.access = now;
            self.tell_access();
        }
        // Where the tap hears them, nothing is taken from anybody.
        let are_chords = self.access == Access::Unpermitted && !self.recording;
        self.chords.bind(if are_chords { self.bindings.clone() } else { Vec::new() });
    }

    /// Asks for everything: some of it may have gone unheard.
    fn resync(&mut self) {
        let wanted = self.tap.as_ref().map(|tap| tap.wanted).unwrap_or_default();
        let is_heard = |place: &Place| match place {
            Place::Key(_) => wanted.keyboard,
            Place::Button(_) => wanted.mouse,
        };
        let down = Place::all().filter(|place| is_heard(place) && is_down(place.number()));
        let events = self.keys.resync(down.filter_map(|place| Some((place.key()?, place.number()))));
        self.tell(events);
    }

    /// The system has switched the tap off.
    fn enable_again(&mut self) {
        if let Some(tap) = &self.tap {
            CGEvent::tap_enable(&tap.port, true);
        }
        self.resync();
    }

    fn hear(&mut self, place: Place, down: bool) {
        if let Some(key) = place.key() {
            let events = self.keys.turn(key, place.number(), down);
            self.tell(events);
        }
    }

    fn sleep_s(&self) -> f64 {
        if self.keys.is_anything_down() { CHECK_INTERVAL.as_secs_f64() } else { FOREVER_S }
    }

    fn check(&mut self) {
        if self.keys.is_anything_down() && self.checked.elapsed() >= CHECK_INTERVAL {
            self.checked = Instant::now();
            let events = self.keys.check(is_down);
            self.tell(events);
        }
    }

    fn tell_access(&mut self) {
        self.tell(vec![HotkeyEvent::Access { access: self.access, names: Vec::new() }]);
    }

    fn tell(&mut self, events: Vec<HotkeyEvent>) {
        if let Some(listener) = &mut self.listener {
            events.into_iter().for_each(listener);
        }
    }
}

unsafe extern "C-unwind" fn on_event(
    _: CGEventTapProxy,
    kind: CGEventType,
    event: *mut CGEvent,
    _: *mut c_void,
) -> *mut CGEvent {
    // SAFETY: the system passes an event, or none, which lives as long as the call.
    let told = NonNull::new(event).map(|event| unsafe { event.as_ref() });
    let field = |field| CGEvent::integer_value_field(told, field);
    let code = || u16::try_from(field(CGEventField::KeyboardEventKeycode)).ok();
    let turn = match kind {
        CGEventType::TapDisabledByTimeout | CGEventType::TapDisabledByUserInput => {
            with_ear(Ear::enable_again);
            None
        }
        CGEventType::KeyDown => code().map(|code| (Place::Key(code), true)),
        CGEventType::KeyUp => code().map(|code| (Place::Key(code), false)),
        CGEventType::FlagsChanged => code()
            .and_then(|code| Some((Place::Key(code), is_modifier_down(code, CGEvent::flags(told).bits())?))),
        CGEventType::OtherMouseDown | CGEventType::OtherMouseUp => {
            let button = u32::try_from(field(CGEventField::MouseEventButtonNumber)).ok();
            button.map(|button| (Place::Button(button), kind == CGEventType::OtherMouseDown))
        }
        _ => None,
    };
    if let Some((place, down)) = turn {
        with_ear(|ear| ear.hear(place, down));
    }
    event
}

/// Whether the person permits it.
fn access() -> Access {
    if CGPreflightListenEventAccess() { Access::Everywhere } else { Access::Unpermitted }
}

fn is_down(number: u32) -> bool {
    match Place::of_number(number) {
        Place::Key(code) => CGEventSource::key_state(STATE, code),
        Place::Button(button) => CGEventSource::button_state(STATE, CGMouseButton(button)),
    }
}
