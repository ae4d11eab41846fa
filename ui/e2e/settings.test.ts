import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { BASE, eachOnStage, Stage } from './fixture';
import { INPUTS } from './shell';

let stage: Stage;
let page: Page;

const browser = eachOnStage(
  (browser) => Stage.openApp(browser, { permissions: ['clipboard-read', 'clipboard-write'] }),
  (opened) => {
    stage = opened;
    page = opened.page;
  },
);

const section = async (key: string) => {
  await page.getByTestId('settings-open').click();
  await page.getByTestId(`settings-${key}`).click();
};

describe('the language', () => {
  it('is that of the system, and changes at once when another is chosen', async () => {
    await stage.signedIn();
    await section('appearance');
    await page.getByTestId('language').selectOption({ label: 'Deutsch' });
    await page.getByRole('heading', { name: 'Darstellung' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('de');
    await page.keyboard.press('Escape');
    await page.getByText('3 Personen').waitFor();
  });

  it('can be chosen by keyboard', async () => {
    await stage.signedIn();
    await page.keyboard.press('Control+Comma');
    await page.getByTestId('settings-voice').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByTestId('language').focus();
    await page.keyboard.press('D');
    await page.getByRole('heading', { name: 'Darstellung' }).waitFor();
  });

  it('is remembered, and a German system needs no choice', async () => {
    await stage.signedIn({ language: 'de' });
    await page.getByText('3 Personen').waitFor();
    const german = await Stage.openApp(browser(), { locale: 'de-AT' });
    await german.signedIn();
    await german.page.getByText('3 Personen').waitFor();
    await german.close();
  });
});

describe('diagnostics', () => {
  const TOKEN = 'Zx81kQ0vLm3rT7yU2wPq9sD4fG6hJ5kL';

  it('hold what helps and no token, invite or address', async () => {
    stage.shell.surroundings.log = [
      `WARN voicehall::http: https://203.0.113.7:7600/api/invites/Xk29sQ: 404, token=${TOKEN}`,
      'WARN voicehall_engine::session: no answer from [2001:db8::7]:7601',
    ];
    stage.answer = (call) =>
      call === 'GET /api/server'
        ? { status: 200, body: { software: 'voicehall', version: '0.1.0', protocol: 1 } }
        : null;
    await stage.signedIn({
      volumes: { 'https://203.0.113.7:7600 102': 0.5 },
      place: { base: BASE, guild: '1', channel: '11' },
      other: { server: 'voice.example.org', code: 'Xk29sQ', secret: TOKEN },
    });
    await section('help');
    await page.getByTestId('diagnostics-copy').click();
    // The notice is seen and can be pressed although a dialog is open.
    await page.getByTestId('toast').getByText('Copied.').click();
    const report = await page.evaluate(() => navigator.clipboard.readText());
    for (const hidden of [TOKEN, 'Xk29sQ', '203.0.113.7', '2001:db8', 'example.org', 'localhost'])
      expect(report).not.toContain(hidden);
    for (const name of ['Lanterns', 'Brigitte', 'Ada']) expect(report).not.toContain(name);
    const wanted = ['linux x86_64', `microphone: ${INPUTS[0]?.name}`, '"echoCancellation":true'];
    for (const helpful of [...wanted, 'people with a volume of their own: 1', '1: version 0.1.0'])
      expect(report).toContain(helpful);
    expect(report).toContain('WARN voicehall_engine::session: no answer from <address>');
  });

  it('are shown before they are copied, by keyboard', async () => {
    await stage.signedIn();
    await section('help');
    await page.getByTestId('diagnostics-show').press('Enter');
    const shown = await page.getByTestId('diagnostics').innerText();
    expect(shown).toContain('a line');
    await page.getByTestId('diagnostics-copy').press('Enter');
    await page.getByTestId('toast').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('settings').waitFor({ state: 'detached' });
    await page.getByTestId('toast').waitFor();
  });
});
