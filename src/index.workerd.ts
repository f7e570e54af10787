// Entry for Cloudflare Workers, where code is compiled at deployment: the kernels are an import. The relaxed build,
// which workerd runs; another comes as `module`, imported from bitlane/kernels.simd.wasm.
import module from './kernels.relaxed.wasm';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import { fetchBytes, type ModelSource } from './sources.js';

export * from './index.js';

/** Loads a model, as load() of index.node.ts. */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await fetchBytes(source), options, () => module, ['relaxed']);
}
