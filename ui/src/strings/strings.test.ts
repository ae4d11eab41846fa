import { parse, type AST } from 'svelte/compiler';
import { describe, expect, it, vi } from 'vitest';
import { strings as de } from './de';
import { strings as en } from './en';

describe('numbers', () => {
  it('are written as the language writes them', () => {
    expect(en.voice.percent(0.053)).toBe('5.3%');
    expect(de.voice.percent(0.053)).toBe('5,3\u00a0%');
    expect(en.voice.bitrate(1_234_000)).toBe('1,234 kb/s');
    expect(de.voice.bitrate(1_234_000)).toBe('1.234 kbit/s');
  });

  it('choose the words beside them', () => {
    expect(en.voice.inCall(1)).toBe('1 person');
    expect(en.voice.inCall(0)).toBe('0 people');
    expect(de.welcome.members(1, 1)).toBe('1 Mitglied · 1 online');
    expect(de.voice.inCall(2)).toBe('2 Personen');
  });
});

describe('the language', () => {
  it('is chosen, or follows the system', async () => {
    vi.stubGlobal('navigator', { languages: ['fr-FR', 'de-AT', 'en'] });
    vi.stubGlobal('window', new EventTarget());
    vi.resetModules();
    const { language, languages, t, formatDate } = await import('./index');
    expect(languages).toEqual([
      { tag: 'en', name: 'English' },
      { tag: 'de', name: 'Deutsch' },
    ]);
    expect([language.tag, language.locale, t.app.close]).toEqual(['de', 'de-AT', 'Schließen']);
    expect(formatDate(new Date(2026, 0, 2), { dateStyle: 'long' })).toBe('2. Jänner 2026');
    language.choose('en');
    expect([language.tag, language.locale, t.app.close]).toEqual(['en', 'en', 'Close']);
    // A language that an older or newer version knew.
    language.choose('tlh');
    expect(language.tag).toBe('de');
    vi.unstubAllGlobals();
  });
});

/** Attributes whose values people read or hear. */
const SPOKEN = /^(aria-label|aria-valuetext|alt|label|title|hint|lead|placeholder)$/;

/** Words in a component that do not come from the strings. */
function wordsIn(text: string): string[] {
  const found: string[] = [];
  const look = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(look);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const { type, name, value } = node as Partial<AST.Attribute>;
    if (type === 'Attribute' && !SPOKEN.test(name ?? '')) {
      // What is no word may still hold a snippet with words.
      look([value].flat().filter((part) => typeof part === 'object' && part.type !== 'Text'));
      return;
    }
    const { data } = node as Partial<AST.Text>;
    if (String(type) === 'Text' && data !== undefined && /\p{L}{2}/u.test(data)) {
      found.push(data.trim());
    }
    Object.values(node).forEach(look);
  };
  look(parse(text, { modern: true }).fragment);
  return found;
}

describe('no words outside the strings', () => {
  const files = import.meta.glob<string>('../{views,parts}/*.svelte', {
    eager: true,
    query: '?raw',
    import: 'default',
  });
  it.each(Object.entries(files))('%s', (_, text) => expect(wordsIn(text)).toEqual([]));
});
