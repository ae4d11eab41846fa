//! PipeWire: a stream of ours that nobody else is asked to connect, and links from what others play to
//! it, kept as streams come and go.

use super::links::{Patchbay, Playing, Port, Process, Wish};
use super::{Filler, PlayingProgram, Scope, ShareSound, SoundLack, SoundSystem, ring};
use pipewire as pw;
use pw::link::Link;
use pw::node::{Node, NodeListener};
use pw::properties::properties;
use pw::registry::{GlobalObject, RegistryRc};
use pw::spa;
use pw::spa::utils::dict::DictRef;
use pw::stream::{StreamFlags, StreamListener, StreamRc};
use pw::types::ObjectType;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use voicehall_audio::SAMPLE_RATE;

/// What the names of our capturing streams begin with. No microphone is ever connected to one.
pub(crate) const NODE_NAME: &str = "voicehall-share";

/// How long the sound server may take to say what there is.
const PATIENCE: Duration = Duration::from_secs(2);

/// PipeWire, which can tell our own sound from that of others.
#[derive(Debug)]
pub struct PipeWireSound(());

impl PipeWireSound {
    /// # Errors
    /// [`SoundLack::NoServer`] where PipeWire does not run. A PulseAudio without it cannot keep our own
    /// sound out of a share.
    pub fn new() -> Result<Self, SoundLack> {
        Self(()).programs().map(|_| Self(()))
    }
}

impl SoundSystem for PipeWireSound {
    fn programs(&self) -> Result<Vec<PlayingProgram>, SoundLack> {
        let (told, programs) = mpsc::channel();
        let (stop, stopped) = pw::channel::channel();
        let thread = spawn(move || {
            // Whoever asked may have lost patience.
            let mut told = |bay: &Patchbay| drop(told.send(bay.programs(std::process::id(), &process)));
            if let Err(error) = Session::run(None, stopped, &mut told) {
                tracing::debug!(%error, "nobody says who plays");
            }
        })?;
        let answer = programs.recv_timeout(PATIENCE).map_err(|_| SoundLack::NoServer);
        // A thread that is over needs no telling.
        let _ = stop.send(());
        if thread.join().is_err() {
            tracing::error!("the thread that asks who plays panicked");
        }
        answer
    }

    fn open(&self, scope: Scope) -> Result<ShareSound, SoundLack> {
        ring(|filler| {
            let (told, started) = mpsc::channel();
            let (stop, stopped) = pw::channel::channel();
            let thread = spawn(move || {
                let mut told = |_: &Patchbay| {
                    // Whoever asked may have lost patience.
                    let _ = told.send(());
                };
                if let Err(error) = Session::run(Some((scope, filler)), stopped, &mut told) {
                    tracing::warn!(%error, "the sound of the share is not captured");
                }
            })?;
            let capture = Capture { stop, thread: Some(thread) };
            started.recv_timeout(PATIENCE).map_err(|_| SoundLack::NoServer)?;
            Ok(capture)
        })
    }
}

fn spawn(body: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>, SoundLack> {
    let thread = thread::Builder::new().name("share sound".to_owned()).spawn(body);
    thread.map_err(|error| {
        tracing::warn!(%error, "no thread for the sound of a share");
        SoundLack::NoServer
    })
}

/// Ends the thread when it goes.
struct Capture {
    stop: pw::channel::Sender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Capture {
    fn drop(&mut self) {
        // A thread that is over needs no telling.
        let _ = self.stop.send(());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that captures the sound of a share panicked");
        }
    }
}

/// One connection to the sound server, whose callbacks all come on one thread.
struct Session {
    core: pw::core::CoreRc,
    registry: RegistryRc,
    scope: Option<Scope>,
    /// The stream's name.
    name: String,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    bay: Patchbay,
    /// The process of each connection.
    clients: BTreeMap<u32, u32>,
    /// Streams that play, to be told what they are.
    nodes: BTreeMap<u32, (Node, NodeListener)>,
    links: BTreeMap<Wish, Link>,
}

impl Session {
    /// Runs until it is stopped or the sound server is gone. `ready` is called once it is known what there
    /// is.
    fn run(
        capture: Option<(Scope, Filler)>,
        stopped: pw::channel::Receiver<()>,
        ready: &mut dyn FnMut(&Patchbay),
    ) -> Result<(), pw::Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        pw::init();
        let mainloop = pw::main_loop::MainLoopRc::new(None)?;
        let context = pw::context::ContextRc::new(&mainloop, None)?;
        let core = context.connect_rc(None)?;
        let registry = core.get_registry_rc()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (scope, filler) = capture.unzip();
        let session = Rc::new(Self {
            core: core.clone(),
            registry,
            scope,
            name: format!("{NODE_NAME}-{}-{number}", std::process::id()),
            state: RefCell::default(),
        });
        let quit = mainloop.clone();
        let _stopped = stopped.attach(mainloop.loop_(), move |()| quit.quit());
        let _listener = session.listen();
        // Streams that play are announced first, and then say what they are.
        let looked = session.synchronise(&mainloop, 2)?;
        if looked {
            ready(&session.state.borrow().bay);
            let _stream = filler.map(|filler| session.capture(filler)).transpose()?;
            let quit = mainloop.clone();
            let _gone = on_gone(&core, move || quit.quit());
            mainloop.run();
        }
        // Links and nodes hold on to callbacks that hold on to the session.
        let State { links, nodes, .. } = session.state.take();
        drop((links, nodes));
        Ok(())
    }

    /// Waits until the server has answered everything so far, so many times. False if it was stopped or
    /// is gone.
    fn synchronise(&self, mainloop: &pw::main_loop::MainLoopRc, times: u32) -> Result<bool, pw::Error> {
        for _ in 0..times {
            let asked = self.core.sync(0)?;
            let answered = Rc::new(std::cell::Cell::new(false));
            let (quit, noted) = (mainloop.clone(), Rc::clone(&answered));
            let gone = mainloop.clone();
            let _done = self
                .core
                .add_listener_local()
                .done(move |id, sequence| {
                    if id == pw::core::PW_ID_CORE && sequence == asked {
                        noted.set(true);
                        quit.quit();
                    }
                })
                .error(move |id, _, _, _| {
                    if id == pw::core::PW_ID_CORE {
                        gone.quit();
                    }
                })
                .register();
            mainloop.run();
            if !answered.get() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A stream that gets what is linked to it, and is connected to nothing by anybody else.
    fn capture(&self, filler: Filler) -> Result<(StreamRc, StreamListener<Filler>), pw::Error> {
        let properties = properties! {
            *pw::keys::NODE_NAME => self.name.as_str(),
            *pw::keys::NODE_DESCRIPTION => "Voicehall",
            *pw::keys::MEDIA_TYPE => "Audio",
            *pw::keys::MEDIA_CATEGORY => "Capture",
            *pw::keys::NODE_AUTOCONNECT => "false",
            "node.dont-reconnect" => "true",
        };
        let stream = StreamRc::new(self.core.clone(), &self.name, properties)?;
        let listener = stream
            .add_local_listener_with_user_data(filler)
            .process(|stream, filler| {
                let Some(mut buffer) = stream.dequeue_buffer() else { return };
                let Some(data) = buffer.datas_mut().first_mut() else { return };
                let (offset, size) = (data.chunk().offset() as usize, data.chunk().size() as usize);
                let bytes =
                    data.data().and_then(|bytes| bytes.get(offset..)?.get(..size)).unwrap_or_default();
                let sample = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
                filler.add(bytes.chunks_exact(8).map(|pair| [sample(&pair[..4]), sample(&pair[4..])]));
            })
            .register()?;
        let format = format();
        let mut parameters: Vec<&spa::pod::Pod> = spa::pod::Pod::from_bytes(&format).into_iter().collect();
        stream.connect(spa::utils::Direction::Input, None, StreamFlags::MAP_BUFFERS, &mut parameters)?;
        Ok((stream, listener))
    }

    fn listen(self: &Rc<Self>) -> pw::registry::Listener {
        let (seen, gone) = (Rc::downgrade(self), Rc::downgrade(self));
        self.registry
            .add_listener_local()
            .global(move |global| {
                if let (Some(session), Some(properties)) = (seen.upgrade(), global.props) {
                    session.appeared(global, properties);
                }
            })
            .global_remove(move |id| {
                if let Some(session) = gone.upgrade() {
                    session.vanished(id);
                }
            })
            .register()
    }

    fn appeared(self: &Rc<Self>, global: &GlobalObject<&DictRef>, properties: &DictRef) {
        let number = |key: &str| properties.get(key).and_then(|text| text.parse().ok());
        match global.type_ {
            ObjectType::Client => {
                let process = number("pipewire.sec.pid");
                self.state.borrow_mut().clients.extend(process.map(|process| (global.id, process)));
            }
            ObjectType::Port => {
                let Some(node) = number("node.id") else { return };
                let is_output = properties.get("port.direction") == Some("out");
                let channel = properties.get("audio.channel").unwrap_or_default().to_owned();
                self.state.borrow_mut().bay.ports.insert(global.id, Port { node, is_output, channel });
                self.settle();
            }
            ObjectType::Node if properties.get("node.name") == Some(&self.name) => {
                self.state.borrow_mut().bay.own_node = Some(global.id);
                self.settle();
            }
            ObjectType::Node if properties.get("media.class") == Some("Stream/Output/Audio") => {
                self.ask(global, number("client.id"));
            }
            _ => {}
        }
    }

    /// Asks a stream that plays for what is not told of everybody.
    fn ask(self: &Rc<Self>, global: &GlobalObject<&DictRef>, client: Option<u32>) {
        let Ok(node) = self.registry.bind::<Node, _>(global) else { return };
        let (id, session) = (global.id, Rc::downgrade(self));
        let listener = node
            .add_listener_local()
            .info(move |info| {
                if let (Some(session), Some(properties)) = (session.upgrade(), info.props()) {
                    let playing = session.playing(properties, client);
                    session.state.borrow_mut().bay.playing.insert(id, playing);
                    session.settle();
                }
            })
            .register();
        self.state.borrow_mut().nodes.insert(id, (node, listener));
    }

    fn playing(&self, properties: &DictRef, client: Option<u32>) -> Playing {
        // A program that plays through PulseAudio's protocol says who it is; its connection is another's.
        let said = properties.get("application.process.id").and_then(|process| process.parse().ok());
        let connection = client.and_then(|client| self.state.borrow().clients.get(&client).copied());
        let own = std::process::id();
        let process = if connection == Some(own) { connection } else { said.or(connection) };
        let name = ["application.name", "node.description", "node.name"];
        let name = name.into_iter().find_map(|key| properties.get(key)).unwrap_or_default().to_owned();
        Playing { process, name, is_filter: properties.get("node.link-group").is_some() }
    }

    fn vanished(&self, id: u32) {
        let mut state = self.state.borrow_mut();
        state.clients.remove(&id);
        state.bay.playing.remove(&id);
        state.bay.ports.remove(&id);
        let node = state.nodes.remove(&id);
        drop(state);
        drop(node);
        self.settle();
    }

    /// Makes the links that shall be, and gives up those that shall not.
    fn settle(&self) {
        let Some(scope) = self.scope else { return };
        let mut state = self.state.borrow_mut();
        let wishes = state.bay.wishes(scope, std::process::id(), &process);
        state.links.retain(|wish, _| wishes.contains(wish));
        for wish in wishes {
            if state.links.contains_key(&wish) {
                continue;
            }
            let properties = properties! {
                "link.output.node" => wish.from_node.to_string(),
                "link.output.port" => wish.from_port.to_string(),
                "link.input.node" => wish.to_node.to_string(),
                "link.input.port" => wish.to_port.to_string(),
                "object.linger" => "false",
            };
            match self.core.create_object::<Link>("link-factory", &properties) {
                Ok(link) => drop(state.links.insert(wish, link)),
                Err(error) => tracing::warn!(%error, "a stream is left out of the share"),
            }
        }
    }
}

fn on_gone(core: &pw::core::Core, gone: impl Fn() + 'static) -> pw::core::Listener {
    let listener = core.add_listener_local();
    let listener = listener.error(move |id, _, _, _| {
        if id == pw::core::PW_ID_CORE {
            gone();
        }
    });
    listener.register()
}

/// 48 kHz stereo in floating point.
fn format() -> Vec<u8> {
    let mut format = spa::param::audio::AudioInfoRaw::new();
    format.set_format(spa::param::audio::AudioFormat::F32LE);
    format.set_rate(SAMPLE_RATE);
    format.set_channels(2);
    let mut position = [0; spa::param::audio::MAX_CHANNELS];
    position[0] = spa::sys::SPA_AUDIO_CHANNEL_FL;
    position[1] = spa::sys::SPA_AUDIO_CHANNEL_FR;
    format.set_position(position);
    let object = spa::pod::Object {
        type_: spa::utils::SpaTypes::ObjectParamFormat.as_raw(),
        id: spa::param::ParamType::EnumFormat.as_raw(),
        properties: format.into(),
    };
    let value = spa::pod::Value::Object(object);
    let written = spa::pod::serialize::PodSerializer::serialize(std::io::Cursor::new(Vec::new()), &value);
    // Writing to memory does not fail.
    written.map(|(cursor, _)| cursor.into_inner()).unwrap_or_default()
}

/// What the system knows of a process.
fn process(number: u32) -> Option<Process> {
    let status = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name is in brackets and may hold some itself.
    let (before, after) = status.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let parent = after.split_whitespace().nth(1)?.parse().ok()?;
    Some(Process { name, parent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_know_their_parents() {
        let own = process(std::process::id()).expect("this process");
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert_eq!(process(u32::MAX), None);
    }
}
