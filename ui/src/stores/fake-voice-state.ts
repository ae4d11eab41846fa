import type { VoiceState } from '../bindings/protocol';

/** Somebody in a voice channel whom nobody muted, and who shows nothing. */
export function voiceState(user: string, channel: string, source: number): VoiceState {
  return {
    user,
    channel,
    session: `${source}`,
    source,
    selfMute: false,
    selfDeaf: false,
    serverMute: false,
    serverDeaf: false,
    videoBarred: false,
    camera: false,
    screen: false,
  };
}
