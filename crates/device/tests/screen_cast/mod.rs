//! A Wayland desktop without a screen: a test plays the portal on the session's bus, and a PipeWire node
//! of its own draws what would be the screen.

use pipewire as pw;
use pw::properties::properties;
use pw::spa::param::ParamType;
use pw::spa::param::format::{FormatProperties, MediaSubtype, MediaType};
use pw::spa::param::video::VideoFormat;
use pw::spa::pod::{Object, Pod, Property, PropertyFlags, Value as PodValue, object, property};
use pw::spa::utils::{Direction, Fraction, Rectangle, SpaTypes};
use pw::stream::{StreamFlags, StreamState};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use zbus::blocking::Connection;
use zbus::message::Header;
use zbus::zvariant::{OwnedFd, OwnedObjectPath, OwnedValue, Value};

/// How long anything may take to come true. Far more than it ever does.
pub const PATIENCE: Duration = Duration::from_secs(30);

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";

type Dictionary = HashMap<String, OwnedValue>;

/// What the portal is asked for.
#[derive(Debug)]
pub enum Asked {
    Session { request: OwnedObjectPath, session: OwnedObjectPath },
    Sources { request: OwnedObjectPath, types: u32, cursor: u32, persist: u32, token: Option<String> },
    Start { request: OwnedObjectPath },
    Close,
}

/// The portal, and the person before it.
pub struct Desktop {
    connection: Connection,
    asked: Receiver<Asked>,
    sender: Sender<Asked>,
}

impl Desktop {
    pub fn start() -> Self {
        let (sender, asked) = channel();
        let builder = zbus::blocking::connection::Builder::session().expect("there is a bus");
        let builder = builder.serve_at(PATH, ScreenCast(sender.clone())).expect("the path is free");
        let connection = builder.name(PORTAL).expect("it is a name").build().expect("the bus lets it serve");
        Self { connection, asked, sender }
    }

    pub fn asked(&self) -> Asked {
        self.asked.recv_timeout(PATIENCE).expect("something is asked for")
    }

    /// Makes the session that is asked for, and says what is wanted of it.
    pub fn open_session(&self) -> (OwnedObjectPath, Asked) {
        let Asked::Session { request, session } = self.asked() else { panic!("a session is asked for") };
        self.connection.object_server().at(&session, Session(self.sender.clone())).expect("it is new");
        self.answer(&request, 0, HashMap::from([("session_handle", Value::from(session.as_str()))]));
        let wanted = self.asked();
        let Asked::Sources { request, .. } = &wanted else { panic!("sources are asked for: {wanted:?}") };
        self.answer(request, 0, HashMap::new());
        (session, wanted)
    }

    /// The person chooses this node, or declines.
    pub fn choose(&self, node: Option<u32>) {
        let Asked::Start { request, .. } = self.asked() else { panic!("the start is asked for") };
        let Some(node) = node else { return self.answer(&request, 1, HashMap::new()) };
        let size: HashMap<&str, Value<'_>> = HashMap::new();
        let streams = Value::from(vec![(node, size)]);
        self.answer(
            &request,
            0,
            HashMap::from([("streams", streams), ("restore_token", Value::from("again"))]),
        );
    }

    /// The desktop ends a session.
    pub fn close(&self, session: &OwnedObjectPath) {
        let nothing: HashMap<&str, Value<'_>> = HashMap::new();
        self.tell(session, "org.freedesktop.portal.Session", "Closed", &(nothing,));
    }

    fn answer(&self, request: &OwnedObjectPath, answer: u32, results: HashMap<&str, Value<'_>>) {
        self.tell(request, "org.freedesktop.portal.Request", "Response", &(answer, results));
    }

    fn tell<B>(&self, path: &OwnedObjectPath, interface: &str, member: &str, body: &B)
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let to: Option<&str> = None;
        self.connection.emit_signal(to, path, interface, member, body).expect("it can be told");
    }
}

struct ScreenCast(Sender<Asked>);

#[zbus::interface(name = "org.freedesktop.portal.ScreenCast")]
impl ScreenCast {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        5
    }

    #[zbus(property, name = "AvailableCursorModes")]
    fn cursors(&self) -> u32 {
        1 | 2 | 4
    }

    fn create_session(&self, #[zbus(header)] header: Header<'_>, options: Dictionary) -> OwnedObjectPath {
        let request = path(&header, "request", &options, "handle_token");
        let session = path(&header, "session", &options, "session_handle_token");
        tell(&self.0, Asked::Session { request: request.clone(), session });
        request
    }

    fn select_sources(
        &self,
        #[zbus(header)] header: Header<'_>,
        _session: OwnedObjectPath,
        options: Dictionary,
    ) -> OwnedObjectPath {
        let request = path(&header, "request", &options, "handle_token");
        let number = |key: &str| {
            let value = options.get(key).and_then(|value| value.downcast_ref::<u32>().ok());
            value.unwrap_or_default()
        };
        let token = options.get("restore_token").and_then(|token| token.downcast_ref::<String>().ok());
        let (types, cursor, persist) = (number("types"), number("cursor_mode"), number("persist_mode"));
        tell(&self.0, Asked::Sources { request: request.clone(), types, cursor, persist, token });
        request
    }

    fn start(
        &self,
        #[zbus(header)] header: Header<'_>,
        _session: OwnedObjectPath,
        _parent_window: String,
        options: Dictionary,
    ) -> OwnedObjectPath {
        let request = path(&header, "request", &options, "handle_token");
        tell(&self.0, Asked::Start { request: request.clone() });
        request
    }

    #[zbus(name = "OpenPipeWireRemote")]
    fn open_remote(&self, _session: OwnedObjectPath, _options: Dictionary) -> OwnedFd {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").expect("the session has one");
        let socket = UnixStream::connect(std::path::Path::new(&folder).join("pipewire-0"));
        std::os::fd::OwnedFd::from(socket.expect("PipeWire listens")).into()
    }
}

struct Session(Sender<Asked>);

#[zbus::interface(name = "org.freedesktop.portal.Session")]
impl Session {
    fn close(&self) {
        tell(&self.0, Asked::Close);
    }
}

fn tell(sender: &Sender<Asked>, asked: Asked) {
    // Nobody listens once the test is over.
    let _ = sender.send(asked);
}

/// Where the portal puts what a program asks for: the program knows it beforehand.
fn path(header: &Header<'_>, kind: &str, options: &Dictionary, token: &str) -> OwnedObjectPath {
    let sender = header.sender().expect("the bus says who calls").trim_start_matches(':').replace('.', "_");
    let token = options.get(token).expect("there is a token").downcast_ref::<String>();
    let token = token.expect("a token is a text");
    OwnedObjectPath::try_from(format!("{PATH}/{kind}/{sender}/{token}")).expect("it is a path")
}

/// A screen of one colour, drawn 50 times a second.
pub struct Screen {
    pub node: u32,
    stop: pw::channel::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Blue, green, red.
    pub fn start(width: u32, height: u32, colour: [u8; 3]) -> Self {
        let (stop, stopped) = pw::channel::channel();
        let (told, node) = channel();
        let thread = std::thread::spawn(move || {
            draw(width, height, colour, stopped, told).expect("PipeWire answers");
        });
        let node = node.recv_timeout(PATIENCE).expect("the screen has a number");
        Self { node, stop, thread: Some(thread) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended with the sound server.
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it draws");
        }
    }
}

fn draw(
    width: u32,
    height: u32,
    [blue, green, red]: [u8; 3],
    stopped: pw::channel::Receiver<()>,
    told: Sender<u32>,
) -> Result<(), pw::Error> {
    pw::init();
    let mainloop = pw::main_loop::MainLoopRc::new(None)?;
    let context = pw::context::ContextRc::new(&mainloop, None)?;
    let core = context.connect_rc(None)?;
    let quit = mainloop.clone();
    let _stopped = stopped.attach(mainloop.loop_(), move |()| quit.quit());
    let properties = properties! {
        *pw::keys::MEDIA_TYPE => "Video",
        *pw::keys::MEDIA_CLASS => "Stream/Output/Video",
        *pw::keys::NODE_NAME => "test-screen",
    };
    let stream = pw::stream::StreamRc::new(core, "test-screen", properties)?;
    let stride = width * 4;
    let _listener = stream
        .add_local_listener::<()>()
        .state_changed(move |stream, (), _, now| {
            if now == StreamState::Paused {
                // Heard by nobody but the first time.
                let _ = told.send(stream.node_id());
            }
        })
        .param_changed(move |stream, (), id, parameter| {
            if id == ParamType::Format.as_raw() && parameter.is_some() {
                let buffers = serialize(buffers(stride, height));
                let mut wishes: Vec<&Pod> = Pod::from_bytes(&buffers).into_iter().collect();
                stream.update_params(&mut wishes).expect("it is a wish");
            }
        })
        .process(move |stream, ()| {
            let Some(mut buffer) = stream.dequeue_buffer() else { return };
            let Some(data) = buffer.datas_mut().first_mut() else { return };
            let len = stride * height;
            if let Some(bytes) = data.data() {
                bytes[..len as usize]
                    .chunks_exact_mut(4)
                    .for_each(|p| p.copy_from_slice(&[blue, green, red, 0]));
            }
            let chunk = data.chunk_mut();
            *chunk.offset_mut() = 0;
            *chunk.stride_mut() = stride as i32;
            *chunk.size_mut() = len;
        })
        .register()?;
    let format = serialize(object!(
        SpaTypes::ObjectParamFormat,
        ParamType::EnumFormat,
        property!(FormatProperties::MediaType, Id, MediaType::Video),
        property!(FormatProperties::MediaSubtype, Id, MediaSubtype::Raw),
        property!(FormatProperties::VideoFormat, Id, VideoFormat::BGRx),
        property!(FormatProperties::VideoSize, Rectangle, Rectangle { width, height }),
        property!(FormatProperties::VideoFramerate, Fraction, Fraction { num: 0, denom: 1 }),
        property!(
            FormatProperties::VideoMaxFramerate,
            Choice,
            Range,
            Fraction,
            Fraction { num: 60, denom: 1 },
            Fraction { num: 1, denom: 1 },
            Fraction { num: 60, denom: 1 }
        ),
    ));
    let mut parameters: Vec<&Pod> = Pod::from_bytes(&format).into_iter().collect();
    stream.connect(
        Direction::Output,
        None,
        StreamFlags::DRIVER | StreamFlags::MAP_BUFFERS,
        &mut parameters,
    )?;
    let drawn = stream.clone();
    let timer = mainloop.loop_().add_timer(move |_| {
        if drawn.state() == StreamState::Streaming {
            // Refused while nobody watches.
            let _ = drawn.trigger_process();
        }
    });
    let tick = Some(Duration::from_millis(20));
    timer.update_timer(tick, tick).into_result().expect("it is a timer");
    mainloop.run();
    Ok(())
}

fn buffers(stride: u32, height: u32) -> Object {
    let plain = |key, value| Property { key, flags: PropertyFlags::empty(), value: PodValue::Int(value) };
    Object {
        type_: SpaTypes::ObjectParamBuffers.as_raw(),
        id: ParamType::Buffers.as_raw(),
        properties: vec![
            plain(pw::spa::sys::SPA_PARAM_BUFFERS_buffers, 4),
            plain(pw::spa::sys::SPA_PARAM_BUFFERS_blocks, 1),
            plain(pw::spa::sys::SPA_PARAM_BUFFERS_size, (stride * height) as i32),
            plain(pw::spa::sys::SPA_PARAM_BUFFERS_stride, stride as i32),
        ],
    }
}

fn serialize(object: Object) -> Vec<u8> {
    let cursor = std::io::Cursor::new(Vec::new());
    let written = pw::spa::pod::serialize::PodSerializer::serialize(cursor, &PodValue::Object(object));
    written.expect("memory takes it").0.into_inner()
}
