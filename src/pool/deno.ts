// `bitlane/pool` for Deno: threads of Worker, whose code Deno reads with --allow-read.
import module from '../kernels.source.js';
import { spawnWorker } from './web.js';
import { type Pool, type PoolOptions, startPool } from './pool.js';
import type { ModelSource } from '../sources.js';
import { readBytes } from '../sources.files.js';

export type { Pool, PoolOptions };

/** Loads a model on several threads, as loadPool() of node.ts. */
export async function loadPool(source: ModelSource | Promise<ModelSource>, options: PoolOptions = {}): Promise<Pool> {
  const bytes = await readBytes(source);
  return startPool(bytes, options, navigator.hardwareConcurrency, spawnWorker, () => module, ['relaxed']);
}
