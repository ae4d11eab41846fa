//! Counters of a shard and of a session: plain numbers, since one thread owns them.

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// Every counter with its name, in the order of declaration.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field),)*].into_iter()
            }

            /// Adds another shard's counters to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counters! {
    /// What a shard counts. All but the first three only grow.
    ShardStats {
        /// Sessions open now, connected or not.
        sessions,
        /// Sessions whose handshake is done.
        sessions_connected,
        /// Channels with at least one session.
        channels,
        /// Datagrams received, of any kind.
        datagrams_received,
        /// Bytes in them.
        bytes_received,
        /// Voice packets received and authenticated.
        voice_received,
        /// Voice packets sent, one for each receiver.
        voice_forwarded,
        /// Bytes in them.
        bytes_forwarded,
        /// Packets of video and of its sound received and authenticated.
        video_received,
        /// Of these, packets that were sent again because the node asked for them.
        video_recovered,
        /// Video packets sent, one for each slot.
        video_forwarded,
        /// Bytes in them.
        video_bytes_forwarded,
        /// Packets of screens' sound sent.
        screen_audio_forwarded,
        /// Video packets sent again because a receiver asked for them.
        video_resent,
        /// Packets of padding sent to find out what a receiver's line carries.
        video_padding,
        /// Packets asked for again by the node.
        video_nacked,
        /// Key frames asked for by the node.
        key_frames_requested,
        /// Packets of silence sent to browsers that had just connected.
        primed,
        /// RTCP packets sent.
        rtcp_sent,
        /// Handshakes that failed, wrong certificates among them.
        handshakes_failed,
        /// Sessions whose consent lapsed, or that never connected.
        sessions_timed_out,
        /// Dropped: no session has this address, and it is no Binding request for one.
        dropped_unknown,
        /// Dropped: neither STUN, DTLS, RTP nor RTCP, or not well formed.
        dropped_malformed,
        /// Dropped: a Binding request with a wrong user name, integrity or fingerprint.
        dropped_stun,
        /// Dropped: media before the handshake was done.
        dropped_early,
        /// Dropped: SRTP or SRTCP that does not authenticate.
        dropped_forged,
        /// Dropped: SRTP or SRTCP seen before, or too old to tell.
        dropped_replayed,
        /// Dropped: RTP of an SSRC that is none of the session's streams.
        dropped_foreign_ssrc,
        /// Dropped: RTP of an unknown payload type, empty, or larger than the protocol allows.
        dropped_payload,
        /// Dropped: voice of a session that is muted or may not speak.
        dropped_muted,
        /// Dropped: video of a session that may not send it.
        dropped_barred,
        /// Dropped: padding, and packets sent again that were there already.
        dropped_repeated,
        /// Not sent again: packets that are forgotten, never were, or were just sent again.
        dropped_nack,
        /// Dropped: voice that was not among the loudest.
        dropped_not_chosen,
        /// Dropped: packets of pure silence after the hangover.
        dropped_silence,
        /// Dropped: voice too late to have a place in its slot.
        dropped_late,
        /// Dropped: more packets than a session may send.
        dropped_rate,
        /// Dropped: the socket would have blocked. Counted by the thread that owns the socket.
        dropped_send,
    }
}

/// What a session counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SessionStats {
    /// Voice packets received from it and authenticated.
    pub voice_received: u64,
    /// Of these, how many were forwarded to at least one receiver.
    pub voice_forwarded_from: u64,
    /// Voice packets forwarded to it.
    pub voice_forwarded_to: u64,
    /// Packets of its microphone lost on the way, by the gaps in sequence numbers.
    pub uplink_lost: u64,
    /// Interarrival jitter of its microphone (RFC 3550 §6.4.1), in milliseconds.
    pub uplink_jitter_ms: f32,
    /// Share of packets lost on the way to it, by its last receiver report, 0 to 1.
    pub downlink_loss: f32,
    /// Round-trip time by its last receiver report, in milliseconds; `None` before the first.
    pub rtt_ms: Option<f32>,
}
