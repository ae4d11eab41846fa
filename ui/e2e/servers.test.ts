/** Several servers in one window, by mouse and by keyboard. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { CloseCode } from '../src/bindings/protocol';
import { BASE, eachOnStage, type PlayedServer, Stage } from './fixture';
import { door, node, OLD, PLAY, several, WORK, write } from './several';

let stage: Stage;
let page: Page;

const browser = eachOnStage(
  (browser) => Stage.openApp(browser),
  (opened) => {
    stage = opened;
    page = opened.page;
  },
);

const channel = (name: string) => page.locator(`[data-testid=channel][data-name="${name}"]`);
const guildShown = () => page.getByTestId('guild-switcher').locator('span span').first();
const focused = () =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement | null;
    return element?.getAttribute('aria-label') ?? element?.innerText ?? '';
  });
const names = () =>
  page
    .getByTestId('rail')
    .getByRole('button')
    .evaluateAll((all) => all.map((button) => button.getAttribute('aria-label')));
const credentials = () => Object.keys(stage.kept.credentials);

describe('the rail', () => {
  it('is not in the way of who has one guild, who adds a server in its menu', async () => {
    await stage.signedIn();
    expect(await page.getByTestId('rail').count()).toBe(0);
    await page.getByTestId('guild-switcher').click();
    await page.getByTestId('join-guild-open').click();
    await page.getByLabel('Invite link or server address').waitFor();
  });

  it('says of every server and guild what its look says', async () => {
    const { play } = await several(stage);
    write(play);
    await channel('The Hall').click();
    await expect
      .poll(names)
      .toEqual([
        'localhost:1, Ada Lovelace, online',
        'The Lanterns, your call is here',
        'Night Owls',
        'voice.work.example.com, A. Lovelace, offline',
        'Analytical Engines',
        'old.example.org, Countess, signed out',
        'Poets',
        'play.example.net, adalove, online',
        'Moth Club, unread',
        'Add a server or guild',
      ]);
    await page.getByRole('navigation', { name: 'Servers and guilds' }).waitFor();
    const current = page.locator('[data-testid=rail-guild][aria-current=page]');
    expect(await current.getAttribute('data-guild')).toBe('The Lanterns');
  });

  it('is one stop for Tab, and walked by arrows', async () => {
    await several(stage);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('The Lanterns');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toContain('voice.work.example.com');
    await page.keyboard.press('End');
    expect(await focused()).toBe('Add a server or guild');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Moth Club play.example.net: switch guild');
  });

  it('follows the shortcuts from guild to guild', async () => {
    await several(stage);
    await page.keyboard.press('Control+Alt+ArrowDown');
    await expect.poll(() => guildShown().innerText()).toBe('Night Owls');
    await page.keyboard.press('Control+Alt+ArrowDown');
    await page.getByTestId('server-pane').getByText('voice.work.example.com').waitFor();
    await page.keyboard.press('Control+Alt+ArrowDown');
    await page.getByTestId('sign-in-name').waitFor();
    for (let times = 0; times < 5; times++) await page.keyboard.press('Control+Alt+ArrowDown');
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
  });
});

describe('a call', () => {
  it('goes on while another server is looked at, and leads back', async () => {
    await several(stage);
    await channel('The Hall').click();
    const dock = page.getByTestId('dock');
    await expect.poll(() => dock.getAttribute('data-voice-state')).toBe('connected');
    await door(stage, 'Moth Club').click();
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
    expect(await dock.getAttribute('data-voice-state')).toBe('connected');
    expect(await page.getByTestId('own-name').innerText()).toBe('Ada Lovelace');
    expect(await door(stage, 'The Lanterns').getAttribute('data-call')).toBe('true');
    expect(stage.said.map(({ op }) => op)).not.toContain('voiceLeave');
    await page.getByRole('button', { name: 'Go to your call: The Hall · The Lanterns' }).click();
    await expect.poll(() => guildShown().innerText()).toBe('The Lanterns');
    expect(await page.getByTestId('call-place').count()).toBe(0);
  });
});

describe('the quick switcher', () => {
  it('finds channels of every server, and says where each is', async () => {
    const { play } = await several(stage);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('quiet');
    const options = page.getByTestId('switcher-option');
    await expect
      .poll(() => options.locator('.detail').allInnerTexts())
      .toEqual([
        'The Lanterns · localhost:1',
        'Night Owls · localhost:1',
        'Moth Club · play.example.net',
      ]);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
    await expect.poll(() => play.said.at(-1)).toMatchObject({ op: 'voiceJoin', channel: '13' });
  });
});

describe('a server that is away', () => {
  it('says so, and is there as soon as it answers', async () => {
    const { work } = await several(stage);
    await door(stage, 'Analytical Engines').click();
    await page.getByText('voice.work.example.com cannot be reached').waitFor();
    work.guilds = [{ ...work.guilds[0], name: 'Analytical Engines' } as (typeof work.guilds)[0]];
    work.down = false;
    await page.getByTestId('pane-wake').click();
    await node(stage, WORK, 'online').waitFor();
    await expect.poll(() => guildShown().innerText()).toBe('Analytical Engines');
  });

  it('is announced by its name, as is its return', async () => {
    const { play } = await several(stage);
    play.cut();
    const said = () => page.getByTestId('announcer').locator('p').allInnerTexts();
    await expect
      .poll(said)
      .toEqual(expect.arrayContaining(['Connection to play.example.net lost']));
    await expect
      .poll(said)
      .toEqual(expect.arrayContaining(['Connection to play.example.net restored']));
    // The one on the screen was there all the while.
    expect(await page.getByTestId('offline').count()).toBe(0);
  });
});

describe('adding a server', () => {
  const type = async (text: string) => {
    await page.getByTestId('join-guild-link').fill(text);
    await page.keyboard.press('Enter');
  };

  it('goes by an invite, and leads into its guild', async () => {
    const owls = stage.further('https://owls.example', {}, false);
    owls.guilds = owls.guilds.map((guild) => ({ ...guild, name: 'Barn Owls' }));
    await several(stage);
    await page.getByTestId('rail-add').press('Enter');
    await type('owls.example/join/abc?channel=22');
    await page.getByTestId('join-name').fill('Ada');
    await page.keyboard.press('Enter');
    await expect.poll(() => guildShown().innerText()).toBe('Barn Owls');
    await channel('release-planning').and(page.locator('[aria-current]')).waitFor();
    expect(await page.getByTestId('add-dialog').count()).toBe(0);
    await node(stage, BASE, 'online').waitFor();
  });

  it('goes by a link that the desktop opens, with an account one has there', async () => {
    const { old } = await several(stage);
    stage.shell.open(`voicehall://join/${new URL(OLD).host}/abc?channel=12`);
    await page.getByTestId('have-account').click();
    await page.getByTestId('sign-in-name').fill('Countess');
    await page.getByTestId('sign-in-password').fill('correct horse');
    await page.keyboard.press('Enter');
    // A member already: the link leads there and nothing more is asked.
    await channel('Workshop').and(page.locator('[aria-current]')).waitFor();
    await node(stage, OLD, 'online').waitFor();
    expect(old.requests).toContain('POST /api/logins');
    expect(await page.getByTestId('add-dialog').count()).toBe(0);
  });

  it('goes by an address, tells why not, and comes back to the field', async () => {
    const moors: PlayedServer = stage.further('https://moors.example', { down: true }, false);
    await stage.signedIn();
    await page.getByTestId('guild-switcher').click();
    await page.getByTestId('join-guild-open').click();
    await type('not an address');
    await page.getByText('This is neither an invite link').waitFor();
    await type('moors.example');
    await page.getByText('No Voicehall server answers there').waitFor();
    moors.down = false;
    await page.getByTestId('add-continue').click();
    await page.getByText('your account on moors.example').waitFor();
    await page.getByTestId('add-back').click();
    await page.getByTestId('add-continue').click();
    await page.getByTestId('sign-in-name').fill('Ada');
    await page.getByTestId('sign-in-password').fill('correct horse');
    await page.keyboard.press('Enter');
    await node(stage, 'https://moors.example', 'online').waitFor();
    expect(credentials()).toEqual([BASE, 'https://moors.example']);
  });

  it('leads to one that is there already', async () => {
    await several(stage);
    await page.getByTestId('rail-add').click();
    await type('play.example.net');
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
    expect(await page.getByTestId('add-dialog').count()).toBe(0);
  });
});

describe('an account', () => {
  it('whose login was revoked is signed in to again', async () => {
    const { play } = await several(stage);
    play.cut(CloseCode.BadToken);
    await page.getByTestId('toast').getByText('signed out of play.example.net').waitFor();
    await node(stage, PLAY, 'signedOut').click();
    await page.getByTestId('server-sign-in').click();
    expect(await page.getByTestId('sign-in-name').inputValue()).toBe('adalove');
    await page.getByTestId('sign-in-password').fill('correct horse');
    await page.keyboard.press('Enter');
    await node(stage, PLAY, 'online').waitFor();
    await expect.poll(() => guildShown().innerText()).toBe('Moth Club');
  });

  it('is signed out of and removed, by keyboard, and the others stay after a restart', async () => {
    await several(stage);
    await node(stage, BASE).press('Enter');
    await page.getByTestId('server-sign-out').press('Enter');
    await page.getByText('Sign out of localhost:1?').waitFor();
    await page.getByTestId('confirm-do').press('Enter');
    await node(stage, BASE, 'signedOut').waitFor();
    expect(stage.requests).toContain('DELETE /api/logins/current');
    await node(stage, WORK).press('Enter');
    await page.getByTestId('server-remove').press('Enter');
    await page.getByTestId('confirm-do').press('Enter');
    await node(stage, WORK).waitFor({ state: 'detached' });
    await expect
      .poll(() => JSON.stringify(stage.kept.settings))
      .not.toContain('Analytical Engines');
    expect(stage.kept.credentials).toMatchObject({ [BASE]: null, [WORK]: null });
    await stage.restart();
    await node(stage, BASE, 'signedOut').waitFor();
    await node(stage, OLD, 'signedOut').waitFor();
    await node(stage, PLAY, 'online').waitFor();
    expect(await node(stage, WORK).count()).toBe(0);
  });

  it('is listed with all others in the settings', async () => {
    await several(stage);
    await page.keyboard.press('Control+Comma');
    await page.getByTestId('settings-account').click();
    const accounts = page.getByTestId('account');
    await expect
      .poll(() => accounts.evaluateAll((all) => all.map((one) => one.ariaLabel)))
      .toEqual(['localhost:1', 'voice.work.example.com', 'old.example.org', 'play.example.net']);
    await page.locator('[data-server="old.example.org"] [data-testid=sign-in-again]').click();
    await page.getByTestId('settings').waitFor({ state: 'detached' });
    await page.getByTestId('sign-in-password').waitFor();
  });

  it('may be in a keychain that is opened later, and nothing waits for it', async () => {
    await stage.signedIn();
    // The server is remembered a moment after it was met.
    await expect.poll(() => JSON.stringify(stage.kept.settings)).toContain('Lantern');
    const { credentials } = stage.kept;
    let open: (loaded: unknown) => void = () => undefined;
    const opened = new Promise((resolve) => (open = resolve));
    stage.shell.answer = (command) => {
      if (command === 'credentials_load') return { logins: {}, shut: 'asked' };
      return command === 'credentials_open' ? opened : undefined;
    };
    await stage.restart();
    await page.getByText('Unlock your system’s keychain, and you are in.').waitFor();
    await page.getByTestId('without-keychain').click();
    await page.getByTestId('sign-in-name').waitFor();
    open({ logins: credentials, shut: null });
    await page.getByTestId('guild-switcher').waitFor();
  });

  it('may be in a keychain that is asked again', async () => {
    await stage.signedIn();
    await expect.poll(() => JSON.stringify(stage.kept.settings)).toContain('Lantern');
    const { credentials } = stage.kept;
    stage.shell.answer = (command) => {
      if (command === 'credentials_load') return { logins: {}, shut: 'locked' };
      return command === 'credentials_open' ? { logins: credentials, shut: null } : undefined;
    };
    await stage.restart();
    await page.getByTestId('keychain-open').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('guild-switcher').waitFor();
  });
});

describe('in a browser', () => {
  it('there is one server, and it is said why', async () => {
    const alone = await Stage.open(browser());
    await alone.signedIn();
    await alone.page.getByTestId('guild-switcher').click();
    await alone.page.getByTestId('join-guild-open').click();
    await alone.page.getByText('This page belongs to localhost:1.').waitFor();
    await alone.page.keyboard.press('Escape');
    await alone.page.getByTestId('settings-open').click();
    await alone.page.getByTestId('settings-account').click();
    await alone.page.getByTestId('one-server').waitFor();
    expect(await alone.page.getByTestId('add-server').count()).toBe(0);
    expect(await alone.page.getByTestId('remove-server').count()).toBe(0);
    await alone.close();
  });
});

describe('a narrow window', () => {
  it('shows the rail beside the channels and beside a server that is away', async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await several(stage);
    await channel('general').click();
    await page.getByTestId('composer').waitFor();
    expect(await page.getByTestId('rail').isVisible()).toBe(false);
    await page.getByTestId('back').click();
    await door(stage, 'Poets').click();
    await page.getByTestId('sign-in-name').waitFor();
    await door(stage, 'Moth Club').click();
    expect(await guildShown().innerText()).toBe('Moth Club');
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
