import type {
  AssignedKeys,
  Assignment,
  AudioDevice,
  ChannelId,
  EndReason,
  GuildId,
  KeyAccess,
  SourceId,
} from '../bindings/protocol';
import type { Failure } from '../gateway';
import type { Server } from './server.svelte';

/** A voice channel somewhere. */
export interface Place {
  server: Server;
  guild: GuildId;
  channel: ChannelId;
}

/** Where one's call stands. */
export type Call =
  | { phase: 'idle' }
  | { phase: 'joining'; place: Place }
  | { phase: 'connected'; place: Place; source: SourceId }
  /** The media was lost; it is being joined again. */
  | { phase: 'reconnecting'; place: Place }
  /** It is over and will not come back by itself. */
  | { phase: 'failed'; place: Place; failure: Failure | EndReason };

export interface Input {
  levelDbfs: number;
  speech: number;
  sending: boolean;
}

/** Which keys can be heard, and what is printed on them. */
export interface Keys {
  access: KeyAccess;
  names: Partial<Record<string, string>>;
}

/** What the desktop itself does with keys. */
export interface DesktopKeys {
  state: Assignment;
  keys: readonly AssignedKeys[];
  changeable: boolean;
}

/** Why one speaks and is not heard. */
export type Unheard = 'muted' | 'mutedByModerator' | 'key';

/** Levels along the processing chain, in dBFS. */
export interface Processing {
  microphoneDbfs: number;
  cleanedDbfs: number;
  levelledDbfs: number;
  sentDbfs: number;
}

export interface Devices {
  inputs: readonly AudioDevice[];
  outputs: readonly AudioDevice[];
  inputInUse: string | null;
  outputInUse: string | null;
}
