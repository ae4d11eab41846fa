/**
 * How well a name fits what was typed: higher is better, null is not at all. The letters have to
 * come in their order, with anything between them; beginnings of words and letters side by side
 * count more. Accents and case do not matter.
 */
export function fuzzyScore(query: string, name: string): number | null {
  const wanted = Array.from(plain(query).replaceAll(/\s+/g, ''));
  const letters = Array.from(plain(name));
  if (wanted.length > letters.length) return null;
  let score = 0;
  let at = 0;
  let before = -2;
  for (const letter of wanted) {
    const found = bestPlace(letters, letter, at, before);
    if (found < 0) return null;
    if (found === before + 1) score += 4;
    if (startsWord(letters, found)) score += 3;
    score -= Math.min(found - at, 3) * 0.5;
    before = found;
    at = found + 1;
  }
  // Of names that fit alike the shorter is meant.
  return score - letters.length * 0.01;
}

/** The next place of a letter: side by side with the one before, else where a word begins, else the first. */
function bestPlace(letters: string[], letter: string, from: number, before: number): number {
  const first = letters.indexOf(letter, from);
  if (first < 0 || first === before + 1) return first;
  for (let at = first; at >= 0; at = letters.indexOf(letter, at + 1)) {
    if (startsWord(letters, at)) return at;
  }
  return first;
}

function startsWord(letters: string[], at: number): boolean {
  return at === 0 || /[\s._-]/.test(letters[at - 1] ?? '');
}

/** Without case and accents. */
function plain(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}
