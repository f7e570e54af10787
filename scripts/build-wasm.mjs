// Compiles assembly/ to the three builds that ship (dist/kernels.*.wasm), with the flags of asconfig.json, and writes beside
// them what hosts import instead of a file: the simd build as text (kernels.inline.js), Deno's import of the relaxed build
// (kernels.source.js, a syntax that TypeScript does not parse), and the types of an imported build.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

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

writeFileSync(
  'dist/kernels.wasm.d.ts',
  '// The kernels as Workers and bundlers import them: compiled.\n' +
    'declare const module: WebAssembly.Module;\nexport default module;\n',
);
writeFileSync(
  'dist/kernels.source.js',
  "// The relaxed build, compiled by the host.\nimport source module from './kernels.relaxed.wasm';\nexport default module;\n",
);
// Last: scripts/setup.mjs takes its time for that of them all.
writeFileSync(
  'dist/kernels.inline.js',
  '// The simd build in base64.\n' + `export default '${readFileSync('dist/kernels.simd.wasm').toString('base64')}';\n`,
);
