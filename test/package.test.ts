// What the package ships, and what it weighs: counts, so that they can be held.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BUILDS } from '../src/wasm/builds.js';

interface PackageJson {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as PackageJson;

const WASM_BYTES = 40 * 1024;
const WASM_GZIP_BYTES = 16 * 1024;
const TRAIN_WASM_BYTES = 64 * 1024;

test('each build of the kernels keeps to its size', () => {
  for (const build of BUILDS) {
    const path = `dist/kernels.${build}.wasm`;
    const gzip = gzipSync(readFileSync(path), { level: 9 }).length;
    console.log(`  ${path}: ${statSync(path).size} bytes, ${gzip} gzip`);
    assert.ok(statSync(path).size <= WASM_BYTES, `${path}: ${statSync(path).size} bytes`);
    assert.ok(gzip <= WASM_GZIP_BYTES, `${path}: ${gzip} bytes gzip`);
  }
});

test('the kernels of the CPU trainer are a build of their own, and keep to their size', () => {
  const { size } = statSync('dist/train.simd.wasm');
  console.log(`  dist/train.simd.wasm: ${size} bytes`);
  assert.ok(size <= TRAIN_WASM_BYTES, `${size} bytes`);
});

test('the kernels import nothing but a memory', () => {
  for (const build of BUILDS) {
    const module = new WebAssembly.Module(readFileSync(`dist/kernels.${build}.wasm`));
    assert.equal(WebAssembly.Module.imports(module), [{ module: 'env', name: 'memory', kind: 'memory' }], build);
  }
});

/** What npm would pack. */
function packedFiles(): readonly string[] {
  const npm = process.env['npm_execpath'];
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [command, rest] = npm === undefined ? ['npm', args] : [process.execPath, [npm, ...args]];
  const output = execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const parsed = JSON.parse(output) as { files: { path: string }[] }[] | Record<string, { files: { path: string }[] }>;
  return Object.values(parsed)[0].files.map((file) => file.path);
}

test('the package has every file that its exports name, and nothing of tests or tools', () => {
  const files = packedFiles();
  const named = [...Object.values(manifest.exports), ...Object.values(manifest.bin)]
    .flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)))
    .map((path) => path.replace(/^\.\//, ''));
  for (const path of named) {
    const [start, end = ''] = path.split('*');
    const found = files.some((file) => (end === '' ? file === path : file.startsWith(start) && file.endsWith(end)));
    assert.ok(found, `${path} is not in the package`);
  }
  for (const path of files) {
    assert.match(path, /^(dist|models|schema)\/|^(README|CHANGELOG|LICENSE|package)/, path);
    assert.not.match(path, /\.tsbuildinfo$|\.map$|^dist\/reference/, path);
  }
});

test('models/index.json tells which models the package has', () => {
  const entries = JSON.parse(readFileSync('models/index.json', 'utf8')) as { file: string; packaged: boolean }[];
  const files = packedFiles();
  for (const { file, packaged } of entries) assert.is(files.includes(`models/${file}`), packaged, file);
});

test('dependencies have exact versions', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

test.run();
