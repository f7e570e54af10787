// Makes dist/: a page, its style and one script with kernels and model inside. It needs no server: open dist/index.html.
import { build } from 'esbuild';
import { copyFileSync } from 'node:fs';

await build({
  entryPoints: ['main.js'],
  outfile: 'dist/main.js',
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  loader: { '.qnn': 'binary' },
  logLevel: 'error',
});
for (const name of ['index.html', 'style.css']) copyFileSync(name, `dist/${name}`);
