// Bundles as users' tools do: esbuild with an entry condition of the package, .wasm and .qnn imports as the host has them.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Workers: imports of files stay imports, of copies beside the bundle, by kind. */
function filesAsImports(out, files) {
  return {
    name: 'files-as-imports',
    setup(pipeline) {
      pipeline.onResolve({ filter: /\.(wasm|qnn)$/ }, async ({ path, resolveDir, pluginData, kind }) => {
        if (pluginData === 'resolved') return undefined;
        const found = await pipeline.resolve(path, { resolveDir, kind, pluginData: 'resolved' });
        if (found.errors.length > 0) return { errors: found.errors };
        const name = basename(found.path);
        if (!files.some((file) => file.name === name)) {
          mkdirSync(out, { recursive: true });
          copyFileSync(found.path, join(out, name));
          files.push({ name, kind: name.endsWith('.wasm') ? 'wasm' : 'data' });
        }
        return { path: name, external: true };
      });
    },
  };
}

/** Edge functions: `x.wasm?module` is what the host put into the global scope. */
const KERNELS_OF_HOST = {
  name: 'kernels-of-host',
  setup(pipeline) {
    pipeline.onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: 'host' }));
    pipeline.onLoad({ filter: /.*/, namespace: 'host' }, () => ({
      contents: 'export default globalThis.bitlaneKernels;',
    }));
  },
};

/**
 * Bundles `entry` into the folder `out`.
 *
 * @param condition of the package's exports; `default` for none
 * @returns the files of the bundle: name, and kind as workerd calls it
 */
export async function bundleFor(condition, entry, out, options = {}) {
  const files = [];
  const name = basename(entry);
  await build({
    entryPoints: [entry],
    outfile: join(out, name),
    bundle: true,
    minify: true,
    format: condition === 'edge-light' || condition === 'default' ? 'iife' : 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: condition === 'default' ? ['import'] : [condition, 'import'],
    plugins: [...(condition === 'edge-light' ? [KERNELS_OF_HOST] : []), filesAsImports(out, files)],
    logLevel: 'error',
    ...options,
  });
  return [{ name, kind: 'esModule' }, ...files];
}
