/** Everything that can be done, done by keyboard alone. */
import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { eachOnStage, Stage, voiceState } from './fixture';
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

/** The name, as a screen reader would say it, of what has the focus. */
const focused = () =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement | null;
    return element?.getAttribute('aria-label') ?? element?.innerText.split('\n').join(' ') ?? '';
  });
const heading = () => page.locator('main h1').innerText();

describe('shortcuts', () => {
  beforeEach(() => stage.signedIn());

  it('mute and deafen, wherever one is', async () => {
    await page.keyboard.press('Control+Comma');
    await page.getByTestId('settings').waitFor();
    await page.keyboard.press('Control+Shift+KeyM');
    await expect.poll(() => stage.shell.commands.at(-1)).toMatchObject({ muted: true });
    await page.keyboard.press('Control+Shift+KeyM');
    await expect.poll(() => stage.shell.commands.at(-1)).toMatchObject({ muted: false });
    await page.keyboard.press('Control+Shift+KeyD');
    await expect.poll(() => stage.shell.commands.at(-1)).toMatchObject({ deafened: true });
    await page.keyboard.press('Escape');
    await page.getByTestId('settings').waitFor({ state: 'detached' });
  });

  it('are listed, and the list closes again', async () => {
    await page.keyboard.press('Control+Slash');
    const list = page.getByTestId('shortcut-list');
    await list.getByText('Mute or unmute').waitFor();
    expect(await list.locator('kbd').first().innerText()).toBe('Ctrl');
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'detached' });
  });

  it('go from channel to channel, without entering one', async () => {
    expect(await heading()).toBe('The Hall');
    await page.keyboard.press('Alt+ArrowDown');
    await expect.poll(heading).toBe('Workshop');
    for (let times = 0; times < 9; times++) await page.keyboard.press('Alt+ArrowDown');
    await expect.poll(heading).toBe('release-planning');
    await page.keyboard.press('Alt+ArrowUp');
    await expect.poll(heading).toBe('general');
    expect(stage.said.some(({ op }) => op === 'voiceJoin')).toBe(false);
  });
});

describe('the quick switcher', () => {
  beforeEach(async () => {
    await stage.signedIn();
    await page.keyboard.press('Control+k');
    await page.getByTestId('switcher').waitFor();
  });

  it('finds a channel by some of its letters', async () => {
    await page.keyboard.type('rp');
    await page.keyboard.press('Enter');
    await expect.poll(heading).toBe('release-planning');
    await page.getByTestId('switcher').waitFor({ state: 'detached' });
  });

  it('is walked by arrows and left by Escape', async () => {
    const chosen = page.locator('[role=option][aria-selected=true]');
    const field = page.getByTestId('switcher-query');
    expect(await chosen.getAttribute('data-name')).toBe('The Hall');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => chosen.getAttribute('data-name')).toBe('fern_');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => chosen.getAttribute('data-name')).toBe('Workshop');
    expect(await field.getAttribute('aria-activedescendant')).toBe(await chosen.getAttribute('id'));
    await page.keyboard.press('Escape');
    await page.getByTestId('switcher').waitFor({ state: 'detached' });
    expect(await heading()).toBe('The Hall');
  });

  it('shows a person where they are', async () => {
    await page.keyboard.type('fern');
    await page.keyboard.press('Enter');
    await page.getByTestId('person-popover').getByText('fern_').waitFor();
    expect(await heading()).toBe('Workshop');
  });

  it('shows a person who is nowhere among the members', async () => {
    await page.keyboard.type('dmit');
    await page.keyboard.press('Enter');
    await page.getByTestId('person-popover').getByText('Dmitri').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('members').waitFor();
  });

  it('enters a voice channel, and says when nothing fits', async () => {
    await page.keyboard.type('zzz');
    await page.getByTestId('switcher').getByRole('status').waitFor();
    await page.keyboard.press('Enter');
    await page.getByTestId('switcher-query').fill('quiet');
    await page.keyboard.press('Enter');
    await expect.poll(() => stage.said.at(-1)).toMatchObject({ op: 'voiceJoin', channel: '13' });
  });

  it('takes a click as well', async () => {
    await page.locator('[data-testid=switcher-option][data-name=general]').click();
    await expect.poll(heading).toBe('general');
  });
});

describe('lists', () => {
  it('of channels are one stop for Tab and walked by arrows', async () => {
    await stage.signedIn();
    await page.getByTestId('new-channel').focus();
    await page.keyboard.press('Tab');
    expect(await focused()).toContain('The Hall');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toContain('Brigitte');
    await page.keyboard.press('End');
    expect(await focused()).toContain('release-planning');
    await page.keyboard.press('Enter');
    await expect.poll(heading).toBe('release-planning');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Mute');
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toContain('release-planning');
  });

  it('of people in a channel are a grid', async () => {
    await inCall(stage);
    const people = page.getByTestId('person');
    await people.first().focus();
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toContain('Chidi');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toContain('Esra');
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toContain('Brigitte');
    await page.keyboard.press('Enter');
    await page.getByTestId('volume').press('Home');
    await page.keyboard.press('Escape');
    await expect.poll(focused).toContain('Brigitte');
  });
});

describe('a call', () => {
  it('is entered, muted, looked at and left', async () => {
    await stage.signedIn();
    await page.getByTestId('new-channel').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const dock = page.getByTestId('dock');
    await expect.poll(() => dock.getAttribute('data-voice-state')).toBe('connected');
    await page.getByTestId('mute').focus();
    await page.keyboard.press('Space');
    await expect.poll(() => stage.shell.commands.at(-1)).toMatchObject({ muted: true });
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Leave');
    await page.keyboard.press('Enter');
    await expect.poll(() => dock.getAttribute('data-voice-state')).toBe('idle');
  });

  it('is told to those who do not see it', async () => {
    await inCall(stage);
    const said = () => page.getByTestId('announcer').locator('p').allInnerTexts();
    const change = (version: number, change: object) =>
      stage.dispatch({ type: 'guildChanged', guild: '1', version, change } as never);
    change(9, { kind: 'voiceStateSet', state: voiceState('104', '11', 28) });
    await expect.poll(said).toEqual(['Dmitri joined']);
    change(10, { kind: 'voiceStateRemoved', user: '102' });
    await expect.poll(said).toEqual(['Dmitri joined', 'Brigitte left']);
    await page.keyboard.press('Control+Shift+KeyM');
    await expect.poll(async () => (await said()).at(-1)).toBe('Muted');
    // From outside of a dialog that is open nothing is heard.
    await page.keyboard.press('Control+Comma');
    await page.keyboard.press('Control+Shift+KeyM');
    await expect.poll(async () => (await said()).at(-1)).toBe('Unmuted');
    expect(await page.locator('dialog[open] [data-testid=announcer]').count()).toBe(1);
    await page.keyboard.press('Escape');
    stage.cut();
    await page.getByTestId('offline').waitFor();
    await expect
      .poll(async () => (await said()).at(-1), { timeout: 10_000 })
      .toBe('Connection to the server restored');
  });
});

describe('a microphone that is kept open', () => {
  const mark = () => page.getByTestId('talk-mark');
  const pin = () => page.getByRole('button', { name: 'Keep the microphone open' });
  const said = async () =>
    (await page.getByTestId('announcer').locator('p').allInnerTexts()).at(-1);

  it('is seen and said, and so is that a mute is stronger', async () => {
    await inCall(stage, { audio: { gate: { mode: 'pushToTalk', releaseMs: 200 } } });
    expect(await mark().innerText()).toBe('Push to talk');
    await page.keyboard.press('Control+Shift+KeyO');
    await mark().getByText('Microphone stays open').waitFor();
    expect(await pin().getAttribute('aria-pressed')).toBe('true');
    await expect.poll(said).toBe('Microphone stays open');
    await page.keyboard.press('Control+Shift+KeyM');
    await mark().getByText('Not heard now').waitFor();
    await page.keyboard.press('Control+Shift+KeyM');
    await mark().getByText('Microphone stays open').waitFor();
    await pin().focus();
    await page.keyboard.press('Space');
    await mark().getByText('Push to talk').waitFor();
    await expect.poll(said).toBe('Microphone no longer stays open');
    expect(stage.shell.commands.at(-1)).toEqual({ type: 'talkOverride', on: false });
  });

  it('leaves the focus nearby when its mark goes', async () => {
    await inCall(stage);
    expect(await mark().count()).toBe(0);
    stage.shell.engine({ type: 'talkOverride', on: true });
    await pin().focus();
    await page.keyboard.press('Enter');
    await mark().waitFor({ state: 'detached' });
    await expect.poll(focused).toBe('Mute');
  });
});

describe('the settings', () => {
  it('are walked by arrows', async () => {
    await stage.signedIn();
    await page.keyboard.press('Control+Comma');
    await page.getByTestId('settings-voice').focus();
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('Appearance');
    await page.keyboard.press('End');
    const last = await focused();
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('Voice');
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toBe(last);
  });
});
