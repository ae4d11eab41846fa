import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Permission,
  type EngineCommand,
  type EngineEvent,
  type Guild,
  type SessionState,
} from '../bindings/protocol';
import { RequestFailed } from '../gateway';
import type { Engine, Storage } from '../platform';
import type { Server } from './server.svelte';
import { Settings } from './settings.svelte';
import type { Place } from './call';
import { voiceState } from './fake-voice-state';
import { Voice } from './voice.svelte';

/** What the catalogues ask a browser for, before any test begins. */
vi.hoisted(() => {
  vi.stubGlobal('navigator', { languages: ['en'] });
  vi.stubGlobal('window', new EventTarget());
});

const storage: Storage = {
  loadSettings: () => Promise.resolve(null),
  saveSettings: () => Promise.resolve(),
  loadCredentials: () => Promise.resolve({ logins: {}, shut: null }),
  openCredentials: () => Promise.resolve({ logins: {}, shut: null }),
  saveCredentials: () => Promise.resolve(),
};

const inHall = (user: string, source: number) => voiceState(user, '11', source);

function setUp() {
  const commands: EngineCommand[] = [];
  let emit: (event: EngineEvent) => void = () => undefined;
  const engine: Engine = {
    send: (command) => commands.push(command),
    subscribe: (callback) => {
      emit = callback;
      return () => undefined;
    },
  };
  let session = 0;
  const request = vi.fn((): Promise<unknown> => {
    session++;
    const node = '';
    return Promise.resolve({ op: 'voiceTicket', session: `s${session}`, node, ticket: 't' });
  });
  const guild = {
    channels: [{ id: '11', name: 'Hall', kind: 'voice', bitrate: 48_000 }],
    voiceStates: [inHall('1', 4), inHall('2', 8)],
    members: [{ user: { id: '2' }, roles: ['5'] }],
    roles: [
      { id: '4', permissions: 0 },
      { id: '5', permissions: 0 },
    ],
  } as unknown as Guild;
  const send = vi.fn();
  const server = {
    base: 'https://host',
    user: { id: '1' },
    gateway: { request, send },
    guild: () => guild,
  } as unknown as Server;
  const settings = new Settings(storage);
  const voice = new Voice(engine, settings, () => 0);
  voice.start();
  commands.length = 0;
  const place: Place = { server, guild: '1', channel: '11' };
  return {
    voice,
    settings,
    place,
    guild,
    request,
    send,
    commands,
    emit: (event: EngineEvent) => emit(event),
    state: (state: SessionState) => emit({ type: 'state', state }),
    joins: () => commands.filter(({ type }) => type === 'join').length,
  };
}

type SetUp = ReturnType<typeof setUp>;

/** Lets promises and the timers of the next `ms` run. */
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function connected(): Promise<SetUp> {
  const all = setUp();
  all.voice.join(all.place);
  await pass();
  all.state({ state: 'connecting' });
  all.state({ state: 'connected', source: 4 });
  return all;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a call', () => {
  it('takes a ticket to the engine and is connected when the engine is', async () => {
    const { voice, commands, place } = await connected();
    expect(commands).toContainEqual({
      type: 'join',
      url: 'https://host/voice/join',
      ticket: 't',
      bitrate: 48_000,
    });
    expect(voice.call).toEqual({ phase: 'connected', place, source: 4 });
    expect(voice.isAt(place.server, '11')).toBe(true);
  });

  it('tells the engine who the priority speakers are, when that changes', async () => {
    const { voice, guild, commands } = await connected();
    const told = () => commands.filter(({ type }) => type === 'setPriority');
    expect(told()).toEqual([]);
    guild.roles[1] = { id: '5', name: 'lead', permissions: Permission.PRIORITY_SPEAKER };
    voice.onGuilds();
    voice.onGuilds();
    expect(told()).toEqual([{ type: 'setPriority', sources: [8] }]);
    guild.members = [];
    voice.onGuilds();
    expect(told().at(-1)).toEqual({ type: 'setPriority', sources: [] });
  });

  it('that is lost is joined again at once, with a new ticket', async () => {
    const { voice, state, joins } = await connected();
    state({ state: 'lost' });
    expect(voice.call.phase).toBe('reconnecting');
    await pass();
    expect(joins()).toBe(2);
    state({ state: 'connected', source: 12 });
    expect(voice.call).toMatchObject({ phase: 'connected', source: 12 });
  });

  it('goes on trying with growing delays, and gives up at last', async () => {
    const { voice, state, joins } = await connected();
    for (let attempt = 0; attempt < 24; attempt++) {
      state({ state: 'lost' });
      await pass(30_000);
      expect(joins()).toBe(attempt + 2);
    }
    state({ state: 'lost' });
    expect(voice.call).toMatchObject({ phase: 'failed', failure: 'unreachable' });
    await pass(60_000);
    expect(joins()).toBe(25);
  });

  it('that never connects is given up soon', async () => {
    const { voice, place, state, joins } = setUp();
    voice.join(place);
    for (let attempt = 0; attempt < 3; attempt++) {
      await pass(2_000);
      expect(voice.call.phase).toBe('joining');
      state({ state: 'unreachable' });
    }
    expect(joins()).toBe(3);
    expect(voice.call.phase).toBe('failed');
  });

  it('waits for the gateway when it is away', async () => {
    const { voice, place, request, joins } = setUp();
    request.mockRejectedValueOnce(new RequestFailed('unreachable'));
    voice.join(place);
    await pass();
    expect(joins()).toBe(0);
    await pass(500);
    expect(joins()).toBe(1);
  });

  it('goes on as soon as the gateway is back', async () => {
    const { voice, place, request, joins } = setUp();
    request.mockRejectedValueOnce(new RequestFailed('unreachable'));
    voice.join(place);
    await pass();
    voice.onServerOnline(place.server);
    await pass();
    expect(joins()).toBe(1);
    voice.onServerOnline(place.server);
    await pass(60_000);
    expect(joins()).toBe(1);
  });

  it('that is not permitted fails at once', async () => {
    const { voice, place, request } = setUp();
    request.mockRejectedValueOnce(new RequestFailed('forbidden'));
    voice.join(place);
    await pass();
    expect(voice.call).toMatchObject({ phase: 'failed', failure: 'forbidden' });
  });

  it('asks for another ticket when one was refused', async () => {
    const { voice, place, state, joins } = setUp();
    voice.join(place);
    await pass();
    state({ state: 'refused', code: 'ticketExpired' });
    await pass(500);
    expect(joins()).toBe(2);
  });

  it.each(['replaced', 'disconnected', 'forbidden', 'channelGone'] as const)(
    'stays ended when it was ended as %s',
    async (reason) => {
      const { voice, commands, joins } = await connected();
      voice.onEnded('s1', reason);
      expect(voice.call).toMatchObject({ phase: 'failed', failure: reason });
      expect(commands.at(-1)).toEqual({ type: 'leave' });
      await pass(60_000);
      expect(joins()).toBe(1);
    },
  );

  it.each(['left', 'timedOut', 'nodeStopping', 'handshakeFailed'] as const)(
    'comes back when it was ended as %s',
    async (reason) => {
      const { voice, joins } = await connected();
      voice.onEnded('s1', reason);
      await pass();
      expect(joins()).toBe(2);
    },
  );

  it('is not troubled by the end of the session before', async () => {
    const { voice, state } = await connected();
    state({ state: 'lost' });
    await pass();
    voice.onEnded('s1', 'replaced');
    expect(voice.call.phase).toBe('reconnecting');
  });

  it('that ends without a reason waits for the gateway to give it', async () => {
    const { voice, state, joins } = await connected();
    state({ state: 'ended', reason: null });
    voice.onEnded('s1', 'disconnected');
    expect(voice.call).toMatchObject({ phase: 'failed', failure: 'disconnected' });
    await pass(60_000);
    expect(joins()).toBe(1);
  });

  it('that ends without any reason comes back', async () => {
    const { state, joins } = await connected();
    state({ state: 'ended', reason: null });
    await pass(1_501);
    expect(joins()).toBe(2);
  });

  it('is over when one leaves, whatever comes later', async () => {
    const { voice, state, send, joins } = await connected();
    voice.leave();
    expect(send).toHaveBeenCalledWith({ op: 'voiceLeave' });
    state({ state: 'lost' });
    await pass(60_000);
    expect(voice.call.phase).toBe('idle');
    expect(joins()).toBe(1);
  });

  it('does not start when one leaves before the ticket comes', async () => {
    const { voice, place, joins } = setUp();
    voice.join(place);
    voice.leave();
    await pass();
    expect(joins()).toBe(0);
    expect(voice.call.phase).toBe('idle');
  });
});

describe('muting', () => {
  it('tells engine and gateway', async () => {
    const { voice, commands, send } = await connected();
    voice.toggleMute();
    expect(commands.at(-1)).toEqual({ type: 'setMuted', muted: true, deafened: false });
    expect(send).toHaveBeenCalledWith({ op: 'voiceState', selfMute: true, selfDeaf: false });
  });

  it('is undone with deafening: whoever wants to be heard wants to hear', async () => {
    const { voice, settings } = await connected();
    voice.toggleDeaf();
    expect(settings.current).toMatchObject({ selfMute: false, selfDeaf: true });
    voice.toggleMute();
    expect(settings.current).toMatchObject({ selfMute: false, selfDeaf: false });
  });

  it('by a moderator mutes the engine too', async () => {
    const { voice, guild, commands } = await connected();
    const [own] = guild.voiceStates;
    if (own) own.serverMute = true;
    voice.onGuilds();
    expect(commands.at(-1)).toEqual({ type: 'setMuted', muted: true, deafened: false });
  });
});

describe('who comes and goes', () => {
  const chimes = ({ commands }: SetUp) =>
    commands.flatMap((command) => (command.type === 'chime' ? [command.chime] : []));

  it('is heard while connected, once for each change, and never of oneself', async () => {
    const all = await connected();
    all.voice.onGuilds();
    expect(chimes(all)).toEqual([]);
    all.guild.voiceStates.push(inHall('3', 12));
    all.voice.onGuilds();
    all.voice.onGuilds();
    expect(chimes(all)).toEqual(['joined']);
    all.guild.voiceStates.splice(0, 2);
    all.voice.onGuilds();
    expect(chimes(all)).toEqual(['joined', 'left']);
  });

  it('is quiet before the call is connected and in a crowd', async () => {
    const early = setUp();
    early.voice.join(early.place);
    await pass();
    early.guild.voiceStates.push(inHall('3', 12));
    early.voice.onGuilds();
    expect(chimes(early)).toEqual([]);
    const crowd = await connected();
    for (let user = 10; user < 50; user++) {
      crowd.guild.voiceStates.push(inHall(`${user}`, user * 4));
    }
    crowd.voice.onGuilds();
    expect(chimes(crowd)).toEqual([]);
  });
});

describe('the volume of a person', () => {
  it('is kept, and given to the engine for each source of theirs', async () => {
    const { voice, guild, place, commands, settings } = await connected();
    voice.setVolume(place.server, '2', 0.5);
    expect(commands.at(-1)).toEqual({ type: 'setVolume', source: 8, volume: 0.5 });
    guild.voiceStates = [inHall('2', 16)];
    voice.onGuilds();
    expect(commands.at(-1)).toEqual({ type: 'setVolume', source: 16, volume: 0.5 });
    expect(settings.volumeOf('https://host', '2')).toBe(0.5);
    voice.setVolume(place.server, '2', 1);
    expect(commands.at(-1)).toEqual({ type: 'setVolume', source: 16, volume: 1 });
    expect(settings.current.volumes).toEqual({});
  });
});

describe('keys', () => {
  it('do what the interface does itself', async () => {
    const { voice, settings, emit } = await connected();
    emit({ type: 'keyPressed', action: 'mute' });
    expect(settings.current.selfMute).toBe(true);
    emit({ type: 'keyPressed', action: 'deafen' });
    expect(settings.current.selfDeaf).toBe(true);
    emit({ type: 'keyPressed', action: 'leave' });
    expect(voice.call.phase).toBe('idle');
  });

  it('keep the microphone open as the engine says', async () => {
    const { voice, emit, commands } = await connected();
    emit({ type: 'talkOverride', on: true });
    expect(voice.override.on).toBe(true);
    voice.override.toggle();
    expect(commands.at(-1)).toEqual({ type: 'talkOverride', on: false });
    const refused = voice.override.set(true);
    emit({ type: 'talkOverride', on: false });
    await refused;
    expect(voice.override.on).toBe(false);
  });

  it('are told to the engine when they change', async () => {
    const { voice, commands } = await connected();
    const keys = [{ action: 'talk' as const, keys: ['KeyV'] }];
    voice.setKeys(keys);
    expect(commands.at(-1)).toEqual({ type: 'bindKeys', bindings: keys });
  });

  it('are recorded between the wish and its end', async () => {
    const { voice, emit, commands } = await connected();
    emit({ type: 'keysRecorded', keys: ['KeyV'], complete: true });
    expect(voice.recording).toBeNull();
    voice.recordKeys(true);
    voice.recordKeys(true);
    emit({ type: 'keysRecorded', keys: ['KeyV'], complete: false });
    expect(voice.recording).toMatchObject({ keys: ['KeyV'], complete: false });
    voice.recordKeys(false);
    expect(commands.filter(({ type }) => type === 'recordKeys')).toHaveLength(2);
  });

  it('are asked of the desktop when somebody wants that, and not again after a no', async () => {
    const { voice, settings, emit, commands } = await connected();
    voice.start();
    expect(commands.filter(({ type }) => type === 'assignKeys')).toHaveLength(0);
    voice.assignKeys(true);
    const actions = [
      { action: 'talk', name: 'Talk' },
      { action: 'talkOverride', name: 'Keep the microphone open' },
      { action: 'mute', name: 'Mute' },
      { action: 'deafen', name: 'Deafen' },
      { action: 'leave', name: 'Leave the call' },
    ];
    expect(commands.at(-1)).toEqual({ type: 'assignKeys', actions });
    const keys = [{ action: 'talk' as const, keys: 'F9' }];
    emit({ type: 'desktopKeys', state: 'assigned', keys, changeable: true });
    expect(voice.desktopKeys.keys).toEqual(keys);
    commands.length = 0;
    voice.start();
    expect(commands.at(-1)).toEqual({ type: 'assignKeys', actions });
    emit({ type: 'desktopKeys', state: 'refused', keys: [], changeable: true });
    expect(settings.current.desktopKeys).toBe(false);
    voice.assignKeys(false);
    expect(commands.at(-1)).toEqual({ type: 'assignKeys', actions: [] });
  });
});

it('says why somebody who speaks is not heard', async () => {
  const { voice, guild, emit } = await connected();
  const told: string[] = [];
  voice.onUnheard = (why) => told.push(why);
  emit({ type: 'unheard', reason: 'key' });
  emit({ type: 'unheard', reason: 'muted' });
  guild.voiceStates = [{ ...inHall('1', 4), serverMute: true }];
  emit({ type: 'unheard', reason: 'muted' });
  expect(told).toEqual(['key', 'muted', 'mutedByModerator']);
});

it('completes what an older version saved', async () => {
  const gate = { mode: 'voice', threshold: 0.25 };
  const settings = new Settings({
    ...storage,
    loadSettings: () => Promise.resolve({ audio: { gate } }),
  });
  await settings.load();
  expect(settings.current.audio.gate).toEqual({ ...gate, releaseMs: 300 });
  expect(settings.current.keys).toEqual([]);
});
