//! Which of the system's sound interfaces is used, and the devices in it.

use std::rc::Rc;

use cpal::traits::{DeviceTrait, HostTrait};

use crate::{DeviceChoice, DeviceId, DeviceInfo, Direction};

/// Finds hosts. On Linux it stays with PipeWire once that was there: while PipeWire restarts, ALSA
/// would take the hardware from under it.
pub(super) struct Hosts {
    #[cfg(target_os = "linux")]
    pipewire_seen: bool,
    #[cfg(target_os = "linux")]
    graph: Option<super::graph::Graph>,
    /// PipeWire's, with the devices it had. To ask again takes some round trips, for which a join
    /// would wait.
    #[cfg(target_os = "linux")]
    pipewire: Option<Rc<cpal::Host>>,
}

#[cfg(target_os = "linux")]
impl Hosts {
    /// `changed` is called, on some thread, when devices came or went.
    pub(super) fn new(changed: impl Fn() + Send + 'static) -> Self {
        let graph = super::graph::Graph::watch(changed)
            .inspect_err(|error| tracing::warn!(%error, "changes of devices will go unnoticed"))
            .ok();
        Self { pipewire_seen: false, graph, pipewire: None }
    }

    /// Whether [`Hosts::new`]'s `changed` will be called, so that nobody has to look.
    pub(super) fn tells_changes(&self) -> bool {
        self.pipewire_seen && self.graph.is_some()
    }

    /// Whether a speaker that had to wait plays everything later from then on. PipeWire calls back
    /// once for each period that has passed, also for those that were missed, and queues it all.
    pub(super) fn keeps_what_is_late(&self) -> bool {
        self.pipewire_seen
    }

    /// The host to use now, with the devices it has now.
    pub(super) fn current(&mut self) -> Result<Rc<cpal::Host>, cpal::Error> {
        if let Some(host) = &self.pipewire {
            return Ok(Rc::clone(host));
        }
        match cpal::host_from_id(cpal::HostId::PipeWire) {
            Ok(host) => {
                self.pipewire_seen = true;
                let host = Rc::new(host);
                // Without a watcher nobody would tell that it is out of date.
                self.pipewire = self.graph.is_some().then(|| Rc::clone(&host));
                Ok(host)
            }
            Err(error) if self.pipewire_seen => Err(error),
            Err(_) => cpal::host_from_id(cpal::HostId::Alsa).map(Rc::new),
        }
    }

    /// What is known of the devices may no longer be true.
    pub(super) fn forget(&mut self) {
        self.pipewire = None;
    }

    /// The devices there are now, or `None` while the sound server is away.
    pub(super) fn list(&mut self, direction: Direction) -> Option<Vec<DeviceInfo>> {
        if self.pipewire_seen
            && let Some(graph) = &self.graph
        {
            return graph.devices(direction);
        }
        let host = self.current().ok()?;
        let graph = self.graph.as_ref().filter(|_| is_pipewire(&host));
        graph.and_then(|graph| graph.devices(direction)).or_else(|| Some(list(&host, direction)))
    }

    /// The device that a choice means now.
    pub(super) fn find(
        &mut self,
        host: &cpal::Host,
        direction: Direction,
        choice: &DeviceChoice,
    ) -> Option<Found> {
        let mut found = find(host, direction, choice)?;
        let graph = self.graph.as_ref().filter(|_| is_pipewire(host));
        let Some(graph) = graph else { return Some(found) };
        let mut route = None;
        if found.name.is_none() {
            found.name = graph.default_name(direction);
        }
        if let (DeviceChoice::Id(wanted), true, Direction::Input) = (choice, found.stand_in, direction) {
            // cpal does not know virtual microphones: its default stream is connected to them.
            let devices = graph.devices(direction).unwrap_or_default();
            if let Some(device) = devices.into_iter().find(|device| device.id == *wanted) {
                (found.id, found.name, found.stand_in) = (Some(device.id), Some(device.name), false);
                route = Some(wanted);
            }
        }
        if direction == Direction::Input {
            graph.route_capture(route);
        }
        Some(found)
    }
}

#[cfg(not(target_os = "linux"))]
impl Hosts {
    /// `changed` is never called: somebody has to look.
    pub(super) fn new(_changed: impl Fn() + Send + 'static) -> Self {
        Self {}
    }

    /// Whether [`Hosts::new`]'s `changed` will be called, so that nobody has to look.
    pub(super) fn tells_changes(&self) -> bool {
        false
    }

    /// Whether a speaker that had to wait plays everything later from then on.
    pub(super) fn keeps_what_is_late(&self) -> bool {
        false
    }

    /// The host to use now, with the devices it has now.
    pub(super) fn current(&mut self) -> Result<Rc<cpal::Host>, cpal::Error> {
        Ok(Rc::new(cpal::default_host()))
    }

    /// Nothing is kept: these hosts ask the system each time.
    pub(super) fn forget(&mut self) {}

    /// The devices there are now.
    pub(super) fn list(&mut self, direction: Direction) -> Option<Vec<DeviceInfo>> {
        self.current().ok().map(|host| list(&host, direction))
    }

    /// The device that a choice means now.
    pub(super) fn find(
        &mut self,
        host: &cpal::Host,
        direction: Direction,
        choice: &DeviceChoice,
    ) -> Option<Found> {
        find(host, direction, choice)
    }
}

/// A device to open, and what to call it.
pub(super) struct Found {
    pub(super) device: cpal::Device,
    /// `None` for a default that has no id of its own.
    pub(super) id: Option<DeviceId>,
    pub(super) name: Option<String>,
    pub(super) stand_in: bool,
}

/// The speaker that a choice means now, for a short sound.
pub(crate) fn speaker(choice: &DeviceChoice) -> Option<cpal::Device> {
    find(&cpal::default_host(), Direction::Output, choice).map(|found| found.device)
}

fn find(host: &cpal::Host, direction: Direction, choice: &DeviceChoice) -> Option<Found> {
    if let DeviceChoice::Id(wanted) = choice {
        let chosen = devices(host, direction).find(|device| id(device).as_ref() == Some(wanted));
        if let Some(device) = chosen {
            let (id, name) = (id(&device), name(&device));
            return Some(Found { device, id, name, stand_in: false });
        }
    }
    let device = match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }?;
    let synthetic = is_synthetic(host, &device);
    Some(Found {
        id: if synthetic { None } else { id(&device) },
        name: if synthetic { None } else { name(&device) },
        device,
        stand_in: matches!(choice, DeviceChoice::Id(_)),
    })
}

/// The devices of a host, for people to choose from.
fn list(host: &cpal::Host, direction: Direction) -> Vec<DeviceInfo> {
    let default = match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    };
    let default = default.and_then(|device| id(&device));
    let mut infos: Vec<DeviceInfo> = devices(host, direction)
        .filter_map(|device| {
            let id = id(&device)?;
            let name = name(&device)?;
            let is_default = default.as_ref() == Some(&id);
            Some(DeviceInfo { id, name, is_default })
        })
        .collect();
    infos.sort_by(|a, b| a.id.cmp(&b.id));
    infos.dedup_by(|a, b| a.id == b.id);
    infos
}

fn devices(host: &cpal::Host, direction: Direction) -> impl Iterator<Item = cpal::Device> {
    let devices = host.devices().into_iter().flatten();
    let pipewire = is_pipewire(host);
    devices.filter(move |device| {
        let Ok(description) = device.description() else { return false };
        let hardware = !pipewire || description.driver().is_some();
        // PipeWire's speakers can be recorded from too; nobody means that by "microphone".
        let heard = match direction {
            Direction::Input if pipewire => description.direction() == cpal::DeviceDirection::Input,
            Direction::Input => device.supports_input(),
            Direction::Output => device.supports_output(),
        };
        hardware && heard
    })
}

/// Whether a device is only PipeWire's word for "connect me to whatever is the default".
fn is_synthetic(host: &cpal::Host, device: &cpal::Device) -> bool {
    is_pipewire(host) && device.description().is_ok_and(|description| description.driver().is_none())
}

/// Whether this is PipeWire, which converts whatever it is given.
#[cfg(target_os = "linux")]
pub(super) fn is_pipewire(host: &cpal::Host) -> bool {
    host.id() == cpal::HostId::PipeWire
}

/// Whether this is PipeWire, which converts whatever it is given.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_pipewire(_host: &cpal::Host) -> bool {
    false
}

fn id(device: &cpal::Device) -> Option<DeviceId> {
    device.id().ok().map(|id| DeviceId::new(id.to_string()))
}

fn name(device: &cpal::Device) -> Option<String> {
    device.description().ok().map(|description| description.name().to_owned())
}
