// What the package weighs in a user's bundle, and what publint and "are the types wrong" say of the archive.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { MODULES, ROOT } from './project.mjs';
import { run } from './process.mjs';

const BUNDLE_GZIP = 40 * 1024;
const WASM_GZIP = 16 * 1024;

const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** An entry and all it pulls in, as one minified module. */
async function bundleBytes(entry, project) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${entry}';`, resolveDir: project },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['browser'],
    logLevel: 'error',
  });
  return outputFiles[0].contents;
}

export async function checkPackage({ archive, project }) {
  const failures = [];
  const notes = [];
  let passed = 0;
  const check = (good, message) => {
    if (good) passed++;
    else failures.push(message);
  };
  const script = gzip(await bundleBytes('bitlane', project));
  for (const kernels of ['scalar', 'simd', 'relaxed']) {
    const wasm = gzip(readFileSync(join(project, `node_modules/bitlane/dist/kernels.${kernels}.wasm`)));
    notes.push(`bundle ${script} + kernels.${kernels}.wasm ${wasm} = ${script + wasm} bytes gzip`);
    check(wasm <= WASM_GZIP, `kernels.${kernels}.wasm expected at most ${WASM_GZIP} bytes gzip, got ${wasm}`);
    check(script + wasm <= BUNDLE_GZIP, `bundle and kernels expected ${BUNDLE_GZIP} bytes gzip, got ${script + wasm}`);
  }
  const inline = gzip(await bundleBytes('bitlane/inline', project));
  notes.push(`bitlane/inline ${inline} bytes gzip`);
  check(inline <= BUNDLE_GZIP, `bitlane/inline expected at most ${BUNDLE_GZIP} bytes gzip, got ${inline}`);

  const publint = await run(process.execPath, [join(MODULES, 'publint/src/cli.js'), 'run', '--strict', archive], {
    cwd: ROOT,
  });
  check(publint.status === 0, `publint: ${publint.output}`);
  const attw = join(MODULES, '@arethetypeswrong/cli/dist/index.js');
  const types = await run(process.execPath, [attw, archive, '--profile', 'esm-only', '--no-emoji'], { cwd: ROOT });
  check(types.status === 0, `attw: ${types.output}`);
  return { passed, failed: failures.length, failures, notes };
}
