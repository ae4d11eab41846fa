//! The TypeScript bindings: every wire type and the constants that the UI shares.

use crate::{control, engine, gateway, ids, model, rest, rtp, video, voice};
use std::fmt::Write as _;
use ts_rs::{Config, TS};

/// The whole bindings file, ready to be written to `ui/src/bindings/protocol.ts`.
pub fn typescript() -> String {
    let config = Config::new();
    let mut out = String::from(
        "// Generated from crates/protocol by `cargo xtask codegen`. Do not edit.\n/* eslint-disable */\n\n",
    );
    constants(&mut out);
    close_codes(&mut out);
    macro_rules! declare {
        ($($ty:ty),* $(,)?) => {$(
            let _ = writeln!(out, "export {}\n", <$ty as TS>::decl(&config));
        )*};
    }
    declare!(
        ids::UserId,
        ids::GuildId,
        ids::ChannelId,
        ids::RoleId,
        ids::MessageId,
        ids::GatewaySessionId,
        ids::VoiceSessionId,
        ids::LoginId,
        rtp::SourceId,
        model::Guild,
        model::Channel,
        model::ChannelKind,
        model::User,
        model::Member,
        model::Role,
        model::VoiceState,
        model::Message,
        gateway::Token,
        gateway::ClientMessage,
        gateway::ModerateAction,
        gateway::ServerMessage,
        gateway::Event,
        gateway::GuildChange,
        rest::ServerInfo,
        rest::InvitePreview,
        rest::GuestRequest,
        rest::RegisterRequest,
        rest::LoginRequest,
        rest::SignedIn,
        rest::Login,
        rest::CreateInviteRequest,
        rest::Invite,
        rest::InviteAccepted,
        rest::CreateChannelRequest,
        rest::CreateMessageRequest,
        rest::ErrorBody,
        rest::ErrorCode,
        voice::JoinRequest,
        voice::JoinAnswer,
        voice::Fingerprint,
        voice::EndReason,
        video::ClientMessage,
        video::View,
        video::Sending,
        video::SentLayer,
        video::Content,
        video::VideoCodec,
        video::ServerMessage,
        video::SlotView,
        video::SlotState,
        video::ErrorCode,
        control::Request,
        control::Answer,
        control::Reason,
        control::Status,
        control::Phase,
        engine::Command,
        engine::Chime,
        engine::AudioSettings,
        engine::SoundVolumes,
        engine::NoiseSuppression,
        engine::Gate,
        engine::KeyBinding,
        engine::KeyAction,
        engine::KeyAccess,
        engine::NamedAction,
        engine::AssignedKeys,
        engine::Assignment,
        engine::UnheardReason,
        engine::Event,
        engine::PlaybackPhase,
        engine::SessionState,
        engine::CallStats,
        engine::Codec,
        engine::StageDelays,
        engine::Device,
        engine::Problem,
    );
    out
}

fn constants(out: &mut String) {
    let numbers: &[(&str, u64)] = &[
        ("PROTOCOL_VERSION", crate::PROTOCOL_VERSION.into()),
        ("PT_OPUS", rtp::PT_OPUS.into()),
        ("EXT_AUDIO_LEVEL", rtp::EXT_AUDIO_LEVEL.into()),
        ("VOICE_SLOTS", rtp::VOICE_SLOTS as u64),
        ("VOICE_SLOT_SSRC", rtp::VOICE_SLOT_SSRC.into()),
        ("PT_H264", rtp::PT_H264.into()),
        ("PT_H264_RTX", rtp::PT_H264_RTX.into()),
        ("PT_AV1", rtp::PT_AV1.into()),
        ("PT_AV1_RTX", rtp::PT_AV1_RTX.into()),
        ("EXT_MID", rtp::EXT_MID.into()),
        ("EXT_RID", rtp::EXT_RID.into()),
        ("EXT_REPAIRED_RID", rtp::EXT_REPAIRED_RID.into()),
        ("EXT_TRANSPORT_CC", rtp::EXT_TRANSPORT_CC.into()),
        ("VIDEO_SLOTS", rtp::VIDEO_SLOTS as u64),
        ("VIDEO_SLOT_SSRC", rtp::VIDEO_SLOT_SSRC.into()),
        ("VIDEO_SLOT_RTX_SSRC", rtp::VIDEO_SLOT_RTX_SSRC.into()),
        ("SCREEN_AUDIO_SLOTS", rtp::SCREEN_AUDIO_SLOTS as u64),
        ("SCREEN_AUDIO_SLOT_SSRC", rtp::SCREEN_AUDIO_SLOT_SSRC.into()),
        ("MID_CAMERA", rtp::MID_CAMERA as u64),
        ("MID_SCREEN", rtp::MID_SCREEN as u64),
        ("MID_SCREEN_AUDIO", rtp::MID_SCREEN_AUDIO as u64),
        ("MID_SCREEN_AUDIO_SLOT", rtp::MID_SCREEN_AUDIO_SLOT as u64),
        ("MID_VIDEO_SLOT", rtp::MID_VIDEO_SLOT as u64),
        ("NAME_CHARS_MAX", rest::NAME_CHARS_MAX as u64),
        ("PASSWORD_CHARS_MIN", rest::PASSWORD_CHARS_MIN as u64),
        ("MESSAGE_CHARS_MAX", rest::MESSAGE_CHARS_MAX as u64),
        ("HISTORY_PAGE", rest::HISTORY_PAGE as u64),
        ("KEY_BINDINGS_MAX", engine::KEY_BINDINGS_MAX as u64),
        ("KEY_BINDING_KEYS_MAX", engine::KEY_BINDING_KEYS_MAX as u64),
    ];
    for (name, value) in numbers {
        let _ = writeln!(out, "export const {name} = {value};");
    }
    for (name, value) in [
        ("EXT_AUDIO_LEVEL_URI", rtp::EXT_AUDIO_LEVEL_URI),
        ("EXT_MID_URI", rtp::EXT_MID_URI),
        ("EXT_RID_URI", rtp::EXT_RID_URI),
        ("EXT_REPAIRED_RID_URI", rtp::EXT_REPAIRED_RID_URI),
        ("EXT_TRANSPORT_CC_URI", rtp::EXT_TRANSPORT_CC_URI),
        ("H264_FMTP", rtp::H264_FMTP),
        ("VOICE_JOIN_PATH", voice::JOIN_PATH),
        ("VOICE_VIDEO_PATH", video::VIDEO_PATH),
        ("GATEWAY_PATH", gateway::GATEWAY_PATH),
    ] {
        let _ = writeln!(out, "export const {name} = \"{value}\";");
    }
    let _ = writeln!(out, "export const RIDS = [\"{}\"] as const;", rtp::RIDS.join("\", \""));
    out.push_str("\n/** Bits of `Role.permissions`. */\nexport const Permission = {\n");
    for (name, bits) in model::Permissions::all().iter_names() {
        let _ = writeln!(out, "  {name}: {},", bits.bits());
    }
    out.push_str("} as const;\n\n");
}

fn close_codes(out: &mut String) {
    out.push_str("/** Why the server closed a gateway connection. */\nexport const CloseCode = {\n");
    for code in gateway::CloseCode::ALL {
        let _ = writeln!(out, "  {}: {},", code.name(), *code as u16);
    }
    out.push_str("} as const;\n\n");
}
