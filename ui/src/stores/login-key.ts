import type { UserId } from '../bindings/protocol';
import type { Credentials } from '../platform';
import type { KnownServer } from './server.svelte';

/*
 * Logins are kept by server and account. Older versions knew one account of each server and kept
 * its login by the server alone; such a login gets its account's name as soon as that is known.
 */

/** Under which an account's login is kept. No origin has a space in it. */
export function loginKey(base: string, user: UserId): string {
  return `${base} ${user}`;
}

/** The origin of the server to which a login belongs. */
export function baseOf(login: string): string {
  return login.split(' ', 1)[0] ?? login;
}

/** An account that is remembered, or of which there is nothing but its login. */
export interface Found {
  known: KnownServer;
  /** Under which its login is, or would be, kept. */
  login: string;
}

/** Every account of which the settings or the logins know; an active one comes before it is parked. */
export function accountsIn(servers: readonly KnownServer[], logins: Credentials): Found[] {
  const found = servers.map((known): Found => ({ known, login: loginOf(known, servers, logins) }));
  const claimed = new Set(found.map(({ login }) => login));
  for (const [login, kept] of Object.entries(logins)) {
    if (!kept || claimed.has(login)) continue;
    const base = baseOf(login);
    const parked = found.some(({ known }) => known.base === base);
    found.push({ known: { base, user: null, guilds: [], login, parked }, login });
  }
  return found;
}

function loginOf(known: KnownServer, servers: readonly KnownServer[], logins: Credentials): string {
  const { base, user, login } = known;
  const own = user ? loginKey(base, user.id) : base;
  // The app ended between the two, when the login had its new name and the settings did not.
  if (login === undefined) return logins[own] ? own : base;
  const alone = servers.every((other) => other === known || other.base !== base);
  // Or the other way round.
  return logins[login] === undefined && alone && logins[base] ? base : login;
}
