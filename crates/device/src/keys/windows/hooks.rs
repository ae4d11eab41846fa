//! Keys under Windows: low-level hooks, which hear every key before anybody gets it, and pass it on.
//!
//! Everything is done by one thread that does nothing else: the system waits for a hook before it hands
//! a key to anybody, and takes hooks away that keep it waiting. So there is a hook for the keyboard or
//! the mouse only while a key of it is wanted.
//!
//! Hooks hear nothing while a program of higher rights has the focus, nor on the screen that asks for a
//! password; what is let go there is found out by asking. Where hooks are refused altogether, there are
//! combinations that the system watches.

use super::super::chords::{Chords, Held};
use super::super::raw::{RawKeys, Wanted};
use super::super::{
    Access, Action, Binding, Cause, HotkeyEvent, HotkeySource, Key, Listener, MOUSE_BUTTON_MIN,
};
use super::codes;
use std::cell::RefCell;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use windows::Win32::Foundation::{HINSTANCE, HWND, LPARAM, LRESULT, WPARAM};
use windows::Win32::System::LibraryLoader::GetModuleHandleW;
use windows::Win32::System::RemoteDesktop::{
    NOTIFY_FOR_THIS_SESSION, WTSRegisterSessionNotification, WTSUnRegisterSessionNotification,
};
use windows::Win32::System::SystemInformation::GetTickCount;
use windows::Win32::UI::Input::KeyboardAndMouse::{
    GetAsyncKeyState, GetLastInputInfo, LASTINPUTINFO, MAPVK_VK_TO_CHAR, MAPVK_VK_TO_VSC_EX,
    MAPVK_VSC_TO_VK_EX, MapVirtualKeyW,
};
use windows::Win32::UI::WindowsAndMessaging::{
    CallNextHookEx, CreateWindowExW, DefWindowProcW, DestroyWindow, DispatchMessageW, GetMessageW, HC_ACTION,
    HHOOK, HOOKPROC, KBDLLHOOKSTRUCT, KillTimer, LLKHF_EXTENDED, LLKHF_UP, MSG, MSLLHOOKSTRUCT, PostMessageW,
    PostQuitMessage, RegisterClassW, SetTimer, SetWindowsHookExW, UnhookWindowsHookEx, UnregisterClassW,
    WH_KEYBOARD_LL, WH_MOUSE_LL, WINDOW_EX_STYLE, WINDOW_STYLE, WINDOWS_HOOK_ID, WM_APP, WM_POWERBROADCAST,
    WM_TIMER, WM_WTSSESSION_CHANGE, WM_XBUTTONDOWN, WM_XBUTTONUP, WNDCLASSW,
};
use windows::core::{PCWSTR, w};

/// The window's message for commands that wait.
const WM_COMMANDS: u32 = WM_APP;

const CLASS: PCWSTR = w!("voicehall keys");

/// A timer that runs while anything is down: whether what is held still is.
const CHECK: usize = 1;
const CHECK_INTERVAL_MS: u32 = 250;

/// A timer that runs while there are hooks: whether the system has taken them away, of which it tells
/// nobody.
const WATCH: usize = 2;
const WATCH_INTERVAL_MS: u32 = 30_000;

/// How much later than the last event we heard the system may have heard one.
const UNHEARD_MAX_MS: u32 = 2_000;

/// Where the keys are that may write something.
const WRITING_SCANS: std::ops::RangeInclusive<u32> = 0x02..=0x56;

enum Command {
    Listen(Listener),
    Bind(Vec<Binding>),
    Record(bool),
    /// The system's combinations for an action are held, or no longer.
    Chord(Action, bool),
    End,
}

/// Tells the thread something.
#[derive(Clone)]
struct Line {
    commands: Sender<Command>,
    /// The address of the thread's window.
    window: isize,
}

impl Line {
    fn tell(&self, command: Command) {
        let window = HWND(self.window as *mut _);
        // Refused only by a thread that is over.
        if self.commands.send(command).is_ok()
            // SAFETY: a window's handle that is valid no more is refused.
            && let Err(error) = unsafe { PostMessageW(Some(window), WM_COMMANDS, WPARAM(0), LPARAM(0)) }
        {
            tracing::warn!(%error, "the thread that hears keys hears nothing of us");
        }
    }
}

/// The keyboards and mice of a Windows session.
pub(in super::super) struct WindowsKeys {
    line: Line,
    thread: Option<JoinHandle<()>>,
}

impl WindowsKeys {
    /// Starts the thread. Nothing is hooked before a key is wanted.
    pub(in super::super) fn start() -> io::Result<Self> {
        let (ready, line) = channel();
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
            crate::realtime::raise_network();
            match Ear::open() {
                Ok(line) => {
                    // Somebody waits for it.
                    let _ = ready.send(Ok(line));
                    run();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        let line = line.recv().map_err(|_| io::Error::other("the thread is over"))??;
        Ok(Self { line, thread: Some(thread) })
    }
}

impl HotkeySource for WindowsKeys {
    fn listen(&self, listener: Listener) {
        self.line.tell(Command::Listen(listener));
    }

    fn bind(&self, bindings: Vec<Binding>) {
        self.line.tell(Command::Bind(bindings));
    }

    fn record(&self, enabled: bool) {
        self.line.tell(Command::Record(enabled));
    }
}

impl Drop for WindowsKeys {
    fn drop(&mut self) {
        self.line.tell(Command::End);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that hears keys panicked");
        }
    }
}

thread_local! {
    /// What hooks and the window's procedure find, for the system hands them nothing of ours.
    static EAR: RefCell<Option<Ear>> = const { RefCell::new(None) };
}

/// What belongs to the thread.
struct Ear {
    keys: RawKeys,
    commands: Receiver<Command>,
    /// For whoever watches combinations.
    line: Line,
    listener: Option<Listener>,
    bindings: Vec<Binding>,
    recording: bool,
    /// Where hooks are refused.
    chords: Option<Chords>,
    window: HWND,
    keyboard: Option<HHOOK>,
    mouse: Option<HHOOK>,
    /// Whether the timer runs that checks what is held.
    checking: bool,
    /// When a hook was called last, by the system's clock.
    heard_ms: u32,
}

impl Ear {
    /// Makes the thread's window, which alone is told of locked screens and of sleep, and puts itself
    /// where the window's procedure finds it.
    fn open() -> io::Result<Line> {
        let (sender, commands) = channel();
        let class = WNDCLASSW {
            lpfnWndProc: Some(on_message),
            hInstance: module()?,
            lpszClassName: CLASS,
            ..WNDCLASSW::default()
        };
        let (style, extended) = (WINDOW_STYLE(0), WINDOW_EX_STYLE(0));
        // SAFETY: all pointers outlive the calls, and the procedure has the right form. The class may
        // be there from before, and then it is the same. The window is never shown.
        let window = unsafe {
            RegisterClassW(&raw const class);
            let at = Some(class.hInstance);
            let window = CreateWindowExW(extended, CLASS, CLASS, style, 0, 0, 0, 0, None, None, at, None)?;
            if let Err(error) = WTSRegisterSessionNotification(window, NOTIFY_FOR_THIS_SESSION) {
                tracing::info!(%error, "locked screens are not told of");
            }
            window
        };
        let line = Line { commands: sender, window: window.0 as isize };
        let ear = Self {
            keys: RawKeys::default(),
            commands,
            line: line.clone(),
            listener: None,
            bindings: Vec::new(),
            recording: false,
            chords: None,
            window,
            keyboard: None,
            mouse: None,
            checking: false,
            heard_ms: 0,
        };
        EAR.set(Some(ear));
        Ok(line)
    }

    /// Does what it was told. Returns false once that is to end.
    fn obey(&mut self) -> bool {
        while let Ok(command) = self.commands.try_recv() {
            let events = match command {
                Command::Listen(listener) => {
                    self.listener = Some(listener);
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
                    self.tell(vec![HotkeyEvent::Action { action, pressed, cause: Cause::Key }]);
                    continue;
                }
                Command::End => return false,
            };
            self.tell(events);
            self.fit();
            self.fit_chords();
        }
        true
    }

    /// Hooks what is wanted, and nothing else.
    fn fit(&mut self) {
        let Wanted { keyboard, mouse } = self.keys.wanted();
        let had = self.hooks();
        fit(&mut self.keyboard, keyboard, WH_KEYBOARD_LL, Some(on_key));
        fit(&mut self.mouse, mouse, WH_MOUSE_LL, Some(on_mouse));
        if self.hooks() != had {
            self.heard_ms = now_ms();
            self.time(WATCH, self.hooks() > 0, WATCH_INTERVAL_MS);
            // What went down before is not told.
            self.resync();
        }
    }

    /// Has combinations watched where hooks are refused.
    fn fit_chords(&mut self) {
        let Wanted { keyboard, mouse } = self.keys.wanted();
        let refused = self.hooks() < usize::from(keyboard) + usize::from(mouse);
        if refused != self.chords.is_some() {
            self.chords = if refused { self.start_chords() } else { None };
            self.tell_access();
        }
        if let Some(chords) = &mut self.chords {
            // What is pressed for a recording does nothing else.
            chords.bind(if self.recording { &[] } else { &self.bindings });
        }
    }

    fn start_chords(&self) -> Option<Chords> {
        let line = self.line.clone();
        let held: Held = Box::new(move |action, pressed| line.tell(Command::Chord(action, pressed)));
        Chords::start(held).inspect_err(|error| tracing::warn!(%error, "no combinations")).ok()
    }

    fn tell_access(&mut self) {
        let access = if self.chords.is_some() { Access::Combinations } else { Access::Unelevated };
        self.tell(vec![HotkeyEvent::Access { access, names: names() }]);
    }

    fn hooks(&self) -> usize {
        usize::from(self.keyboard.is_some()) + usize::from(self.mouse.is_some())
    }

    /// Hooks anew, in case the system has taken the hooks away.
    fn hook_anew(&mut self) {
        let old = [self.keyboard.take(), self.mouse.take()];
        // First the new ones, so that nothing goes by in between.
        self.fit();
        old.into_iter().flatten().for_each(unhook);
    }

    /// Asks for everything: some of it may have gone unheard.
    fn resync(&mut self) {
        let wanted = self.keys.wanted();
        let down = codes::down(is_down, scan_of);
        let is_heard =
            |(key, _): &(Key, u32)| if key.code().is_some() { wanted.keyboard } else { wanted.mouse };
        let events = self.keys.resync(down.into_iter().filter(is_heard));
        self.tell(events);
    }

    fn hear(&mut self, key: Key, number: u32, down: bool) {
        let events = self.keys.turn(key, number, down);
        self.tell(events);
    }

    fn on_timer(&mut self, timer: usize) {
        if timer == CHECK {
            let events = self.keys.check(is_down);
            self.tell(events);
        } else if last_input_ms().wrapping_sub(self.heard_ms).cast_signed() > UNHEARD_MAX_MS.cast_signed() {
            // Of the mouse we may hear nothing because nothing of it is wanted; this costs little.
            self.hook_anew();
        }
    }

    fn tell(&mut self, events: Vec<HotkeyEvent>) {
        if let Some(listener) = &mut self.listener {
            events.into_iter().for_each(listener);
        }
        if self.checking != self.keys.is_anything_down() {
            self.checking = !self.checking;
            self.time(CHECK, self.checking, CHECK_INTERVAL_MS);
        }
    }

    fn time(&self, timer: usize, runs: bool, interval_ms: u32) {
        // SAFETY: the window is this thread's own; the timer has no procedure.
        unsafe {
            if !runs {
                // Refused only for a timer that does not run.
                let _ = KillTimer(Some(self.window), timer);
            } else if SetTimer(Some(self.window), timer, interval_ms, None) == 0 {
                tracing::warn!("there is no timer for keys: a lost release stays lost");
            }
        }
    }

    fn close(mut self) {
        self.chords = None;
        let hooks = [self.keyboard.take(), self.mouse.take()];
        hooks.into_iter().flatten().for_each(unhook);
        // SAFETY: the window is this thread's own, and nobody uses it after. What fails is not there.
        unsafe {
            let _ = WTSUnRegisterSessionNotification(self.window);
            let _ = DestroyWindow(self.window);
            let _ = UnregisterClassW(CLASS, module().ok());
        }
    }
}

/// Serves the window and the hooks until the thread is told to end.
fn run() {
    let mut message = MSG::default();
    // SAFETY: the message is ours. A result below zero is an error, which ends it too.
    while unsafe { GetMessageW(&raw mut message, None, 0, 0) }.0 > 0 {
        // SAFETY: it is a message that was just received.
        unsafe { DispatchMessageW(&raw const message) };
    }
    match EAR.take() {
        Some(ear) => ear.close(),
        None => tracing::error!("the thread that hears keys has lost itself"),
    }
}

/// Hands the ear to somebody whom the system calls. None within such a call; a key that is missed so is
/// let go by the next check.
fn with_ear<T>(act: impl FnOnce(&mut Ear) -> T) -> Option<T> {
    EAR.with(|ear| ear.try_borrow_mut().ok()?.as_mut().map(act))
}

unsafe extern "system" fn on_message(window: HWND, message: u32, wparam: WPARAM, lparam: LPARAM) -> LRESULT {
    match message {
        WM_COMMANDS => {
            if with_ear(Ear::obey) == Some(false) {
                // SAFETY: it concerns this thread alone.
                unsafe { PostQuitMessage(0) };
            }
        }
        WM_TIMER => drop(with_ear(|ear| ear.on_timer(wparam.0))),
        // The screen was locked or unlocked, somebody else's session came to the front, the machine woke.
        WM_WTSSESSION_CHANGE | WM_POWERBROADCAST => drop(with_ear(|ear| {
            ear.hook_anew();
            ear.resync();
        })),
        _ => {}
    }
    // SAFETY: these are the arguments as they came.
    unsafe { DefWindowProcW(window, message, wparam, lparam) }
}

unsafe extern "system" fn on_key(code: i32, wparam: WPARAM, lparam: LPARAM) -> LRESULT {
    if code == HC_ACTION.cast_signed() {
        // SAFETY: with this code the system passes such a structure, for as long as the call lasts.
        let event = unsafe { &*(lparam.0 as *const KBDLLHOOKSTRUCT) };
        let extended = event.flags.contains(LLKHF_EXTENDED);
        let key = codes::of_event(event.vkCode, event.scanCode, extended, scan_of);
        with_ear(|ear| {
            ear.heard_ms = event.time;
            if let Some(key) = key {
                ear.hear(key, event.vkCode, !event.flags.contains(LLKHF_UP));
            }
        });
    }
    // SAFETY: these are the arguments as they came. Whatever follows gets the key.
    unsafe { CallNextHookEx(None, code, wparam, lparam) }
}

unsafe extern "system" fn on_mouse(code: i32, wparam: WPARAM, lparam: LPARAM) -> LRESULT {
    if code == HC_ACTION.cast_signed() {
        // SAFETY: with this code the system passes such a structure, for as long as the call lasts.
        let event = unsafe { &*(lparam.0 as *const MSLLHOOKSTRUCT) };
        // "Back" is the first of the further buttons.
        let further = usize::from((event.mouseData >> 16) as u8);
        let down = match u32::try_from(wparam.0) {
            Ok(WM_XBUTTONDOWN) => Some(true),
            Ok(WM_XBUTTONUP) => Some(false),
            _ => None,
        };
        with_ear(|ear| {
            ear.heard_ms = event.time;
            let number = codes::MOUSE_BUTTONS.get(further.wrapping_sub(1));
            let key = Key::of_mouse(MOUSE_BUTTON_MIN - 1 + further as u8);
            if let (Some(down), Some(number), Some(key)) = (down, number, key) {
                ear.hear(key, *number, down);
            }
        });
    }
    // SAFETY: these are the arguments as they came. Whatever follows gets the button.
    unsafe { CallNextHookEx(None, code, wparam, lparam) }
}

fn fit(hook: &mut Option<HHOOK>, wanted: bool, kind: WINDOWS_HOOK_ID, procedure: HOOKPROC) {
    if wanted && hook.is_none() {
        // SAFETY: the procedure has the form that this kind of hook needs, and is there to the end.
        let hooked = module().and_then(|at| Ok(unsafe { SetWindowsHookExW(kind, procedure, Some(at), 0) }?));
        *hook = hooked.inspect_err(|error| tracing::warn!(%error, "keys are not heard")).ok();
    } else if !wanted {
        hook.take().into_iter().for_each(unhook);
    }
}

fn unhook(hook: HHOOK) {
    // SAFETY: a hook that is gone already is refused.
    if let Err(error) = unsafe { UnhookWindowsHookEx(hook) } {
        tracing::debug!(%error, "the system had taken the hook away");
    }
}

fn module() -> io::Result<HINSTANCE> {
    // SAFETY: without a name it is this program, which stays.
    Ok(unsafe { GetModuleHandleW(None) }?.into())
}

fn is_down(number: u32) -> bool {
    // SAFETY: any number may be asked for. The sign says whether it is down now.
    unsafe { GetAsyncKeyState(number.cast_signed()) < 0 }
}

fn scan_of(number: u32) -> u32 {
    // SAFETY: any number may be asked for.
    unsafe { MapVirtualKeyW(number, MAPVK_VK_TO_VSC_EX) }
}

fn now_ms() -> u32 {
    // SAFETY: it has no conditions.
    unsafe { GetTickCount() }
}

/// When the system heard anything last.
fn last_input_ms() -> u32 {
    let mut input = LASTINPUTINFO { cbSize: size_of::<LASTINPUTINFO>() as u32, dwTime: 0 };
    // SAFETY: the structure is ours and says how large it is. What fails leaves it as it is.
    let _ = unsafe { GetLastInputInfo(&raw mut input) };
    input.dwTime
}

/// What is printed on the keys that write something, by the layout of this thread.
fn names() -> Vec<(Key, String)> {
    let name = |scan: u32| {
        // SAFETY: any number may be asked for. A dead key's symbol has the highest bit set.
        let symbol = unsafe { MapVirtualKeyW(MapVirtualKeyW(scan, MAPVK_VSC_TO_VK_EX), MAPVK_VK_TO_CHAR) };
        let written = char::from_u32(symbol & 0x7fff_ffff)?;
        let is_seen = !written.is_control() && !written.is_whitespace();
        let capital: String = written.to_uppercase().collect();
        Some((codes::of_scan(scan, false)?, if is_seen { capital } else { return None }))
    };
    WRITING_SCANS.filter_map(name).collect()
}
