import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  // Port and host are fixed because the desktop shell's development window points at them.
  server: { port: 5173, strictPort: true, host: '127.0.0.1' },
  clearScreen: false,
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    // The content security policy of server and app allows no `data:` and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        // The built interface in Chromium: build it first.
        test: {
          name: 'browser',
          include: ['e2e/**/*.test.ts'],
          // Each file waits for its own browser most of the time.
          maxWorkers: 2,
          testTimeout: 60_000,
          // Conditions come true within milliseconds; a busy machine may take longer.
          expect: { poll: { timeout: 10_000 } },
        },
      },
      {
        extends: true,
        // No check: pictures for people to look at, of what was built.
        test: { name: 'screenshots', include: ['e2e/screenshots.ts'], testTimeout: 60_000 },
      },
    ],
  },
});
