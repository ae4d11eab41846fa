import { describe, expect, it } from 'vitest';
import { fuzzyScore } from './fuzzy';

const best = (query: string, names: string[]) =>
  names
    .map((name) => ({ name, score: fuzzyScore(query, name) }))
    .filter((entry): entry is { name: string; score: number } => entry.score !== null)
    .sort((a, b) => b.score - a.score)
    .map(({ name }) => name);

describe('a name fits', () => {
  it.each([
    ['rp', ['release-planning', 'grapes', 'general'], ['release-planning', 'grapes']],
    ['hall', ['The Hall', 'hallway', 'shallow', 'h a l'], ['hallway', 'The Hall', 'shallow']],
    ['esra', ['Esra Yıldız', 'general'], ['Esra Yıldız']],
    ['yil', ['Esra Yildiz'], ['Esra Yildiz']],
    ['ROD', ['Røde', 'Rodé'], ['Rodé']],
    ['al', ['Ada Lovelace', 'general'], ['Ada Lovelace', 'general']],
    ['the h', ['The Hall', 'Workshop'], ['The Hall']],
    ['x', ['The Hall'], []],
    ['', ['b', 'aa'], ['b', 'aa']],
  ])('%j among %j: %j', (query, names, found) => expect(best(query, names)).toEqual(found));
});
