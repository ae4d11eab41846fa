import { describe, expect, it } from 'vitest';
import { grouped, linked } from './message-groups';

const MINUTE_MS = 60_000;
const NOON_MS = new Date(2026, 0, 5, 12).getTime();

const message = (id: number, author: string, minutes: number) => ({
  id: `${id}`,
  channel: '1',
  author,
  text: '',
  sentAt: NOON_MS + minutes * MINUTE_MS,
});

describe('messages', () => {
  it('are grouped by person, pause and day', () => {
    const groups = grouped([
      message(1, 'a', 0),
      message(2, 'a', 4),
      message(3, 'b', 5),
      message(4, 'b', 11),
      message(5, 'b', 24 * 60),
    ]);
    expect(groups.map(({ messages }) => messages.map(({ id }) => id))).toEqual([
      ['1', '2'],
      ['3'],
      ['4'],
      ['5'],
    ]);
    expect(groups.map(({ newDay }) => newDay)).toEqual([true, false, false, true]);
  });

  it.each([
    ['no link', [{ text: 'no link' }]],
    ['', []],
    [
      'see https://a.example/x?y=1, please',
      [
        { text: 'see ' },
        { text: 'https://a.example/x?y=1', link: 'https://a.example/x?y=1' },
        { text: ', please' },
      ],
    ],
    ['javascript:alert(1)', [{ text: 'javascript:alert(1)' }]],
    ['http://', [{ text: 'http://' }]],
  ])('%j shows its links', (text, pieces) => expect(linked(text)).toEqual(pieces));
});
