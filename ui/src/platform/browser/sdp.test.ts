import { describe, expect, it } from 'vitest';
import { fingerprintFromSdp, fingerprintOf, splitAddress, voiceNodeOffer } from './sdp';

const ANSWER = {
  addresses: ['192.0.2.1:4000', '[2001:db8::1]:4000'],
  ufrag: 'uf',
  password: 'pw',
  fingerprint: fingerprintFromSdp(Array.from({ length: 32 }, () => 'AB').join(':')),
  source: 28,
};

describe('the offer of a voice node', () => {
  const sdp = voiceNodeOffer(ANSWER, 48_000);
  const sections = sdp.split(/^(?=m=)/m);

  it('has a microphone and eight slots in one bundle', () => {
    expect(sections).toHaveLength(10);
    expect(sections[0]).toContain('a=group:BUNDLE 0 1 2 3 4 5 6 7 8\r\n');
    expect(sections[0]).toContain('a=ice-lite\r\n');
    expect(sections[1]).toContain('a=mid:0\r\n');
    expect(sections[1]).toContain('a=recvonly\r\n');
    for (let slot = 0; slot < 8; slot++) {
      const section = sections[slot + 2];
      expect(section).toContain(`a=mid:${slot + 1}\r\n`);
      expect(section).toContain('a=sendonly\r\n');
      expect(section).toContain(`a=ssrc:${0x0056_0000 + slot} cname:`);
    }
  });

  it('names the node, with its best address first', () => {
    expect(sections[1]).toContain('a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n');
    expect(sections[1]).toContain('a=candidate:2 1 udp 2130706175 2001:db8::1 4000 typ host\r\n');
    for (const section of sections.slice(1)) {
      expect(section).toContain('a=ice-ufrag:uf\r\na=ice-pwd:pw\r\n');
      expect(section).toContain(`a=fingerprint:sha-256 AB:AB:`);
      expect(section).toContain('a=setup:passive\r\n');
    }
  });

  it('asks for Opus with error correction and silence left out, at the bitrate', () => {
    expect(sections[1]).toContain('a=rtpmap:111 opus/48000/2\r\n');
    expect(sections[1]).toMatch(/a=fmtp:111 .*useinbandfec=1;usedtx=1;.*maxaveragebitrate=48000/);
    expect(sections[1]).toContain('a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n');
  });
});

describe('a fingerprint', () => {
  it('is spelled for the wire as the protocol wants it', () => {
    const bytes = Array.from({ length: 32 }, (_, index) => (index * 37) % 256);
    const sdp = bytes.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
    const wire = fingerprintFromSdp(sdp.toLowerCase());
    expect(wire).toMatch(/^[\w-]{43}$/);
    const offer = voiceNodeOffer({ ...ANSWER, fingerprint: wire }, 1);
    expect(fingerprintOf(offer)).toBe(sdp);
  });

  it('is found only where there is one', () => {
    expect(fingerprintOf('v=0\r\na=fingerprint:sha-1 AB\r\n')).toBeNull();
  });
});

describe('an address', () => {
  it.each([
    ['1.2.3.4:5', '1.2.3.4', '5'],
    ['[::1]:65535', '::1', '65535'],
  ])('%s is split', (address, host, port) => {
    expect(splitAddress(address)).toEqual({ host, port });
  });
});
