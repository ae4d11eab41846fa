/** Words about the servers one is on, apart for their number. */
export const servers = {
  /** The servers and guilds at the edge of the window. */
  rail: {
    label: 'Servers and guilds',
    add: 'Add a server or guild',
    call: 'your call is here',
  },

  server: {
    signInAgain: 'Sign in again',
    signOut: 'Sign out…',
    signOutConfirm: (host: string) => `Sign out of ${host}?`,
    signOutLead: 'The server stays in the list, so that you can sign in again.',
    signOutPageLead: 'You can sign in again with your name and password.',
    signOutDo: 'Sign out',
    remove: 'Remove server…',
    removeConfirm: (host: string) => `Remove ${host}?`,
    removeLead:
      'You are signed out there, and the server goes from this window. Your account on it stays.',
    removeDo: 'Remove server',
    guestLead: 'You are a guest there: this gives your name up for good, and the server goes.',
    away: (host: string) => `${host} cannot be reached`,
    awayLead: 'Voicehall keeps trying.',
    awayLeadOthers: 'Voicehall keeps trying. Your other servers go on as ever.',
    connecting: (host: string) => `Connecting to ${host}…`,
    signedOut: (host: string) => `You are signed out of ${host}`,
    guestGone: 'Your guest name there is gone. An invite lets you in again.',
    byInvite: 'An invite lets you in, under a new name or with a new account.',
    signInTo: (host: string) => `Sign in to ${host}`,
    locked: (host: string) => `Your login for ${host} is in the keychain`,
    keychainAsked: 'Unlock your system’s keychain, and you are in.',
    keychainLocked: 'Your system’s keychain is locked.',
    keychainOpen: 'Unlock the keychain',
    withoutKeychain: 'Sign in without it',
  },

  add: {
    title: 'Add a server or guild',
    what: 'Invite link or server address',
    hint: 'With an invite you are in at once. With an address you sign in to an account you have there.',
    pageHint: (host: string) =>
      `This page belongs to ${host}. An invite to another server leads to a page of its own; the desktop app has several servers in one window.`,
    malformed: 'This is neither an invite link nor a server address.',
    noServer: 'No Voicehall server answers there. Check the address.',
    next: 'Continue',
    back: 'Another address',
  },
};
