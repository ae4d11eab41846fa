import type {
  ControlAnswer,
  ControlRequest,
  ControlStatus,
  Message,
  UserId,
} from '../bindings/protocol';
import type { MiniContent, NotifiedPlace, Shell, ShellEvent, ShellFacts } from '../platform';
import { t } from '../strings';
import type { App } from './app.svelte';
import type { Call } from './call';
import { findChannel } from './control';
import { channelOf, memberOf, occupantsOf } from './guild';
import type { Server } from './server.svelte';
import { Updates } from './updates.svelte';

export type { MiniContent, MiniDoor } from '../platform';

/** The app on the desktop: what the tray shows and asks, notifications, other programs. */
export class Desktop {
  facts = $state.raw<ShellFacts>({
    tray: false,
    autostart: false,
    settingsBroken: false,
    credentialsBroken: false,
    keychainLack: null,
  });
  /** Looks for newer versions of the app. */
  readonly updates: Updates;
  /** The window was closed, and what that does is to be chosen. */
  closing = $state(false);
  /** Who was in one's channel at the last look; none outside a call. */
  #company: ReadonlySet<UserId> | null = null;

  constructor(
    private readonly app: App,
    private readonly shell: Shell,
  ) {
    this.updates = new Updates(shell, () => this.app.settings.flush());
  }

  /** Called once, when the settings are loaded. */
  async start(): Promise<void> {
    this.shell.onEvent((event) => this.#onEvent(event));
    await this.look();
    if (this.facts.settingsBroken) this.app.notices.show({ kind: 'settingsBroken' });
    if (this.facts.credentialsBroken) this.app.notices.show({ kind: 'credentialsBroken' });
  }

  /** Tells the desktop how things stand. What is read here is what it depends on. */
  present(): void {
    const { selfMute: muted, selfDeaf: deafened, closeToTray: close } = this.app.settings.current;
    const { inCall } = this.app.voice;
    const { tray } = t.desktop;
    const heard = this.app.voice.override.on ? tray.override : tray.inCall;
    const state = !inCall ? tray.idle : deafened ? tray.deafened : muted ? tray.muted : heard;
    const { mute, deafen, leave, mini, show, quit } = tray;
    const texts = { state, mute, deafen, leave, mini, show, quit };
    this.shell.present({ inCall, muted, deafened, close, texts });
  }

  /** Tells the small window what to show, and announces who came. */
  watchCall(): void {
    const { call, speaking } = this.app.voice;
    if (call.phase !== 'connected') {
      this.#company = null;
      return;
    }
    const { server, channel, guild: guildId } = call.place;
    const guild = server.guild(guildId);
    if (!guild) return;
    const name = channelOf(guild, channel)?.name ?? '';
    const occupants = occupantsOf(guild, channel);
    this.#announce(
      occupants.map(({ member }) => member.user),
      server,
      name,
      { base: server.base, guild: guildId, channel },
    );
    const { selfMute, selfDeaf, language } = this.app.settings.current;
    const content: MiniContent = {
      channel: name,
      theme: document.documentElement.dataset['theme'] ?? 'dark',
      language,
      muted: selfMute || selfDeaf,
      talkOverride: this.app.voice.override.on,
      people: occupants.map(({ state, member }) => ({
        id: member.user.id,
        name: member.user.name,
        speaking: speaking.has(state.source),
        silent: state.selfMute || state.selfDeaf || state.serverMute || state.serverDeaf,
      })),
    };
    this.shell.setMini(content);
  }

  onMessage(server: Server, message: Message): void {
    if (!this.app.settings.current.notifyMessages || document.hasFocus()) return;
    const guild = server.guilds.find((guild) => channelOf(guild, message.channel));
    const author = guild && memberOf(guild, message.author)?.user.name;
    if (!guild) return;
    const channel = channelOf(guild, message.channel)?.name;
    const title = t.desktop.messageTitle(author ?? t.text.unknownAuthor, channel ?? '');
    const place = { base: server.base, guild: guild.id, channel: message.channel };
    this.shell.notify(title, message.text, place);
  }

  /** Starts the app with the system, or no longer. */
  async setAutostart(enabled: boolean): Promise<void> {
    await this.shell.setAutostart(enabled).catch(() => {
      this.app.notices.show({ kind: 'autostartFailed' });
    });
    await this.look();
  }

  /** What closing the window does was chosen: it is done, and from now on without a question. */
  chooseClose(close: 'hide' | 'quit'): void {
    this.closing = false;
    this.app.settings.set({ closeToTray: close });
    if (close === 'hide') this.shell.hide();
    // What was chosen is on its way to be kept, and must be there before the app is gone.
    else void this.app.settings.flush().finally(() => this.shell.quit());
  }

  openMini(): void {
    this.shell.openMini();
  }

  /** Asks what this desktop offers, and where things are kept. */
  async look(): Promise<void> {
    this.facts = (await this.shell.facts().catch(() => null)) ?? this.facts;
  }

  #announce(
    users: readonly { id: UserId; name: string }[],
    server: Server,
    channel: string,
    place: NotifiedPlace,
  ): void {
    const before = this.#company;
    this.#company = new Set(users.map(({ id }) => id));
    if (!before || !this.app.settings.current.notifyJoins || document.hasFocus()) return;
    for (const { id, name } of users) {
      if (id !== server.user?.id && !before.has(id)) {
        this.shell.notify(channel, t.desktop.joined(name), place);
      }
    }
  }

  #onEvent(event: ShellEvent): void {
    switch (event.type) {
      case 'toggleMute':
        this.app.voice.toggleMute();
        break;
      case 'toggleDeaf':
        this.app.voice.toggleDeaf();
        break;
      case 'leave':
        this.app.voice.leave();
        break;
      case 'closing':
        this.closing = true;
        break;
      case 'notified':
        this.#goTo(event.place);
        break;
      case 'tray':
        this.facts = { ...this.facts, tray: event.present };
        // A tray that comes now has to be told what to show.
        this.present();
        break;
      case 'control':
        void this.#obey(event.request).then((answer) => this.shell.answer(event.id, answer));
        break;
    }
  }

  /** Shows the channel that a notification was about, if it is still there. */
  #goTo({ base, guild: id, channel }: NotifiedPlace): void {
    const server = this.app.accountAt(base);
    const guild = server?.guild(id);
    if (server && guild && channelOf(guild, channel)) this.app.arrive(server, guild, channel);
  }

  async #obey(request: ControlRequest): Promise<ControlAnswer> {
    const { voice, settings } = this.app;
    switch (request.command) {
      case 'mute':
        voice.setMute(request.on ?? !settings.current.selfMute);
        break;
      case 'deafen':
        voice.setDeaf(request.on ?? !settings.current.selfDeaf);
        break;
      case 'leave':
        voice.leave();
        break;
      case 'join': {
        const found = findChannel(this.app.servers, request);
        if (typeof found === 'string') return { result: 'failed', reason: found };
        const { server, guild, channel } = found;
        this.app.select(server, guild.id, channel);
        voice.join({ server, guild: guild.id, channel });
        if ((await this.#settled()).phase !== 'connected') {
          return { result: 'failed', reason: 'noCall' };
        }
        break;
      }
      case 'override':
        if (!voice.inCall) return { result: 'failed', reason: 'noCall' };
        await voice.override.set(request.on ?? !voice.override.on);
        break;
      // The shell has told the engine, which waits for no page.
      case 'ptt':
      case 'status':
      case 'show':
        break;
    }
    return { result: 'done', status: this.#status() };
  }

  /** The call once it is clear whether it comes about. */
  #settled(): Promise<Call> {
    return new Promise((resolve) => {
      const stop = $effect.root(() => {
        $effect(() => {
          const { call } = this.app.voice;
          if (call.phase === 'joining' || call.phase === 'reconnecting') return;
          resolve(call);
          queueMicrotask(() => stop());
        });
      });
    });
  }

  #status(): ControlStatus {
    const { selfMute: muted, selfDeaf: deafened } = this.app.settings.current;
    const { call, place } = this.app.voice;
    const guild = place?.server.guild(place.guild);
    const channel = guild && place ? channelOf(guild, place.channel) : undefined;
    return {
      call: call.phase,
      guild: guild?.name ?? null,
      channel: channel?.name ?? null,
      muted,
      deafened,
      talkOverride: this.app.voice.override.on,
    };
  }
}
