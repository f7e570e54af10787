// Compiles src/ to dist/, from nothing: a file that src/ lost must not stay in the package. Kernels (kernels.*, train.simd.*) are
// build-wasm's and stay.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';

if (existsSync('dist')) {
  for (const name of readdirSync('dist'))
    if (!/^(kernels|train\.simd)\./.test(name)) rmSync(`dist/${name}`, { recursive: true });
}
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755);
