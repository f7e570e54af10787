// Compiles assembly/ to the builds that ship: the runtime's three (dist/kernels.*.wasm, asconfig.json) and the trainer's
// (dist/train.simd.wasm, asconfig.train.json). Writes beside them what hosts import instead of a file: the simd build as
// text (kernels.inline.js), Deno's import of the relaxed build (kernels.source.js, a syntax that TypeScript does not
// parse), and the types of an imported build.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

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
