// Entry for browsers and other hosts with fetch: models come from URLs, kernels from beside this file.
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import { fetchBytes, type ModelSource } from './sources.js';

export * from './index.js';

/** Loads a model, as load() of index.node.ts. */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await fetchBytes(source), options, (build) =>
    fetch(new URL(`./kernels.${build}.wasm`, import.meta.url)),
  );
}
