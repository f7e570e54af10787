// eslint for the whole project, with TypeScript's types. Installed in tools/ so that tests do without it.
import js from '@eslint/js';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-eslint';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export default ts.config(
  { ignores: ['**/node_modules', '**/dist', '**/build', 'assembly', 'models', 'src/model/generated'] },
  // Imports at the source phase, which eslint does not parse.
  { ignores: ['test/runtimes/hosts/deno.test.js'] },
  { basePath: root, files: ['**/*.ts'], extends: [js.configs.recommended, ts.configs.recommendedTypeChecked] },
  {
    basePath: root,
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: root } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // The compiler is told to check every index as present; tight loops over typed arrays say so with "!".
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A property taken out of a rest, as in { padBottom: _bottom, ...fields }.
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
    },
  },
  {
    basePath: root,
    files: ['**/*.{js,mjs}'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: Object.fromEntries(
        ['console', 'performance', 'process', 'URL', 'WebAssembly'].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    // The libraries that it measures look for a browser's globals.
    basePath: root,
    files: ['bench/gpu/**/*.mjs'],
    languageOptions: { globals: { globalThis: 'readonly' } },
  },
  {
    // Run by engines of every kind: what they have in common, and what each has of its own.
    basePath: root,
    files: ['test/runtimes/**/*.{js,mjs}', 'examples/**/*.{js,mjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...[
            'Buffer',
            'Bun',
            'Deno',
            'DecompressionStream',
            'Blob',
            'Request',
            'Response',
            'Headers',
            'ReadableStream',
            'atob',
            'fetch',
          ],
          ...[
            'addEventListener',
            'document',
            'devicePixelRatio',
            'gc',
            'globalThis',
            'navigator',
            'performance',
            'requestAnimationFrame',
          ],
          ...[
            'setTimeout',
            'clearTimeout',
            'window',
            'location',
            'AbortSignal',
            'WebAssembly',
            'print',
            'preciseTime',
            'escape',
            'unescape',
          ],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
