// What the package weighs in a user's bundle, and what publint and "are the types wrong" say of the archive.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { MODULES, ROOT } from './project.mjs';
import { run } from './process.mjs';

/** What a host loads: script and one build with SIMD. */
const BUNDLE_GZIP = 40 * 1024;
/** The same with the kernels as text, which packs worse. */
const INLINE_GZIP = 48 * 1024;
const WASM_GZIP = 16 * 1024;

const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** Conditions of the package's exports, by host. */
const HOSTS = { web: 'browser', node: 'node', workerd: 'workerd', edge: 'edge-light', deno: 'deno' };

/** An entry and all it pulls in, as one minified module. */
async function bundleBytes(entry, project, condition = 'browser') {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${entry}';`, resolveDir: project },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: [condition],
    external: ['node:*', '*.wasm', '*.wasm?module', './kernels.source.js'],
    logLevel: 'error',
  });
  return outputFiles[0].contents;
}

/** Asks Node whether the entries share their classes, and how long a process takes to import the package. */
const ENTRIES = `
const start = performance.now();
const main = await import('bitlane');
const milliseconds = performance.now() - start;
const [model, inline, pool] = await Promise.all(['model', 'inline', 'pool'].map((name) => import('bitlane/' + name)));
const caught = await pool.loadPool(new Uint8Array(3)).catch((error) => error);
const same = {
  'bitlane/model': model.ModelFormatError === main.ModelFormatError && model.GraphError === main.GraphError,
  'bitlane/inline': inline.InputError === main.InputError && inline.Model === main.Model,
  'bitlane/pool': caught instanceof main.ModelFormatError,
};
console.log(JSON.stringify({ milliseconds, same }));`;

export async function checkPackage({ archive, project }) {
  const failures = [];
  const notes = [];
  let passed = 0;
  const check = (good, message) => {
    if (good) passed++;
    else failures.push(message);
  };
  const wasm = {};
  for (const kernels of ['scalar', 'simd', 'relaxed']) {
    wasm[kernels] = gzip(readFileSync(join(project, `node_modules/bitlane/dist/kernels.${kernels}.wasm`)));
    check(wasm[kernels] <= WASM_GZIP, `kernels.${kernels}.wasm expected ${WASM_GZIP} bytes gzip, got ${wasm[kernels]}`);
  }
  notes.push(
    `kernels: ${Object.entries(wasm)
      .map((pair) => pair.join(' '))
      .join(', ')} bytes gzip`,
  );
  for (const [host, condition] of Object.entries(HOSTS)) {
    const script = gzip(await bundleBytes('bitlane', project, condition));
    const most = script + Math.max(wasm.simd, wasm.relaxed);
    notes.push(`${host}: bundle ${script} bytes gzip, with kernels at most ${most}`);
    check(most <= BUNDLE_GZIP, `${host}: bundle and kernels expected ${BUNDLE_GZIP} bytes gzip, got ${most}`);
  }
  const inline = gzip(await bundleBytes('bitlane/inline', project));
  notes.push(`bitlane/inline ${inline} bytes gzip`);
  check(inline <= INLINE_GZIP, `bitlane/inline expected at most ${INLINE_GZIP} bytes gzip, got ${inline}`);

  const entries = await run(process.execPath, ['--input-type=module', '-e', ENTRIES], { cwd: project });
  const { milliseconds, same } = JSON.parse(entries.output);
  notes.push(`a first import of bitlane takes Node ${milliseconds.toFixed(0)} ms`);
  for (const [entry, good] of Object.entries(same)) check(good, `${entry} expected the classes of bitlane, got others`);

  const publint = await run(process.execPath, [join(MODULES, 'publint/src/cli.js'), 'run', '--strict', archive], {
    cwd: ROOT,
  });
  check(publint.status === 0, `publint: ${publint.output}`);
  const attw = join(MODULES, '@arethetypeswrong/cli/dist/index.js');
  const types = await run(process.execPath, [attw, archive, '--profile', 'esm-only', '--no-emoji'], { cwd: ROOT });
  check(types.status === 0, `attw: ${types.output}`);
  return { passed, failed: failures.length, failures, notes };
}
