/** The pages of the settings, and how to get to them. */
import type { Stage } from './fixture';

export interface View {
  name: string;
  /** Runs in the app rather than in a browser. */
  app: boolean;
  open: (stage: Stage) => Promise<void>;
  /** Gives it another theme, where it does not follow the system's by itself. */
  dress?: (stage: Stage, theme: 'dark' | 'light') => void;
}

export async function section(stage: Stage, key: string, settings: object = {}): Promise<void> {
  await stage.signedIn(settings);
  await stage.page.getByTestId('settings-open').click();
  await stage.page.getByTestId(`settings-${key}`).click();
}

export const SETTINGS_VIEWS: View[] = [
  { name: 'settings voice', app: true, open: (stage) => section(stage, 'voice') },
  {
    name: 'settings keys',
    app: true,
    open: async (stage) => {
      await section(stage, 'voice', {
        audio: { gate: { mode: 'pushToTalk', releaseMs: 200 } },
        keys: [
          { action: 'talk', keys: ['ControlLeft'] },
          { action: 'talk', keys: ['Mouse4'] },
          { action: 'talkOverride', keys: ['F8'] },
          { action: 'mute', keys: ['ControlLeft', 'ShiftLeft', 'KeyM'] },
        ],
      });
      stage.shell.engine({ type: 'keys', access: 'everywhere', names: { KeyM: 'M' } });
      const first = stage.page.getByTestId('keys-talk');
      await first.getByTestId('key-binding').first().waitFor();
      await stage.page.getByTestId('key-access').evaluate((e) => e.scrollIntoView());
    },
  },
  {
    name: 'settings keys of the desktop',
    app: true,
    open: async (stage) => {
      await section(stage, 'voice', { desktopKeys: true });
      stage.shell.engine({ type: 'keys', access: 'nowhere', names: {} });
      stage.shell.engine({
        type: 'desktopKeys',
        state: 'assigned',
        keys: [
          { action: 'talk', keys: 'F9' },
          { action: 'mute', keys: 'Ctrl+Shift+M' },
          { action: 'deafen', keys: '' },
        ],
        changeable: true,
      });
      await stage.page.getByTestId('desktop-keys-change').scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'settings key recorder',
    app: true,
    open: async (stage) => {
      await section(stage, 'voice');
      stage.shell.engine({ type: 'keys', access: 'everywhere', names: {} });
      await stage.page.getByTestId('keys-mute').getByTestId('key-add').click();
      stage.shell.engine({ type: 'keysRecorded', keys: ['ControlLeft'], complete: false });
      await stage.page.getByTestId('key-recorder').getByText('Ctrl').waitFor();
    },
  },
  {
    name: 'settings microphone test',
    app: true,
    open: async (stage) => {
      const gate = { mode: 'voice', threshold: 0.6, releaseMs: 300 };
      await section(stage, 'voice', { audio: { gate } });
      await stage.page.getByTestId('mic-playback').click();
      const { shell } = stage;
      shell.engine({ type: 'playback', phase: 'recording' });
      shell.engine({ type: 'input', levelDbfs: -24, speech: 0.8, sending: true });
      const levels = { microphoneDbfs: -38, cleanedDbfs: -41, levelledDbfs: -26, sentDbfs: -24 };
      shell.engine({ type: 'processing', ...levels });
      await stage.page.locator('[data-testid=mic-phase][data-phase=recording]').waitFor();
      await stage.page.locator('dl').first().waitFor();
    },
  },
  { name: 'settings voice in a browser', app: false, open: (stage) => section(stage, 'voice') },
  { name: 'settings appearance', app: true, open: (stage) => section(stage, 'appearance') },
  {
    name: 'settings help',
    app: true,
    open: async (stage) => {
      await section(stage, 'help');
      await stage.page.getByTestId('diagnostics-show').click();
    },
  },
  {
    name: 'settings account',
    app: true,
    open: async (stage) => {
      await section(stage, 'account');
      await stage.page.getByTestId('login').first().waitFor();
    },
  },
];
