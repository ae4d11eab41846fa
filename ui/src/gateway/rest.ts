import type {
  Channel,
  ChannelKind,
  CreateInviteRequest,
  ErrorBody,
  ErrorCode,
  GuestRequest,
  GuildId,
  Invite,
  InviteAccepted,
  InvitePreview,
  Login,
  LoginId,
  LoginRequest,
  Message,
  RegisterRequest,
  ServerInfo,
  SignedIn,
  UserId,
} from '../bindings/protocol';
import { Unreachable, type HttpRequest, type Platform } from '../platform';

/** Why a request failed: the server's code, or that no answer came. */
export type Failure = ErrorCode | 'unreachable';

export class RequestFailed extends Error {
  override name = 'RequestFailed';

  constructor(
    readonly code: Failure,
    /** When to try again, where the server said so. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(code);
  }
}

/** The failure of anything thrown here; what is none is a fault of this program. */
export function failureOf(error: unknown): Failure {
  return error instanceof RequestFailed ? error.code : 'internal';
}

/** The REST door of one server. */
export class Rest {
  constructor(
    private readonly platform: Platform,
    readonly base: string,
    private readonly token: string | null = null,
  ) {}

  server = () => this.#call<ServerInfo>('GET', '/api/server');
  preview = (code: string) => this.#call<InvitePreview>('GET', `/api/invites/${segment(code)}`);
  joinAsGuest = (body: GuestRequest) => this.#call<SignedIn>('POST', '/api/guests', body);
  register = (body: RegisterRequest) => this.#call<SignedIn>('POST', '/api/accounts', body);
  signIn = (body: LoginRequest) => this.#call<SignedIn>('POST', '/api/logins', body);
  logins = () => this.#call<Login[]>('GET', '/api/logins');
  signOut = () => this.#call<null>('DELETE', '/api/logins/current');
  revoke = (id: LoginId) => this.#call<null>('DELETE', `/api/logins/${id}`);
  acceptInvite = (code: string) =>
    this.#call<InviteAccepted>('POST', `/api/invites/${segment(code)}/accept`);
  createInvite = (guild: GuildId, body: CreateInviteRequest) =>
    this.#call<Invite>('POST', `/api/guilds/${guild}/invites`, body);
  createChannel = (guild: GuildId, name: string, kind: ChannelKind) =>
    this.#call<Channel>('POST', `/api/guilds/${guild}/channels`, { name, kind });
  deleteChannel = (guild: GuildId, channel: string) =>
    this.#call<null>('DELETE', `/api/guilds/${guild}/channels/${channel}`);
  kick = (guild: GuildId, user: UserId) =>
    this.#call<null>('DELETE', `/api/guilds/${guild}/members/${user}`);
  postMessage = (channel: string, text: string) =>
    this.#call<Message>('POST', `/api/channels/${channel}/messages`, { text });
  messages = (channel: string, before: string | null) =>
    this.#call<Message[]>(
      'GET',
      `/api/channels/${channel}/messages${before === null ? '' : `?before=${before}`}`,
    );

  async #call<Answer>(
    method: HttpRequest['method'],
    path: string,
    body?: CreateInviteRequest | object,
  ): Promise<Answer> {
    const request: HttpRequest = { method, path };
    if (body !== undefined) request.body = body;
    if (this.token !== null) request.token = this.token;
    const { status, body: answer } = await this.platform
      .http(this.base, request)
      .catch((error: unknown) => {
        throw error instanceof Unreachable ? new RequestFailed('unreachable') : error;
      });
    if (status >= 200 && status < 300) return answer as Answer;
    throw refusal(answer);
  }
}

function segment(text: string): string {
  return encodeURIComponent(text);
}

/** A refusal that is not of this protocol comes from something in front of the server. */
function refusal(answer: unknown): RequestFailed {
  const { code, retryAfterMs } = (answer ?? {}) as Partial<ErrorBody>;
  return new RequestFailed(code ?? 'unavailable', retryAfterMs ?? null);
}
