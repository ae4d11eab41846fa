import type { ChannelId, ControlReason, Guild } from '../bindings/protocol';

/** A voice channel of some server. */
export interface Found<S> {
  server: S;
  guild: Guild;
  channel: ChannelId;
}

/** Finds a voice channel by its name and, where that is not enough, its guild's. */
export function findChannel<S extends { guilds: readonly Guild[] }>(
  servers: readonly S[],
  wanted: { channel: string; guild: string | null },
): Found<S> | ControlReason {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const found = servers.flatMap((server) =>
    server.guilds
      .filter(({ name }) => wanted.guild === null || same(name, wanted.guild))
      .flatMap((guild) =>
        guild.channels
          .filter(({ kind, name }) => kind === 'voice' && same(name, wanted.channel))
          .map(({ id }) => ({ server, guild, channel: id })),
      ),
  );
  const [first] = found;
  if (!first) return 'noChannel';
  return found.length > 1 ? 'ambiguous' : first;
}
