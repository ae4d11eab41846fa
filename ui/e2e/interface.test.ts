import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BASE, launch, Stage, voiceState } from './fixture';

let browser: Browser;
let stage: Stage;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function open(options?: BrowserContextOptions): Promise<void> {
  stage = await Stage.open(browser, options);
  page = stage.page;
}

/** No page may break the content security policy or throw, whatever is done in it. */
afterEach(async () => {
  await stage.close();
  expect(stage.violations).toEqual([]);
});

const channel = (name: string) => page.locator(`[data-testid=channel][data-name="${name}"]`);

describe('somebody who follows an invite', () => {
  beforeEach(() => open());

  it('is asked for a name and nothing else, and is in, by keyboard alone', async () => {
    await page.goto(`${BASE}/join/abc`);
    await page.getByText('6 members · 5 online').waitFor();
    expect(await page.locator('input').count()).toBe(1);
    await page.keyboard.press('Tab');
    expect(await page.getByTestId('join-name').evaluate((e) => e === document.activeElement)).toBe(
      true,
    );
    await page.keyboard.type('Ada Lovelace');
    await page.keyboard.press('Enter');
    await page.getByTestId('stage').waitFor();
    expect(stage.requests).toContain('POST /api/guests');
    expect(new URL(page.url()).pathname).toBe('/');
  });

  it('learns why it fails and can try again', async () => {
    let code = 'inviteInvalid';
    stage.answer = (call) =>
      call === 'POST /api/guests' ? { status: 400, body: { code, message: '' } } : null;
    await page.goto(`${BASE}/join/abc`);
    await page.getByTestId('join-name').fill('Ada');
    await page.getByTestId('join-submit').click();
    await page.getByText('This invite has expired').waitFor();
    code = 'nameTaken';
    await page.getByTestId('join-submit').click();
    await page.getByText('This name is taken').waitFor();
    expect(await page.getByTestId('join-name').getAttribute('aria-invalid')).toBe('true');
    stage.answer = () => null;
    await page.getByTestId('join-submit').click();
    await page.getByTestId('main').waitFor();
  });

  it('can keep the name with a password', async () => {
    let sent: unknown;
    stage.answer = (call, body) => {
      if (call !== 'POST /api/accounts') return null;
      sent = body;
      return { status: 200, body: { token: 't', user: stage.user } };
    };
    await page.goto(`${BASE}/join/abc`);
    await page.getByTestId('join-name').fill('Ada');
    await page.getByTestId('join-with-password').click();
    await page.getByTestId('join-password').fill('correct horse');
    await page.getByTestId('join-submit').click();
    await page.getByTestId('main').waitFor();
    expect(sent).toEqual({ invite: 'abc', name: 'Ada', password: 'correct horse' });
  });

  it('who is signed in already joins under the name they have', async () => {
    stage.preview = { ...stage.preview, guild: '2', guildName: 'The Beacons' };
    stage.answer = (call) =>
      call === 'POST /api/invites/abc/accept' ? { status: 200, body: { guild: '2' } } : null;
    await stage.signedIn();
    await page.goto(`${BASE}/join/abc`);
    await page.getByRole('button', { name: 'Join as Ada Lovelace' }).click();
    await page.getByTestId('main').waitFor();
    expect(stage.requests).toContain('POST /api/invites/abc/accept');
  });

  it('who is a member already is led there, whichever answer comes first', async () => {
    const shown = channel('Quiet corner').and(page.locator('[aria-current]'));
    await stage.signedIn();
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await page.route(`${BASE}/api/invites/abc`, async (route) => {
      await answered;
      await route.fallback();
    });
    await page.goto(`${BASE}/join/abc?channel=13`);
    await page.getByRole('button', { name: 'Join as Ada Lovelace' }).waitFor();
    answer();
    await shown.waitFor();

    stage.mute = true;
    await page.goto(`${BASE}/join/abc?channel=13`);
    await page.getByText('6 members · 5 online').waitFor();
    stage.mute = false;
    stage.cut();
    await shown.waitFor();
    expect(stage.requests).not.toContain('POST /api/invites/abc/accept');
  });
});

describe('a guild', () => {
  beforeEach(async () => {
    await open();
    await stage.signedIn();
  });

  it('shows who is where, as it changes', async () => {
    const hall = page.getByRole('list', { name: 'People in this channel' });
    expect(await hall.getByTestId('person').count()).toBe(3);
    const change = (version: number, user: string) =>
      stage.dispatch({
        type: 'guildChanged',
        guild: '1',
        version,
        change: { kind: 'voiceStateSet', state: voiceState(user, '11', 24) },
      });
    change(8, '104');
    await hall.locator('[data-user=Dmitri]').waitFor();
    // One is missing: the page asks for everything anew.
    const ready = stage.said.length;
    change(10, '106');
    await expect.poll(() => stage.said.slice(ready).map(({ op }) => op)).toContain('identify');
  });

  it('says that the connection is lost, and goes on when it is back', async () => {
    stage.cut();
    await page.getByTestId('offline').waitFor();
    await page.getByTestId('offline').waitFor({ state: 'detached' });
    expect(stage.said.map(({ op }) => op)).toEqual(['identify', 'resume']);
  });

  it('shows what is written, as text and nothing else', async () => {
    await channel('general').click();
    const hostile = '<img src=x onerror=alert(1)> javascript:alert(1)';
    stage.dispatch({
      type: 'messageCreated',
      guild: '1',
      message: { id: '1500', channel: '21', author: '102', text: hostile, sentAt: Date.now() },
    });
    await page.getByText(hostile).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    await page.getByTestId('composer').fill('Hello\nthere');
    await page.getByTestId('composer').press('Enter');
    await page.getByTestId('message').filter({ hasText: 'Hello' }).waitFor();
    expect(await page.getByTestId('composer').inputValue()).toBe('');
    expect(await page.getByTestId('draft').count()).toBe(0);
  });

  it('marks a channel in which something was written', async () => {
    stage.dispatch({
      type: 'messageCreated',
      guild: '1',
      message: { id: '1500', channel: '21', author: '102', text: 'x', sentAt: Date.now() },
    });
    await channel('general').getByText('unread').waitFor({ state: 'attached' });
    await channel('general').click();
    await channel('general').getByText('unread').waitFor({ state: 'detached' });
  });

  it('keeps a message that could not be sent', async () => {
    stage.answer = (call) =>
      call.startsWith('POST /api/channels')
        ? { status: 429, body: { code: 'rateLimited', message: '' } }
        : null;
    await channel('general').click();
    await page.getByTestId('composer').fill('Hello');
    await page.getByTestId('composer').press('Enter');
    await page.getByTestId('draft').getByText('Not sent.').waitFor();
    stage.answer = () => null;
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByTestId('message').filter({ hasText: 'Hello' }).waitFor();
  });

  it('remembers the volume of a person, set by keyboard', async () => {
    await page.locator('[data-testid=person][data-user=Brigitte]').press('Enter');
    await page.getByTestId('volume').focus();
    await page.keyboard.press('Home');
    await page.getByTestId('person-popover').getByText('0%', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('person-popover').waitFor({ state: 'detached' });
    const tile = page.locator('[data-testid=person][data-user=Brigitte]');
    await tile.getByText('0%', { exact: true }).waitFor();
  });

  it('remembers how loud each sound is, set by keyboard', async () => {
    await page.getByTestId('settings-open').press('Enter');
    await page.getByTestId('settings-voice').press('Enter');
    await page.getByTestId('sound-leave').focus();
    await page.keyboard.press('Home');
    const saved = () =>
      page.evaluate(() => {
        const text = localStorage.getItem('voicehall.settings') ?? '{}';
        return (JSON.parse(text) as { audio?: { sounds: unknown } }).audio?.sounds;
      });
    await expect.poll(saved).toEqual({ join: 0.5, leave: 0, mute: 0.5 });
  });

  it('opens and closes what hangs on a button by that button', async () => {
    await page.getByTestId('guild-switcher').click();
    await page.getByTestId('guild-menu').waitFor();
    await page.getByTestId('guild-switcher').click();
    await page.getByTestId('guild-menu').waitFor({ state: 'detached' });
  });

  it('lets its owner moderate', async () => {
    await page.locator('[data-testid=person][data-user=Brigitte]').click();
    await page.getByTestId('server-mute').click();
    await expect
      .poll(() => stage.said.at(-1))
      .toMatchObject({ op: 'voiceModerate', user: '102', action: 'mute' });
  });

  it('makes an invite link', async () => {
    await page.getByTestId('invite-open').click();
    await page.getByTestId('invite-make').click();
    await page.getByTestId('invite-result').waitFor();
    expect(await page.getByTestId('invite-result').inputValue()).toBe(`${BASE}/join/Xk29sQ`);
  });

  it('tells why a call could not be made, and tries again when asked', async () => {
    await channel('Workshop').click();
    const dock = page.getByTestId('dock');
    await expect.poll(() => dock.getAttribute('data-voice-state')).toBe('failed');
    await page.getByTestId('retry').click();
    await expect
      .poll(() => stage.requests.filter((call) => call === 'POST /voice/join').length)
      .toBe(2);
  });
});

describe('a narrow screen', () => {
  it('shows the list or a channel, and the call under both', async () => {
    await open({ viewport: { width: 360, height: 640 } });
    await stage.signedIn();
    await channel('general').click();
    await page.getByTestId('composer').waitFor();
    expect(await page.getByTestId('guild-switcher').isVisible()).toBe(false);
    expect(await page.getByTestId('mute').isVisible()).toBe(true);
    await page.getByTestId('back').click();
    expect(await page.getByTestId('guild-switcher').isVisible()).toBe(true);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
