import type { AudioSettings, Gate, KeyBinding, SoundVolumes, UserId } from '../bindings/protocol';
import type { Storage } from '../platform';
import type { KnownServer } from './server.svelte';

export type Theme = 'system' | 'dark' | 'light';

/** What people chose, on this device. */
interface Choices {
  theme: Theme;
  /** A language's tag, or 'system'. */
  language: string;
  audio: AudioSettings;
  /** What keys do. */
  keys: readonly KeyBinding[];
  /** The desktop is asked to assign keys, where it does that. */
  desktopKeys: boolean;
  /** Loudness of people, 0 to 2, by [`volumeKey`]; absent for 1. */
  volumes: Record<string, number>;
  /** What closing the app's window does, where there is a tray. */
  closeToTray: 'ask' | 'hide' | 'quit';
  /** Messages are announced by the system while the window has no focus. */
  notifyMessages: boolean;
  /** So are people who come into one's channel. */
  notifyJoins: boolean;
  selfMute: boolean;
  selfDeaf: boolean;
  /** The list of members beside the channel. */
  membersShown: boolean;
  /** Where people were when they left. */
  place: { base: string; guild: string | null; channel: string | null } | null;
  /** The servers that people are on, in their order. */
  servers: readonly KnownServer[];
}

const DEFAULTS: Choices = {
  theme: 'system',
  language: 'system',
  audio: {
    input: null,
    output: null,
    inputGain: 1,
    outputGain: 1,
    echoCancellation: true,
    noiseSuppression: 'strong',
    automaticGain: true,
    gate: gateOf('voice'),
    lowLatency: false,
    levelling: true,
    priorityAttenuation: -9,
    sounds: { join: 0.5, leave: 0.5, mute: 0.5 },
  },
  keys: [],
  desktopKeys: false,
  volumes: {},
  closeToTray: 'ask',
  notifyMessages: true,
  notifyJoins: false,
  selfMute: false,
  selfDeaf: false,
  membersShown: false,
  place: null,
  servers: [],
};

export class Settings {
  #choices = $state.raw<Choices>(DEFAULTS);
  /** What is on its way to be kept; null while all is. */
  #saving: Promise<void> | null = null;
  #unsaved = false;

  constructor(private readonly storage: Storage) {}

  get current(): Readonly<Choices> {
    return this.#choices;
  }

  /** Takes what an older version saved, and the defaults for what it lacks. */
  async load(): Promise<void> {
    const saved = ((await this.storage.loadSettings()) ?? {}) as Partial<Choices>;
    this.#choices = {
      ...DEFAULTS,
      ...saved,
      audio: {
        ...DEFAULTS.audio,
        ...saved.audio,
        gate: completed(saved.audio?.gate),
        sounds: soundsOf(saved.audio?.sounds),
      },
    };
  }

  /** Chooses, and hands over to be kept at once: the app may end at any moment. */
  set(changes: Partial<Choices>): void {
    this.#choices = { ...this.#choices, ...changes };
    void this.flush();
  }

  /** Resolves when what is chosen now is kept. */
  flush(): Promise<void> {
    this.#unsaved = true;
    return (this.#saving ??= this.#save().finally(() => (this.#saving = null)));
  }

  /** One version after the other. A slider that is dragged changes faster: the newest is enough. */
  async #save(): Promise<void> {
    while (this.#unsaved) {
      this.#unsaved = false;
      // Where it cannot be kept, the storage says so; what was chosen lasts as long as this run.
      await this.storage.saveSettings(this.#choices).catch(() => undefined);
    }
  }

  volumeOf(base: string, user: UserId): number {
    return this.#choices.volumes[volumeKey(base, user)] ?? 1;
  }

  setVolume(base: string, user: UserId, volume: number): void {
    const key = volumeKey(base, user);
    const volumes = { ...this.#choices.volumes, [key]: volume };
    if (volume === 1) Reflect.deleteProperty(volumes, key);
    this.set({ volumes });
  }

  /** Keeps nothing more that concerns a server. */
  forget(base: string): void {
    const { volumes, place, servers } = this.#choices;
    const others = Object.entries(volumes).filter(([key]) => !key.startsWith(volumeKey(base, '')));
    this.set({
      volumes: Object.fromEntries(others),
      place: place?.base === base ? null : place,
      servers: servers.filter((server) => server.base !== base),
    });
  }
}

/** A talking mode as it is before somebody changes it. */
export function gateOf(mode: Gate['mode']): Gate {
  switch (mode) {
    case 'open':
      return { mode };
    case 'voice':
      return { mode, threshold: null, releaseMs: 300 };
    case 'pushToTalk':
    case 'toggle':
      return { mode, releaseMs: 200 };
    case 'pushToMute':
      return { mode, releaseMs: 0 };
  }
}

/** A mode that an older version saved may lack what has been added to it since. */
function completed(saved: Gate | undefined): Gate {
  return saved ? { ...gateOf(saved.mode), ...saved } : DEFAULTS.audio.gate;
}

/** Older versions had one loudness for all sounds. */
function soundsOf(saved: Partial<SoundVolumes> | number | undefined): SoundVolumes {
  if (typeof saved === 'number') return { join: saved, leave: saved, mute: saved };
  return { ...DEFAULTS.audio.sounds, ...saved };
}

/** Ids are unique on one server only. */
function volumeKey(base: string, user: UserId): string {
  return `${base} ${user}`;
}
