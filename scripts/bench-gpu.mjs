// npm run bench:gpu [-- --quick --json --size N]: bench/gpu/run.mjs, with what it needs installed. On a machine without a
// registry it measures with what is there: dist/ and the package `webgpu` are enough, rivals are left out.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { installFolder } from './install.mjs';

for (const [what, install] of [
  ['setup', () => run(['scripts/setup.mjs'])],
  ['webgpu', () => existsSync('node_modules/webgpu') || run(['scripts/setup-gpu.mjs'])],
  ['rivals', () => installFolder('bench/gpu')],
]) {
  try {
    install();
  } catch (error) {
    console.error(`${what} could not be installed, going on without: ${error.message.split('\n')[0]}`);
  }
}
process.exit(
  spawnSync(process.execPath, ['bench/gpu/run.mjs', ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1,
);

function run(args) {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${args[0]} ended with status ${status}`);
}
