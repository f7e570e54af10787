// Compiles assembly/ to the builds that ship: the runtime's three (dist/kernels.*.wasm, asconfig.json) and the trainer's
// (dist/train.simd.wasm, asconfig.train.json).
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync } from 'node:fs';

mkdirSync('build', { recursive: true });
mkdirSync('dist', { recursive: true });
const builds = [
  ['asconfig.train.json', 'train', 'train.simd.wasm'],
  ...['scalar', 'simd', 'relaxed'].map((target) => ['asconfig.json', target, `kernels.${target}.wasm`]),
];
for (const [config, target, file] of builds) {
  execFileSync(process.execPath, ['node_modules/assemblyscript/bin/asc.js', '--config', config, '--target', target], {
    stdio: 'inherit',
  });
  copyFileSync(`build/${file}`, `dist/${file}`);
  console.log(`dist/${file} ${statSync(`dist/${file}`).size} bytes`);
}
