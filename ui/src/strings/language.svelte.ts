import { strings as en, type Strings } from './en';

/**
 * Every language there is. Another one is another file beside `en.ts`, named by its tag, that
 * exports `strings`; what it lacks does not compile.
 */
const files = import.meta.glob<Strings>('./??.ts', { eager: true, import: 'strings' });

/** By tag, English first. */
const catalogues = new Map<string, Strings>([
  ['en', en],
  ...Object.entries(files).map(([path, strings]) => [path.slice(2, -3), strings] as const),
]);

/** A language people can choose; its name is in itself. */
export interface LanguageOption {
  tag: string;
  name: string;
}

export const languages: readonly LanguageOption[] = Array.from(catalogues, ([tag, strings]) => ({
  tag,
  name: strings.language,
}));

/** The language of the interface. */
class Language {
  #choice = $state('system');
  #preferred = $state.raw<readonly string[]>(navigator.languages);

  constructor() {
    window.addEventListener('languagechange', () => (this.#preferred = navigator.languages));
  }

  /** A tag of [`languages`]; anything else follows the system. */
  choose(choice: string): void {
    this.#choice = choice;
  }

  get tag(): string {
    if (catalogues.has(this.#choice)) return this.#choice;
    return this.#preferred.map(baseOf).find((tag) => catalogues.has(tag)) ?? 'en';
  }

  /** For dates: the reader's own variety of the language where they have one. */
  get locale(): string {
    return this.#preferred.find((tag) => baseOf(tag) === this.tag) ?? this.tag;
  }

  get strings(): Strings {
    return catalogues.get(this.tag) ?? en;
  }
}

const baseOf = (tag: string): string => tag.split('-')[0] ?? '';

export const language = new Language();

/** The words of the interface. What reads them in a view follows when the language changes. */
export const t: Strings = new Proxy(en, {
  get: (_, section) => Reflect.get(language.strings, section) as unknown,
});

/** A date or time in words. */
export function formatDate(when: Date | number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(language.locale, options).format(when);
}
