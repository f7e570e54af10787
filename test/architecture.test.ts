// The import directions of ARCHITECTURE.md, read from the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

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
  export: ['errors.ts', 'numerics', 'model', 'train/network.ts'],
  'load.ts': ['errors.ts', 'model', 'plan', 'runtime', 'wasm'],
  'index.ts': ['errors.ts', 'load.ts', 'model', 'runtime', 'wasm'],
  'index.node.ts': ['errors.ts', 'load.ts', 'index.ts', 'runtime'],
  'index.web.ts': ['errors.ts', 'load.ts', 'index.ts', 'runtime'],
  cli: ['errors.ts', 'numerics', 'model', 'runtime', 'wasm', 'train', 'export', 'index.ts', 'index.node.ts'],
};

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
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

test('the runtime needs no package but flatbuffers and @assemblyscript/loader', () => {
  const outside = new Set<string>();
  const seen = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(join('src', file))) {
      if (specifier.startsWith('.')) follow(normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'));
      else outside.add(specifier);
    }
  };
  follow('index.web.ts');
  assert.equal([...outside].sort(), ['@assemblyscript/loader', 'flatbuffers']);
  for (const file of seen) assert.not.match(file, /^(train|export|cli|reference)/);
});

test('only one file uses the loader, and only training uses webgpu', () => {
  const users = (name: string): string[] => sources.filter((file) => importsOf(join('src', file)).includes(name));
  assert.equal(users('@assemblyscript/loader'), ['wasm/instantiate.ts']);
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
