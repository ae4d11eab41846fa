import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launch, Stage } from './fixture';

let browser: Browser;
let stage: Stage;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

beforeEach(async () => {
  stage = await Stage.open(browser);
  page = stage.page;
  await stage.signedIn();
  await page.getByTestId('settings-open').click();
});
afterEach(async () => {
  await stage.close();
  expect(stage.violations).toEqual([]);
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
