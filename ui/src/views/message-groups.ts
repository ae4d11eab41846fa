import type { Message, UserId } from '../bindings/protocol';

/** Messages that one person wrote in one go. */
export interface Group {
  key: string;
  author: UserId;
  sentAt: number;
  /** The first of a day is set apart. */
  newDay: boolean;
  messages: Message[];
}

/** A pause this long begins a new group. */
const PAUSE_MS = 5 * 60_000;

export function grouped(messages: readonly Message[]): Group[] {
  const groups: Group[] = [];
  let before: Message | undefined;
  for (const message of messages) {
    const newDay = !before || dayOf(before.sentAt) !== dayOf(message.sentAt);
    const last = groups.at(-1);
    const goesOn =
      !newDay &&
      last?.author === message.author &&
      message.sentAt - (before?.sentAt ?? 0) < PAUSE_MS;
    if (goesOn) last.messages.push(message);
    else {
      const { author, sentAt } = message;
      groups.push({ key: message.id, author, sentAt, newDay, messages: [message] });
    }
    before = message;
  }
  return groups;
}

function dayOf(ms: number): string {
  return new Date(ms).toDateString();
}

/** A piece of a message's text; one with a link is a link. */
export interface Piece {
  text: string;
  link?: string;
}

/** Finds the web addresses in a text. Punctuation after one belongs to the sentence. */
export function linked(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    const link = match[0].replace(/[.,;:!?'")\]]+$/, '');
    if (!URL.canParse(link)) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: link, link });
    end = match.index + link.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}
