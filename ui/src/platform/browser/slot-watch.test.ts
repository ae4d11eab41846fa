import { describe, expect, it } from 'vitest';
import { SlotWatch } from './slot-watch';

const packet = (stamp: number, source = 4, level: number | null = 0.1) => ({
  source,
  stamp,
  level,
});

describe('a slot', () => {
  it('lights up with a voice and goes out a moment after it', () => {
    const watch = new SlotWatch();
    expect(watch.isAudible(0)).toBe(false);
    watch.observe(packet(1), 100);
    expect(watch.isAudible(100)).toBe(true);
    expect(watch.isAudible(349)).toBe(true);
    expect(watch.isAudible(350)).toBe(false);
  });

  it('stays dark for silence that is sent', () => {
    const watch = new SlotWatch();
    watch.observe(packet(1, 4, 0.001), 100);
    expect(watch.isAudible(100)).toBe(false);
    expect(watch.source).toBe(4);
  });

  it('counts a packet once, however often it is reported', () => {
    const watch = new SlotWatch();
    watch.observe(packet(1), 0);
    watch.observe(packet(1), 1000);
    expect(watch.isAudible(1000)).toBe(false);
    expect(watch.isIdle(1000)).toBe(true);
  });

  it('does not let the next person shine in the light of the one before', () => {
    const watch = new SlotWatch();
    watch.observe(packet(1, 4), 100);
    watch.observe(packet(2, 8, 0), 120);
    expect(watch.source).toBe(8);
    expect(watch.isAudible(120)).toBe(false);
  });

  it('takes a packet for a voice where the browser tells no level', () => {
    const watch = new SlotWatch();
    watch.observe(packet(1, 4, null), 100);
    expect(watch.isAudible(100)).toBe(true);
  });
});
