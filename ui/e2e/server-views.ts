/** Several servers in one window, and what there is to do about each. */
import type { Page } from 'playwright-core';
import { ADA, BASE } from './fixture';
import type { View } from './settings-views';
import { door, node, OLD, several, WORK, write } from './several';

const channel = (page: Page, name: string) =>
  page.locator(`[data-testid=channel][data-name="${name}"]`);

const LANTERNS = { base: BASE, user: ADA, guilds: [{ id: '1', name: 'The Lanterns' }] };

export const SERVER_VIEWS: View[] = [
  {
    name: 'several servers',
    app: true,
    open: async (stage) => {
      write((await several(stage, { membersShown: true })).play);
      await door(stage, 'Moth Club').and(stage.page.locator('[data-unread=true]')).waitFor();
    },
  },
  {
    name: 'several servers in a call elsewhere',
    app: true,
    open: async (stage) => {
      await several(stage);
      await channel(stage.page, 'The Hall').click();
      await stage.page.locator('[data-voice-state=connected]').waitFor();
      const back = stage.page.getByTestId('back');
      if (await back.isVisible()) await back.click();
      await door(stage, 'Moth Club').click();
      await stage.page.getByTestId('call-place').waitFor();
    },
  },
  {
    name: 'server menu',
    app: true,
    open: async (stage) => {
      await several(stage);
      await node(stage, WORK).click();
      await stage.page.getByTestId('server-menu').waitFor();
    },
  },
  {
    name: 'server away',
    app: true,
    open: async (stage) => {
      await several(stage);
      await door(stage, 'Analytical Engines').click();
      await stage.page.getByTestId('pane-wake').waitFor();
    },
  },
  {
    name: 'server behind a keychain',
    app: true,
    open: async (stage) => {
      stage.shell.answer = (command) =>
        command === 'credentials_load' ? { logins: {}, shut: 'locked' } : undefined;
      await stage.enter({ servers: [LANTERNS] });
      await stage.page.getByTestId('keychain-open').waitFor();
    },
  },
  {
    name: 'server behind a keychain that asks',
    app: true,
    open: async (stage) => {
      stage.shell.answer = (command) => {
        if (command === 'credentials_load') return { logins: {}, shut: 'asked' };
        return command === 'credentials_open' ? new Promise(() => undefined) : undefined;
      };
      await stage.enter({ servers: [LANTERNS] });
      await stage.page.getByTestId('without-keychain').waitFor();
    },
  },
  {
    name: 'server without its keychain',
    app: true,
    open: async (stage) => {
      stage.shell.answer = (command) =>
        command === 'credentials_load' ? { logins: {}, shut: 'locked' } : undefined;
      await stage.enter({ servers: [LANTERNS] });
      await stage.page.getByTestId('without-keychain').click();
      await stage.page.getByTestId('sign-in-name').waitFor();
    },
  },
  {
    name: 'server of another version',
    app: true,
    open: async (stage) => {
      stage.protocol = 99;
      await stage.enter({ servers: [LANTERNS] });
      await stage.page.locator('[data-connection=incompatible]').first().waitFor();
    },
  },
  {
    name: 'server signed out',
    app: true,
    open: async (stage) => {
      await several(stage);
      await door(stage, 'Poets').click();
      await stage.page.getByTestId('sign-in-name').waitFor();
    },
  },
  {
    name: 'server signed out by invite',
    app: true,
    open: async (stage) => {
      await several(stage);
      await door(stage, 'Poets').click();
      await stage.page.getByTestId('other-way').click();
      await stage.page.getByTestId('invite-link').waitFor();
    },
  },
  {
    name: 'remove a server',
    app: true,
    open: async (stage) => {
      await several(stage);
      await node(stage, WORK).click();
      await stage.page.getByTestId('server-remove').click();
      await stage.page.getByTestId('confirm').waitFor();
    },
  },
  {
    name: 'add a server',
    app: true,
    open: async (stage) => {
      await several(stage);
      await stage.page.getByTestId('rail-add').click();
      await stage.page.getByTestId('join-guild-link').fill('what now');
      await stage.page.getByTestId('add-continue').click();
      await stage.page.getByRole('alert').waitFor();
    },
  },
  {
    name: 'add a server by invite',
    app: true,
    open: async (stage) => {
      await several(stage);
      stage.shell.open(`voicehall://join/${new URL(OLD).host}/abc`);
      await stage.page.getByTestId('invite-preview').waitFor();
    },
  },
  {
    name: 'add a server by address',
    app: true,
    open: async (stage) => {
      await several(stage);
      await stage.page.getByTestId('rail-add').click();
      await stage.page.getByTestId('join-guild-link').fill('old.example.org');
      await stage.page.getByTestId('add-continue').click();
      await stage.page.getByTestId('sign-in-name').waitFor();
    },
  },
  {
    name: 'quick switcher of several servers',
    app: true,
    open: async (stage) => {
      await several(stage);
      await stage.page.keyboard.press('Control+k');
      await stage.page.keyboard.type('hall');
    },
  },
  {
    name: 'settings account of several servers',
    app: true,
    open: async (stage) => {
      await several(stage);
      await stage.page.getByTestId('settings-open').click();
      await stage.page.getByTestId('settings-account').click();
      await stage.page.getByTestId('login').first().waitFor();
    },
  },
  {
    name: 'server menu where one is signed in',
    app: true,
    open: async (stage) => {
      await several(stage);
      await node(stage, BASE).click();
      await stage.page.getByTestId('server-sign-out').waitFor();
    },
  },
  {
    name: 'sign out of a server',
    app: true,
    open: async (stage) => {
      await several(stage);
      await node(stage, BASE).click();
      await stage.page.getByTestId('server-sign-out').click();
      await stage.page.getByTestId('confirm').waitFor();
    },
  },
];
