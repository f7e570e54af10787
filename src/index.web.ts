// Entry for browsers and other hosts with fetch: models come from URLs, kernels from beside this file.
import { ModelFormatError } from './errors.js';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';

export * from './index.js';

/** Bytes of a model, or where they are: a URL (text is one too), a Response. */
export type ModelSource = Uint8Array | ArrayBuffer | string | URL | Response;

/**
 * Loads a model.
 *
 * @throws ModelFormatError for bytes that are no valid model, or an address that gives none
 */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await toBytes(await source), options, (build) =>
    fetch(new URL(`./kernels.${build}.wasm`, import.meta.url)),
  );
}

async function toBytes(source: ModelSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const response = typeof source === 'string' || source instanceof URL ? await fetch(source) : source;
  if (!response.ok) throw new ModelFormatError('file', `a model at ${response.url}`, `HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
