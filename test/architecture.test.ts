// The import directions of ARCHITECTURE.md, read from the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** What every host's entry may import: the core, and where models and kernels come from. */
const ENTRY = ['index.ts', 'load.ts', 'runtime', 'sources.ts'];

/** What each part of src/ may import of the others; its own files always. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'errors.ts': [],
  numerics: ['errors.ts'],
  model: ['errors.ts', 'numerics'],
  plan: ['errors.ts', 'numerics', 'model'],
  wasm: ['errors.ts'],
  runtime: ['errors.ts', 'numerics', 'model', 'plan', 'wasm'],
  reference: ['errors.ts', 'numerics', 'model'],
  train: ['errors.ts', 'numerics'],
  export: ['errors.ts', 'numerics', 'model', 'train/network.ts', 'train/language/network.ts'],
  'load.ts': ['errors.ts', 'model', 'plan', 'runtime', 'wasm'],
  'index.ts': ['errors.ts', 'load.ts', 'model', 'runtime', 'sources.ts', 'wasm'],
  'sources.ts': ['errors.ts'],
  'sources.files.ts': ['sources.ts'],
  'kernels.d.ts': [],
  'index.node.ts': [...ENTRY, 'sources.files.ts'],
  'index.deno.ts': [...ENTRY, 'sources.files.ts'],
  'index.web.ts': ENTRY,
  'index.workerd.ts': ENTRY,
  'index.edge-light.ts': ENTRY,
  'index.inline.ts': ENTRY,
  pool: ['errors.ts', 'load.ts', 'plan', 'runtime', 'sources.ts', 'sources.files.ts', 'wasm'],
  cli: ['errors.ts', 'numerics', 'model', 'runtime', 'wasm', 'train', 'export', 'index.ts', 'index.node.ts'],
};

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === 'node_modules') return [];
    return entry.isDirectory() ? filesBelow(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** Import specifiers of a source file, `import type` included. */
function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g),
  ].map((match) => match[1] ?? match[2]);
}

const sources = filesBelow('src').map((path) => path.slice('src/'.length).split(sep).join('/'));

test('imports go one way', () => {
  for (const file of sources) {
    const part = file.includes('/') ? file.split('/')[0] : file;
    const allowed = MAY_IMPORT[part];
    assert.ok(allowed, `src/${file}: "${part}" is not in the list of parts`);
    for (const specifier of importsOf(join('src', file)).filter((name) => name.startsWith('.'))) {
      // What build-wasm makes stands beside the compiled entries only.
      if (/^\.\.?\/kernels\./.test(specifier) && (part.startsWith('index.') || part === 'pool')) continue;
      const target = normalize(join(dirname(file), specifier))
        .split(sep)
        .join('/')
        .replace(/\.js$/, '.ts');
      const targetPart = target.includes('/') ? target.split('/')[0] : target;
      assert.ok(
        targetPart === part || allowed.includes(targetPart) || allowed.includes(target),
        `src/${file} imports ${target}, and ${part} may import only ${allowed.join(', ') || 'nothing'}`,
      );
    }
  }
});

/** Files of src/ that `entry` pulls in, and the packages. What build-wasm makes (kernels.*) is followed no further. */
function reachedFrom(entry: string, root = 'src'): { files: Set<string>; packages: string[] } {
  const packages = new Set<string>();
  const files = new Set<string>();
  const follow = (file: string): void => {
    if (files.has(file) || file.startsWith('kernels.')) return;
    files.add(file);
    for (const specifier of importsOf(join(root, file))) {
      const extension = root === 'src' ? '.ts' : '.js';
      if (specifier.startsWith('.')) follow(normalize(join(dirname(file), specifier)).replace(/\.js$/, extension));
      else packages.add(specifier);
    }
  };
  follow(entry);
  return { files, packages: [...packages].sort() };
}

test('no entry of the runtime needs a package', () => {
  for (const host of ['web', 'workerd', 'edge-light', 'inline', 'node', 'deno']) {
    const { files, packages } = reachedFrom(`index.${host}.ts`);
    const ofFiles = host === 'node' || host === 'deno' ? ['node:fs/promises'] : [];
    assert.equal(packages, ofFiles, host);
    for (const file of files) assert.not.match(file, /^(train|export|cli|reference)/);
  }
});

// Compiled, because there types are no imports.
test('the threads of a pool need no package, because import maps do not reach into workers', () => {
  assert.equal(reachedFrom('pool/worker.web.js', 'dist').packages, []);
  assert.equal(reachedFrom('pool/worker.node.js', 'dist').packages, ['node:worker_threads']);
});

test('the core awaits nothing at its top level, imports nothing late and knows neither fetch nor a document', () => {
  for (const file of reachedFrom('load.ts').files) {
    const text = readFileSync(join('src', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.not.match(text, /^(const .*= )?await /m, file);
    assert.not.match(text, /\bimport\(|\bfetch\(|\b(document|navigator)\.\w|import\.meta/, file);
  }
});

test('only training uses the loader and webgpu, and only the writer uses flatbuffers', () => {
  const written = sources.filter((file) => !file.includes('/generated/'));
  const users = (name: string): string[] => written.filter((file) => importsOf(join('src', file)).includes(name));
  assert.equal(users('flatbuffers'), ['model/write.ts']);
  assert.equal(users('@assemblyscript/loader'), ['train/cpu/backend.ts']);
  for (const file of users('webgpu')) assert.match(file, /^train\//);
});

test('every test file runs its suite', () => {
  for (const path of filesBelow('test').filter((name) => name.endsWith('.test.ts'))) {
    assert.match(readFileSync(path, 'utf8'), /\.run\(\);/, path);
  }
});

test('every source file says what it is in its first line', () => {
  for (const file of sources.filter((name) => !name.startsWith('model/generated'))) {
    assert.match(readFileSync(join('src', file), 'utf8'), /^(#!.*\n)?\/\/ ./, file);
  }
});

test.run();
