import type { CallStats } from '../../bindings/protocol';

/** The counters of a moment, summed over the slots where not said otherwise. */
interface Counters {
  atMs: number;
  received: number;
  lost: number;
  bytesDown: number;
  bytesUp: number;
  /** Per slot: seconds that samples spent in the jitter buffer, and how many samples. */
  buffers: Map<string, { delayS: number; emitted: number }>;
}

/** Turns the browser's running totals into the figures of the last second. */
export class StatsMeter {
  #before: Counters | null = null;

  /** The figures since the call before; none the first time. */
  read(report: Iterable<RTCStats>): CallStats | null {
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
    return {
      rttMs: rtt === undefined ? null : rtt * 1000,
      lossDown: received + lost > 0 ? lost / (received + lost) : 0,
      lossUp: remote?.fractionLost ?? 0,
      jitterMs: Math.max(0, ...inbound.map(({ jitter }) => jitter ?? 0)) * 1000,
      bufferMs: bufferMs(before, now),
      bitrateDown: Math.round(((now.bytesDown - before.bytesDown) * 8) / seconds),
      bitrateUp: Math.round(((now.bytesUp - before.bytesUp) * 8) / seconds),
    };
  }
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
