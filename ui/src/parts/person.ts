/** Twelve hues that are told apart at a glance. */
const HUES = 12;

/** A person's hue in degrees: the same everywhere, for ever. */
export function hueOf(id: string): number {
  // FNV-1a, because neighbouring ids should not have neighbouring hues.
  let hash = 0x811c9dc5;
  for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return ((hash >>> 8) % HUES) * (360 / HUES) + 15;
}

/** The first letters of the first and last word of a name. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/[\s._-]+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ''];
  return letters
    .map((word) => String.fromCodePoint(...(word ? [word.codePointAt(0) ?? 0] : [])))
    .join('')
    .toLocaleUpperCase();
}
