import {
  VOICE_JOIN_PATH,
  type CallStats,
  type ChannelId,
  type EndReason,
  type EngineEvent,
  type ErrorCode,
  type KeyAction,
  type KeyBinding,
  type PlaybackPhase,
  type Problem,
  type SessionState,
  type SourceId,
  type UserId,
  type VoiceSessionId,
} from '../bindings/protocol';
import { Backoff, failureOf, type Failure } from '../gateway';
import type { Engine } from '../platform';
import type { Call, DesktopKeys, Devices, Input, Keys, Place, Processing, Unheard } from './call';
import { channelOf, prioritySources } from './guild';
import { KEY_ACTIONS } from './keys';
import type { Server } from './server.svelte';
import type { Settings } from './settings.svelte';
import { TalkOverride } from './talk-override.svelte';
import { t } from '../strings';

/** Two minutes of figures. */
export const HISTORY_MAX = 120;

/** Attempts before a call that never connected is given up: something is in its way. */
const FIRST_ATTEMPTS_MAX = 3;
/** Attempts before a call that did connect is given up: about five minutes. */
const ATTEMPTS_MAX = 25;
/** An engine that does not know why a session ended waits this long for the gateway to say. */
const REASON_WAIT_MS = 1_500;

/** In a channel of more people than this, coming and going makes no sound: it would never stop. */
const CHIME_PEOPLE_MAX = 25;

/** Refusals that a new ticket mends. */
const TICKET_FAULTS: readonly ErrorCode[] = [
  'ticketInvalid',
  'ticketExpired',
  'ticketUsed',
  'ticketForeign',
  'rateLimited',
  'unavailable',
];
/**
 * Ends after which one may and should come back. 'left' is one of them: when one does leave, the
 * session is forgotten first; a server that says so unasked has lost us, not we it.
 */
const TRANSIENT_ENDS: readonly EndReason[] = [
  'left',
  'timedOut',
  'handshakeFailed',
  'nodeStopping',
];

/** One's own call: from the wish to talk to media that flows, and back to it when it breaks. */
export class Voice {
  call = $state.raw<Call>({ phase: 'idle' });
  speaking = $state.raw<ReadonlySet<SourceId>>(new Set());
  input = $state.raw<Input | null>(null);
  /** What the processing chain does, while the microphone is tested. */
  processing = $state.raw<Processing | null>(null);
  playback = $state.raw<PlaybackPhase>('over');
  stats = $state.raw<CallStats | null>(null);
  /** The figures of the last two minutes of the call, one a second, oldest first. */
  history = $state.raw<readonly CallStats[]>([]);
  devices = $state.raw<Devices>({ inputs: [], outputs: [], inputInUse: null, outputInUse: null });
  problem = $state.raw<Problem | null>(null);
  keys = $state.raw<Keys>({ access: 'nowhere', names: {} });
  desktopKeys = $state.raw<DesktopKeys>({ state: 'unavailable', keys: [], changeable: false });
  /** The keys that are being recorded; none while none are. */
  recording = $state.raw<{ keys: readonly string[]; complete: boolean } | null>(null);
  readonly override: TalkOverride;
  /** Called when somebody speaks and is not heard. */
  onUnheard: (why: Unheard) => void = () => undefined;
  readonly #backoff: Backoff;
  readonly #sentVolumes = new Map<SourceId, number>();
  #sentMute = '';
  #sentPriority = '';
  /** The others in the channel, as of the last look; none while not connected. */
  #company: ReadonlySet<UserId> | null = null;
  #session: VoiceSessionId | null = null;
  /** Counts wishes: what an earlier one left under way no longer matters. */
  #generation = 0;
  #attempts = 0;
  #connectedOnce = false;
  /** The next attempt is due when the timer ends. */
  #waiting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly settings: Settings,
    random: () => number = Math.random,
  ) {
    this.#backoff = new Backoff(random);
    this.override = new TalkOverride(engine);
    engine.subscribe((event) => this.#onEngine(event));
  }

  /** Tells the engine what people chose. Called once, when the settings are loaded. */
  start(): void {
    this.applyAudio();
    this.#applyMute();
    this.#bindKeys();
    if (this.settings.current.desktopKeys) this.assignKeys(true);
  }

  get place(): Place | null {
    return this.call.phase === 'idle' ? null : this.call.place;
  }

  /** Whether there is a call, or will be in a moment. */
  get inCall(): boolean {
    return this.call.phase !== 'idle' && this.call.phase !== 'failed';
  }

  get silencedByModerator(): boolean {
    const own = this.#ownState();
    return own !== undefined && (own.serverMute || own.serverDeaf);
  }

  /** Whether the call is at this place (or on its way there). */
  isAt(server: Server, channel: ChannelId): boolean {
    const place = this.call.phase === 'failed' ? null : this.place;
    return place?.channel === channel && place.server === server;
  }

  join(place: Place): void {
    if (this.isAt(place.server, place.channel)) return;
    const left = this.call.phase === 'failed' ? null : this.place;
    if (left && left.server !== place.server) left.server.gateway.send({ op: 'voiceLeave' });
    clearTimeout(this.#timer);
    this.#generation++;
    this.#attempts = 0;
    this.#connectedOnce = false;
    this.#backoff.reset();
    this.#sentVolumes.clear();
    this.stats = null;
    this.history = [];
    this.call = { phase: 'joining', place };
    void this.#attempt(place);
  }

  leave(): void {
    if (this.call.phase === 'idle') return;
    this.call.place.server.gateway.send({ op: 'voiceLeave' });
    this.#end({ phase: 'idle' });
  }

  toggleMute(): void {
    const { selfMute, selfDeaf } = this.settings.current;
    // Whoever wants to be heard wants to hear.
    this.#setSelf(selfDeaf ? false : !selfMute, false);
  }

  toggleDeaf(): void {
    const { selfMute, selfDeaf } = this.settings.current;
    this.#setSelf(selfMute, !selfDeaf);
  }

  setMute(on: boolean): void {
    this.#setSelf(on, on && this.settings.current.selfDeaf);
  }

  setDeaf(on: boolean): void {
    this.#setSelf(this.settings.current.selfMute, on);
  }

  setVolume(server: Server, user: UserId, volume: number): void {
    this.settings.setVolume(server.base, user, volume);
    this.#applyVolumes();
  }

  applyAudio(): void {
    this.problem = null;
    this.engine.send({ type: 'setAudio', settings: this.settings.current.audio });
  }

  setKeys(keys: readonly KeyBinding[]): void {
    this.settings.set({ keys });
    this.#bindKeys();
  }

  /** Has the desktop assign keys, or not; it may ask the person. */
  assignKeys(enabled: boolean): void {
    this.settings.set({ desktopKeys: enabled });
    const actions = KEY_ACTIONS.map((action) => ({ action, name: t.keys.actions[action] }));
    this.engine.send({ type: 'assignKeys', actions: enabled ? actions : [] });
  }

  /** Lets people change what the desktop assigned, in a window of its own. */
  reassignKeys(): void {
    this.engine.send({ type: 'reassignKeys' });
  }

  /** Hears which keys are pressed, until it is told otherwise. */
  recordKeys(enabled: boolean): void {
    if (enabled === (this.recording !== null)) return;
    this.recording = enabled ? { keys: [], complete: false } : null;
    this.engine.send({ type: 'recordKeys', enabled });
  }

  /** Shows the microphone's level; with `playback`, lets people hear themselves as others do. */
  monitor(enabled: boolean, playback = false): void {
    if (!enabled) this.processing = null;
    this.engine.send({ type: 'monitor', enabled, playback });
  }

  /** Guilds changed: somebody may have come whose volume is set, or one may have been muted. */
  onGuilds(): void {
    this.#applyVolumes();
    this.#applyPriority();
    this.#applyMute();
    this.#chime();
  }

  onEnded(session: VoiceSessionId, reason: EndReason): void {
    if (session === this.#session) this.#onEnd(reason);
  }

  /** A server is back: a call that waits for its next attempt need not wait any longer. */
  onServerOnline(server: Server): void {
    const place = this.place;
    if (!this.#waiting || place?.server !== server) return;
    clearTimeout(this.#timer);
    void this.#attempt(place);
  }

  /** A server is no longer there: signed out. */
  onServerGone(server: Server): void {
    if (this.place?.server === server) this.#end({ phase: 'idle' });
  }

  async #attempt(place: Place): Promise<void> {
    this.#waiting = false;
    const generation = this.#generation;
    const { selfMute, selfDeaf } = this.settings.current;
    try {
      const answer = await place.server.gateway.request({
        op: 'voiceJoin',
        channel: place.channel,
        selfMute,
        selfDeaf,
      });
      if (generation !== this.#generation || answer.op !== 'voiceTicket') return;
      this.#session = answer.session;
      this.#applyMute();
      this.#applyVolumes();
      this.#applyPriority();
      const url = (answer.node || place.server.base) + VOICE_JOIN_PATH;
      this.engine.send({ type: 'join', url, ticket: answer.ticket, bitrate: bitrateOf(place) });
    } catch (error) {
      if (generation !== this.#generation) return;
      const failure = failureOf(error);
      if (failure === 'unreachable' || failure === 'unavailable' || failure === 'rateLimited') {
        this.#retry(failure);
      } else {
        this.#end({ phase: 'failed', place, failure });
      }
    }
  }

  #onEngine(event: EngineEvent): void {
    switch (event.type) {
      case 'state':
        this.#onState(event.state);
        break;
      case 'speaking':
        this.speaking = new Set(event.sources);
        break;
      case 'input':
        this.input = event;
        if (this.problem === 'noInput' || this.problem === 'inputForbidden') this.problem = null;
        break;
      case 'processing':
        this.processing = event;
        break;
      case 'playback':
        this.playback = event.phase;
        break;
      case 'stats':
        this.stats = event.stats;
        this.history = [...this.history, event.stats].slice(-HISTORY_MAX);
        break;
      case 'devices':
        this.devices = event;
        if (event.inputInUse === null) this.input = null;
        break;
      case 'problem':
        this.problem = event.problem;
        break;
      case 'keys':
        this.keys = event;
        break;
      case 'desktopKeys':
        this.desktopKeys = event;
        // A no is not asked about again at the next start.
        if (event.state === 'refused') this.settings.set({ desktopKeys: false });
        break;
      case 'keysRecorded':
        if (this.recording) this.recording = event;
        break;
      case 'keyPressed':
        this.#onKey(event.action);
        break;
      case 'talkOverride':
        this.override.onEngine(event.on);
        break;
      case 'unheard':
        this.onUnheard(event.reason === 'muted' ? this.#mutedBy() : 'key');
        break;
    }
  }

  #onKey(action: KeyAction): void {
    if (action === 'mute') this.toggleMute();
    else if (action === 'deafen') this.toggleDeaf();
    else if (action === 'leave') this.leave();
  }

  #mutedBy(): Unheard {
    return this.silencedByModerator ? 'mutedByModerator' : 'muted';
  }

  #bindKeys(): void {
    const bindings = [...this.settings.current.keys];
    this.engine.send({ type: 'bindKeys', bindings });
  }

  #onState(state: SessionState): void {
    const { call } = this;
    if (call.phase === 'idle' || call.phase === 'failed') return;
    switch (state.state) {
      case 'idle':
      case 'connecting':
        break;
      case 'connected':
        clearTimeout(this.#timer);
        this.#attempts = 0;
        this.#connectedOnce = true;
        this.#backoff.reset();
        this.call = { phase: 'connected', place: call.place, source: state.source };
        this.#chime();
        break;
      case 'lost':
      case 'unreachable':
        this.#retry('unreachable');
        break;
      case 'refused':
        if (TICKET_FAULTS.includes(state.code)) this.#retry(state.code);
        else this.#end({ phase: 'failed', place: call.place, failure: state.code });
        break;
      case 'ended':
        if (state.reason !== null) {
          this.#onEnd(state.reason);
          break;
        }
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#retry('unreachable'), REASON_WAIT_MS);
        break;
    }
  }

  #onEnd(reason: EndReason): void {
    const place = this.place;
    if (!place || this.call.phase === 'failed') return;
    if (TRANSIENT_ENDS.includes(reason)) this.#retry('unreachable');
    else this.#end({ phase: 'failed', place, failure: reason });
  }

  /** Asks for a new ticket after a while, unless that was tried often enough. */
  #retry(failure: Failure): void {
    const place = this.place;
    if (!place) return;
    clearTimeout(this.#timer);
    this.#session = null;
    this.#attempts++;
    if (this.#attempts >= (this.#connectedOnce ? ATTEMPTS_MAX : FIRST_ATTEMPTS_MAX)) {
      this.#end({ phase: 'failed', place, failure });
      return;
    }
    this.call = { phase: this.#connectedOnce ? 'reconnecting' : 'joining', place };
    this.speaking = new Set();
    // The first attempt after a call that worked comes at once: most losses are short.
    const delayMs = this.#connectedOnce && this.#attempts === 1 ? 0 : this.#backoff.next();
    this.#waiting = true;
    this.#timer = setTimeout(() => void this.#attempt(place), delayMs);
  }

  #end(call: Call): void {
    clearTimeout(this.#timer);
    this.#waiting = false;
    this.#generation++;
    this.#session = null;
    this.engine.send({ type: 'leave' });
    this.speaking = new Set();
    this.stats = null;
    this.history = [];
    this.call = call;
  }

  #setSelf(selfMute: boolean, selfDeaf: boolean): void {
    this.settings.set({ selfMute, selfDeaf });
    this.#applyMute();
    this.place?.server.gateway.send({ op: 'voiceState', selfMute, selfDeaf });
  }

  /** The engine is muted by oneself or by a moderator: what the server drops need not be sent. */
  #applyMute(): void {
    const { selfMute, selfDeaf } = this.settings.current;
    const own = this.#ownState();
    const muted = selfMute || (own?.serverMute ?? false);
    const deafened = selfDeaf || (own?.serverDeaf ?? false);
    const key = `${muted} ${deafened}`;
    if (key === this.#sentMute) return;
    this.#sentMute = key;
    this.engine.send({ type: 'setMuted', muted, deafened });
  }

  /** Lets people hear who came and went since the last look. */
  #chime(): void {
    const before = this.#company;
    const { call } = this;
    if (call.phase !== 'connected') {
      this.#company = null;
      return;
    }
    const own = call.place.server.user?.id;
    const users = this.#states(call.place).map(({ user }) => user);
    const now = new Set(users.filter((user) => user !== own));
    this.#company = now;
    if (!before || Math.max(before.size, now.size) >= CHIME_PEOPLE_MAX) return;
    if ([...now].some((user) => !before.has(user)))
      this.engine.send({ type: 'chime', chime: 'joined' });
    else if ([...before].some((user) => !now.has(user)))
      this.engine.send({ type: 'chime', chime: 'left' });
  }

  #ownState() {
    const place = this.place;
    return this.#states(place).find(({ user }) => user === place?.server.user?.id);
  }

  #applyVolumes(): void {
    const place = this.place;
    if (!place) return;
    for (const { user, source } of this.#states(place)) {
      const volume = this.settings.volumeOf(place.server.base, user);
      if ((this.#sentVolumes.get(source) ?? 1) === volume) continue;
      this.#sentVolumes.set(source, volume);
      this.engine.send({ type: 'setVolume', source, volume });
    }
  }

  #applyPriority(): void {
    const place = this.place;
    const guild = place?.server.guild(place.guild);
    if (!place || !guild) return;
    const sources = prioritySources(guild, place.channel).sort((a, b) => a - b);
    const key = sources.join();
    if (key === this.#sentPriority) return;
    this.#sentPriority = key;
    this.engine.send({ type: 'setPriority', sources });
  }

  #states(place: Place | null) {
    const guild = place?.server.guild(place.guild);
    return guild?.voiceStates.filter(({ channel }) => channel === place?.channel) ?? [];
  }
}

function bitrateOf({ server, guild, channel }: Place): number {
  const found = server.guild(guild);
  const bitrate = found && channelOf(found, channel)?.bitrate;
  // A channel is there whenever it can be joined; should it vanish meanwhile, the node refuses.
  return bitrate || 64_000;
}

/** How a call of such figures sounds: losses are heard before delays are. */
export function qualityOf(stats: CallStats): 'good' | 'fair' | 'poor' {
  const loss = Math.max(stats.lossDown, stats.lossUp);
  const rttMs = stats.rttMs ?? 0;
  if (loss > 0.08 || rttMs > 400) return 'poor';
  if (loss > 0.02 || rttMs > 200) return 'fair';
  return 'good';
}
