import { describe, expect, it } from 'vitest';
import { appLink, inviteLink, parseInviteLink, parseServerAddress } from './invite';

describe('an invite link', () => {
  it.each([
    ['https://host/join/abc', 'https://host', 'abc'],
    ['  https://host:8443/join/abc/ ', 'https://host:8443', 'abc'],
    ['http://10.0.0.2:7000/join/a-b_c', 'http://10.0.0.2:7000', 'a-b_c'],
    ['host.example/join/abc', 'https://host.example', 'abc'],
    ['localhost:7000/join/abc', 'http://localhost:7000', 'abc'],
    ['127.0.0.1:7000/join/abc', 'http://127.0.0.1:7000', 'abc'],
    ['[::1]:7000/join/abc', 'http://[::1]:7000', 'abc'],
    ['voicehall://host.example/join/abc', 'https://host.example', 'abc'],
    ['https://host/join/abc?from=mail#x', 'https://host', 'abc'],
    ['voicehall://join/host.example/abc', 'https://host.example', 'abc'],
    ['voicehall://join/host.example:8443/abc/', 'https://host.example:8443', 'abc'],
    ['voicehall://join/127.0.0.1:7000/abc', 'http://127.0.0.1:7000', 'abc'],
    ['voicehall://join/[::1]:7000/abc', 'http://[::1]:7000', 'abc'],
    ['voicehall:join/localhost/abc', 'http://localhost', 'abc'],
  ])('%s is read', (text, base, code) => {
    expect(parseInviteLink(text)).toEqual({ base, code, channel: null });
  });

  it.each([
    '',
    ' ',
    'abc',
    'https://host',
    'https://host/join/',
    'https://host/join/a/b',
    'voicehall://join/abc',
    'voicehall://join//abc',
    'ftp://host/join/abc',
    'https://host/join/a b',
    'javascript:alert(1)/join/a',
    'https://host/join/%E0%A4%A',
  ])('%j is refused', (text) => {
    expect(parseInviteLink(text)).toBeNull();
  });

  it('may name the channel', () => {
    const link = { base: 'https://host', code: 'abc', channel: '42' };
    expect(parseInviteLink('https://host/join/abc?channel=42')).toEqual(link);
    expect(parseInviteLink('voicehall://join/host/abc?channel=42')).toEqual(link);
  });

  it('is what it was made of', () => {
    const link = { base: 'https://host', code: 'a-b_2', channel: null };
    expect(parseInviteLink(inviteLink(link))).toEqual(link);
    expect(parseInviteLink(appLink(link))).toEqual(link);
    const local = { base: 'http://localhost:7000', code: 'x', channel: '7' };
    expect(parseInviteLink(appLink(local))).toEqual(local);
  });
});

describe("a server's address", () => {
  it.each([
    ['voice.example.org', 'https://voice.example.org'],
    ['localhost:7000', 'http://localhost:7000'],
    ['https://host/join/abc', 'https://host'],
    ['', null],
    ['https://', null],
    ['not an address', null],
  ])('%j is %j', (text, base) => expect(parseServerAddress(text)).toBe(base));
});
