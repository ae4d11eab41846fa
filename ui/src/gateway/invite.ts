/** Where an invite link leads. */
export interface InviteLink {
  /** The server's origin. */
  base: string;
  code: string;
}

/**
 * Reads `{server}/join/{code}` as people paste it: with spaces around, without a scheme, or with
 * the app's own `voicehall:` in its place.
 */
export function parseInviteLink(text: string): InviteLink | null {
  const trimmed = text.trim();
  if (trimmed === '' || /\s/.test(trimmed)) return null;
  const url = parseUrl(withScheme(trimmed));
  const code = url && /^\/join\/([\w-]+)\/?$/.exec(url.pathname)?.[1];
  if (!url || !code || !/^https?:$/.test(url.protocol)) return null;
  return { base: url.origin, code };
}

export function inviteLink({ base, code }: InviteLink): string {
  return `${base}/join/${code}`;
}

/** Reads a server's address: as much of a link as people know. */
export function parseServerAddress(text: string): string | null {
  const trimmed = text.trim();
  // Some browsers take a space for a part of the host's name.
  const url = trimmed === '' || /\s/.test(trimmed) ? null : parseUrl(withScheme(trimmed));
  return url && /^https?:$/.test(url.protocol) ? url.origin : null;
}

function withScheme(text: string): string {
  const bare = text.replace(/^voicehall:\/*/i, '');
  if (/^https?:\/\//i.test(bare)) return bare;
  const host = bare.split(/[/:]/)[0] ?? '';
  // Servers on one's own machine or in one's own network seldom have a certificate.
  const local = /^(localhost|127\.|10\.|192\.168\.|\[)/i.test(host);
  return `${local ? 'http' : 'https'}://${bare}`;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
