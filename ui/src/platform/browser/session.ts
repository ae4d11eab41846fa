import type {
  CallStats,
  ErrorBody,
  SessionState,
  VoiceJoinAnswer,
  VoiceJoinRequest,
} from '../../bindings/protocol';
import { PathWatch } from './path-watch';
import type { Peer } from './peer';
import { voiceNodeOffer } from './sdp';
import { isNominatedPair, StatsMeter, type OwnDelays } from './stats';

/** The voice node answers a join at once or not at all. */
const JOIN_TIMEOUT_MS = 5_000;
/** From the answer to connected media; a slow network needs some retransmissions. */
const CONNECT_TIMEOUT_MS = 8_000;
/** After a path was found broken it is given up; networks that change need a moment. */
const LOST_AFTER_MS = 500;

/** What the session tells its engine. */
export interface SessionHandlers {
  state(state: SessionState): void;
  /** The voice slots are there, slot 0 first. */
  slots(receivers: RTCRtpReceiver[]): void;
}

/** One voice session, from the ticket to its end. */
export class VoiceSession {
  #connection: RTCPeerConnection | null = null;
  readonly #stats = new StatsMeter();
  readonly #path = new PathWatch();
  #sender: RTCRtpSender | null = null;
  #track: MediaStreamTrack | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(
    private readonly peer: Promise<Peer>,
    private readonly handlers: SessionHandlers,
  ) {}

  /** Joins. What becomes of it is told as states. */
  async open(url: string, ticket: string, bitrate: number): Promise<void> {
    this.handlers.state({ state: 'connecting' });
    try {
      const { connection, fingerprint } = await this.peer;
      this.#connection = connection;
      const reply = await postJoin(url, { ticket, fingerprint, prime: true });
      // One that was closed meanwhile would refuse what follows.
      if (this.#over) connection.close();
      else if (reply.state !== 'answered') this.#end(reply);
      else {
        this.#watch(connection, reply.answer);
        await this.#negotiate(connection, reply.answer, bitrate);
      }
    } catch {
      this.#end({ state: 'ended', reason: 'handshakeFailed' });
    }
  }

  /** Sends this track, or nothing. */
  setTrack(track: MediaStreamTrack | null): void {
    this.#track = track;
    // A sender of a connection that was closed meanwhile refuses, and rightly.
    this.#sender?.replaceTrack(track).catch(() => undefined);
  }

  /** The figures of the last second. */
  async stats(own: OwnDelays): Promise<CallStats | null> {
    if (this.#over || !this.#connection) return null;
    const report = await this.#connection.getStats();
    const entries: RTCStats[] = [];
    report.forEach((entry: RTCStats) => entries.push(entry));
    const pair = entries.find(isNominatedPair);
    if (pair && this.#path.isDead(pair, performance.now())) {
      this.#end({ state: 'lost' });
    }
    return this.#stats.read(entries, own);
  }

  /** Ends without a word: whoever asks for it knows. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  async #negotiate(
    connection: RTCPeerConnection,
    answer: VoiceJoinAnswer,
    bitrate: number,
  ): Promise<void> {
    await connection.setRemoteDescription({ type: 'offer', sdp: voiceNodeOffer(answer, bitrate) });
    const [microphone, ...slots] = connection.getTransceivers();
    if (!microphone) throw new Error('the offer has a microphone');
    microphone.direction = 'sendonly';
    this.#sender = microphone.sender;
    if (this.#track) void microphone.sender.replaceTrack(this.#track);
    await connection.setLocalDescription();
    this.handlers.slots(slots.map(({ receiver }) => receiver));
    const transport = microphone.sender.transport;
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed') this.#end({ state: 'ended', reason: null });
      if (transport.state === 'failed') this.#end({ state: 'ended', reason: 'handshakeFailed' });
    });
  }

  #watch(connection: RTCPeerConnection, { source }: VoiceJoinAnswer): void {
    const giveUpAfter = (delayMs: number) => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#end({ state: 'lost' }), delayMs);
    };
    giveUpAfter(CONNECT_TIMEOUT_MS);
    connection.addEventListener('connectionstatechange', () => {
      switch (connection.connectionState) {
        case 'connected':
          clearTimeout(this.#timer);
          if (!this.#over) this.handlers.state({ state: 'connected', source });
          break;
        case 'disconnected':
          giveUpAfter(LOST_AFTER_MS);
          break;
        case 'failed':
          this.#end({ state: 'lost' });
          break;
      }
    });
  }

  #end(state: SessionState): void {
    if (this.#over) return;
    this.close();
    this.handlers.state(state);
  }
}

type Reply =
  | { state: 'answered'; answer: VoiceJoinAnswer }
  | Extract<SessionState, { state: 'refused' | 'unreachable' }>;

async function postJoin(url: string, request: VoiceJoinRequest): Promise<Reply> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
      credentials: 'omit',
      signal: AbortSignal.timeout(JOIN_TIMEOUT_MS),
    });
    const body: unknown = await response.json();
    if (response.ok) return { state: 'answered', answer: body as VoiceJoinAnswer };
    return { state: 'refused', code: (body as Partial<ErrorBody>).code ?? 'internal' };
  } catch {
    return { state: 'unreachable' };
  }
}
