//! The machine's cameras. A camera goes by its name, so that it is the same after it was unplugged or
//! the machine was started anew; the second of two with one name is "#2".

use super::convert::{self, Rows};
use super::formats::{Offer, Pace, Packing, choose};
use super::handover::{Sink, SourceThread, stream};
use super::{
    CaptureError, CaptureEvent, CaptureStream, CaptureSystem, Image, PictureFormat, SourceId, SourceInfo,
    SourceKind, Wanted,
};
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
};
use nokhwa::{Camera, NokhwaError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use voicehall_video::Size;

/// What cameras' ids begin with.
const SYSTEM: &str = "camera";

/// Between two attempts to open a camera that is away or in use.
const RETRY: Duration = Duration::from_millis(500);

/// A camera may give so many pictures in a row that cannot be read before it is opened anew: the first
/// ones are often cut short.
const UNREADABLE_MAX: u32 = 30;

const FORMATS: [FrameFormat; 3] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG];

/// The machine's cameras.
pub(super) struct Cameras;

impl CaptureSystem for Cameras {
    fn sources(&self) -> Vec<SourceInfo> {
        let listed = listed().into_iter().filter_map(|(name, index)| {
            let formats = match guarded(|| offers(&index)) {
                Ok(offers) => formats(&offers),
                Err(Trouble::NoPictures) => return None,
                // It is there, and opening it tells what is wrong with it.
                Err(Trouble::Known(_)) => Vec::new(),
            };
            let id = SourceId::new(format!("{SYSTEM}:{name}"));
            Some(SourceInfo { id, name, kind: SourceKind::Camera, formats, icon: None, process: None })
        });
        listed.collect()
    }

    fn thumbnail(&self, _source: &SourceId, _size_max: Size) -> Result<Image, CaptureError> {
        Err(CaptureError::Unsupported("a camera has no thumbnail".to_owned()))
    }

    fn open(&self, source: &SourceId, wanted: Wanted) -> Result<CaptureStream, CaptureError> {
        let name = source.within(SYSTEM).ok_or(CaptureError::Unplugged)?.to_owned();
        if index_of(&name).is_none() {
            return Err(CaptureError::Unplugged);
        }
        let (sink, stream) = stream();
        let thread = SourceThread::spawn("camera", move || keep_open(&name, wanted, sink))?;
        Ok(stream.kept_by(thread))
    }
}

/// Why a camera gives no pictures.
enum Trouble {
    /// It is none: the second device of a camera, for what is not pictures.
    NoPictures,
    Known(CaptureError),
}

/// Captures until the stream is closed, through any number of losses.
fn keep_open(name: &str, wanted: Wanted, mut sink: Sink) {
    let mut told: Option<CaptureError> = None;
    loop {
        let mut back = |sink: &mut Sink| {
            if told.take().is_some() {
                sink.tell(CaptureEvent::Back);
            }
        };
        let captured = guarded(|| capture(name, wanted, &mut sink, &mut back));
        let error = match captured {
            Ok(()) => return,
            Err(Trouble::Known(error)) => error,
            Err(Trouble::NoPictures) => {
                CaptureError::Unsupported("the camera has no format that is known here".to_owned())
            }
        };
        if told.as_ref() != Some(&error) {
            tracing::warn!(camera = name, %error, "no pictures");
            sink.tell(CaptureEvent::Lost(error.clone()));
            told = Some(error);
        }
        if sink.closed_within(RETRY) {
            return;
        }
    }
}

/// Captures until the stream is closed. `first` is called before the first picture.
fn capture(
    name: &str,
    wanted: Wanted,
    sink: &mut Sink,
    first: &mut impl FnMut(&mut Sink),
) -> Result<(), Trouble> {
    permit(sink)?;
    let index = index_of(name).ok_or(Trouble::Known(CaptureError::Unplugged))?;
    let offer = choose(&offers(&index)?, wanted).ok_or(Trouble::NoPictures)?;
    let exact = CameraFormat::new_from(
        offer.size.width,
        offer.size.height,
        frame_format(offer.packing),
        offer.frame_rate,
    );
    let request = RequestedFormat::with_formats(RequestedFormatType::Exact(exact), &FORMATS);
    let mut camera = Camera::new(index, request).map_err(trouble)?;
    camera.open_stream().map_err(trouble)?;
    let mut pace = Pace::new(wanted.frame_rate);
    let mut room = Vec::new();
    let mut unreadable = 0;
    // What it gives may be other than what was asked for.
    let given = offer_of(camera.camera_format()).ok_or(Trouble::NoPictures)?;
    while !sink.closed_within(Duration::ZERO) {
        let bytes = camera.frame_raw().map_err(trouble)?;
        let at = Instant::now();
        if !pace.takes(at) {
            continue;
        }
        if unreadable == 0 {
            first(sink);
        }
        let size = given.size;
        let drawn = sink.picture(size, at, |picture| match given.packing {
            Packing::Jpeg => convert::jpeg(&bytes, picture, &mut room),
            Packing::Nv12 => convert::nv12(&bytes, size, picture, &mut room),
            Packing::Yuyv => {
                let stride = size.width as usize * 2;
                convert::yuyv(&Rows { bytes: &bytes, stride, size }, picture, &mut room)
            }
        });
        match drawn {
            Ok(()) => unreadable = 0,
            Err(error) if unreadable == UNREADABLE_MAX => return Err(Trouble::Known(error)),
            Err(_) => unreadable += 1,
        }
    }
    Ok(())
}

/// Asks for the permission where the system wants that, which may open a window.
#[cfg(target_os = "macos")]
fn permit(sink: &Sink) -> Result<(), Trouble> {
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    let (answer, answered) = std::sync::mpsc::channel();
    let answer = std::sync::Mutex::new(answer);
    nokhwa::nokhwa_initialize(move |granted| {
        if let Ok(answer) = answer.lock() {
            // Nobody waits for it when the stream was closed meanwhile.
            let _ = answer.send(granted);
        }
    });
    loop {
        match answered.recv_timeout(RETRY) {
            Ok(true) => return Ok(()),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if !sink.closed_within(Duration::ZERO) => {}
            Ok(false) | Err(_) => return Err(Trouble::Known(CaptureError::Permission)),
        }
    }
}

/// Elsewhere the system refuses or does not when the camera is opened.
#[cfg(not(target_os = "macos"))]
#[allow(clippy::unnecessary_wraps, reason = "macOS asks here")]
fn permit(_sink: &Sink) -> Result<(), Trouble> {
    Ok(())
}

/// The cameras that there are, each with a name of its own.
fn listed() -> Vec<(String, CameraIndex)> {
    let queried = guarded(|| nokhwa::query(ApiBackend::Auto).map_err(trouble));
    let mut cameras = queried.unwrap_or_default();
    cameras.sort_by_key(|camera| camera.index().to_string());
    let mut names = Vec::new();
    let cameras = cameras.into_iter().map(|camera| {
        let name = camera.human_name().trim().to_owned();
        names.push(name.clone());
        let count = names.iter().filter(|other| **other == name).count();
        let name = if count == 1 { name } else { format!("{name} #{count}") };
        (name, camera.index().clone())
    });
    cameras.collect()
}

fn index_of(name: &str) -> Option<CameraIndex> {
    listed().into_iter().find(|(other, _)| other == name).map(|(_, index)| index)
}

fn offers(index: &CameraIndex) -> Result<Vec<Offer>, Trouble> {
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
    let mut camera = Camera::new(index.clone(), any).map_err(trouble)?;
    let formats = camera.compatible_camera_formats().map_err(trouble)?;
    let offers: Vec<Offer> = formats.into_iter().filter_map(offer_of).collect();
    if offers.is_empty() { Err(Trouble::NoPictures) } else { Ok(offers) }
}

fn offer_of(format: CameraFormat) -> Option<Offer> {
    let packing = match format.format() {
        FrameFormat::MJPEG => Packing::Jpeg,
        FrameFormat::YUYV => Packing::Yuyv,
        FrameFormat::NV12 => Packing::Nv12,
        _ => return None,
    };
    let size = Size::new(format.width(), format.height());
    Some(Offer { size, frame_rate: format.frame_rate(), packing }).filter(|_| size.is_allowed())
}

fn frame_format(packing: Packing) -> FrameFormat {
    match packing {
        Packing::Jpeg => FrameFormat::MJPEG,
        Packing::Yuyv => FrameFormat::YUYV,
        Packing::Nv12 => FrameFormat::NV12,
    }
}

/// For people: each size and rate once, the largest first.
fn formats(offers: &[Offer]) -> Vec<PictureFormat> {
    let mut formats: Vec<PictureFormat> =
        offers.iter().map(|offer| PictureFormat { size: offer.size, frame_rate: offer.frame_rate }).collect();
    formats.sort_by_key(|format| {
        std::cmp::Reverse((format.size.pixels(), format.size.width, format.frame_rate))
    });
    formats.dedup();
    formats
}

/// The libraries below panic where a device ends in ways that they do not know.
fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Trouble::Known(CaptureError::Failed("the camera's driver fails".to_owned()))))
}

fn trouble(error: NokhwaError) -> Trouble {
    match &error {
        // What a device without pictures is asked for and has none of.
        NokhwaError::GetPropertyError { property, .. } if property == "CameraFormat" => Trouble::NoPictures,
        _ => Trouble::Known(reason(&error.to_string())),
    }
}

/// The systems tell reasons in their own words; numbers where there are some.
fn reason(words: &str) -> CaptureError {
    // Of Linux' errors, and Windows' own with those of Media Foundation.
    const IN_USE: [&str; 4] = ["os error 16)", "resource busy", "0xC00D3EA3", "0xC00D3704"];
    const PERMISSION: [&str; 4] = ["os error 13)", "Permission denied", "0x80070005", "os error 1)"];
    const UNPLUGGED: [&str; 4] = ["os error 19)", "os error 2)", "No such device", "0xC00D3EA2"];
    let is_any = |known: [&str; 4]| known.iter().any(|known| words.contains(known));
    if is_any(IN_USE) {
        CaptureError::InUse
    } else if is_any(PERMISSION) {
        CaptureError::Permission
    } else if is_any(UNPLUGGED) {
        CaptureError::Unplugged
    } else {
        CaptureError::Failed(words.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_cameras_has_an_empty_list() {
        // One with cameras has names of their own.
        let sources = Cameras.sources();
        let ids: std::collections::BTreeSet<_> = sources.iter().map(|source| &source.id).collect();
        assert_eq!(ids.len(), sources.len());
        let wanted = Wanted { size: Size::new(640, 360), frame_rate: 30 };
        for id in ["camera:no such camera", "camera:", "monitor:1", ""] {
            assert_eq!(Cameras.open(&SourceId::new(id), wanted).err(), Some(CaptureError::Unplugged));
        }
    }

    #[test]
    fn reasons_are_told_apart() {
        for (words, wanted) in [
            ("Could not open device stream: Device or resource busy (os error 16)", CaptureError::InUse),
            (
                "Could not open device 0: V4L2 Error: Permission denied (os error 13)",
                CaptureError::Permission,
            ),
            ("Could not capture frame: No such device (os error 19)", CaptureError::Unplugged),
            (
                "Could not open device 3: V4L2 Error: No such file or directory (os error 2)",
                CaptureError::Unplugged,
            ),
            ("The device was preempted. (0xC00D3EA3)", CaptureError::InUse),
            (
                "something else (os error 161)",
                CaptureError::Failed("something else (os error 161)".to_owned()),
            ),
        ] {
            assert_eq!(reason(words), wanted, "{words}");
        }
    }

    #[test]
    fn formats_are_shown_once() {
        let offer = |width, height, frame_rate, packing| Offer {
            size: Size::new(width, height),
            frame_rate,
            packing,
        };
        let shown = formats(&[
            offer(640, 480, 30, Packing::Yuyv),
            offer(1280, 720, 30, Packing::Jpeg),
            offer(640, 480, 30, Packing::Jpeg),
        ]);
        let sizes: Vec<u32> = shown.iter().map(|format| format.size.width).collect();
        assert_eq!(sizes, [1280, 640]);
    }
}
