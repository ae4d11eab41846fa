import { describe, expect, it } from 'vitest';
import { Permission, type Guild, type GuildChange } from '../bindings/protocol';
import { voiceState } from './fake-voice-state';
import { applyChange, may, occupantsOf, prioritySources } from './guild';

const state = (user: string, channel = '1') => voiceState(user, channel, Number(user) * 4);

function member(id: string, name: string) {
  return { user: { id, name, guest: false }, roles: [] as string[], online: true };
}

const GUILD: Guild = {
  id: '1',
  name: 'Guild',
  owner: '7',
  version: 3,
  roles: [
    { id: '1', name: 'everyone', permissions: Permission.VIEW },
    { id: '2', name: 'moderator', permissions: Permission.MODERATE_VOICE },
  ],
  channels: [
    { id: '1', name: 'Hall', kind: 'voice', bitrate: 64_000 },
    { id: '2', name: 'general', kind: 'text', bitrate: 0 },
  ],
  members: [member('7', 'Zoe'), { ...member('8', 'Ada'), roles: ['2'] }],
  voiceStates: [state('7'), state('8')],
};

const apply = (change: GuildChange) => applyChange(GUILD, 4, change);

describe('a change', () => {
  it('is applied when it is the next one', () => {
    expect(apply({ kind: 'renamed', name: 'New' })).toEqual({ ...GUILD, name: 'New', version: 4 });
    expect(GUILD.name).toBe('Guild');
  });

  it('that the snapshot contains alters nothing', () => {
    expect(applyChange(GUILD, 3, { kind: 'renamed', name: 'New' })).toBe(GUILD);
  });

  it('after a missing one is refused', () => {
    expect(applyChange(GUILD, 5, { kind: 'renamed', name: 'New' })).toBeNull();
  });

  it('replaces what is there in its place and adds what is not at the end', () => {
    const muted = { ...state('7'), selfMute: true };
    expect(apply({ kind: 'voiceStateSet', state: muted })?.voiceStates).toEqual([
      muted,
      state('8'),
    ]);
    const channel = { id: '3', name: 'New', kind: 'voice', bitrate: 1 } as const;
    expect(apply({ kind: 'channelSet', channel })?.channels.at(-1)).toEqual(channel);
    const renamed = member('7', 'Zoë');
    expect(apply({ kind: 'memberSet', member: renamed })?.members[0]).toEqual(renamed);
    expect(apply({ kind: 'ownerSet', owner: '8' })?.owner).toBe('8');
  });

  it('takes the voice states of a member or channel that goes', () => {
    const left = apply({ kind: 'memberRemoved', user: '7' });
    expect(left?.members.map(({ user }) => user.id)).toEqual(['8']);
    expect(left?.voiceStates).toEqual([state('8')]);
    expect(apply({ kind: 'channelRemoved', channel: '1' })?.voiceStates).toEqual([]);
    expect(apply({ kind: 'voiceStateRemoved', user: '8' })?.voiceStates).toEqual([state('7')]);
  });
});

describe('a guild', () => {
  it('lists who is in a channel by name', () => {
    expect(occupantsOf(GUILD, '1').map(({ member }) => member.user.name)).toEqual(['Ada', 'Zoe']);
    expect(occupantsOf(GUILD, '2')).toEqual([]);
  });

  it('has priority speakers by their roles, and its owner only by one too', () => {
    expect(prioritySources(GUILD, '1')).toEqual([]);
    const lead = { id: '3', name: 'lead', permissions: Permission.PRIORITY_SPEAKER };
    const members = [member('7', 'Zoe'), { ...member('8', 'Ada'), roles: ['3'] }];
    const guild = { ...GUILD, roles: [...GUILD.roles, lead], members };
    expect(prioritySources(guild, '1')).toEqual([32]);
    expect(prioritySources(guild, '2')).toEqual([]);
  });

  it('adds up the permissions of all roles and denies its owner nothing', () => {
    expect(may(GUILD, '8', 'VIEW')).toBe(true);
    expect(may(GUILD, '8', 'MODERATE_VOICE')).toBe(true);
    expect(may(GUILD, '8', 'KICK')).toBe(false);
    expect(may(GUILD, '7', 'KICK')).toBe(true);
    expect(may(GUILD, '99', 'MODERATE_VOICE')).toBe(false);
  });
});
