//! The monitors that RandR names and the windows that the window manager lists.

use super::super::{Image, PictureFormat, SourceId, SourceInfo, SourceKind};
use super::display::{Display, DisplayError, Result};
use super::{MONITOR, WINDOW};
use voicehall_video::Size;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, Window};

/// What a screen that nobody asked about its rate gives at most.
const FRAME_RATE_MAX: u32 = 60;

/// Windows in the list. More than anybody opens.
const WINDOWS_MAX: u32 = 1024;

/// Words of a property that are read: an icon of 256 × 256 with smaller ones before it.
const ICON_WORDS_MAX: u32 = 128 * 1024;
const NAME_WORDS_MAX: u32 = 256;

/// The side that an icon shall have at least, for a list on a sharp screen.
const ICON_SIDE: u32 = 48;

/// A monitor's place on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub x: i16,
    pub y: i16,
    pub width: u16,
    pub height: u16,
}

impl Area {
    pub(super) fn size(self) -> Size {
        Size::new(self.width.into(), self.height.into())
    }
}

/// Monitors, then windows.
pub(super) fn sources(display: &Display) -> Result<Vec<SourceInfo>> {
    let mut sources = Vec::new();
    for monitor in monitors(display)? {
        let name = atom_name(display, monitor.name)?;
        sources.push(SourceInfo {
            id: SourceId::new(format!("{MONITOR}:{name}")),
            name,
            kind: SourceKind::Monitor,
            formats: vec![format(area(&monitor).size())],
            icon: None,
            process: None,
        });
    }
    let atoms = Atoms::of(display)?;
    for window in windows(display, &atoms)? {
        match window_info(display, &atoms, window) {
            Ok(info) => sources.push(info),
            // Closed since it was listed.
            Err(DisplayError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sources)
}

/// Where the monitor of this name is now.
pub(super) fn monitor_area(display: &Display, name: &str) -> Result<Option<Area>> {
    for monitor in monitors(display)? {
        if atom_name(display, monitor.name)? == name {
            return Ok(Some(area(&monitor)));
        }
    }
    Ok(None)
}

fn monitors(display: &Display) -> Result<Vec<MonitorInfo>> {
    let monitors = display.connection.randr_get_monitors(display.root, true)?.reply()?.monitors;
    Ok(monitors.into_iter().filter(|monitor| monitor.width > 0 && monitor.height > 0).collect())
}

fn area(monitor: &MonitorInfo) -> Area {
    Area { x: monitor.x, y: monitor.y, width: monitor.width, height: monitor.height }
}

fn format(size: Size) -> PictureFormat {
    PictureFormat { size, frame_rate: FRAME_RATE_MAX }
}

struct Atoms {
    client_list: u32,
    name: u32,
    text: u32,
    icon: u32,
    kind: u32,
    process: u32,
    unshared: [u32; 2],
}

impl Atoms {
    fn of(display: &Display) -> Result<Self> {
        Ok(Self {
            client_list: display.atom("_NET_CLIENT_LIST")?,
            name: display.atom("_NET_WM_NAME")?,
            text: display.atom("UTF8_STRING")?,
            icon: display.atom("_NET_WM_ICON")?,
            kind: display.atom("_NET_WM_WINDOW_TYPE")?,
            process: display.atom("_NET_WM_PID")?,
            unshared: [
                display.atom("_NET_WM_WINDOW_TYPE_DOCK")?,
                display.atom("_NET_WM_WINDOW_TYPE_DESKTOP")?,
            ],
        })
    }
}

/// The windows for people to choose from: no panels, and not the desktop itself.
fn windows(display: &Display, atoms: &Atoms) -> Result<Vec<Window>> {
    let listed = display.connection.get_property(
        false,
        display.root,
        atoms.client_list,
        AtomEnum::WINDOW,
        0,
        WINDOWS_MAX,
    )?;
    let listed: Vec<Window> = listed.reply()?.value32().into_iter().flatten().collect();
    let mut windows = Vec::new();
    for window in listed {
        let kind = display.connection.get_property(false, window, atoms.kind, AtomEnum::ATOM, 0, 8)?.reply();
        let Ok(kind) = kind else { continue };
        if !kind.value32().into_iter().flatten().any(|kind| atoms.unshared.contains(&kind)) {
            windows.push(window);
        }
    }
    Ok(windows)
}

fn window_info(display: &Display, atoms: &Atoms, window: Window) -> Result<SourceInfo> {
    let geometry = display.connection.get_geometry(window)?.reply()?;
    Ok(SourceInfo {
        id: SourceId::new(format!("{WINDOW}:{window}")),
        name: window_name(display, atoms, window)?,
        kind: SourceKind::Window,
        formats: vec![format(Size::new(geometry.width.into(), geometry.height.into()))],
        icon: icon(display, atoms, window)?,
        process: process(display, atoms, window)?,
    })
}

fn window_name(display: &Display, atoms: &Atoms, window: Window) -> Result<String> {
    for (property, kind) in [(atoms.name, atoms.text), (AtomEnum::WM_NAME.into(), AtomEnum::ANY.into())] {
        let name = display.connection.get_property(false, window, property, kind, 0, NAME_WORDS_MAX)?;
        let name = String::from_utf8_lossy(&name.reply()?.value).trim().to_owned();
        if !name.is_empty() {
            return Ok(name);
        }
    }
    Ok(format!("{window:#x}"))
}

fn process(display: &Display, atoms: &Atoms, window: Window) -> Result<Option<u32>> {
    let process = display.connection.get_property(false, window, atoms.process, AtomEnum::CARDINAL, 0, 1)?;
    Ok(process.reply()?.value32().and_then(|mut words| words.next()))
}

fn icon(display: &Display, atoms: &Atoms, window: Window) -> Result<Option<Image>> {
    let icon =
        display.connection.get_property(false, window, atoms.icon, AtomEnum::CARDINAL, 0, ICON_WORDS_MAX)?;
    let words: Vec<u32> = icon.reply()?.value32().into_iter().flatten().collect();
    Ok(best_icon(&words))
}

/// Of the icons in the property, each a width, a height and its pixels as ARGB, the smallest that is
/// large enough, or else the largest.
fn best_icon(mut words: &[u32]) -> Option<Image> {
    let mut best: Option<(Size, &[u32])> = None;
    while let [width, height, rest @ ..] = words {
        let size = Size::new(*width, *height);
        if !size.is_allowed() || rest.len() < size.pixels() as usize {
            break;
        }
        let (pixels, others) = rest.split_at(size.pixels() as usize);
        let is_better = best.is_none_or(|(before, _)| {
            if before.width >= ICON_SIDE {
                (ICON_SIDE..before.width).contains(&size.width)
            } else {
                size.width > before.width
            }
        });
        if is_better {
            best = Some((size, pixels));
        }
        words = others;
    }
    best.map(|(size, pixels)| {
        let rgba = pixels.iter().flat_map(|argb| {
            let [alpha, red, green, blue] = argb.to_be_bytes();
            [red, green, blue, alpha]
        });
        Image { size, rgba: rgba.collect() }
    })
}

fn atom_name(display: &Display, atom: u32) -> Result<String> {
    let name = display.connection.get_atom_name(atom)?.reply()?.name;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn icon_of(side: u32, argb: u32) -> Vec<u32> {
        [vec![side, side], vec![argb; (side * side) as usize]].concat()
    }

    #[test]
    fn the_icon_that_is_just_large_enough_is_taken() {
        for (sides, best) in
            [(vec![16, 48, 64], 48), (vec![256, 64, 16], 64), (vec![16, 32], 32), (vec![24], 24)]
        {
            let words: Vec<u32> = sides.iter().flat_map(|side| icon_of(*side, 0x8001_0203)).collect();
            let icon = best_icon(&words).unwrap();
            assert_eq!(icon.size, Size::new(best, best), "{sides:?}");
            assert_eq!(icon.rgba[..4], [1, 2, 3, 0x80]);
            assert_eq!(icon.rgba.len(), (best * best * 4) as usize);
        }
    }

    #[test]
    fn icons_that_lie_are_none() {
        for words in [vec![], vec![16], vec![0, 0, 1], vec![u32::MAX, u32::MAX, 1], vec![16, 16, 1]] {
            assert_eq!(best_icon(&words), None, "{words:?}");
        }
        let lying = [icon_of(16, 1), vec![1000, 1000, 7]].concat();
        assert_eq!(best_icon(&lying).unwrap().size, Size::new(16, 16));
    }
}
