/** Every view there is, and how to get to it: for pictures and for the check of accessibility. */
import type { Page } from 'playwright-core';
import type { CallStats } from '../src/bindings/protocol';
import { DESKTOP_VIEWS } from './desktop-views';
import { BASE, voiceState, type Stage } from './fixture';
import { SERVER_VIEWS } from './server-views';
import { OWN_SOURCE } from './shell';
import { SETTINGS_VIEWS, type View } from './settings-views';

export type { View } from './settings-views';

const channel = (page: Page, name: string) =>
  page.locator(`[data-testid=channel][data-name="${name}"]`);

/** A control that a narrow window hides behind the list of channels. */
async function click(page: Page, testid: string): Promise<void> {
  const control = page.getByTestId(testid).first();
  if (!(await control.isVisible())) await page.getByTestId('back').click();
  await control.click();
}

/** In a call with three others, one of whom speaks. */
export async function inCall(stage: Stage, settings: object = {}): Promise<void> {
  await stage.signedIn(settings);
  await channel(stage.page, 'The Hall').click();
  const set = (version: number, state: ReturnType<typeof voiceState>) =>
    stage.dispatch({
      type: 'guildChanged',
      guild: '1',
      version,
      change: { kind: 'voiceStateSet', state },
    });
  set(8, voiceState('101', '11', OWN_SOURCE));
  await stage.page.locator('[data-voice-state=connected]').waitFor();
  stage.shell.engine({ type: 'input', levelDbfs: -22, speech: 0.9, sending: true });
  stage.shell.engine({ type: 'speaking', sources: [8] });
  await stage.page.locator('[data-testid=person][data-speaking=true]').waitFor();
}

/** A call that has gone on for a while, with its panel open. */
export async function quality(stage: Stage, changes: Partial<CallStats> = {}): Promise<void> {
  await inCall(stage);
  for (let second = 0; second < 90; second++) {
    const wave = Math.sin(second / 7) + Math.sin(second / 2.3) / 2;
    const stats = { ...STATS, rttMs: 28 + 4 * wave, jitterMs: 3 + wave, ...changes };
    if (second > 50 && second < 56) stats.lossDown = 0.03;
    stats.bitrateDown = Math.round(52_000 + 9_000 * wave);
    stage.shell.engine({ type: 'stats', stats });
  }
  await stage.page.getByTestId('quality').click();
  await stage.page.getByTestId('quality-details').waitFor();
}

const STATS: CallStats = {
  rttMs: 28,
  lossDown: 0,
  lossUp: 0.004,
  jitterMs: 3,
  bufferMs: 38,
  bitrateDown: 52_000,
  bitrateUp: 61_000,
  codec: 'opus',
  packetMs: 20,
  delays: { captureMs: 6, processingMs: 26.5, networkMs: 28, bufferMs: 38, playbackMs: 12 },
};

export const VIEWS: View[] = [
  {
    name: 'invite',
    app: false,
    open: async ({ page }) => {
      await page.goto(`${BASE}/join/abc`);
      await page.getByTestId('invite-preview').waitFor();
    },
  },
  {
    name: 'invite refused',
    app: false,
    open: async (stage) => {
      stage.answer = (call) =>
        call.startsWith('GET /api/invites')
          ? { status: 404, body: { code: 'inviteInvalid', message: '' } }
          : null;
      await stage.page.goto(`${BASE}/join/abc`);
      await stage.page.getByTestId('join-error').waitFor();
    },
  },
  {
    name: 'first start',
    app: true,
    open: async ({ page }) => {
      await page.goto(BASE);
      await page.getByTestId('invite-link').waitFor();
    },
  },
  {
    name: 'loading',
    app: true,
    open: async ({ page, shell }) => {
      shell.answer = (command) =>
        command === 'settings_load' ? new Promise(() => undefined) : undefined;
      await page.goto(BASE);
      await page.getByRole('status').first().waitFor();
    },
  },
  {
    name: 'invite that is over',
    app: false,
    open: async (stage) => {
      stage.answer = () => ({ status: 404, body: { code: 'inviteInvalid', message: '' } });
      await stage.page.goto(`${BASE}/join/abc`);
      await stage.page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'invite with a password',
    app: false,
    open: async ({ page }) => {
      await page.goto(`${BASE}/join/abc`);
      await page.getByTestId('join-with-password').click();
      await page.getByTestId('join-password').waitFor();
    },
  },
  {
    name: 'sign in',
    app: true,
    open: async ({ page }) => {
      await page.goto(BASE);
      await page.getByTestId('have-account').click();
      await page.getByTestId('sign-in-server').fill('not an address');
    },
  },
  { name: 'voice channel', app: true, open: (stage) => stage.signedIn({ membersShown: true }) },
  { name: 'call', app: true, open: (stage) => inCall(stage) },
  {
    name: 'call kept open',
    app: true,
    open: async (stage) => {
      await inCall(stage, { audio: { gate: { mode: 'pushToTalk', releaseMs: 200 } } });
      stage.shell.engine({ type: 'talkOverride', on: true });
      await stage.page.locator('[data-testid=talk-mark][data-on=true]').waitFor();
    },
  },
  {
    name: 'call kept open muted',
    app: true,
    open: async (stage) => {
      await inCall(stage, { selfMute: true });
      stage.shell.engine({ type: 'talkOverride', on: true });
      await stage.page.locator('[data-testid=talk-mark][data-silent=true]').waitFor();
    },
  },
  {
    name: 'call muted offline',
    app: true,
    open: async (stage) => {
      await inCall(stage, { selfMute: true });
      stage.cut();
      await stage.page.getByTestId('offline').waitFor();
    },
  },
  {
    name: 'call reconnecting',
    app: true,
    open: async (stage) => {
      await inCall(stage);
      stage.shell.connects = false;
      stage.shell.engine({ type: 'state', state: { state: 'lost' } });
      await stage.page.locator('[data-voice-state=reconnecting]').waitFor();
    },
  },
  {
    name: 'call ended',
    app: true,
    open: async (stage) => {
      await inCall(stage);
      stage.shell.engine({ type: 'problem', problem: 'noInput' });
      stage.shell.engine({ type: 'state', state: { state: 'ended', reason: 'channelGone' } });
      await stage.page.locator('[data-voice-state=failed]').waitFor();
    },
  },
  {
    name: 'call without microphone',
    app: true,
    open: async (stage) => {
      await inCall(stage);
      stage.shell.engine({ type: 'problem', problem: 'noInput' });
      await stage.page.getByTestId('problem').waitFor();
    },
  },
  { name: 'call quality', app: true, open: (stage) => quality(stage) },
  {
    name: 'call quality as a table',
    app: true,
    open: async (stage) => {
      await quality(stage);
      await stage.page.locator('summary').click();
    },
  },
  {
    name: 'quick switcher',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await stage.page.keyboard.press('Control+k');
    },
  },
  {
    name: 'quick switcher search',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await stage.page.keyboard.press('Control+k');
      await stage.page.keyboard.type('a');
    },
  },
  {
    name: 'shortcuts',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await stage.page.keyboard.press('Control+/');
    },
  },
  {
    name: 'empty voice channel',
    app: true,
    open: async (stage) => {
      const before = stage.guilds[0];
      if (before) stage.guilds = [{ ...before, voiceStates: [] }];
      await stage.signedIn();
    },
  },
  {
    name: 'no guild',
    app: true,
    open: async (stage) => {
      stage.guilds = [];
      await stage.enter();
      await stage.page.getByTestId('no-guild').waitFor();
    },
  },
  {
    name: 'connecting',
    app: true,
    open: async (stage) => {
      stage.mute = true;
      await stage.enter();
      await stage.page.getByTestId('main').waitFor();
    },
  },
  {
    name: 'text channel',
    app: true,
    open: async (stage) => {
      await stage.signedIn({ membersShown: true });
      await channel(stage.page, 'general').click();
      await stage.page.getByTestId('message').first().waitFor();
    },
  },
  {
    name: 'text channel failed draft',
    app: true,
    open: async (stage) => {
      stage.answer = (call) =>
        call.startsWith('POST /api/channels')
          ? { status: 429, body: { code: 'rateLimited', message: '' } }
          : null;
      await stage.signedIn();
      await channel(stage.page, 'general').click();
      await stage.page.getByTestId('composer').fill('Hello');
      await stage.page.getByTestId('composer').press('Enter');
      await stage.page.getByTestId('draft').getByRole('alert').waitFor();
    },
  },
  {
    name: 'text channel unreachable',
    app: true,
    open: async (stage) => {
      stage.answer = (call) =>
        call.includes('/messages')
          ? { status: 503, body: { code: 'unavailable', message: '' } }
          : null;
      await stage.signedIn();
      await channel(stage.page, 'general').click();
      await stage.page.getByTestId('messages').getByRole('button').waitFor();
    },
  },
  {
    name: 'empty text channel',
    app: true,
    open: async (stage) => {
      stage.messages = [];
      await stage.signedIn();
      await channel(stage.page, 'general').click();
      await stage.page.getByTestId('messages').getByRole('heading').waitFor();
    },
  },
  {
    name: 'person',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      if (!(await stage.page.getByTestId('person').first().isVisible()))
        await channel(stage.page, 'The Hall').click();
      await stage.page.locator('[data-testid=person][data-user=Brigitte]').click();
      await stage.page.getByTestId('person-popover').waitFor();
    },
  },
  {
    name: 'remove a person',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await stage.page.locator('[data-testid=occupant][data-user=Brigitte]').click();
      await stage.page.getByTestId('kick').click();
      await stage.page.getByTestId('confirm').waitFor();
    },
  },
  {
    name: 'delete a channel',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await channel(stage.page, 'general').click();
      await stage.page.getByTestId('channel-delete').click();
      await stage.page.getByTestId('confirm').waitFor();
    },
  },
  {
    name: 'text channel that one may only read',
    app: true,
    open: async (stage) => {
      const before = stage.guilds[0];
      const roles = [{ id: '1', name: 'everyone', permissions: 1 }];
      if (before) stage.guilds = [{ ...before, owner: '102', roles }];
      await stage.signedIn();
      await channel(stage.page, 'general').click();
      await stage.page.locator('[data-testid=composer]:disabled').waitFor();
    },
  },
  {
    name: 'guild menu',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'guild-switcher');
    },
  },
  {
    name: 'invite people',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'invite-open');
    },
  },
  {
    name: 'invite link',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'invite-open');
      await stage.page.getByTestId('invite-make').click();
      await stage.page.getByTestId('invite-result').waitFor();
    },
  },
  {
    name: 'new channel',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'new-channel');
    },
  },
  {
    name: 'join a guild',
    app: true,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'guild-switcher');
      await stage.page.getByTestId('join-guild-open').click();
    },
  },
  ...SETTINGS_VIEWS,
  {
    name: 'join a guild in a browser',
    app: false,
    open: async (stage) => {
      await stage.signedIn();
      await click(stage.page, 'guild-switcher');
      await stage.page.getByTestId('join-guild-open').click();
    },
  },
  ...SERVER_VIEWS,
  ...DESKTOP_VIEWS,
];
