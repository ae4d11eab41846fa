import {
  Permission,
  type Channel,
  type ChannelId,
  type Guild,
  type GuildChange,
  type Member,
  type SourceId,
  type UserId,
  type VoiceState,
} from '../bindings/protocol';

/**
 * The guild after a change. None when the change is not the next one: something was missed, and
 * only a new snapshot helps. A change that the snapshot already contains alters nothing.
 */
export function applyChange(guild: Guild, version: number, change: GuildChange): Guild | null {
  if (version <= guild.version) return guild;
  if (version !== guild.version + 1) return null;
  return { ...guild, ...changed(guild, change), version };
}

function changed(guild: Guild, change: GuildChange): Partial<Guild> {
  switch (change.kind) {
    case 'memberSet': {
      const { member } = change;
      return { members: replaced(guild.members, member, ({ user }) => user.id === member.user.id) };
    }
    case 'memberRemoved':
      return {
        members: guild.members.filter(({ user }) => user.id !== change.user),
        voiceStates: guild.voiceStates.filter(({ user }) => user !== change.user),
      };
    case 'channelSet': {
      const { channel } = change;
      return { channels: replaced(guild.channels, channel, ({ id }) => id === channel.id) };
    }
    case 'channelRemoved':
      return {
        channels: guild.channels.filter(({ id }) => id !== change.channel),
        voiceStates: guild.voiceStates.filter(({ channel }) => channel !== change.channel),
      };
    case 'voiceStateSet': {
      const { state } = change;
      return { voiceStates: replaced(guild.voiceStates, state, ({ user }) => user === state.user) };
    }
    case 'voiceStateRemoved':
      return { voiceStates: guild.voiceStates.filter(({ user }) => user !== change.user) };
    case 'renamed':
      return { name: change.name };
    case 'ownerSet':
      return { owner: change.owner };
  }
}

/** The list with `item` in the place of the one that fits, or at the end. */
function replaced<T>(list: readonly T[], item: T, fits: (other: T) => boolean): T[] {
  return list.some(fits) ? list.map((other) => (fits(other) ? item : other)) : [...list, item];
}

export function memberOf(guild: Guild, user: UserId): Member | undefined {
  return guild.members.find((member) => member.user.id === user);
}

export function channelOf(guild: Guild, channel: ChannelId): Channel | undefined {
  return guild.channels.find(({ id }) => id === channel);
}

/** A person in a voice channel. */
export interface Occupant {
  state: VoiceState;
  member: Member;
}

/** Who is in a voice channel, by name, so that nobody's place depends on who joined last. */
export function occupantsOf(guild: Guild, channel: ChannelId): Occupant[] {
  return guild.voiceStates
    .filter((state) => state.channel === channel)
    .flatMap((state) => {
      const member = memberOf(guild, state.user);
      return member ? [{ state, member }] : [];
    })
    .sort((a, b) => a.member.user.name.localeCompare(b.member.user.name));
}

/**
 * The priority speakers of a voice channel, by their source. The owner, who may do everything, is one
 * only by a role: others' voices shall not sink whenever the owner happens to speak.
 */
export function prioritySources(guild: Guild, channel: ChannelId): SourceId[] {
  return guild.voiceStates
    .filter((state) => state.channel === channel && granted(guild, state.user, 'PRIORITY_SPEAKER'))
    .map(({ source }) => source);
}

/** Whether somebody may do something; the owner may do everything. */
export function may(guild: Guild, user: UserId, permission: keyof typeof Permission): boolean {
  return guild.owner === user || granted(guild, user, permission);
}

/** Whether one of somebody's roles, `everyone` among them, grants something. */
function granted(guild: Guild, user: UserId, permission: keyof typeof Permission): boolean {
  const own = memberOf(guild, user)?.roles ?? [];
  const bits = guild.roles
    .filter(({ id }, index) => index === 0 || own.includes(id))
    .reduce((sum, { permissions }) => sum | permissions, 0);
  return (bits & Permission[permission]) !== 0;
}
