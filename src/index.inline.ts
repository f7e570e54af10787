// Entry with the simd build inside, for bundlers that copy no .wasm file and for pages without a server. Hosts that may not
// compile at run time (Cloudflare Workers) have entries of their own.
import base64 from './kernels.inline.js';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import { fetchBytes, type ModelSource } from './sources.js';

export * from './index.js';

/** Loads a model, as load() of index.node.ts; text is a URL on every host. */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await fetchBytes(source), options, decodeKernels, ['simd']);
}

function decodeKernels(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
