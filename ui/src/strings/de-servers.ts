import type { servers as en } from './en-servers';

/** Words about the servers one is on, apart for their number. */
export const servers: typeof en = {
  rail: {
    label: 'Server und Gilden',
    add: 'Server oder Gilde hinzufügen',
    call: 'hier ist dein Gespräch',
  },

  server: {
    signInAgain: 'Wieder anmelden',
    signOut: 'Abmelden…',
    signOutConfirm: (host) => `Von ${host} abmelden?`,
    signOutLead: 'Der Server bleibt in der Liste, damit du dich wieder anmelden kannst.',
    signOutPageLead: 'Mit Name und Passwort kannst du dich wieder anmelden.',
    signOutDo: 'Abmelden',
    remove: 'Server entfernen…',
    removeConfirm: (host) => `${host} entfernen?`,
    removeLead:
      'Du wirst dort abgemeldet, und der Server verschwindet aus diesem Fenster. Dein Konto dort bleibt.',
    removeDo: 'Server entfernen',
    guestLead:
      'Du bist dort zu Gast: Damit gibst du deinen Namen endgültig auf, und der Server verschwindet.',
    away: (host) => `${host} ist nicht erreichbar`,
    awayLead: 'Voicehall versucht es weiter.',
    awayLeadOthers: 'Voicehall versucht es weiter. Deine anderen Server laufen wie immer.',
    connecting: (host) => `Verbindung zu ${host} wird aufgebaut…`,
    signedOut: (host) => `Du bist von ${host} abgemeldet`,
    guestGone: 'Dein Gastname dort ist weg. Eine Einladung lässt dich wieder hinein.',
    byInvite: 'Eine Einladung lässt dich hinein, mit neuem Namen oder neuem Konto.',
    signInTo: (host) => `Bei ${host} anmelden`,
    locked: (host) => `Deine Anmeldung bei ${host} liegt im Schlüsselbund`,
    keychainAsked: 'Entsperre den Schlüsselbund deines Systems, dann bist du drin.',
    keychainLocked: 'Der Schlüsselbund deines Systems ist gesperrt.',
    keychainOpen: 'Schlüsselbund entsperren',
    withoutKeychain: 'Ohne ihn anmelden',
  },

  add: {
    title: 'Server oder Gilde hinzufügen',
    what: 'Einladungslink oder Adresse des Servers',
    hint: 'Mit einer Einladung bist du sofort dabei. Mit einer Adresse meldest du dich bei einem Konto an, das du dort hast.',
    pageHint: (host) =>
      `Diese Seite gehört zu ${host}. Eine Einladung zu einem anderen Server führt auf dessen eigene Seite; die Desktop-App hat mehrere Server in einem Fenster.`,
    malformed: 'Das ist weder ein Einladungslink noch die Adresse eines Servers.',
    noServer: 'Dort antwortet kein Voicehall-Server. Prüfe die Adresse.',
    next: 'Weiter',
    back: 'Andere Adresse',
  },
};
