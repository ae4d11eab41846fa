import { en, type Strings } from './en';

/** Every language there is: another one is another file with the same keys. */
const catalogues: Record<string, Strings> = { en };

const language = navigator.languages
  .map((tag) => tag.split('-')[0] ?? '')
  .find((tag) => tag in catalogues);

/** The words of the interface, in the reader's language. */
export const t: Strings = catalogues[language ?? 'en'] ?? en;
