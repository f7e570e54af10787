// Entry for Vercel's edge functions and their emulators: the kernels are an import, marked as those bundlers ask. The
// simd build, because an emulator runs in a Node that may lack relaxed SIMD.
import module from './kernels.simd.wasm?module';
import { loadBytes, type LoadOptions } from './load.js';
import type { Model } from './runtime/model.js';
import { fetchBytes, type ModelSource } from './sources.js';

export * from './index.js';

/** Loads a model, as load() of index.node.ts. */
export async function load(source: ModelSource | Promise<ModelSource>, options: LoadOptions = {}): Promise<Model> {
  return loadBytes(await fetchBytes(source), options, () => module, ['simd']);
}
