// All that a fresh clone needs before `npm start` or `npm test`: packages and build outputs, each made only when what it is
// made from is newer.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installFolder } from './install.mjs';

/** Latest change below `paths`, in milliseconds. */
function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    const stat = statSync(path);
    latest = Math.max(
      latest,
      stat.mtimeMs,
      stat.isDirectory() ? newest(readdirSync(path).map((name) => join(path, name))) : 0,
    );
  }
  return latest;
}

function make(output, sources, command) {
  if (existsSync(output) && statSync(output).mtimeMs >= newest(sources)) return;
  console.error(`building ${output} ...`);
  execFileSync(process.execPath, command, { stdio: ['ignore', 2, 2] });
}

installFolder('.');
make(
  'dist/kernels.inline.js',
  ['assembly', 'asconfig.json', 'asconfig.train.json', 'scripts/build-wasm.mjs', 'package-lock.json'],
  ['scripts/build-wasm.mjs'],
);
make(
  'dist/index.node.js',
  ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
  ['scripts/build-js.mjs'],
);
