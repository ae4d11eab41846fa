import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/**
 * The layers, each with those it may import: views → parts, stores → gateway → platform →
 * bindings. Strings and styles are leaves; of the stores, only those that speak to the desktop need words.
 */
const layers = {
  bindings: [],
  strings: ['bindings'],
  platform: ['bindings'],
  gateway: ['platform', 'bindings'],
  stores: ['gateway', 'platform', 'bindings', 'strings'],
  parts: ['stores', 'bindings', 'strings', 'styles'],
  views: ['parts', 'stores', 'bindings', 'strings', 'styles'],
};

const layerRules = Object.entries(layers).map(([layer, allowed]) => ({
  files: [`src/${layer}/**`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: [...Object.keys(layers), 'styles']
              .filter((other) => other !== layer && !allowed.includes(other))
              .flatMap((other) => [`../${other}`, `../${other}/**`, `../../${other}/**`]),
            message: `src/${layer} may import only: ${allowed.join(', ') || 'nothing'}.`,
          },
          ...(layer === 'platform'
            ? []
            : [
                {
                  group: ['@tauri-apps/*'],
                  message: 'Only src/platform knows where the interface runs.',
                },
              ]),
        ],
      },
    ],
  },
}));

export default defineConfig(
  { ignores: ['dist/', 'src/bindings/'] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  svelte.configs.recommended,
  svelte.configs.prettier,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      globals: { ...globals.browser },
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.node.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Stores replace what they hold instead of changing it.
      'svelte/prefer-svelte-reactivity': 'off',
      'max-lines': ['error', 500],
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { extraFileExtensions: ['.svelte'], parser: ts.parser, svelteConfig },
    },
  },
  {
    files: ['**/*.svelte'],
    rules: {
      // The linter takes what one component gives another for `any`; svelte-check knows better.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // A catalogue grows with the interface, and is one idea all the same.
  { files: ['src/strings/??.ts'], rules: { 'max-lines': 'off' } },
  { files: ['**/*.config.js'], extends: [ts.configs.disableTypeChecked] },
  ...layerRules,
);
