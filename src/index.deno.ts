// Entry for Deno: the kernels are an import, which asks for no permission; models come from paths as well, which do.
import module from './kernels.source.js';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import type { ModelSource } from './sources.js';
import { readBytes } from './sources.files.js';

export * from './index.js';

/** Loads a model, as load() of index.node.ts. */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await readBytes(source), options, () => module, ['relaxed']);
}
