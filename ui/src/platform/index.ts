import type { Platform } from './platform';

export * from './platform';

/** The place this interface runs in. Each place is a chunk of its own: only one is loaded. */
export async function loadPlatform(): Promise<Platform> {
  if ('__TAURI_INTERNALS__' in window) {
    return (await import('./native')).createNativePlatform();
  }
  return (await import('./browser')).createBrowserPlatform();
}
