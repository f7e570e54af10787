// Entry for Node (and Bun): models come from paths and file URLs as well, kernels from the package's folder.
import { readFile } from 'node:fs/promises';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';

export * from './index.js';

/** Bytes of a model, or where they are: a path, a URL (file: or http:), a Response. */
export type ModelSource = Uint8Array | ArrayBuffer | string | URL | Response;

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
  return loadBytes(await toBytes(await source), options, (build) =>
    readFile(new URL(`./kernels.${build}.wasm`, import.meta.url)),
  );
}

async function toBytes(source: ModelSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Response) return new Uint8Array(await source.arrayBuffer());
  if (source instanceof URL && source.protocol !== 'file:') return toBytes(await fetch(source));
  if (typeof source === 'string' || source instanceof URL) return readFile(source);
  throw new TypeError(`"source" expected bytes, a path, a URL or a Response, got ${typeof source}`);
}
