import type { Platform } from './platform';
import type { MiniDoor } from './shell';

export * from './platform';
export type {
  MiniContent,
  MiniDoor,
  NotifiedPlace,
  Shell,
  ShellEvent,
  ShellFacts,
  UpdateProblem,
} from './shell';

/** The place this interface runs in. Each place is a chunk of its own: only one is loaded. */
export async function loadPlatform(): Promise<Platform> {
  if ('__TAURI_INTERNALS__' in window) {
    return (await import('./native')).createNativePlatform();
  }
  return (await import('./browser')).createBrowserPlatform();
}

/** The door of the app's small window; none in any other page. */
export async function loadMiniDoor(): Promise<MiniDoor | null> {
  const mini = '__TAURI_INTERNALS__' in window && location.hash === '#mini';
  return mini ? (await import('./shell')).createMiniDoor() : null;
}
