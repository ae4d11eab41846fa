/** Every view, in both themes and both languages, before axe; and in a small window. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, settled, Stage } from './fixture';
import { VIEWS } from './views';

let browser: Browser;
let axe: string;

beforeAll(async () => {
  browser = await launch();
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
});
afterAll(() => browser.close());

/** As if the system's language changed. */
async function speak(page: Page, tag: string): Promise<void> {
  await page.evaluate((tag) => {
    Object.defineProperty(navigator, 'languages', { configurable: true, value: [tag] });
    window.dispatchEvent(new Event('languagechange'));
  }, tag);
  await page.locator(`html[lang=${tag}]`).waitFor();
}

async function faults(page: Page): Promise<string[]> {
  await settled(page);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`);
}

describe('accessible, in both themes and languages, and at 200 % zoom without a sideways scroll:', () => {
  it.each(VIEWS)('$name', async ({ app, open, dress }) => {
    // Animations would be measured half-way.
    const options = { reducedMotion: 'reduce' } as const;
    const stage = app ? await Stage.openApp(browser, options) : await Stage.open(browser, options);
    const { page } = stage;
    await open(stage);
    await page.evaluate(axe);
    // Contrast knows no language, and names know no theme: each is looked at once.
    const looks = [
      ['dark', 'en'],
      ['light', 'de'],
    ] as const;
    for (const [colorScheme, language] of looks) {
      await page.emulateMedia({ colorScheme });
      dress?.(stage, colorScheme);
      await page.locator(`html[data-theme=${colorScheme}]`).waitFor();
      await speak(page, language);
      expect(await faults(page), `${colorScheme} ${language}`).toEqual([]);
    }
    await page.setViewportSize({ width: 560, height: 370 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await stage.close();
    expect(stage.violations).toEqual([]);
  });
});
