import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { eachOnStage, Stage } from './fixture';

let stage: Stage;
let page: Page;

const browser = eachOnStage(
  (browser) => Stage.open(browser),
  (opened) => {
    stage = opened;
    page = opened.page;
  },
);
beforeEach(async () => {
  await stage.signedIn();
  await page.getByTestId('settings-open').click();
});

const bindings = (action: string) => page.getByTestId(`keys-${action}`).getByTestId('key-binding');
const add = (action: string) => page.getByTestId(`keys-${action}`).getByTestId('key-add');

describe('keys', () => {
  it('are recorded as they are pressed, by keyboard alone, and kept', async () => {
    await add('talk').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('key-recorder').waitFor();
    await page.keyboard.press('Control');
    await bindings('talk').getByText('Left Ctrl').waitFor();
    expect(await add('talk').evaluate((e) => e === document.activeElement)).toBe(true);

    await add('mute').click();
    await page.getByTestId('key-recorder').waitFor();
    await page.keyboard.press('Control+Shift+m');
    await bindings('mute').waitFor();
    expect(await bindings('mute').innerText()).toContain('Left Shift');
    expect(await bindings('mute').getByTestId('key-conflict').innerText()).toBe('Also does: Talk');

    await add('talkOverride').click();
    await page.getByTestId('key-recorder').waitFor();
    await page.keyboard.press('F8');
    await bindings('talkOverride').getByText('F8').waitFor();

    await page.keyboard.press('Escape');
    await page.getByTestId('settings').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+Shift+m');
    await page.getByTestId('mute').and(page.locator('[aria-pressed=true]')).waitFor();

    await page.getByTestId('settings-open').click();
    await bindings('talk').getByRole('button', { name: 'Remove Left Ctrl' }).click();
    await bindings('talk').waitFor({ state: 'detached' });
    await page.getByTestId('keys-clear').click();
    await bindings('mute').waitFor({ state: 'detached' });
  });

  it('are not recorded when somebody thinks better of it', async () => {
    await add('deafen').click();
    await page.getByTestId('key-recorder').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('key-recorder').waitFor({ state: 'detached' });
    expect(await bindings('deafen').count()).toBe(0);
    expect(await page.getByTestId('settings').isVisible()).toBe(true);
  });

  it('are explained, and so is the mode that needs one', async () => {
    expect(await page.getByTestId('key-access').innerText()).toContain(
      'while this page has the focus',
    );
    await page.locator('input[type=radio][value=pushToTalk]').check();
    await page.getByTestId('keys-talk').getByText('No key yet').waitFor();
    await page.getByTestId('release').focus();
    await page.keyboard.press('Home');
    await page.getByText('0 ms').waitFor();
  });
});

describe('keys of the desktop', () => {
  it('are asked for when somebody wants them, by keyboard alone', async () => {
    const stage = await Stage.openApp(browser());
    const { page, shell } = stage;
    await stage.signedIn();
    await page.getByTestId('settings-open').click();
    await page.getByTestId('key-access').waitFor();
    expect(await page.getByTestId('desktop-keys').count()).toBe(0);
    const offered = { type: 'desktopKeys' as const, keys: [], changeable: false };
    shell.engine({ ...offered, state: 'offered' });
    const toggle = page.getByTestId('desktop-keys');
    await toggle.focus();
    expect(shell.commands.some(({ type }) => type === 'assignKeys')).toBe(false);
    await page.keyboard.press('Space');
    await expect.poll(() => shell.commands.at(-1)?.type).toBe('assignKeys');
    shell.engine({ ...offered, state: 'asking' });
    await page.getByText('Your desktop is asking you for keys.').waitFor();

    const keys = [{ action: 'mute' as const, keys: 'Ctrl+Shift+M' }];
    shell.engine({ ...offered, state: 'assigned', keys });
    await page.getByTestId('desktop-keys-mute').getByText('Ctrl+Shift+M').waitFor();
    await page.getByTestId('desktop-keys-talk').getByText('None').waitFor();
    await page.getByText('in your desktop’s own settings').waitFor();
    shell.engine({ ...offered, state: 'assigned', keys, changeable: true });
    await page.getByTestId('desktop-keys-change').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => shell.commands.at(-1)?.type).toBe('reassignKeys');

    shell.engine({ ...offered, state: 'refused' });
    await page.getByText('Your desktop assigned no keys').waitFor();
    expect(await toggle.isChecked()).toBe(false);
    await stage.close();
  });
});
