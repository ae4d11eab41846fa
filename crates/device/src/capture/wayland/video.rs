//! The PipeWire stream of a screen or window, which the desktop draws into memory that we see.

use super::super::convert::Rows;
use super::super::handover::{Sink, SourceThread};
use super::super::packed::{Order, allowed, packed};
use super::super::{CaptureError, CaptureEvent, Wanted};
use pipewire as pw;
use pw::properties::properties;
use pw::spa::buffer::meta::MetaVideoCrop;
use pw::spa::param::ParamType;
use pw::spa::param::format::{FormatProperties, MediaSubtype, MediaType};
use pw::spa::param::video::{VideoFormat, VideoInfoRaw};
use pw::spa::pod::{ChoiceValue, Object, Pod, Property, PropertyFlags, Value, object, property};
use pw::spa::utils::{Choice, ChoiceEnum, ChoiceFlags, Direction, Fraction, Id, Rectangle, SpaTypes};
use pw::stream::{Stream, StreamFlags, StreamListener, StreamState};
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;
use voicehall_video::Size;

/// Why it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody wants pictures any more.
    Stopped,
    /// The desktop has ended it.
    Closed,
}

/// The thread that takes pictures.
pub(super) struct Video {
    end: pw::channel::Sender<End>,
    _thread: SourceThread,
}

impl Video {
    /// Takes pictures of this node. `over` is told when there will be no more.
    pub(super) fn start(
        remote: OwnedFd,
        node: u32,
        wanted: Wanted,
        sink: Sink,
        over: async_channel::Sender<()>,
    ) -> Result<Self, CaptureError> {
        let (end, ended) = pw::channel::channel();
        let thread = SourceThread::spawn("desktop's stream", move || {
            let sink = Rc::new(RefCell::new(sink));
            match run(remote, node, wanted, &sink, ended) {
                Ok(Some(error)) => sink.borrow().tell(CaptureEvent::Ended(error)),
                Ok(None) => {}
                Err(error) => sink.borrow().tell(CaptureEvent::Ended(CaptureError::failed(error))),
            }
            // Full or closed when it is over already.
            let _ = over.try_send(());
        })?;
        Ok(Self { end, _thread: thread })
    }

    /// Ends it, and waits for that.
    pub(super) fn end(self, end: End) {
        // A thread that is over needs no telling.
        let _ = self.end.send(end);
    }
}

/// What the callbacks share.
struct Taker {
    sink: Rc<RefCell<Sink>>,
    format: Option<(Size, Order)>,
    room: Vec<u8>,
}

/// Takes pictures until it is told to end or the stream does. Returns why, unless we wanted it so.
fn run(
    remote: OwnedFd,
    node: u32,
    wanted: Wanted,
    sink: &Rc<RefCell<Sink>>,
    ended: pw::channel::Receiver<End>,
) -> Result<Option<CaptureError>, pw::Error> {
    pw::init();
    let mainloop = pw::main_loop::MainLoopRc::new(None)?;
    let context = pw::context::ContextRc::new(&mainloop, None)?;
    let core = context.connect_fd_rc(remote, None)?;
    let reason = Rc::new(RefCell::new(None));
    let end = {
        let (mainloop, reason) = (mainloop.clone(), Rc::clone(&reason));
        move |why: Option<CaptureError>| {
            reason.borrow_mut().clone_from(&why);
            mainloop.quit();
        }
    };
    let told = end.clone();
    let _ended = ended.attach(mainloop.loop_(), move |end| {
        told((end == End::Closed).then_some(CaptureError::Closed));
    });
    let gone = end.clone();
    let _gone = core
        .add_listener_local()
        .error(move |id, _, _, message| {
            if id == pw::core::PW_ID_CORE {
                gone(Some(CaptureError::failed(message)));
            }
        })
        .register();
    let properties = properties! {
        *pw::keys::MEDIA_TYPE => "Video",
        *pw::keys::MEDIA_CATEGORY => "Capture",
        *pw::keys::MEDIA_ROLE => "Screen",
        "node.dont-reconnect" => "true",
    };
    let stream = pw::stream::StreamRc::new(core.clone(), "voicehall-screen", properties)?;
    let taker = Taker { sink: Rc::clone(sink), format: None, room: Vec::new() };
    let _listener = listen(&stream, taker, end)?;
    let format = serialize(format_wish(wanted.frame_rate));
    let mut parameters: Vec<&Pod> = Pod::from_bytes(&format).into_iter().collect();
    let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS;
    stream.connect(Direction::Input, Some(node), flags, &mut parameters)?;
    mainloop.run();
    let reason = reason.borrow_mut().take();
    Ok(reason)
}

/// Takes pictures as they come. `end` is called when there will be no more.
fn listen(
    stream: &Stream,
    taker: Taker,
    end: impl Fn(Option<CaptureError>) + 'static,
) -> Result<StreamListener<Taker>, pw::Error> {
    stream
        .add_local_listener_with_user_data(taker)
        .state_changed(move |_, _, before, now| match (before, now) {
            (_, StreamState::Error(message)) => end(Some(CaptureError::failed(message))),
            (StreamState::Paused | StreamState::Streaming, StreamState::Unconnected) => {
                end(Some(CaptureError::Closed));
            }
            _ => {}
        })
        .param_changed(|stream, taker, id, parameter| {
            if id != ParamType::Format.as_raw() {
                return;
            }
            taker.format = parameter.and_then(agreed);
            if taker.format.is_some() {
                let (crop, memory) = (serialize(crop_wish()), serialize(memory_wish()));
                let mut wishes: Vec<&Pod> =
                    [&crop, &memory].into_iter().filter_map(|wish| Pod::from_bytes(wish)).collect();
                if let Err(error) = stream.update_params(&mut wishes) {
                    tracing::warn!(%error, "the desktop's stream may be shown with its edges");
                }
            }
        })
        .process(|stream, taker| {
            if let Some(mut buffer) = stream.dequeue_buffer() {
                taker.take(&mut buffer);
            }
        })
        .register()
}

impl Taker {
    fn take(&mut self, buffer: &mut pw::buffer::Buffer<'_>) {
        let at = Instant::now();
        let Some((size, order)) = self.format else { return };
        let crop = buffer.find_meta::<MetaVideoCrop>().map(|crop| crop.meta_region());
        let crop = crop.filter(|region| region.is_valid()).map(|region| {
            let (position, size) = (region.position(), region.size());
            (position.x, position.y, Size::new(size.width, size.height))
        });
        let Some(data) = buffer.datas_mut().first_mut() else { return };
        let (offset, len) = (data.chunk().offset() as usize, data.chunk().size() as usize);
        let stride = usize::try_from(data.chunk().stride()).unwrap_or(0);
        // The cursor alone has moved, and is not ours to draw.
        if len == 0 {
            return;
        }
        let Some(bytes) = data.data().and_then(|bytes| bytes.get(offset..)?.get(..len)) else { return };
        let Some(rows) = cropped(Rows { bytes, stride, size }, crop) else { return };
        let drawn = self
            .sink
            .borrow_mut()
            .picture(allowed(rows.size), at, |picture| packed(&rows, order, picture, &mut self.room));
        drawn.unwrap_or_else(|error| tracing::debug!(%error, "a picture is left out"));
    }
}

/// The part that is meant: desktops draw a window into a picture as large as the screen.
fn cropped<'a>(rows: Rows<'a>, crop: Option<(i32, i32, Size)>) -> Option<Rows<'a>> {
    if !rows.is_whole(4) {
        return None;
    }
    let Some((x, y, size)) = crop else { return Some(rows) };
    let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
    let is_within = x.checked_add(size.width)? <= rows.size.width
        && y.checked_add(size.height)? <= rows.size.height
        && size.width > 0
        && size.height > 0;
    let start = y as usize * rows.stride + x as usize * 4;
    is_within.then(|| Rows { bytes: &rows.bytes[start..], size, ..rows })
}

/// The format that both sides have agreed upon.
fn agreed(parameter: &Pod) -> Option<(Size, Order)> {
    let mut format = VideoInfoRaw::new();
    format.parse(parameter).ok()?;
    let order = match format.format() {
        VideoFormat::BGRx | VideoFormat::BGRA => Order::BlueFirst,
        VideoFormat::RGBx | VideoFormat::RGBA => Order::RedFirst,
        _ => return None,
    };
    let size = format.size();
    Some((Size::new(size.width, size.height), order))
}

/// Any size, as often as wanted or less, in pixels of four bytes.
fn format_wish(frame_rate: u32) -> Object {
    let rate = |num| Fraction { num, denom: 1 };
    let size = |width, height| Rectangle { width, height };
    object!(
        SpaTypes::ObjectParamFormat,
        ParamType::EnumFormat,
        property!(FormatProperties::MediaType, Id, MediaType::Video),
        property!(FormatProperties::MediaSubtype, Id, MediaSubtype::Raw),
        property!(
            FormatProperties::VideoFormat,
            Choice,
            Enum,
            Id,
            VideoFormat::BGRx,
            VideoFormat::BGRx,
            VideoFormat::BGRA,
            VideoFormat::RGBx,
            VideoFormat::RGBA
        ),
        property!(
            FormatProperties::VideoSize,
            Choice,
            Range,
            Rectangle,
            size(1920, 1080),
            size(1, 1),
            size(16_384, 16_384)
        ),
        // Screens change when they like: "0" is their word for it.
        property!(
            FormatProperties::VideoFramerate,
            Choice,
            Range,
            Fraction,
            rate(frame_rate),
            rate(0),
            rate(1000)
        ),
        // The desktop keeps to it. If we left pictures out, the last one before a pause could be among them.
        property!(
            FormatProperties::VideoMaxFramerate,
            Choice,
            Range,
            Fraction,
            rate(frame_rate),
            rate(1),
            rate(frame_rate)
        ),
    )
}

/// We want to be told which part is meant.
fn crop_wish() -> Object {
    let len = size_of::<pw::spa::sys::spa_meta_region>() as i32;
    Object {
        type_: SpaTypes::ObjectParamMeta.as_raw(),
        id: ParamType::Meta.as_raw(),
        properties: vec![
            plain(pw::spa::sys::SPA_PARAM_META_type, Value::Id(Id(pw::spa::sys::SPA_META_VideoCrop))),
            plain(pw::spa::sys::SPA_PARAM_META_size, Value::Int(len)),
        ],
    }
}

/// Pictures shall be in memory that the processor can read.
fn memory_wish() -> Object {
    let kinds = 1 << pw::spa::sys::SPA_DATA_MemPtr | 1 << pw::spa::sys::SPA_DATA_MemFd;
    let flags = ChoiceEnum::Flags { default: kinds, flags: vec![] };
    let kinds = Value::Choice(ChoiceValue::Int(Choice(ChoiceFlags::empty(), flags)));
    Object {
        type_: SpaTypes::ObjectParamBuffers.as_raw(),
        id: ParamType::Buffers.as_raw(),
        properties: vec![plain(pw::spa::sys::SPA_PARAM_BUFFERS_dataType, kinds)],
    }
}

fn plain(key: u32, value: Value) -> Property {
    Property { key, flags: PropertyFlags::empty(), value }
}

fn serialize(object: Object) -> Vec<u8> {
    let cursor = std::io::Cursor::new(Vec::new());
    let written = pw::spa::pod::serialize::PodSerializer::serialize(cursor, &Value::Object(object));
    // Writing to memory does not fail.
    written.map(|(cursor, _)| cursor.into_inner()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_meant_is_cut_out() {
        let bytes: Vec<u8> = (0..=255).collect();
        let rows = Rows { bytes: &bytes, stride: 32, size: Size::new(8, 8) };
        let part = cropped(rows, Some((2, 3, Size::new(4, 2)))).unwrap();
        assert_eq!((part.bytes[0], part.stride, part.size), (3 * 32 + 8, 32, Size::new(4, 2)));
        assert!(part.is_whole(4));
        assert_eq!(cropped(rows, None).unwrap().size, rows.size);
        for (x, y, width, height) in
            [(-1, 0, 1, 1), (0, 0, 9, 1), (5, 0, 4, 1), (0, 8, 1, 1), (1, 1, 0, 1), (1, 0, u32::MAX, 1)]
        {
            let crop = Some((x, y, Size::new(width, height)));
            assert!(cropped(rows, crop).is_none(), "{crop:?}");
        }
        assert!(cropped(Rows { bytes: &bytes[..200], ..rows }, None).is_none(), "cut short");
        assert!(cropped(Rows { stride: 0, ..rows }, None).is_none(), "without a stride");
    }
}
