// Generated from crates/protocol by `cargo xtask codegen`. Do not edit.
/* eslint-disable */

export const PROTOCOL_VERSION = 1;
export const PT_OPUS = 111;
export const EXT_AUDIO_LEVEL = 1;
export const VOICE_SLOTS = 8;
export const VOICE_SLOT_SSRC = 5636096;
export const PT_H264 = 102;
export const PT_H264_RTX = 103;
export const PT_AV1 = 45;
export const PT_AV1_RTX = 46;
export const EXT_MID = 2;
export const EXT_RID = 3;
export const EXT_REPAIRED_RID = 4;
export const EXT_TRANSPORT_CC = 5;
export const VIDEO_SLOTS = 16;
export const VIDEO_SLOT_SSRC = 5640192;
export const VIDEO_SLOT_RTX_SSRC = 5640448;
export const SCREEN_AUDIO_SLOTS = 2;
export const SCREEN_AUDIO_SLOT_SSRC = 5644288;
export const MID_CAMERA = 9;
export const MID_SCREEN = 10;
export const MID_SCREEN_AUDIO = 11;
export const MID_SCREEN_AUDIO_SLOT = 12;
export const MID_VIDEO_SLOT = 14;
export const NAME_CHARS_MAX = 32;
export const PASSWORD_CHARS_MIN = 10;
export const MESSAGE_CHARS_MAX = 4000;
export const HISTORY_PAGE = 50;
export const KEY_BINDINGS_MAX = 64;
export const KEY_BINDING_KEYS_MAX = 5;
export const EXT_AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
export const EXT_MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";
export const EXT_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
export const EXT_REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
export const EXT_TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
export const H264_FMTP = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
export const VOICE_JOIN_PATH = "/voice/join";
export const VOICE_VIDEO_PATH = "/voice/video";
export const GATEWAY_PATH = "/gateway";
export const RIDS = ["l", "m", "h"] as const;

/** Bits of `Role.permissions`. */
export const Permission = {
  VIEW: 1,
  SEND_MESSAGES: 2,
  CONNECT: 4,
  SPEAK: 8,
  VIDEO: 16,
  STREAM: 32,
  PRIORITY_SPEAKER: 64,
  MODERATE_VOICE: 128,
  INVITE: 256,
  KICK: 512,
  MANAGE_CHANNELS: 1024,
  MANAGE_GUILD: 2048,
} as const;

/** Why the server closed a gateway connection. */
export const CloseCode = {
  Internal: 4000,
  Malformed: 4001,
  NotIdentified: 4002,
  BadToken: 4003,
  AlreadyIdentified: 4004,
  ProtocolMismatch: 4005,
  RateLimited: 4006,
  HeartbeatMissed: 4007,
  TooSlow: 4008,
  ShuttingDown: 4009,
  Superseded: 4010,
} as const;

export type UserId = string;

export type GuildId = string;

export type ChannelId = string;

export type RoleId = string;

export type MessageId = string;

export type GatewaySessionId = string;

export type VoiceSessionId = string;

export type LoginId = string;

export type SourceId = number;

export type Guild = { 
/**
 * The guild's id.
 */
id: GuildId, 
/**
 * Its name as people see it.
 */
name: string, 
/**
 * The member who owns it and may do everything in it.
 */
owner: UserId | null, 
/**
 * The number of the last change that this snapshot contains; each
 * [`crate::gateway::Event::GuildChanged`] carries the next one.
 */
version: number, 
/**
 * Roles, the `everyone` role first.
 */
roles: Array<Role>, 
/**
 * Channels in the order they are shown.
 */
channels: Array<Channel>, 
/**
 * Members in the order they joined.
 */
members: Array<Member>, 
/**
 * Who is in which voice channel.
 */
voiceStates: Array<VoiceState>, };

export type Channel = { 
/**
 * The channel's id.
 */
id: ChannelId, 
/**
 * Its name as people see it.
 */
name: string, 
/**
 * Voice or text.
 */
kind: ChannelKind, 
/**
 * Opus bitrate for microphones in a voice channel, in bits per second; 0 for text.
 */
bitrate: number, };

export type ChannelKind = "voice" | "text";

export type User = { 
/**
 * The account's id.
 */
id: UserId, 
/**
 * The name shown; unique among accounts with a password, free for guests.
 */
name: string, 
/**
 * True for an account without a password, made by following an invite.
 */
guest: boolean, };

export type Member = { 
/**
 * Who it is.
 */
user: User, 
/**
 * Their roles beyond `everyone`.
 */
roles: Array<RoleId>, 
/**
 * Whether any gateway session of theirs is open.
 */
online: boolean, };

export type Role = { 
/**
 * The role's id.
 */
id: RoleId, 
/**
 * Its name as people see it.
 */
name: string, 
/**
 * What its bearers may do; permissions of all roles of a member are added up.
 */
permissions: number, };

export type VoiceState = { 
/**
 * Who.
 */
user: UserId, 
/**
 * Where.
 */
channel: ChannelId, 
/**
 * Their voice session.
 */
session: VoiceSessionId, 
/**
 * Their microphone's source id: the CSRC on every packet that carries their voice.
 */
source: SourceId, 
/**
 * They muted their own microphone.
 */
selfMute: boolean, 
/**
 * They switched off what they hear (and with it their microphone).
 */
selfDeaf: boolean, 
/**
 * A moderator muted them.
 */
serverMute: boolean, 
/**
 * A moderator deafened them.
 */
serverDeaf: boolean, 
/**
 * A moderator barred them from video: nobody gets their camera or screen.
 */
videoBarred: boolean, 
/**
 * They have a camera on. Its source id follows from [`Self::source`].
 */
camera: boolean, 
/**
 * They share a screen.
 */
screen: boolean, };

export type Message = { 
/**
 * The message's id; ids grow with time.
 */
id: MessageId, 
/**
 * The text channel it was written in.
 */
channel: ChannelId, 
/**
 * Who wrote it.
 */
author: UserId, 
/**
 * Its text, 1 to [`crate::rest::MESSAGE_CHARS_MAX`] characters.
 */
text: string, 
/**
 * When, in Unix milliseconds.
 */
sentAt: number, };

export type Token = string;

export type ClientMessage = { "op": "identify", 
/**
 * [`crate::PROTOCOL_VERSION`] of the client.
 */
protocol: number, 
/**
 * The login token from the REST door.
 */
token: Token, } | { "op": "resume", 
/**
 * [`crate::PROTOCOL_VERSION`] of the client.
 */
protocol: number, 
/**
 * The login token from the REST door.
 */
token: Token, 
/**
 * From [`ServerMessage::Ready`].
 */
session: GatewaySessionId, 
/**
 * The last dispatch that the client has processed.
 */
seq: number, } | { "op": "heartbeat", 
/**
 * The last dispatch that the client has processed.
 */
seq: number, } | { "op": "voiceJoin", 
/**
 * Repeated in the answer.
 */
nonce: number, 
/**
 * Where to.
 */
channel: ChannelId, 
/**
 * Start with the own microphone off.
 */
selfMute: boolean, 
/**
 * Start with what one hears off.
 */
selfDeaf: boolean, } | { "op": "voiceState", 
/**
 * The own microphone is off.
 */
selfMute: boolean, 
/**
 * What one hears is off.
 */
selfDeaf: boolean, } | { "op": "voiceLeave", } | { "op": "voiceModerate", 
/**
 * Repeated in the answer.
 */
nonce: number, 
/**
 * The guild in whose voice channel they are.
 */
guild: GuildId, 
/**
 * Whom.
 */
user: UserId, 
/**
 * What.
 */
action: ModerateAction, };

export type ModerateAction = "mute" | "unmute" | "deafen" | "undeafen" | "barVideo" | "unbarVideo" | "disconnect";

export type ServerMessage = { "op": "hello", 
/**
 * [`crate::PROTOCOL_VERSION`] of the server.
 */
protocol: number, 
/**
 * How often the client sends [`ClientMessage::Heartbeat`].
 */
heartbeatIntervalMs: number, } | { "op": "ready", 
/**
 * Needed to resume.
 */
session: GatewaySessionId, 
/**
 * Who the client is.
 */
user: User, 
/**
 * The guilds they are in.
 */
guilds: Array<Guild>, } | { "op": "resumed", 
/**
 * The number of the last dispatch.
 */
seq: number, } | { "op": "heartbeatAck", } | { "op": "invalidSession", } | { "op": "dispatch", 
/**
 * One more than the dispatch before.
 */
seq: number, 
/**
 * What changed.
 */
event: Event, } | { "op": "voiceTicket", 
/**
 * From the request.
 */
nonce: number, 
/**
 * The voice session that the ticket opens.
 */
session: VoiceSessionId, 
/**
 * The voice node's origin (`https://host:port`), or empty for the gateway's own.
 */
node: string, 
/**
 * To be posted there, at [`crate::voice::JOIN_PATH`].
 */
ticket: string, } | { "op": "ack", 
/**
 * From the request.
 */
nonce: number, } | { "op": "error", 
/**
 * From the request, where it had one.
 */
nonce: number | null, 
/**
 * What clients act on.
 */
code: ErrorCode, 
/**
 * For people who read logs; user interfaces match the code.
 */
message: string, };

export type Event = { "type": "guildChanged", 
/**
 * Which.
 */
guild: GuildId, 
/**
 * [`Guild::version`] after the change. A client that misses one asks for a new session.
 */
version: number, 
/**
 * How.
 */
change: GuildChange, } | { "type": "guildAdded", 
/**
 * The guild.
 */
guild: Guild, } | { "type": "guildRemoved", 
/**
 * Which.
 */
guild: GuildId, } | { "type": "messageCreated", 
/**
 * In which guild.
 */
guild: GuildId, 
/**
 * What.
 */
message: Message, } | { "type": "voiceEnded", 
/**
 * Which.
 */
session: VoiceSessionId, 
/**
 * Why.
 */
reason: EndReason, };

export type GuildChange = { "kind": "memberSet", 
/**
 * As they are now.
 */
member: Member, } | { "kind": "memberRemoved", 
/**
 * Who.
 */
user: UserId, } | { "kind": "channelSet", 
/**
 * As it is now.
 */
channel: Channel, } | { "kind": "channelRemoved", 
/**
 * Which.
 */
channel: ChannelId, } | { "kind": "voiceStateSet", 
/**
 * As it is now.
 */
state: VoiceState, } | { "kind": "voiceStateRemoved", 
/**
 * Who.
 */
user: UserId, } | { "kind": "renamed", 
/**
 * The new one.
 */
name: string, } | { "kind": "ownerSet", 
/**
 * The new one.
 */
owner: UserId, };

export type ServerInfo = { 
/**
 * Always `voicehall`: tells a client that it found the right kind of server.
 */
software: string, 
/**
 * Version of the server.
 */
version: string, 
/**
 * [`crate::PROTOCOL_VERSION`] of the server.
 */
protocol: number, };

export type InvitePreview = { 
/**
 * The guild it leads to.
 */
guild: GuildId, 
/**
 * Name of the guild.
 */
guildName: string, 
/**
 * How many members it has.
 */
memberCount: number, 
/**
 * How many of them are online.
 */
onlineCount: number, 
/**
 * True for the one-time link that makes its user the guild's owner.
 */
owner: boolean, };

export type GuestRequest = { 
/**
 * The invite's code.
 */
invite: string, 
/**
 * The name to be shown.
 */
name: string, };

export type RegisterRequest = { 
/**
 * The invite's code.
 */
invite: string, 
/**
 * The name to be shown and to sign in with; unique on the server whatever its case.
 */
name: string, 
/**
 * At least [`PASSWORD_CHARS_MIN`] characters.
 */
password: string, };

export type LoginRequest = { 
/**
 * The account's name, whatever its case.
 */
name: string, 
/**
 * Its password.
 */
password: string, };

export type SignedIn = { 
/**
 * Shown once; the server keeps only its hash.
 */
token: Token, 
/**
 * Who signed in.
 */
user: User, };

export type Login = { 
/**
 * For revoking it.
 */
id: LoginId, 
/**
 * When, in Unix milliseconds.
 */
createdAt: number, 
/**
 * Last use, in Unix milliseconds, to the minute.
 */
usedAt: number, 
/**
 * True for the login that asks.
 */
current: boolean, };

export type CreateInviteRequest = { 
/**
 * How often it can be used; none for no limit.
 */
usesMax: number | null, 
/**
 * How long it lasts, in seconds; none for ever.
 */
lifetimeS: number | null, };

export type Invite = { 
/**
 * Goes into a link: `{server}/join/{code}`.
 */
code: string, 
/**
 * The guild it leads to.
 */
guild: GuildId, 
/**
 * When it ends, in Unix milliseconds.
 */
expiresAt: number | null, 
/**
 * How many uses are left.
 */
usesLeft: number | null, };

export type InviteAccepted = { 
/**
 * The guild.
 */
guild: GuildId, };

export type CreateChannelRequest = { 
/**
 * Its name.
 */
name: string, 
/**
 * Voice or text.
 */
kind: ChannelKind, };

export type CreateMessageRequest = { 
/**
 * 1 to [`MESSAGE_CHARS_MAX`] characters.
 */
text: string, };

export type ErrorBody = { 
/**
 * What clients act on.
 */
code: ErrorCode, 
/**
 * What to do about it, for people who read logs; user interfaces match the code.
 */
message: string, 
/**
 * With [`ErrorCode::RateLimited`]: when to try again, in milliseconds.
 */
retryAfterMs?: number, };

export type ErrorCode = "malformed" | "tooLarge" | "notFound" | "unauthorized" | "forbidden" | "rateLimited" | "internal" | "unavailable" | "protocolMismatch" | "inviteInvalid" | "nameInvalid" | "nameTaken" | "passwordInvalid" | "credentialsWrong" | "textInvalid" | "wrongChannelKind" | "notInVoice" | "ticketInvalid" | "ticketExpired" | "ticketUsed" | "ticketForeign";

export type VoiceJoinRequest = { 
/**
 * The ticket from the gateway, as it came.
 */
ticket: string, 
/**
 * Of the certificate that the client will use for DTLS.
 */
fingerprint: Fingerprint, 
/**
 * Whether the node shall send some frames of silence in each voice slot once the session is
 * connected: a browser's jitter buffer takes half a second to learn a stream's delay, and
 * stretches what it plays until then.
 */
prime?: boolean, };

export type VoiceJoinAnswer = { 
/**
 * Where the shard listens, best first; at least one.
 */
addresses: string[], 
/**
 * The shard's ICE user-name fragment for this session.
 */
ufrag: string, 
/**
 * The shard's ICE password for this session.
 */
password: string, 
/**
 * Of the certificate that the shard uses for DTLS.
 */
fingerprint: Fingerprint, 
/**
 * The session's microphone; its other sources follow from it.
 */
source: SourceId, };

export type Fingerprint = string;

export type EndReason = "left" | "replaced" | "disconnected" | "forbidden" | "timedOut" | "handshakeFailed" | "channelGone" | "nodeStopping";

export type VideoClientMessage = { "op": "open", 
/**
 * From the join answer.
 */
ufrag: string, 
/**
 * From the join answer.
 */
password: string, } | { "op": "views", 
/**
 * At most one for each slot.
 */
views: Array<VideoView>, } | { "op": "send", 
/**
 * Its camera.
 */
camera: VideoSending | null, 
/**
 * Its screen.
 */
screen: VideoSending | null, 
/**
 * Whether the screen has sound.
 */
screenAudio: boolean, };

export type VideoView = { 
/**
 * The slot in which it is wanted, below [`VIDEO_SLOTS`].
 */
slot: number, 
/**
 * A camera or a screen.
 */
source: SourceId, 
/**
 * Of the tile, in pixels of the display.
 */
height: number, 
/**
 * Pictures a second that are wanted at most.
 */
frameRate: number, 
/**
 * Larger ones come first when the line does not carry all.
 */
priority: number, };

export type VideoSending = { 
/**
 * How it is encoded.
 */
codec: VideoCodec, 
/**
 * What counts when not all can be had.
 */
content: VideoContent, 
/**
 * The smallest first.
 */
layers: Array<SentLayer>, };

export type SentLayer = { 
/**
 * In pixels.
 */
height: number, 
/**
 * Pictures a second at most.
 */
frameRate: number, };

export type VideoContent = "motion" | "detail";

export type VideoCodec = "h264" | "av1";

export type VideoServerMessage = { "op": "demand", 
/**
 * Of its camera.
 */
camera: [number | null, number | null, number | null], 
/**
 * Of its screen.
 */
screen: [number | null, number | null, number | null], } | { "op": "slots", 
/**
 * In the order of the slots.
 */
slots: Array<VideoSlotView>, } | { "op": "watchers", 
/**
 * Its camera.
 */
camera: Array<SourceId>, 
/**
 * Its screen.
 */
screen: Array<SourceId>, } | { "op": "error", 
/**
 * Why.
 */
code: VideoErrorCode, };

export type VideoSlotView = { 
/**
 * The slot.
 */
slot: number, 
/**
 * What was asked for.
 */
source: SourceId, 
/**
 * The layer that is shown, 0 for the smallest; none before the first picture.
 */
layer: number | null, 
/**
 * How it stands.
 */
state: VideoSlotState, };

export type VideoSlotState = "live" | "waiting" | "noBandwidth" | "ended" | "forbidden";

export type VideoErrorCode = "malformed" | "badCredentials" | "outOfOrder" | "rateLimited" | "sessionEnded" | "replaced" | "tooSlow";

export type ControlRequest = { "command": "mute", 
/**
 * None changes what is.
 */
on: boolean | null, } | { "command": "deafen", 
/**
 * None changes what is.
 */
on: boolean | null, } | { "command": "join", 
/**
 * Name of the channel; upper and lower case are the same.
 */
channel: string, 
/**
 * Name of its guild, where several have such a channel.
 */
guild: string | null, } | { "command": "leave", } | { "command": "ptt", 
/**
 * Down or up.
 */
down: boolean, } | { "command": "override", 
/**
 * None changes what is.
 */
on: boolean | null, } | { "command": "status", } | { "command": "show", };

export type ControlAnswer = { "result": "done", 
/**
 * How things stand.
 */
status: ControlStatus, } | { "result": "failed", 
/**
 * Why, for programs.
 */
reason: ControlReason, };

export type ControlReason = "malformed" | "busy" | "noChannel" | "ambiguous" | "noCall";

export type ControlStatus = { 
/**
 * Where the call stands.
 */
call: ControlPhase, 
/**
 * The guild of the call, if there is one.
 */
guild: string | null, 
/**
 * The channel of the call, if there is one.
 */
channel: string | null, 
/**
 * One's microphone is muted by oneself.
 */
muted: boolean, 
/**
 * One hears nothing by one's own choice.
 */
deafened: boolean, 
/**
 * The microphone is kept open, whatever the talk key says. An app of an older version does not say.
 */
talkOverride: boolean, };

export type ControlPhase = "idle" | "joining" | "connected" | "reconnecting" | "failed";

export type EngineCommand = { "type": "join", 
/**
 * Whole URL of the voice node's join (`http(s)://host:port/voice/join`).
 */
url: string, 
/**
 * The ticket, as the gateway gave it.
 */
ticket: string, 
/**
 * Opus bitrate in bits per second.
 */
bitrate: number, } | { "type": "leave", } | { "type": "setMuted", 
/**
 * Nothing of the microphone is sent.
 */
muted: boolean, 
/**
 * Nothing is played, and nothing of the microphone is sent.
 */
deafened: boolean, } | { "type": "setVolume", 
/**
 * Whose voice.
 */
source: SourceId, 
/**
 * Linear factor.
 */
volume: number, } | { "type": "setAudio", 
/**
 * The choice.
 */
settings: AudioSettings, } | { "type": "setPriority", 
/**
 * Who they are.
 */
sources: Array<SourceId>, } | { "type": "monitor", 
/**
 * On or off.
 */
enabled: boolean, 
/**
 * Records five seconds of what others would hear of the microphone and plays them then, once.
 * [`Event::Playback`] says how it goes. Asked for again, it begins anew.
 */
playback: boolean, } | { "type": "bindKeys", 
/**
 * Every way to press something, at most [`KEY_BINDINGS_MAX`]; one action may have several.
 */
bindings: Array<KeyBinding>, } | { "type": "recordKeys", 
/**
 * On or off.
 */
enabled: boolean, } | { "type": "assignKeys", 
/**
 * The actions, and what the desktop calls them.
 */
actions: Array<NamedAction>, } | { "type": "reassignKeys", } | { "type": "talk", 
/**
 * Down or up.
 */
pressed: boolean, } | { "type": "talkOverride", 
/**
 * On or off.
 */
on: boolean, } | { "type": "chime", 
/**
 * What happened.
 */
chime: Chime, };

export type Chime = "joined" | "left";

export type AudioSettings = { 
/**
 * Microphone's device id; none follows the system's default.
 */
input: string | null, 
/**
 * Speaker's device id; none follows the system's default.
 */
output: string | null, 
/**
 * Gain of the microphone, linear, 0 to 4; after the automatic one, if that is on.
 */
inputGain: number, 
/**
 * Gain of all that is heard, linear, 0 to 2.
 */
outputGain: number, 
/**
 * Removes what the speaker plays from what the microphone hears.
 */
echoCancellation: boolean, 
/**
 * Removes noise.
 */
noiseSuppression: NoiseSuppression, 
/**
 * Brings one's own voice to a steady loudness.
 */
automaticGain: boolean, 
/**
 * When the microphone is open.
 */
gate: Gate, 
/**
 * 10 ms packets instead of 20 ms: 10 ms less delay for about 8 kb/s more.
 */
lowLatency: boolean, 
/**
 * Brings everybody else's voice to a common loudness, slowly, before their volume.
 */
levelling: boolean, 
/**
 * How far the others are turned down while a priority speaker talks, in dB, -60 to 0; 0 is not
 * at all.
 */
priorityAttenuation: number, 
/**
 * Loudness of the sounds. Older versions had one number for all of them.
 */
sounds: SoundVolumes, };

export type SoundVolumes = { 
/**
 * Somebody came, oneself too.
 */
join: number, 
/**
 * Somebody left, oneself too.
 */
leave: number, 
/**
 * One's own microphone was muted or is open again.
 */
mute: number, };

export type NoiseSuppression = "off" | "standard" | "strong";

export type Gate = { "mode": "open" } | { "mode": "voice", 
/**
 * Probability of speech from which the gate opens, 0 to 1; none follows the noise around the
 * speaker.
 */
threshold: number | null, 
/**
 * How long it stays open after the last sound of a voice, in milliseconds.
 */
releaseMs: number, } | { "mode": "pushToTalk", 
/**
 * How long it stays open after the key is let go, in milliseconds.
 */
releaseMs: number, } | { "mode": "pushToMute", 
/**
 * How long it stays shut after the key is let go, in milliseconds.
 */
releaseMs: number, } | { "mode": "toggle", 
/**
 * How long it stays open after the second press, in milliseconds.
 */
releaseMs: number, };

export type KeyBinding = { 
/**
 * What they do.
 */
action: KeyAction, 
/**
 * Ids of keys that are held together, in any order, at most [`KEY_BINDING_KEYS_MAX`]: the `code` of
 * the W3C's "UI Events KeyboardEvent code Values" (`KeyA`, `ControlLeft`), `Mouse4` and up for a
 * mouse's further buttons, or what [`KeysRecorded`](super::Event::KeysRecorded) gave. A binding with an id that is
 * none is left out.
 */
keys: Array<string>, };

export type KeyAction = "talk" | "talkOverride" | "mute" | "deafen" | "leave";

export type KeyAccess = "everywhere" | "x11Programs" | "unelevated" | "unpermitted" | "combinations" | "page" | "nowhere";

export type NamedAction = { 
/**
 * What.
 */
action: KeyAction, 
/**
 * Its name.
 */
name: string, };

export type AssignedKeys = { 
/**
 * What they do.
 */
action: KeyAction, 
/**
 * What the desktop calls them; empty for none.
 */
keys: string, };

export type Assignment = "unavailable" | "offered" | "asking" | "assigned" | "refused";

export type UnheardReason = "muted" | "key";

export type EngineEvent = { "type": "state", 
/**
 * As it is now.
 */
state: SessionState, } | { "type": "speaking", 
/**
 * The sources that are audible, one's own included while it is sent.
 */
sources: Array<SourceId>, } | { "type": "input", 
/**
 * Root mean square of the last 50 ms after processing, in dBFS, at most 0; silence may be told as -60.
 */
levelDbfs: number, 
/**
 * Probability that somebody speaks, 0 to 1.
 */
speech: number, 
/**
 * Whether it is being sent.
 */
sending: boolean, } | { "type": "processing", 
/**
 * As the microphone gives it.
 */
microphoneDbfs: number, 
/**
 * Without echo and noise: the difference is what was suppressed.
 */
cleanedDbfs: number, 
/**
 * After automatic gain: the difference is what it added.
 */
levelledDbfs: number, 
/**
 * As others hear it, after the microphone's volume.
 */
sentDbfs: number, } | { "type": "playback", 
/**
 * What happens now.
 */
phase: PlaybackPhase, } | { "type": "stats", 
/**
 * The figures.
 */
stats: CallStats, } | { "type": "devices", 
/**
 * Microphones.
 */
inputs: Array<AudioDevice>, 
/**
 * Speakers.
 */
outputs: Array<AudioDevice>, 
/**
 * Name of the microphone in use; none while it is closed or missing.
 */
inputInUse: string | null, 
/**
 * Name of the speaker in use; none while it is closed or missing.
 */
outputInUse: string | null, } | { "type": "keys", 
/**
 * Which ones.
 */
access: KeyAccess, 
/**
 * What is printed on those keys that write something, by their ids, by the layout in use.
 */
names: { [key in string]: string }, } | { "type": "desktopKeys", 
/**
 * How far it assigns them.
 */
state: Assignment, 
/**
 * Those that it assigned.
 */
keys: Array<AssignedKeys>, 
/**
 * Whether it has a window to change them in.
 */
changeable: boolean, } | { "type": "keyPressed", 
/**
 * What: neither [`KeyAction::Talk`] nor [`KeyAction::TalkOverride`].
 */
action: KeyAction, } | { "type": "talkOverride", 
/**
 * Whether it is.
 */
on: boolean, } | { "type": "keysRecorded", 
/**
 * Their ids, in a fixed order.
 */
keys: Array<string>, 
/**
 * The first of them was let go: these are the ones.
 */
complete: boolean, } | { "type": "unheard", 
/**
 * Why.
 */
reason: UnheardReason, } | { "type": "problem", 
/**
 * What.
 */
problem: Problem, };

export type PlaybackPhase = "recording" | "playing" | "over";

export type SessionState = { "state": "idle", } | { "state": "connecting", } | { "state": "connected", 
/**
 * The own microphone.
 */
source: SourceId, } | { "state": "lost", } | { "state": "refused", 
/**
 * Why.
 */
code: ErrorCode, } | { "state": "unreachable", } | { "state": "ended", 
/**
 * Where the engine knows it.
 */
reason: EndReason | null, };

export type CallStats = { 
/**
 * Round trip to the voice node in milliseconds; none until measured.
 */
rttMs: number | null, 
/**
 * Packets lost on the way to us, 0 to 1.
 */
lossDown: number, 
/**
 * Packets lost on the way from us, 0 to 1, as the voice node reports it.
 */
lossUp: number, 
/**
 * Variation of the packets' delay (RFC 3550) in milliseconds, of the worst slot.
 */
jitterMs: number, 
/**
 * Delay of the jitter buffer in milliseconds, of the slot with the longest.
 */
bufferMs: number, 
/**
 * Bits per second received.
 */
bitrateDown: number, 
/**
 * Bits per second sent.
 */
bitrateUp: number, 
/**
 * What carries the voice; none until known.
 */
codec: Codec | null, 
/**
 * Voice in one packet sent, in milliseconds; none until known.
 */
packetMs: number | null, 
/**
 * Where a voice's delay comes from.
 */
delays: StageDelays, };

export type Codec = "opus";

export type StageDelays = { 
/**
 * From the air to the program: the device, its driver, the sound server, and what waits here.
 */
captureMs: number | null, 
/**
 * Processing and encoding: the time to fill a packet, and what the codec looks ahead.
 */
processingMs: number | null, 
/**
 * From one client over the voice node to another: twice half a round trip.
 */
networkMs: number | null, 
/**
 * Waiting in the jitter buffer.
 */
bufferMs: number | null, 
/**
 * From the program to the air: what is queued, the sound server, the driver, the device.
 */
playbackMs: number | null, };

export type AudioDevice = { 
/**
 * Stable across restarts and replugging.
 */
id: string, 
/**
 * As people know it.
 */
name: string, };

export type Problem = "noInput" | "noOutput" | "inputForbidden";

