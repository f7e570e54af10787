// Joins what `import 'bitlane'` reads: 50 small files and two packages become an entry a host and a few chunks they share, which
// Node reads in a quarter of the time. Types stay as tsc wrote them, and so do the pool, training and export, which find
// files by their own place; errors.js is an entry, so that a class is the same whoever throws it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installFolder } from './install.mjs';

installFolder('tools');
const { build } = await import('../tools/node_modules/esbuild/lib/main.js');
const entries = readdirSync('dist').filter((name) => /^(index\.\S+|errors)\.js$/.test(name));
await build({
  entryPoints: [...entries, 'model/index.js'].map((name) => join('dist', name)),
  outbase: 'dist',
  outdir: 'dist',
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  chunkNames: 'chunk-[hash]',
  format: 'esm',
  target: 'es2022',
  mainFields: ['module', 'main'],
  external: ['./kernels.*', 'node:*'],
  logLevel: 'warning',
});
