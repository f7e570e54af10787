// Entry for Node and Bun: models come from paths and file URLs as well, kernels from the package's folder.
import { readFile } from 'node:fs/promises';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import type { ModelSource } from './sources.js';
import { readBytes } from './sources.files.js';

export * from './index.js';

/**
 * Loads a model.
 *
 * @example
 * const model = await load('models/mnist-mlp.qnn');
 * const { scores } = model.run(pixels); // pixels: Uint8Array of 784 bytes, scores: Int32Array of 10
 *
 * @throws ModelFormatError for bytes that are no valid model; the system's error where a file cannot be read
 */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await readBytes(source), options, (build) =>
    readFile(new URL(`./kernels.${build}.wasm`, import.meta.url)),
  );
}
