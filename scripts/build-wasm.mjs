// Compiles assembly/ to the three builds that ship (dist/kernels.*.wasm), with the flags of asconfig.json.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync } from 'node:fs';

mkdirSync('build', { recursive: true });
mkdirSync('dist', { recursive: true });
for (const target of ['scalar', 'simd', 'relaxed']) {
  execFileSync(
    process.execPath,
    ['node_modules/assemblyscript/bin/asc.js', '--config', 'asconfig.json', '--target', target],
    { stdio: 'inherit' },
  );
  copyFileSync(`build/kernels.${target}.wasm`, `dist/kernels.${target}.wasm`);
  console.log(`dist/kernels.${target}.wasm ${statSync(`dist/kernels.${target}.wasm`).size} bytes`);
}
