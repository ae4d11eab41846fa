/** What the desktop has of the app: its settings, updates, questions, and the small window. */
import { BASE, type Stage } from './fixture';
import { section, type View } from './settings-views';

/** A channel with one who speaks, one who is silent, and names that do not fit. */
export const MINI = {
  channel: 'The Hall of very long conversations',
  theme: 'dark',
  language: 'system',
  muted: false,
  talkOverride: false,
  people: [
    { id: '101', name: 'Ada Lovelace', speaking: false, silent: false },
    { id: '102', name: 'Brigitte', speaking: true, silent: false },
    {
      id: '103',
      name: 'Chidi Okafor of the north-eastern workshop',
      speaking: false,
      silent: true,
    },
    { id: '104', name: 'Dmitri', speaking: false, silent: false },
  ],
};

/** Opens the small window, which shows this. */
export async function openMini(stage: Stage, changes: Partial<typeof MINI> = {}): Promise<void> {
  const content = { ...MINI, ...changes };
  stage.shell.answer = (command) => (command === 'mini_get' ? content : undefined);
  await stage.page.setViewportSize({ width: 280, height: 180 });
  await stage.page.goto(`${BASE}/#mini`);
  await stage.page.getByTestId('mini-person').first().waitFor();
}

function mini(name: string, changes: Partial<typeof MINI>): View {
  return {
    name,
    app: true,
    open: (stage) => openMini(stage, changes),
    dress: (stage, theme) => stage.shell.tell({ ...MINI, ...changes, theme }, 'mini'),
  };
}

type Found = { found: 'newest' } | { found: 'newer'; version: string; notes: string | null };

const NEWER: Found = {
  found: 'newer',
  version: '0.9.0',
  notes: 'Calls are quieter.\nNobody is clipped any more, and the tray says when you are muted.',
};

/** The settings, once updates were looked for: the shell found this, and answers an installation so. */
export async function updates(
  stage: Stage,
  found: Found | 'failed',
  install: () => Promise<null> = () => Promise.resolve(null),
): Promise<void> {
  stage.shell.answer = (command) => {
    if (command === 'update_install') return install();
    if (command !== 'update_look') return undefined;
    if (found === 'failed') throw new Error(found);
    return found;
  };
  await section(stage, 'help');
  await stage.page.getByTestId('update-look').click();
}

async function seeUpdates({ page }: Stage, phase: string): Promise<void> {
  const here = page.locator(`[data-testid=updates][data-phase=${phase}]`);
  await here.waitFor();
  await here.scrollIntoViewIfNeeded();
}

const TRAY = {
  tray: true,
  autostart: true,
  settingsBroken: false,
  credentialsBroken: false,
  keychainLack: null,
};

/** The desktop has a tray. */
export function withTray(stage: Stage): void {
  stage.shell.answer = (command) => (command === 'shell_facts' ? TRAY : undefined);
}

export const DESKTOP_VIEWS: View[] = [
  {
    name: 'settings desktop',
    app: true,
    open: async (stage) => {
      withTray(stage);
      await section(stage, 'desktop');
      await stage.page.getByTestId('close-to-tray').waitFor();
    },
  },
  {
    name: 'settings desktop without a tray',
    app: true,
    open: (stage) => section(stage, 'desktop'),
  },
  {
    name: 'settings updates none',
    app: true,
    open: async (stage) => {
      await updates(stage, { found: 'newest' });
      await seeUpdates(stage, 'newest');
    },
  },
  {
    name: 'settings updates newer',
    app: true,
    open: async (stage) => {
      await updates(stage, NEWER);
      await seeUpdates(stage, 'newer');
    },
  },
  {
    name: 'settings updates fetching',
    app: true,
    open: async (stage) => {
      await updates(stage, NEWER, () => new Promise(() => undefined));
      await stage.page.getByTestId('update-install').click();
      await seeUpdates(stage, 'fetching');
    },
  },
  {
    name: 'settings updates restart',
    app: true,
    open: async (stage) => {
      await updates(stage, NEWER);
      await stage.page.getByTestId('update-install').click();
      await seeUpdates(stage, 'ready');
    },
  },
  {
    name: 'settings updates problem',
    app: true,
    open: async (stage) => {
      await updates(stage, 'failed');
      await seeUpdates(stage, 'problem');
    },
  },
  {
    name: 'closing',
    app: true,
    open: async (stage) => {
      withTray(stage);
      await stage.signedIn();
      stage.shell.tell({ type: 'closing' });
      await stage.page.getByTestId('closing').waitFor();
    },
  },
  {
    name: 'notices',
    app: true,
    open: async (stage) => {
      stage.shell.answer = (command) =>
        command === 'shell_facts'
          ? { ...TRAY, settingsBroken: true, credentialsBroken: true }
          : undefined;
      await stage.signedIn();
      await stage.page.getByTestId('toast').nth(1).waitFor();
    },
  },
  mini('mini', {}),
  mini('mini muted', { muted: true }),
  mini('mini kept open', { talkOverride: true }),
];
