/** `voicehall://join/{host}/`, of which the host is kept. */
const APP_LINK = /^voicehall:\/*join\/([^/?#]+)\//i;

/** Where an invite link leads. */
export interface InviteLink {
  /** The server's origin. */
  base: string;
  code: string;
  /** The channel to be shown, where the link names one. */
  channel: string | null;
}

/**
 * Reads `{server}/join/{code}` as people paste it: with spaces around, or without a scheme; and the
 * app's own `voicehall://join/{host}[:{port}]/{code}`. Either may end with `?channel={id}`.
 */
export function parseInviteLink(text: string): InviteLink | null {
  const trimmed = text.trim();
  if (trimmed === '' || /\s/.test(trimmed)) return null;
  const url = parseUrl(withScheme(trimmed.replace(APP_LINK, '$1/join/')));
  const code = url && /^\/join\/([\w-]+)\/?$/.exec(url.pathname)?.[1];
  if (!url || !code || !/^https?:$/.test(url.protocol)) return null;
  return { base: url.origin, code, channel: url.searchParams.get('channel') };
}

export function inviteLink({ base, code }: Pick<InviteLink, 'base' | 'code'>): string {
  return `${base}/join/${code}`;
}

/** The same as a link that opens the app. It goes by https, or http to one's own machine. */
export function appLink({ base, code, channel }: InviteLink): string {
  const query = channel === null ? '' : `?channel=${encodeURIComponent(channel)}`;
  return `voicehall://join/${new URL(base).host}/${code}${query}`;
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
