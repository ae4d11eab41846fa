import type { Channel, Guild, User } from '../bindings/protocol';
import { fuzzyScore } from './fuzzy';
import type { Server } from './server.svelte';

/** Somewhere to go: a guild, a channel, or a person. */
export type Destination = { key: string; name: string; server: Server; guild: Guild } & (
  | { kind: 'guild' }
  | { kind: 'channel'; channel: Channel; unread: boolean }
  | { kind: 'person'; user: User; online: boolean }
);

/** More are not looked through by eye; another letter is typed instead. */
const SHOWN_MAX = 40;

/** Every destination: channels first, then guilds, then people; `here` is the guild on the screen. */
export function destinations(servers: readonly Server[], here: Guild | null): Destination[] {
  const places = servers.flatMap((server) => server.guilds.map((guild) => ({ server, guild })));
  places.sort((a, b) => Number(b.guild === here) - Number(a.guild === here));
  return [
    ...places.flatMap(channelsOf),
    ...places.map(({ server, guild }): Destination => {
      return {
        kind: 'guild',
        key: `g ${server.base} ${guild.id}`,
        name: guild.name,
        server,
        guild,
      };
    }),
    ...places.flatMap(peopleOf),
  ];
}

interface Place {
  server: Server;
  guild: Guild;
}

function channelsOf({ server, guild }: Place): Destination[] {
  const list = guild.channels.map((channel): Destination => {
    const unread = server.unread.includes(channel.id);
    const key = `c ${server.base} ${channel.id}`;
    return { kind: 'channel', key, name: channel.name, server, guild, channel, unread };
  });
  return list.sort((a, b) => Number(isUnread(b)) - Number(isUnread(a)));
}

function isUnread(destination: Destination): boolean {
  return destination.kind === 'channel' && destination.unread;
}

function peopleOf({ server, guild }: Place): Destination[] {
  return guild.members
    .filter(({ user }) => user.id !== server.user?.id)
    .map(({ user, online }): Destination => {
      const key = `p ${server.base} ${guild.id} ${user.id}`;
      return { kind: 'person', key, name: user.name, server, guild, user, online };
    });
}

/** Those that fit, best first; all in their order when nothing was typed. */
export function matching(query: string, all: readonly Destination[]): Destination[] {
  if (query.trim() === '') return all.slice(0, SHOWN_MAX);
  return all
    .map((destination) => ({ destination, score: fuzzyScore(query, destination.name) }))
    .filter((entry): entry is { destination: Destination; score: number } => entry.score !== null)
    .sort((a, b) => b.score - a.score)
    .slice(0, SHOWN_MAX)
    .map(({ destination }) => destination);
}
