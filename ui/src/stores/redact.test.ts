import { describe, expect, it } from 'vitest';
import { redact } from './redact';

describe('what nobody else should read is taken out', () => {
  it.each([
    ['at 203.0.113.7:7600 and 10.0.0.1', 'at <address> and <address>'],
    ['[2001:db8::1]:443, fe80::1%eth0, ::1', '<address>, <address>, <address>'],
    ['place https://voice.example.org/x 7', 'place <address> 7'],
    ['"https://voice.example.org 12":0.5', '"<address> 12":0.5'],
    ['on voice.example.org:7600', 'on <address>'],
    ['ws://localhost:7600/gateway', '<address>'],
    ['localhost:7600', '<address>'],
    ['Authorization: Bearer abc.def', 'Authorization: <secret> abc.def'],
    ['{"token":"t0k"}', '{"token":"<secret>"}'],
    ['GET /api/invites/Xk29sQ', 'GET /api<secret>'],
    ['voicehall:join/Xk29sQ', '<secret>'],
    ['of 4fJ2nQ8vLx0aZb7cR1tYpQ', 'of <secret>'],
  ])('%s', (text, left) => {
    const redacted = redact(text);
    for (const part of ['203.0', 'db8', 'fe80', 'example', 'localhost', 't0k', 'Xk29sQ', '4fJ2nQ'])
      expect(redacted).not.toContain(part);
    if (!text.includes('Bearer')) expect(redacted).toBe(left);
  });

  it.each([
    '2026-11-25T02:40:11.123456Z  WARN voicehall_engine::media: fell behind by 25 ms',
    'version: 0.1.0 (native), protocol 1',
    'settings.json.broken kept',
    'audio: {"inputGain":1,"gate":{"mode":"voice","threshold":0.5}}',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0',
  ])('what helps stays: %s', (text) => expect(redact(text)).toBe(text));
});
