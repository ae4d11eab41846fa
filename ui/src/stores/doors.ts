import type { GuildId } from '../bindings/protocol';
import type { App } from './app.svelte';
import type { Server } from './server.svelte';

/** A way in: a guild of some server, or a server of which no guild is known. */
export interface Door {
  key: string;
  server: Server;
  guild: GuildId | null;
  name: string;
  /** What is behind it is on the screen. */
  open: boolean;
  /** What is behind it cannot be seen now. */
  away: boolean;
  unread: boolean;
  /** One's call is there. */
  call: boolean;
}

/** Every door, server by server; of a server that is away those that it had. */
export function doorsOf(app: App): Door[] {
  return app.servers.flatMap((server) => doorsOfServer(app, server));
}

function doorsOfServer(app: App, server: Server): Door[] {
  const { base, host, known, unread } = server;
  const call = app.voice.inCall ? app.voice.place : null;
  const openGuild = app.here === server ? openGuildOf(app, server) : undefined;
  const guilds = known.guilds.length > 0 ? known.guilds : [{ id: null, name: host }];
  return guilds.map(({ id, name }): Door => {
    const guild = id === null ? undefined : server.guild(id);
    return {
      key: `${base} ${id ?? ''}`,
      server,
      guild: id,
      name,
      open: openGuild === id,
      away: server.connection !== 'online',
      unread: guild?.channels.some((channel) => unread.includes(channel.id)) ?? false,
      call: call?.server === server && call.guild === id,
    };
  });
}

/** The guild of the server on the screen, whether or not it is there; null where it has none. */
function openGuildOf(app: App, { known }: Server): GuildId | null {
  const wanted = app.selection?.guild.id ?? app.wantedGuild;
  const found = known.guilds.find(({ id }) => id === wanted) ?? known.guilds[0];
  return found?.id ?? null;
}
