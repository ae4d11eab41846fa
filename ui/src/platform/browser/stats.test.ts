import { describe, expect, it } from 'vitest';
import { StatsMeter } from './stats';

const OWN = { captureMs: 10, playbackMs: null };

function report(timestamp: number, slots: { received: number; lost: number; delay: number }[]) {
  const inbound = slots.map(({ received, lost, delay }, index) => ({
    id: `in${index}`,
    type: 'inbound-rtp',
    timestamp,
    packetsReceived: received,
    packetsLost: lost,
    bytesReceived: received * 100,
    jitter: 0.002 * (index + 1),
    jitterBufferDelay: delay,
    jitterBufferEmittedCount: received * 960,
  }));
  return [
    ...inbound,
    {
      id: 'out',
      type: 'outbound-rtp',
      timestamp,
      bytesSent: timestamp * 8,
      packetsSent: timestamp / 20,
    },
    { id: 'c', type: 'codec', timestamp, mimeType: 'audio/opus' },
    { id: 'r', type: 'remote-inbound-rtp', timestamp, fractionLost: 0.25 },
    { id: 'p', type: 'candidate-pair', timestamp, nominated: true, currentRoundTripTime: 0.03 },
  ] as RTCStats[];
}

describe('statistics', () => {
  it('are those of the last second', () => {
    const meter = new StatsMeter();
    expect(meter.read(report(1000, [{ received: 10, lost: 5, delay: 0 }]), OWN)).toBeNull();
    const slots = [
      { received: 60, lost: 5, delay: 960 * 50 * 0.04 },
      { received: 40, lost: 10, delay: 960 * 40 * 0.06 },
    ];
    const stats = meter.read(report(2000, slots), OWN);
    expect(stats).toMatchObject({ rttMs: 30, lossUp: 0.25, jitterMs: 4, bitrateUp: 64_000 });
    expect(stats?.lossDown).toBeCloseTo(0.1);
    expect(stats?.bufferMs).toBeCloseTo(60);
    expect(stats?.bitrateDown).toBe(90 * 100 * 8);
  });

  it('tell where the delay comes from, as far as it is known', () => {
    const meter = new StatsMeter();
    meter.read(report(1000, []), OWN);
    const stats = meter.read(report(2000, []), OWN);
    expect(stats).toMatchObject({ codec: 'opus', packetMs: 20 });
    expect(stats?.delays).toEqual({
      captureMs: 10,
      processingMs: 26.5,
      networkMs: 30,
      bufferMs: null,
      playbackMs: null,
    });
  });

  it('know no loss where nothing was sent', () => {
    const meter = new StatsMeter();
    meter.read(report(1000, []), OWN);
    expect(meter.read(report(2000, []), OWN)).toMatchObject({
      lossDown: 0,
      jitterMs: 0,
      bufferMs: 0,
    });
  });
});
