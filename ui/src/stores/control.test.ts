import { describe, expect, it } from 'vitest';
import type { Guild } from '../bindings/protocol';
import { findChannel } from './control';

function guild(id: string, name: string, channels: [string, 'voice' | 'text'][]): Guild {
  return {
    id,
    name,
    owner: null,
    version: 1,
    roles: [],
    members: [],
    voiceStates: [],
    channels: channels.map(([name, kind], index) => ({
      id: `${id}${index}`,
      name,
      kind,
      bitrate: 1,
    })),
  };
}

const servers = [
  {
    guilds: [
      guild('1', 'Club', [
        ['Lobby', 'voice'],
        ['lobby', 'text'],
        ['Den', 'voice'],
      ]),
    ],
  },
  { guilds: [guild('2', 'Team', [['Lobby', 'voice']])] },
];

describe('a channel that a program asks for', () => {
  it.each([
    ['den', null, '12'],
    ['LOBBY', 'team', '20'],
    ['Lobby', 'Club', '10'],
    ['Lobby', null, 'ambiguous'],
    ['Attic', null, 'noChannel'],
    ['Den', 'Team', 'noChannel'],
  ])('%s of %s is %s', (channel, guild, wanted) => {
    const found = findChannel(servers, { channel, guild });
    expect(typeof found === 'string' ? found : found.channel).toBe(wanted);
  });
});
