//! Who wants to see what: the control socket of a voice session, JSON over a WebSocket at the voice
//! node, at [`VIDEO_PATH`].
//!
//! A client opens it once it sends or watches video, so that a voice call costs nothing more. Its
//! first message is [`ClientMessage::Open`]; whatever it says after that replaces what it said before.
//! The node says how things stand whenever that changes.

use crate::rtp::{SourceId, VIDEO_LAYERS, VIDEO_SLOTS};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Path of the socket on a voice node's HTTP port.
pub const VIDEO_PATH: &str = "/voice/video";

/// Longest message from a client, in bytes: a view for each slot, and room.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoClientMessage"))]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientMessage {
    /// Which voice session this is; the first message.
    Open {
        /// From the join answer.
        ufrag: String,
        /// From the join answer.
        password: String,
    },
    /// All that it wants to see, instead of what it wanted before. A tile that is not shown has no view.
    Views {
        /// At most one for each slot.
        #[serde(deserialize_with = "at_most::<_, _, VIDEO_SLOTS>")]
        views: Vec<View>,
    },
    /// All that it sends or is ready to send when somebody wants it.
    Send {
        /// Its camera.
        camera: Option<Sending>,
        /// Its screen.
        screen: Option<Sending>,
        /// Whether the screen has sound.
        screen_audio: bool,
    },
}

/// A video that is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoView"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct View {
    /// The slot in which it is wanted, below [`VIDEO_SLOTS`].
    pub slot: u8,
    /// A camera or a screen.
    pub source: SourceId,
    /// Of the tile, in pixels of the display.
    pub height: u16,
    /// Pictures a second that are wanted at most.
    pub frame_rate: u8,
    /// Larger ones come first when the line does not carry all.
    pub priority: u8,
}

/// A source that a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoSending"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sending {
    /// How it is encoded.
    pub codec: VideoCodec,
    /// What counts when not all can be had.
    pub content: Content,
    /// The smallest first.
    #[serde(deserialize_with = "at_most::<_, _, VIDEO_LAYERS>")]
    pub layers: Vec<SentLayer>,
}

/// One simulcast layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SentLayer {
    /// In pixels.
    pub height: u16,
    /// Pictures a second at most.
    pub frame_rate: u8,
}

/// How a video is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum VideoCodec {
    /// H.264, constrained baseline.
    H264,
    /// AV1, main profile.
    Av1,
}

/// What counts in a video when not all can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoContent"))]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// The frame rate.
    Motion,
    /// The pixels.
    Detail,
}

/// What the node says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoServerMessage"))]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// What anybody needs of the client's own videos: pictures a second for each layer, the smallest
    /// first; none where nobody needs it.
    Demand {
        /// Of its camera.
        camera: [Option<u8>; VIDEO_LAYERS],
        /// Of its screen.
        screen: [Option<u8>; VIDEO_LAYERS],
    },
    /// What there is in the slots that have a view.
    Slots {
        /// In the order of the slots.
        slots: Vec<SlotView>,
    },
    /// Who watches the client's own videos: each one's microphone.
    Watchers {
        /// Its camera.
        camera: Vec<SourceId>,
        /// Its screen.
        screen: Vec<SourceId>,
    },
    /// A message was refused; the socket closes after it.
    Error {
        /// Why.
        code: ErrorCode,
    },
}

/// What there is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoSlotView"))]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// The slot.
    pub slot: u8,
    /// What was asked for.
    pub source: SourceId,
    /// The layer that is shown, 0 for the smallest; none before the first picture.
    pub layer: Option<u8>,
    /// How it stands.
    pub state: SlotState,
}

/// How a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoSlotState"))]
#[serde(rename_all = "camelCase")]
pub enum SlotState {
    /// Pictures come.
    Live,
    /// The first picture has been asked for.
    Waiting,
    /// The line does not carry it beside what comes before it.
    NoBandwidth,
    /// Nobody sends it (any more).
    Ended,
    /// Whoever sends it may not.
    Forbidden,
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(rename = "VideoErrorCode"))]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// Not a message of this protocol, or larger than one may be.
    Malformed,
    /// There is no such session, or the password is another.
    BadCredentials,
    /// A message before the first one, or the first one twice.
    OutOfOrder,
    /// Too many messages.
    RateLimited,
    /// The voice session is over.
    SessionEnded,
    /// Another socket of the same session took the place of this one.
    Replaced,
    /// Nothing came in time: no first message, or no sign of life; or what is said is not read.
    TooSlow,
}

/// Reads a list of at most `N`, and stops at the first that is too many.
fn at_most<'de, D, T, const N: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct AtMost<T, const N: usize>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const N: usize> de::Visitor<'de> for AtMost<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {N}")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut read = Vec::with_capacity(N);
            while let Some(next) = list.next_element()? {
                if read.len() == N {
                    return Err(de::Error::invalid_length(N + 1, &self));
                }
                read.push(next);
            }
            Ok(read)
        }
    }
    deserializer.deserialize_seq(AtMost::<T, N>(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: &str = r#"{"slot":3,"source":5,"height":360,"frameRate":30,"priority":1}"#;

    fn client(text: &str) -> Result<ClientMessage, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn messages_look_on_the_wire_as_documented() {
        let view = View { slot: 3, source: SourceId(5), height: 360, frame_rate: 30, priority: 1 };
        assert_eq!(
            client(&format!(r#"{{"op":"views","views":[{VIEW}]}}"#)).unwrap(),
            ClientMessage::Views { views: vec![view] }
        );
        let send = r#"{"op":"send","camera":{"codec":"h264","content":"motion","layers":[{"height":180,"frameRate":15}]},"screen":null,"screenAudio":false}"#;
        let camera = Sending {
            codec: VideoCodec::H264,
            content: Content::Motion,
            layers: vec![SentLayer { height: 180, frame_rate: 15 }],
        };
        let message = ClientMessage::Send { camera: Some(camera), screen: None, screen_audio: false };
        assert_eq!(client(send).unwrap(), message);
        assert_eq!(serde_json::to_string(&message).unwrap(), send);
        let slot = SlotView { slot: 3, source: SourceId(5), layer: None, state: SlotState::NoBandwidth };
        assert_eq!(
            serde_json::to_string(&ServerMessage::Slots { slots: vec![slot] }).unwrap(),
            r#"{"op":"slots","slots":[{"slot":3,"source":5,"layer":null,"state":"noBandwidth"}]}"#
        );
        let demand = ServerMessage::Demand { camera: [Some(15), None, Some(30)], screen: [None; 3] };
        assert_eq!(
            serde_json::to_string(&demand).unwrap(),
            r#"{"op":"demand","camera":[15,null,30],"screen":[null,null,null]}"#
        );
    }

    #[test]
    fn what_is_too_much_or_unknown_is_refused() {
        let views = |count: usize| format!(r#"{{"op":"views","views":[{}]}}"#, vec![VIEW; count].join(","));
        assert!(client(&views(VIDEO_SLOTS)).is_ok());
        assert!(views(VIDEO_SLOTS).len() < MESSAGE_BYTES_MAX);
        assert!(client(&views(VIDEO_SLOTS + 1)).is_err());
        assert!(client(&views(100_000)).is_err());
        assert!(client(r#"{"op":"views","views":[],"x":1}"#).is_err());
        assert!(client(&format!(r#"{{"op":"views","views":[{}]}}"#, VIEW.replace("slot", "slut"))).is_err());
        assert!(client(r#"{"op":"demand","camera":[1,1,1],"screen":[1,1,1]}"#).is_err());
    }
}
