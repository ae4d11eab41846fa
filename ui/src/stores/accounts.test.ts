/** Several accounts on one server, of which one is active. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../bindings/protocol';
import { A, B, guild, kept, person, World } from './fake-world';

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
  world.credentials = { [A]: { token: 'ta' } };
});
afterEach(() => vi.useRealTimers());

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

const ADA = person('Ada', false, '1');
const EVE = person('Eve', false, '2');
const BOB = person('Bob', true, '3');
const LANTERNS = guild('1', 'Lanterns');

type Started = Awaited<ReturnType<World['start']>>;

/** The accounts of A, and whether each is active. */
const accounts = (app: Started) =>
  app
    .accountsAt(A)
    .map(({ known, token, parked }) => [known.user?.name, token, parked ? 'parked' : 'active']);

function accountOf(app: Started, name: string) {
  const found = app.accountsAt(A).find(({ known }) => known.user?.name === name);
  if (!found) throw new Error(`no account of ${name}`);
  return found;
}

/** Ada, who was there first, and Eve, who is active. */
async function two() {
  const app = await world.start();
  world.online(A, ADA, LANTERNS);
  await app.signedIn(A, { token: 'te', user: EVE }, false);
  world.online(A, EVE, LANTERNS);
  return { app, ada: accountOf(app, 'Ada'), eve: accountOf(app, 'Eve') };
}

describe('a login that an older version kept', () => {
  it("gets its account's name at once, where that was remembered", async () => {
    world.settings = { servers: [{ base: A, user: ADA, guilds: [{ id: '1', name: 'Lanterns' }] }] };
    const app = await world.start();
    expect(accounts(app)).toEqual([['Ada', 'ta', 'active']]);
    expect(world.credentials).toEqual({ [A]: null, [`${A} 1`]: { token: 'ta' } });
    const again = await world.start();
    expect(accounts(again)).toEqual([['Ada', 'ta', 'active']]);
  });

  it('gets it once the server says whose it is, where nothing was remembered', async () => {
    const app = await world.start();
    expect(kept(world)).toEqual({ [A]: 'ta' });
    world.online(A, ADA, LANTERNS);
    await pass();
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta' });
    expect(accounts(app)).toEqual([['Ada', 'ta', 'active']]);
  });

  it('stays where it is in a keychain that is shut, until that is open', async () => {
    world.settings = { servers: [{ base: A, user: ADA, guilds: [] }] };
    world.shut = 'asked';
    const app = await world.start();
    // Somebody else cannot wait.
    await app.signedIn(A, { token: 'te', user: EVE }, false);
    expect(kept(world)).toEqual({ [A]: 'ta', [`${A} 2`]: 'te' });
    world.openKeychain();
    await pass();
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Eve', 'te', 'active'],
    ]);
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta', [`${A} 2`]: 'te' });
  });

  it('does not come back from a keychain after its account signed in anew', async () => {
    world.settings = { servers: [{ base: A, user: ADA, guilds: [] }] };
    world.shut = 'asked';
    const app = await world.start();
    await app.signedIn(A, { token: 'new', user: ADA }, false);
    world.credentials = { ...world.credentials, [A]: { token: 'ta' } };
    world.openKeychain();
    await pass();
    expect(accounts(app)).toEqual([['Ada', 'new', 'active']]);
  });

  it('is found when the app ended before either of its two places was written', async () => {
    const known = { base: A, user: ADA, guilds: [] };
    world.settings = { servers: [known] };
    world.credentials = { [`${A} 1`]: { token: 'ta' } };
    expect(accounts(await world.start())).toEqual([['Ada', 'ta', 'active']]);
    world.settings = { servers: [{ ...known, login: `${A} 1` }] };
    world.credentials = { [A]: { token: 'ta' } };
    expect(accounts(await world.start())).toEqual([['Ada', 'ta', 'active']]);
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta' });
  });
});

describe('a further account', () => {
  it('is active at once, and the first is parked with its login', async () => {
    const { app, ada } = await two();
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Eve', 'te', 'active'],
    ]);
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta', [`${A} 2`]: 'te' });
    expect(app.servers.map(({ known }) => known.user?.name)).toEqual(['Eve']);
    expect(app.accountAt(A)?.known.user).toEqual(EVE);
    // The parked one is not spoken to, not even when the network is back.
    const sockets = world.sockets.length;
    app.wake();
    ada.gateway.wake();
    await pass(5_000);
    expect(world.sockets.length).toBe(sockets);
    expect(world.sockets[0]?.closed).toBe(true);
    expect(world.requests).toEqual([]);
  });

  it('takes the place of one that is signed out, and of its own older login', async () => {
    const { app, eve } = await two();
    await app.signedIn(A, { token: 'te2', user: EVE }, false);
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Eve', 'te2', 'active'],
    ]);
    expect(eve.gateway).not.toBe(accountOf(app, 'Eve').gateway);
    world.socket(A).drop(CloseCode.BadToken);
    await pass();
    // The server said so: it is shown, and nobody else is put in its place unasked.
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Eve', null, 'active'],
    ]);
    await app.signedIn(A, { token: 'tb', user: BOB }, true);
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Bob', 'tb', 'active'],
    ]);
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta', [`${A} 3`]: 'tb' });
  });

  it('stands with its server, wherever that is in the list', async () => {
    world.credentials[B] = { token: 'tb' };
    const { app } = await two();
    expect(app.servers.map(({ base }) => base)).toEqual([A, B]);
  });
});

describe('switching', () => {
  it('parks the one and takes up the other, and is remembered over a start', async () => {
    const { app, ada } = await two();
    app.activate(ada);
    world.online(A, ADA, LANTERNS);
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'active'],
      ['Eve', 'te', 'parked'],
    ]);
    expect(app.here).toBe(ada);
    expect(ada.connection).toBe('online');
    expect(world.socket(A).heard).toContainEqual(
      expect.objectContaining({ op: 'identify', token: 'ta' }),
    );

    await pass();
    const again = await world.start();
    expect(accounts(again)).toEqual(accounts(app));
    expect(again.servers.map(({ token }) => token)).toEqual(['ta']);
  });

  it('ends a call there, and none elsewhere', async () => {
    world.credentials[B] = { token: 'tb' };
    const { app, ada, eve } = await two();
    world.online(B, person('Grace'), guild('1', 'Moths'));
    const b = app.serverAt(B);
    if (!b) throw new Error('it is known');
    app.voice.join({ server: b, guild: '1', channel: '11' });
    app.activate(ada);
    expect(app.voice.isAt(b, '11')).toBe(true);
    world.online(A, ADA, LANTERNS);
    app.voice.join({ server: ada, guild: '1', channel: '11' });
    app.activate(eve);
    expect(app.voice.call.phase).toBe('idle');
  });

  it('leaves what was being written to whoever wrote it', async () => {
    const { app, ada, eve } = await two();
    eve.log('21').unsent = 'for Eve to say';
    app.activate(ada);
    world.online(A, ADA, LANTERNS);
    expect(app.selection?.server.log('21').unsent).toBe('');
    app.activate(eve);
    expect(app.selection?.server.log('21').unsent).toBe('for Eve to say');
  });

  it('shows the server, and stays in the guild that was on the screen', async () => {
    world.credentials[B] = { token: 'tb' };
    const { app, ada, eve } = await two();
    world.online(B, person('Grace'), guild('1', 'Moths'));
    const b = app.serverAt(B);
    if (!b) throw new Error('it is known');
    app.select(b, '1');
    app.activate(ada);
    expect(app.here).toBe(ada);
    const further = guild('2', 'Beacons');
    world.online(A, ADA, LANTERNS, further);
    app.select(ada, '2');
    app.activate(eve);
    world.online(A, EVE, LANTERNS, further);
    expect(app.selection?.guild.name).toBe('Beacons');
  });
});

describe('signing out of one account', () => {
  it('makes the next one active, or shows the way back in where there is none', async () => {
    const { app, ada, eve } = await two();
    await app.signOut(eve);
    expect(accounts(app)).toEqual([['Ada', 'ta', 'active']]);
    world.online(A, ADA, LANTERNS);
    expect(world.requests).toEqual([`DELETE ${A}/api/logins/current`]);
    expect(kept(world)).toEqual({ [`${A} 1`]: 'ta' });
    expect(JSON.stringify(world.settings)).not.toContain('Eve');
    await app.signOut(ada);
    expect(accounts(app)).toEqual([['Ada', null, 'active']]);
    expect(app.serverAt(A)?.signedOut).toBe(true);
    expect(kept(world)).toEqual({});
  });

  it('leaves the active one and its call alone when it is another, a guest too', async () => {
    const { app, eve } = await two();
    await app.signedIn(A, { token: 'tb', user: BOB }, true);
    app.activate(eve);
    world.online(A, EVE, LANTERNS);
    app.voice.join({ server: eve, guild: '1', channel: '11' });
    await app.signOut(accountOf(app, 'Bob'));
    expect(accounts(app)).toEqual([
      ['Ada', 'ta', 'parked'],
      ['Eve', 'te', 'active'],
    ]);
    expect(app.voice.isAt(eve, '11')).toBe(true);
    expect(eve.connection).toBe('online');
  });

  it('forgets it when its server goes, with all others', async () => {
    const { app, ada } = await two();
    await app.remove(ada);
    await pass();
    expect(app.servers).toEqual([]);
    expect(kept(world)).toEqual({});
    expect(JSON.stringify(world.settings)).not.toContain('a.example');
    expect(world.requests.length).toBe(2);
  });
});

it('a link leads to the active account of its server', async () => {
  const { app } = await two();
  world.answer = (call) => (call === `GET ${A}/api/invites/xyz` ? { guild: '1' } : null);
  app.addingAccount = A;
  app.openInvite(`${A}/join/xyz?channel=12`);
  expect(app.addingAccount).toBeNull();
  await pass();
  expect(app.invite).toBeNull();
  expect([app.selection?.server.user?.name, app.selection?.channel?.name]).toEqual([
    'Eve',
    'Attic',
  ]);
});
