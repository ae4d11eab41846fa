/** What it costs to show who speaks: this goes on all evening beside a game. */
import type { Browser, CDPSession } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch, settled, Stage } from './fixture';
import { inCall } from './views';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Layouts since the page was loaded. */
async function layouts(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'LayoutCount')?.value ?? 0;
}

describe('while people speak', () => {
  it('the level lays nothing out, and only opacity moves', async () => {
    const stage = await Stage.openApp(browser);
    const { page, shell } = stage;
    await inCall(stage);
    await settled(page);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    const bar = page.getByTestId('meter').locator('div').first();
    // Not as computed, for that would be a layout of its own.
    const level = () => bar.evaluate((element) => element.style.transform);
    const before = await layouts(devtools);
    const moving = new Set<string>();
    for (let round = 0; round < 16; round++) {
      const at = await level();
      const levelDbfs = round % 2 === 0 ? -50 : -15;
      shell.engine({ type: 'input', levelDbfs, speech: 1, sending: true });
      await expect.poll(level).not.toBe(at);
    }
    expect((await layouts(devtools)) - before).toBe(0);
    const speaking = page.locator('[data-testid=person][data-speaking=true]');
    for (const source of [12, 8, 12, 8]) {
      shell.engine({ type: 'speaking', sources: [source] });
      const name = source === 8 ? 'Brigitte' : 'Chidi Okafor';
      await expect.poll(() => speaking.getAttribute('data-user')).toBe(name);
      const properties = await page.evaluate(() =>
        document
          .getAnimations()
          .map((animation) => (animation as CSSTransition).transitionProperty),
      );
      for (const property of properties) moving.add(property);
    }
    moving.delete('opacity');
    expect([...moving]).toEqual([]);
    await stage.close();
  });

  it('a level that looks the same draws nothing', async () => {
    const stage = await Stage.openApp(browser);
    await inCall(stage);
    const bar = stage.page.getByTestId('meter').locator('div').first();
    await bar.evaluate((element) => {
      const changes: string[] = [];
      Object.assign(window, { changes });
      new MutationObserver((all) =>
        changes.push(...all.map(({ attributeName }) => `${attributeName}`)),
      ).observe(element.parentElement ?? element, { attributes: true, subtree: true });
    });
    for (let times = 0; times < 10; times++) {
      stage.shell.engine({ type: 'input', levelDbfs: -22.1, speech: 0.9, sending: true });
    }
    stage.shell.engine({ type: 'input', levelDbfs: -40, speech: 0.9, sending: true });
    const changes = () =>
      stage.page.evaluate(() => (window as unknown as { changes: string[] }).changes.length);
    await expect.poll(changes).toBeGreaterThan(0);
    // The bar and its number, once.
    expect(await changes()).toBe(2);
    await stage.close();
  });
});
