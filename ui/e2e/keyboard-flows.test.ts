/** What people do in views and dialogs, with every control reached by Tab and arrows alone. */
import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { openMini, updates, withTray } from './desktop-views';
import { BASE, eachOnStage, Stage } from './fixture';
import { inCall } from './views';

let stage: Stage;
let page: Page;

eachOnStage(
  (browser) => Stage.openApp(browser),
  (opened) => {
    stage = opened;
    page = opened.page;
  },
);

/** More than any view has. */
const STEPS_MAX = 80;

async function go(target: Locator, key: string): Promise<void> {
  await target.waitFor();
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} never leads to ${String(target)}`);
}

/** Goes to a control by Tab. */
const reach = (testid: string | Locator) =>
  go(typeof testid === 'string' ? page.getByTestId(testid).first() : testid, 'Tab');

/** Goes to an entry of a menu by arrows. */
const walk = (testid: string) => go(page.getByTestId(testid), 'ArrowDown');

async function press(testid: string | Locator, key = 'Enter'): Promise<void> {
  await reach(testid);
  await page.keyboard.press(key);
}

async function settings(section: string): Promise<void> {
  await page.keyboard.press('Control+Comma');
  await reach('settings-voice');
  await go(page.getByTestId(`settings-${section}`), 'ArrowDown');
}

const gone = (testid: string) => page.getByTestId(testid).waitFor({ state: 'detached' });
const seen = () => page.locator('main h1').innerText();

describe('by keyboard', () => {
  it('somebody with an account signs in', async () => {
    await page.goto(BASE);
    await press('have-account');
    for (const [field, text] of [
      ['sign-in-server', BASE],
      ['sign-in-name', 'Ada Lovelace'],
      ['sign-in-password', 'correct horse'],
    ] as const) {
      await reach(field);
      await page.keyboard.type(text);
    }
    await page.keyboard.press('Enter');
    await page.getByTestId('guild-switcher').waitFor();
    expect(stage.requests).toContain('POST /api/logins');
  });

  it('a message is written, and sent again when it failed', async () => {
    let fails = true;
    stage.answer = (call) =>
      fails && call.startsWith('POST /api/channels')
        ? { status: 429, body: { code: 'rateLimited', message: '' } }
        : null;
    await stage.signedIn();
    for (let times = 0; times < 3; times++) await page.keyboard.press('Alt+ArrowDown');
    await reach('composer');
    await page.keyboard.type('Hello');
    await page.keyboard.press('Enter');
    const again = page.getByTestId('draft').getByRole('button').first();
    await again.waitFor();
    fails = false;
    await go(again, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await gone('draft');
    await page.getByTestId('message').getByText('Hello').waitFor();
  });

  it('a channel is made, and one is deleted', async () => {
    const made = { id: '30', name: 'news', kind: 'text', bitrate: 0 };
    stage.answer = (call) => {
      if (call === 'POST /api/guilds/1/channels') return { status: 200, body: made };
      return call.startsWith('DELETE') ? { status: 200, body: null } : null;
    };
    await stage.signedIn();
    await press('new-channel');
    const dialog = page.getByTestId('new-channel-dialog');
    await reach(dialog.locator('input[type=radio]:checked'));
    await page.keyboard.press('ArrowRight');
    await reach('new-channel-name');
    await page.keyboard.type('news');
    await page.keyboard.press('Enter');
    await gone('new-channel-dialog');
    for (let times = 0; times < 3; times++) await page.keyboard.press('Alt+ArrowDown');
    await press('channel-delete');
    await press('confirm-do');
    await expect.poll(() => stage.requests).toContain('DELETE /api/guilds/1/channels/21');
  });

  it('an invite is made and copied', async () => {
    await stage.signedIn();
    await press('invite-open');
    await press('invite-make');
    await press('invite-copy');
    await page.getByTestId('toast').waitFor();
    await press(page.getByTestId('toast').getByRole('button'));
    await gone('toast');
    await page.keyboard.press('Escape');
    await gone('invite-dialog');
  });

  it('the list of members is shown, and one of them is removed', async () => {
    stage.answer = (call) => (call.startsWith('DELETE') ? { status: 200, body: null } : null);
    await stage.signedIn();
    await press('members-toggle');
    await page.getByTestId('members').waitFor();
    await go(page.locator('[data-testid=person]').first(), 'Tab');
    await page.keyboard.press('Enter');
    await page.getByTestId('person-popover').waitFor();
    // Past the volume, which arrows change.
    await page.keyboard.press('Tab');
    await walk('kick');
    await page.keyboard.press('Enter');
    await press('confirm-do');
    await expect.poll(() => stage.requests.some((call) => call.startsWith('DELETE'))).toBe(true);
  });

  it('another guild is asked for, and thought better of', async () => {
    await stage.signedIn();
    await press('guild-switcher');
    await page.getByTestId('guild-menu').waitFor();
    await walk('join-guild-open');
    await page.keyboard.press('Enter');
    await reach('join-guild-link');
    await page.keyboard.type('what now');
    await press('add-continue');
    await page.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await gone('add-dialog');
  });

  it('the microphone is chosen and tested', async () => {
    await stage.signedIn();
    await settings('voice');
    await reach('input-device');
    await page.keyboard.press('L');
    await expect
      .poll(() => stage.shell.commands.findLast(({ type }) => type === 'setAudio'))
      .toMatchObject({ settings: { input: 'webcam' } });
    await press('mic-test', 'Space');
    await expect.poll(() => stage.shell.commands.at(-1)).toMatchObject({ enabled: true });
    await press('echo', 'Space');
    await expect
      .poll(() => stage.shell.commands.at(-1))
      .toMatchObject({ settings: { echoCancellation: false } });
    await reach(page.locator('input[type=radio][value=voice]'));
    await page.keyboard.press('ArrowDown');
    await expect
      .poll(() => stage.shell.commands.at(-1))
      .toMatchObject({ settings: { gate: { mode: 'pushToTalk' } } });
  });

  it('another theme is chosen', async () => {
    await stage.signedIn({ theme: 'dark' });
    await settings('appearance');
    await reach(page.locator('input[type=radio]:checked').first());
    await page.keyboard.press('ArrowRight');
    await page.locator('html[data-theme=light]').waitFor();
  });

  it('it is chosen how the app lives on the desktop', async () => {
    withTray(stage);
    await stage.signedIn();
    await settings('desktop');
    await press('autostart', 'Space');
    await expect.poll(() => stage.shell.asked).toContain('shell_autostart');
    await press('notify-joins', 'Space');
    await expect.poll(() => stage.kept.settings).toMatchObject({ notifyJoins: true });
  });

  it('the app is updated', async () => {
    await updates(stage, { found: 'newer', version: '0.9.0', notes: null });
    await press('update-install');
    await press('update-restart');
    await expect.poll(() => stage.shell.asked).toContain('update_restart');
  });

  it('another login is ended', async () => {
    stage.answer = (call) => (call.startsWith('DELETE') ? { status: 200, body: null } : null);
    await stage.signedIn();
    await settings('account');
    await press(page.getByTestId('login').getByRole('button').first());
    await expect.poll(() => stage.requests).toContain('DELETE /api/logins/2');
  });

  it('the question what closing does is answered', async () => {
    withTray(stage);
    await stage.signedIn();
    stage.shell.tell({ type: 'closing' });
    await press('closing-keep');
    await expect.poll(() => stage.shell.asked).toContain('shell_hide');
    expect(stage.kept.settings).toMatchObject({ closeToTray: 'hide' });
  });

  it('the small window mutes, leaves and closes', async () => {
    const acts: unknown[] = [];
    await openMini(stage);
    const before = stage.shell.answer;
    stage.shell.answer = (command, args) => {
      if (command === 'mini_act') acts.push(args['action']);
      return before(command, args);
    };
    for (const act of ['show', 'mute', 'leave', 'close']) {
      await press(`mini-${act}`, 'Space');
      // A long name of the channel pushes none of them out of the window.
      const box = await page.getByTestId(`mini-${act}`).boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(280);
    }
    await expect.poll(() => acts).toEqual(['show', 'mute', 'leave', 'close']);
  });

  it('the small window opens from a call', async () => {
    await inCall(stage);
    await press('mini-open');
    await expect.poll(() => stage.shell.asked).toContain('mini_open');
  });
});

describe('a notification that is clicked', () => {
  const click = (channel: string) =>
    stage.shell.tell({ type: 'notified', place: { base: BASE, guild: '1', channel } });

  it('closes what lies over its channel', async () => {
    await stage.signedIn();
    await settings('account');
    await press('sign-out');
    await page.getByTestId('confirm').waitFor();
    click('21');
    await expect.poll(seen).toBe('general');
    await gone('confirm');
    await gone('settings');
    // The search of the quick switcher is nothing to lose, nor is a menu.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('rel');
    click('12');
    await expect.poll(seen).toBe('Workshop');
    await gone('switcher');
    await page.getByTestId('guild-switcher').click();
    await page.getByTestId('guild-menu').waitFor();
    click('22');
    await expect.poll(seen).toBe('release-planning');
    await gone('guild-menu');
  });

  it('waits for whoever is typing, and is told', async () => {
    await stage.signedIn();
    await press('new-channel');
    await reach('new-channel-name');
    await page.keyboard.type('new');
    click('12');
    await page.getByTestId('toast').getByText('“Workshop” opens once you close this.').waitFor();
    click('21');
    await page.getByTestId('toast').getByText('“general” opens').waitFor();
    expect(await page.getByTestId('new-channel-name').inputValue()).toBe('new');
    expect(await seen()).toBe('The Hall');
    await page.keyboard.press('Escape');
    await expect.poll(seen).toBe('general');
  });

  it('leaves what was being written where it was', async () => {
    await stage.signedIn();
    for (let times = 0; times < 3; times++) await page.keyboard.press('Alt+ArrowDown');
    await reach('composer');
    await page.keyboard.type('Half a sen');
    click('22');
    await expect.poll(seen).toBe('release-planning');
    expect(await page.getByTestId('composer').inputValue()).toBe('');
    click('21');
    await expect.poll(seen).toBe('general');
    expect(await page.getByTestId('composer').inputValue()).toBe('Half a sen');
  });

  it('shows its channel in a narrow window', async () => {
    await page.setViewportSize({ width: 560, height: 480 });
    await stage.signedIn();
    click('21');
    await page.getByTestId('composer').waitFor();
    expect(await seen()).toBe('general');
  });
});
