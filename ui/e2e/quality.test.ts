import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { eachOnStage, Stage } from './fixture';
import { quality } from './views';

let stage: Stage;
let page: Page;

eachOnStage(
  (browser) => Stage.openApp(browser),
  (opened) => {
    stage = opened;
    page = opened.page;
  },
);

describe('the panel of a call', () => {
  it('adds up the delay from mouth to ear, and draws two minutes', async () => {
    await quality(stage);
    await expect.poll(() => page.getByTestId('mouth-to-ear').innerText()).toBe('111 ms');
    await page.getByText('Opus, 48 kHz · packets of 20 ms').waitFor();
    const plot = page.locator('[data-quantity=lossDown]');
    await plot.getByRole('img', { name: 'Loss, incoming: now 0%, at most 3%' }).waitFor();
    const drawn = () => plot.locator('path.line').getAttribute('d');
    const points = async () => (await drawn())?.match(/[ML]/g)?.length;
    await expect.poll(points).toBe(90);
    await page.locator('summary').press('Enter');
    await page.getByRole('row', { name: 'Loss, incoming 0% 0.2% 0% 3%' }).waitFor();
  });

  it('says what is not known instead of guessing it', async () => {
    await quality(stage, {
      rttMs: null,
      delays: {
        captureMs: 6,
        processingMs: 26.5,
        networkMs: null,
        bufferMs: null,
        playbackMs: 12,
      },
    });
    await page.getByTestId('mouth-to-ear').getByText('45 ms and what is unknown').waitFor();
    await page.locator('[data-stage=networkMs]').getByText('unknown').waitFor();
  });

  it('opens and closes by keyboard, and the focus is where it was', async () => {
    await quality(stage);
    await page.keyboard.press('Escape');
    await page.getByTestId('quality-details').waitFor({ state: 'detached' });
    const back = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    await expect.poll(back).toBe('quality');
  });
});
