/** How one language writes numbers. */
export interface Formats {
  /** A whole number. */
  whole: (value: number) => string;
  /** A share of 1 in percent; a small one with a decimal. */
  percent: (ratio: number) => string;
  /** How many of something: the number with the words that the language's plural rules choose. */
  count: (n: number, words: PluralWords) => string;
}

/** The words beside a number by plural category (CLDR); what a language lacks is `other`. */
export type PluralWords = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** The formats of the language with the tag (BCP 47). */
export function formatsOf(tag: string): Formats {
  const plain = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 });
  const percentage = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 0 });
  const small = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 1 });
  const rules = new Intl.PluralRules(tag);
  return {
    whole: (value) => plain.format(value),
    percent: (ratio) => (ratio > 0 && ratio < 0.1 ? small : percentage).format(ratio),
    count: (n, words) => `${plain.format(n)} ${words[rules.select(n)] ?? words.other}`,
  };
}
