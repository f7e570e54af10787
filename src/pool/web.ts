// `bitlane/pool` for browsers: threads of Worker. Data is handed over, not shared, so a page need not be cross-origin isolated.
import { UnsupportedError } from '../errors.js';
import { type Pool, type PoolOptions, type Reply, startPool, type Thread } from './pool.js';
import { fetchBytes, type ModelSource } from '../sources.js';

export type { Pool, PoolOptions };

/** Loads a model on several threads, as loadPool() of node.ts. */
export async function loadPool(source: ModelSource | Promise<ModelSource>, options: PoolOptions = {}): Promise<Pool> {
  if (typeof Worker !== 'function')
    throw new UnsupportedError('pool: expected a host with Worker, got none; use load()');
  return startPool(await fetchBytes(source), options, navigator.hardwareConcurrency, spawnWorker, (build) =>
    fetch(new URL(`../kernels.${build}.wasm`, import.meta.url)),
  );
}

/** A thread of Worker. */
export function spawnWorker(onReply: (reply: Reply) => void, onError: (error: Error) => void): Thread {
  // In one expression: this is how bundlers find the file.
  const worker = new Worker(new URL('./worker.web.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<Reply>) => onReply(data);
  worker.onerror = (event) => {
    event.preventDefault();
    onError(
      new UnsupportedError(`pool: expected a thread to run, got ${event.message || 'an error loading its code'}`),
    );
  };
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    end: () => worker.terminate(),
  };
}
