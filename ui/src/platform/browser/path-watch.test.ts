import { describe, expect, it } from 'vitest';
import { PathWatch } from './path-watch';

const counters = (requestsSent: number, responsesReceived: number, packetsReceived = 0) => ({
  requestsSent,
  responsesReceived,
  packetsReceived,
});

describe('a path', () => {
  it('is dead when question after question stays unanswered', () => {
    const watch = new PathWatch();
    expect(watch.isDead(counters(10, 10), 0)).toBe(false);
    expect(watch.isDead(counters(11, 10), 2_500)).toBe(false);
    expect(watch.isDead(counters(12, 10), 3_499)).toBe(false);
    expect(watch.isDead(counters(13, 10), 3_499)).toBe(false);
    expect(watch.isDead(counters(13, 10), 3_500)).toBe(true);
  });

  it('lives while nobody asks anything', () => {
    const watch = new PathWatch();
    watch.isDead(counters(10, 10), 0);
    expect(watch.isDead(counters(12, 10), 60_000)).toBe(false);
  });

  it.each([
    ['an answer', counters(13, 11)],
    ['a packet', counters(13, 10, 1)],
  ])('lives on with %s', (_, heard) => {
    const watch = new PathWatch();
    watch.isDead(counters(10, 10), 0);
    expect(watch.isDead(heard, 10_000)).toBe(false);
    expect(watch.isDead({ ...heard, requestsSent: 15 }, 13_499)).toBe(false);
    expect(watch.isDead({ ...heard, requestsSent: 16 }, 13_500)).toBe(true);
  });

  it('is not judged where the browser counts nothing', () => {
    const watch = new PathWatch();
    watch.isDead({}, 0);
    expect(watch.isDead({}, 60_000)).toBe(false);
  });
});
