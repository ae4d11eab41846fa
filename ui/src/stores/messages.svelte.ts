import { HISTORY_PAGE, type ChannelId, type Message } from '../bindings/protocol';
import { failureOf, type Failure, type Rest } from '../gateway';

/** A message on its way, or one that did not get through. */
export interface Draft {
  id: number;
  text: string;
  failure: Failure | null;
}

/** Most messages kept of one channel; older ones are fetched again when people scroll to them. */
const KEPT_MAX = 500;

/** One text channel: its messages, oldest first, and one's own drafts after them. */
export class ChannelLog {
  messages = $state.raw<readonly Message[]>([]);
  drafts = $state.raw<readonly Draft[]>([]);
  /** What is being written, wherever people look meanwhile. */
  unsent = $state('');
  loading = $state(false);
  failure = $state.raw<Failure | null>(null);
  /** The first message of the channel is among them. */
  complete = $state(false);
  #fresh = false;
  #draftId = 0;

  constructor(
    private readonly rest: Rest,
    private readonly channel: ChannelId,
  ) {}

  /** Brings it up to date, if it is not. */
  async refresh(): Promise<void> {
    if (this.#fresh) return;
    await this.#load(null);
  }

  /** Adds the page before the first message. */
  async loadOlder(): Promise<void> {
    if (this.complete || this.loading) return;
    await this.#load(this.messages[0]?.id ?? null);
  }

  /** Messages may have been missed: what is here must be fetched anew. */
  invalidate(): void {
    this.#fresh = false;
  }

  receive(message: Message): void {
    if (!this.messages.some(({ id }) => id === message.id)) {
      this.messages = [...this.messages, message].slice(-KEPT_MAX);
    }
  }

  async send(text: string): Promise<void> {
    const draft: Draft = { id: ++this.#draftId, text, failure: null };
    this.drafts = [...this.drafts, draft];
    try {
      const message = await this.rest.postMessage(this.channel, text);
      this.discard(draft.id);
      this.receive(message);
    } catch (error) {
      const failed = { ...draft, failure: failureOf(error) };
      this.drafts = this.drafts.map((other) => (other.id === draft.id ? failed : other));
    }
  }

  async resend(draft: Draft): Promise<void> {
    this.discard(draft.id);
    await this.send(draft.text);
  }

  discard(draftId: number): void {
    this.drafts = this.drafts.filter(({ id }) => id !== draftId);
  }

  async #load(before: string | null): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.failure = null;
    if (before === null) this.#fresh = true;
    try {
      const page = await this.rest.messages(this.channel, before);
      this.complete = page.length < HISTORY_PAGE;
      this.messages = before === null ? page : [...page, ...this.messages];
    } catch (error) {
      if (before === null) this.#fresh = false;
      this.failure = failureOf(error);
    } finally {
      this.loading = false;
    }
  }
}
