// Compiles the tests, runs them all under uvu and closes with "N passed, N failed". Fails when nothing ran.
//   npm test [-- PATTERN]     PATTERN: a regular expression on file names below build/test
import { execFileSync, spawn } from 'node:child_process';

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'], { stdio: 'inherit' });

const major = Number(process.versions.node.split('.')[0]);
// Node 20 has relaxed SIMD behind a flag, and its baseline compiler gets one of the instructions wrong: with both flags the
// relaxed build can be tested there as well. Users of Node 20 get the simd build.
const flags = major < 22 ? ['--experimental-wasm-relaxed-simd', '--no-liftoff', '--no-wasm-tier-up'] : [];
const pattern = process.argv[2] ?? '';
const args = [...flags, 'node_modules/uvu/bin.js', 'build/test', `(?:${pattern}).*\\.test\\.js$`];
const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });

let output = '';
child.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  output += chunk;
});
child.on('close', (code) => {
  // eslint-disable-next-line no-control-regex -- uvu colours its totals
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
  const last = (label) => Number([...plain.matchAll(new RegExp(`^\\s+${label}:\\s+(\\d+)`, 'gm'))].at(-1)?.[1] ?? 0);
  const total = last('Total');
  const passed = last('Passed');
  const failed = Math.max(total - passed - last('Skipped'), code === 0 ? 0 : 1);
  if (total === 0) console.error('no test ran');
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(code === 0 && total > 0 && failed === 0 ? 0 : 1);
});
