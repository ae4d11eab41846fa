import {
  EXT_AUDIO_LEVEL,
  EXT_AUDIO_LEVEL_URI,
  PT_OPUS,
  VOICE_SLOTS,
  VOICE_SLOT_SSRC,
  type VoiceJoinAnswer,
} from '../../bindings/protocol';

/**
 * The session description that the voice node would send if SDP crossed the wire: built here
 * from its short answer and the protocol's RTP tables.
 *
 * It is an offer, although the client starts the call: the answerer takes over the offer's
 * payload types and extension ids (RFC 8829 §5.3.1), so every browser ends up with the table's,
 * whatever numbers it would have chosen itself. The node is ICE-lite, which makes the browser the
 * controlling side even so (RFC 8445 §6.1.1), and DTLS-passive.
 */
export function voiceNodeOffer(answer: VoiceJoinAnswer, bitrate: number): string {
  const mids = Array.from({ length: VOICE_SLOTS + 1 }, (_, mid) => mid);
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${mids.join(' ')}`,
    ...mids.flatMap((mid) => [
      ...mediaLines(answer, bitrate, mid),
      ...(mid === 0 ? ['a=recvonly', ...candidateLines(answer)] : slotLines(mid - 1)),
    ]),
  ];
  return lines.join('\r\n') + '\r\n';
}

function mediaLines(answer: VoiceJoinAnswer, bitrate: number, mid: number): string[] {
  return [
    `m=audio 9 UDP/TLS/RTP/SAVPF ${PT_OPUS}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    `a=ice-ufrag:${answer.ufrag}`,
    `a=ice-pwd:${answer.password}`,
    `a=fingerprint:sha-256 ${fingerprintToSdp(answer.fingerprint)}`,
    'a=setup:passive',
    `a=extmap:${EXT_AUDIO_LEVEL} ${EXT_AUDIO_LEVEL_URI}`,
    `a=rtpmap:${PT_OPUS} opus/48000/2`,
    `a=fmtp:${PT_OPUS} minptime=10;useinbandfec=1;usedtx=1;stereo=0;maxaveragebitrate=${bitrate}`,
  ];
}

/** A stream of its own for each slot: they must not be held back to play in step. */
function slotLines(slot: number): string[] {
  const ssrc = VOICE_SLOT_SSRC + slot;
  return ['a=sendonly', `a=msid:slot-${slot} slot-${slot}`, `a=ssrc:${ssrc} cname:slot-${slot}`];
}

/** Type preference and component of a host candidate (RFC 8445 §5.1.2.1), first address best. */
function candidateLines(answer: VoiceJoinAnswer): string[] {
  const lines = answer.addresses.map((address, index) => {
    const { host, port } = splitAddress(address);
    const priority = 126 * 2 ** 24 + (65_535 - index) * 2 ** 8 + 255;
    return `a=candidate:${index + 1} 1 udp ${priority} ${host} ${port} typ host`;
  });
  return [...lines, 'a=end-of-candidates'];
}

/** Splits `1.2.3.4:5` and `[::1]:5`. */
export function splitAddress(address: string): { host: string; port: string } {
  const colon = address.lastIndexOf(':');
  return {
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: address.slice(colon + 1),
  };
}

/** From 43 characters of base64url to the colon-separated hex of SDP. */
export function fingerprintToSdp(fingerprint: string): string {
  const bytes = atob(fingerprint.replaceAll('-', '+').replaceAll('_', '/'));
  return Array.from(bytes, (byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase(),
  ).join(':');
}

/** The reverse of [`fingerprintToSdp`]. */
export function fingerprintFromSdp(text: string): string {
  const bytes = text.split(':').map((hex) => String.fromCharCode(parseInt(hex, 16)));
  return btoa(bytes.join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The SHA-256 fingerprint that a description names, in SDP's spelling. */
export function fingerprintOf(sdp: string): string | null {
  return /^a=fingerprint:sha-256 ([0-9A-F:]+)\s*$/im.exec(sdp)?.[1] ?? null;
}
