import type { CallStats } from '../../bindings/protocol';

/** The counters of a moment, summed over the slots where not said otherwise. */
interface Counters {
  atMs: number;
  received: number;
  lost: number;
  bytesDown: number;
  bytesUp: number;
  packetsUp: number;
  /** Per slot: seconds that samples spent in the jitter buffer, and how many samples. */
  buffers: Map<string, { delayS: number; emitted: number }>;
}

/** What the browser's sound adds to a voice's delay, in milliseconds; none where it does not say. */
export interface OwnDelays {
  captureMs: number | null;
  playbackMs: number | null;
}

/** What the codec looks ahead (libopus at 48 kHz): the packet of a sound leaves that much later. */
const CODEC_LOOKAHEAD_MS = 6.5;
/** Lengths of a packet, in the order in which they are likely. */
const PACKETS_MS = [20, 10, 40, 60];

/** Turns the browser's running totals into the figures of the last second. */
export class StatsMeter {
  #before: Counters | null = null;
  #packetMs: number | null = null;

  /** The figures since the call before; none the first time. */
  read(report: Iterable<RTCStats>, own: OwnDelays): CallStats | null {
    const entries = [...report];
    const inbound = entries.filter(isInbound);
    const remote = entries.find(isRemoteInbound);
    const outbound = entries.find(isOutbound);
    const pair = entries.find(isNominatedPair);
    const now = countersOf(entries[0]?.timestamp ?? 0, inbound, outbound);
    const before = this.#before;
    this.#before = now;
    if (!before || now.atMs <= before.atMs) return null;
    const seconds = (now.atMs - before.atMs) / 1000;
    const received = now.received - before.received;
    const lost = Math.max(0, now.lost - before.lost);
    const rtt = pair?.currentRoundTripTime ?? remote?.roundTripTime;
    const rttMs = rtt === undefined ? null : rtt * 1000;
    const buffer = bufferMs(before, now);
    this.#packetMs = packetMs((now.packetsUp - before.packetsUp) / seconds) ?? this.#packetMs;
    return {
      rttMs,
      lossDown: received + lost > 0 ? lost / (received + lost) : 0,
      lossUp: remote?.fractionLost ?? 0,
      jitterMs: Math.max(0, ...inbound.map(({ jitter }) => jitter ?? 0)) * 1000,
      bufferMs: buffer,
      bitrateDown: Math.round(((now.bytesDown - before.bytesDown) * 8) / seconds),
      bitrateUp: Math.round(((now.bytesUp - before.bytesUp) * 8) / seconds),
      codec: entries.some(isOpus) ? 'opus' : null,
      packetMs: this.#packetMs,
      delays: {
        ...own,
        processingMs: this.#packetMs === null ? null : this.#packetMs + CODEC_LOOKAHEAD_MS,
        networkMs: rttMs,
        bufferMs: buffer > 0 ? buffer : null,
      },
    };
  }
}

/** The browser does not tell how long its packets are. Their pace does, while somebody speaks. */
function packetMs(packetsPerSecond: number): number | null {
  const found = PACKETS_MS.find((ms) => Math.abs((packetsPerSecond * ms) / 1000 - 1) < 0.1);
  return found ?? null;
}

interface RemoteInbound extends RTCStats {
  roundTripTime?: number;
  fractionLost?: number;
}

const isInbound = (entry: RTCStats): entry is RTCInboundRtpStreamStats =>
  entry.type === 'inbound-rtp';
const isOutbound = (entry: RTCStats): entry is RTCOutboundRtpStreamStats =>
  entry.type === 'outbound-rtp';
const isRemoteInbound = (entry: RTCStats): entry is RemoteInbound =>
  entry.type === 'remote-inbound-rtp';
const isOpus = (entry: RTCStats): boolean =>
  entry.type === 'codec' &&
  /opus/i.test((entry as RTCStats & { mimeType?: string }).mimeType ?? '');
/** The path in use. */
export const isNominatedPair = (entry: RTCStats): entry is RTCIceCandidatePairStats =>
  entry.type === 'candidate-pair' && (entry as RTCIceCandidatePairStats).nominated === true;

function countersOf(
  atMs: number,
  inbound: readonly RTCInboundRtpStreamStats[],
  outbound: RTCOutboundRtpStreamStats | undefined,
): Counters {
  const sum = (value: (entry: RTCInboundRtpStreamStats) => number | undefined) =>
    inbound.reduce((total, entry) => total + (value(entry) ?? 0), 0);
  return {
    atMs,
    received: sum((entry) => entry.packetsReceived),
    lost: sum((entry) => entry.packetsLost),
    bytesDown: sum((entry) => entry.bytesReceived),
    bytesUp: outbound?.bytesSent ?? 0,
    packetsUp: outbound?.packetsSent ?? 0,
    buffers: new Map(
      inbound.map((entry) => [
        entry.id,
        { delayS: entry.jitterBufferDelay ?? 0, emitted: entry.jitterBufferEmittedCount ?? 0 },
      ]),
    ),
  };
}

/** The mean delay over the last second of the slot with the longest. */
function bufferMs(before: Counters, now: Counters): number {
  let longest = 0;
  for (const [id, { delayS, emitted }] of now.buffers) {
    const start = before.buffers.get(id) ?? { delayS: 0, emitted: 0 };
    const samples = emitted - start.emitted;
    if (samples > 0) longest = Math.max(longest, ((delayS - start.delayS) / samples) * 1000);
  }
  return longest;
}
