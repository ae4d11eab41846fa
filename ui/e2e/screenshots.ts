/** A picture of every view in both themes, into `screenshots/` at the root of the project. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Stage, launch, settled } from './fixture';
import { VIEWS } from './views';

const FOLDER = join(import.meta.dirname, '../../screenshots');

/** The window as it first opens; the smallest one; and that of somebody who sees badly. */
const WINDOWS = {
  window: { viewport: { width: 1120, height: 740 }, deviceScaleFactor: 1 },
  small: { viewport: { width: 640, height: 480 }, deviceScaleFactor: 1 },
  zoomed: { viewport: { width: 560, height: 370 }, deviceScaleFactor: 2 },
};

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
  await mkdir(FOLDER, { recursive: true });
});
afterAll(() => browser.close());

describe.each(['dark', 'light'] as const)('%s', (colorScheme) => {
  describe.each(Object.entries(WINDOWS))('%s', (size, window) => {
    it.each(VIEWS)('$name', async ({ name, app, open, dress }) => {
      const options = { ...window, colorScheme, reducedMotion: 'reduce' } as const;
      const stage = app
        ? await Stage.openApp(browser, options)
        : await Stage.open(browser, options);
      await open(stage);
      dress?.(stage, colorScheme);
      await stage.page.locator(`html[data-theme=${colorScheme}]`).waitFor();
      await settled(stage.page);
      const file = `${name.replaceAll(' ', '-')}.${size}.${colorScheme}.png`;
      await stage.page.screenshot({ path: join(FOLDER, file) });
      await stage.close();
    });
  });
});
