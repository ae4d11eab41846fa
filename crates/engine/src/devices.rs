//! Which devices are open, and what is told about them.

use crate::media::Instruction;
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;
use voicehall_device::{AudioSystem, DeviceChoice, DeviceEvent, DeviceId, DeviceInfo, Direction, Lack};
use voicehall_protocol::engine::{AudioSettings, Device, Event, Problem};

/// The devices' side of the engine.
pub(crate) struct Devices {
    audio: Arc<dyn AudioSystem>,
    changes: mpsc::Receiver<DeviceEvent>,
    microphone_open: bool,
    speaker_open: bool,
    input_in_use: Option<String>,
    output_in_use: Option<String>,
    lists: Lists,
    /// A listing under way: asking the system may take a while, so a thread of the pool does.
    listing: Option<oneshot::Receiver<Lists>>,
    outdated: bool,
}

#[derive(Debug, Clone, Default)]
struct Lists {
    inputs: Vec<DeviceInfo>,
    outputs: Vec<DeviceInfo>,
}

impl Devices {
    pub(crate) fn new(audio: Arc<dyn AudioSystem>) -> Self {
        let changes = audio.events();
        Self {
            audio,
            changes,
            microphone_open: false,
            speaker_open: false,
            input_in_use: None,
            output_in_use: None,
            lists: Lists::default(),
            listing: None,
            outdated: true,
        }
    }

    /// What the media thread is to be told so that exactly these are open.
    pub(crate) fn open(
        &mut self,
        microphone: bool,
        speaker: bool,
        settings: &AudioSettings,
    ) -> Vec<Instruction> {
        let mut instructions = Vec::new();
        // The speaker first: somebody may be speaking already.
        if speaker != self.speaker_open {
            self.speaker_open = speaker;
            self.output_in_use = None;
            let opened = speaker.then(|| self.audio.open_speaker(choice(settings.output.as_deref())));
            instructions.push(Instruction::Speaker(opened));
        }
        if microphone != self.microphone_open {
            self.microphone_open = microphone;
            self.input_in_use = None;
            let opened = microphone.then(|| self.audio.open_microphone(choice(settings.input.as_deref())));
            instructions.push(Instruction::Microphone(opened));
        }
        instructions
    }

    /// What the media thread is to be told when another device was chosen.
    pub(crate) fn choose(settings: &AudioSettings) -> Instruction {
        Instruction::Choose {
            input: choice(settings.input.as_deref()),
            output: choice(settings.output.as_deref()),
        }
    }

    /// What happened since the last call, for the user interface.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut changed = false;
        while let Ok(change) = self.changes.try_recv() {
            match change {
                DeviceEvent::Using { direction, name, .. } => {
                    changed = true;
                    *self.in_use(direction) = name;
                }
                DeviceEvent::Lost { direction, lack, reason } => {
                    tracing::info!(?direction, ?lack, reason, "no device");
                    changed = true;
                    *self.in_use(direction) = None;
                    let problem = match (direction, lack) {
                        (Direction::Input, Lack::Device) => Problem::NoInput,
                        (Direction::Input, Lack::Permission) => Problem::InputForbidden,
                        (Direction::Output, _) => Problem::NoOutput,
                    };
                    events.push(Event::Problem { problem });
                }
                DeviceEvent::ListChanged => self.outdated = true,
            }
        }
        changed |= self.collect_lists();
        if self.outdated && self.listing.is_none() {
            self.outdated = false;
            self.listing = Some(self.list());
        }
        if changed {
            events.push(self.event());
        }
        events
    }

    fn in_use(&mut self, direction: Direction) -> &mut Option<String> {
        match direction {
            Direction::Input => &mut self.input_in_use,
            Direction::Output => &mut self.output_in_use,
        }
    }

    fn list(&self) -> oneshot::Receiver<Lists> {
        let (lists, receiver) = oneshot::channel();
        let audio = Arc::clone(&self.audio);
        tokio::task::spawn_blocking(move || {
            let inputs = audio.devices(Direction::Input);
            let outputs = audio.devices(Direction::Output);
            // The engine may be gone by now.
            let _ = lists.send(Lists { inputs, outputs });
        });
        receiver
    }

    /// Takes the lists if they are there, and says whether they are.
    fn collect_lists(&mut self) -> bool {
        let Some(listing) = &mut self.listing else { return false };
        match listing.try_recv() {
            Ok(lists) => {
                self.lists = lists;
                self.listing = None;
                true
            }
            Err(oneshot::error::TryRecvError::Empty) => false,
            Err(oneshot::error::TryRecvError::Closed) => {
                self.listing = None;
                false
            }
        }
    }

    fn event(&self) -> Event {
        let devices = |list: &[DeviceInfo]| {
            list.iter()
                .map(|info| Device { id: info.id.as_str().to_owned(), name: info.name.clone() })
                .collect()
        };
        Event::Devices {
            inputs: devices(&self.lists.inputs),
            outputs: devices(&self.lists.outputs),
            input_in_use: self.input_in_use.clone(),
            output_in_use: self.output_in_use.clone(),
        }
    }
}

/// A device as the settings name it.
pub(crate) fn choice(id: Option<&str>) -> DeviceChoice {
    id.map_or(DeviceChoice::SystemDefault, |id| DeviceChoice::Id(DeviceId::new(id)))
}
