/** Several servers in one window: one at work, one that is away, one that is signed out of. */
import { ADA, BASE, sampleGuild, type PlayedServer, type Stage } from './fixture';

export const PLAY = 'https://play.example.net';
export const WORK = 'https://voice.work.example.com';
export const OLD = 'https://old.example.org';

/** What the app remembers of the two that it does not reach. */
const REMEMBERED = [
  { base: BASE, user: ADA, guilds: [{ id: '1', name: 'The Lanterns' }] },
  {
    base: WORK,
    user: { id: '7', name: 'A. Lovelace', guest: false },
    guilds: [{ id: '1', name: 'Analytical Engines' }],
  },
  {
    base: OLD,
    user: { id: '8', name: 'Countess', guest: false },
    guilds: [{ id: '1', name: 'Poets' }],
  },
];

export interface Several {
  play: PlayedServer;
  work: PlayedServer;
  old: PlayedServer;
}

/** What there is around the app before it starts. */
export function furnish(stage: Stage): Several {
  stage.guilds = [
    sampleGuild(),
    {
      ...sampleGuild(),
      id: '2',
      name: 'Night Owls',
      owner: '103',
      channels: sampleGuild().channels.map((channel) => ({ ...channel, id: `2${channel.id}` })),
      voiceStates: [],
    },
  ];
  const play = stage.further(PLAY, {
    user: { id: '101', name: 'adalove', guest: false },
    guilds: [{ ...sampleGuild(), name: 'Moth Club', voiceStates: [] }],
  });
  const work = stage.further(WORK, { down: true });
  const old = stage.further(OLD, { user: { id: '8', name: 'Countess', guest: false } }, false);
  return { play, work, old };
}

/** The app with all four, looking at the first. */
export async function several(stage: Stage, settings: object = {}): Promise<Several> {
  const servers = furnish(stage);
  await stage.signedIn({ servers: REMEMBERED, ...settings });
  await node(stage, PLAY, 'online').waitFor();
  await node(stage, WORK, 'offline').waitFor();
  await node(stage, OLD, 'signedOut').waitFor();
  return servers;
}

/** A server in the rail; with a state, once it is in it. */
export function node({ page }: Stage, base: string, connection?: string) {
  const state = connection === undefined ? '' : `[data-connection=${connection}]`;
  return page.locator(`[data-testid=rail-server][data-server="${new URL(base).host}"]${state}`);
}

/** A guild in the rail. */
export function door({ page }: Stage, name: string) {
  return page.locator(`[data-testid=rail-guild][data-guild="${name}"]`);
}

/** Somebody writes in a server's text channel. */
export function write(server: PlayedServer, text = 'Is anybody here?'): void {
  const message = { id: '1500', channel: '21', author: '102', text, sentAt: Date.now() };
  server.dispatch({ type: 'messageCreated', guild: '1', message });
}
