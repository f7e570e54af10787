// `bitlane/pool` for Node and Bun: threads of node:worker_threads.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Pool, type PoolOptions, type Reply, startPool, type Thread } from './pool.js';
import type { ModelSource } from '../sources.js';
import { readBytes } from '../sources.files.js';

export type { Pool, PoolOptions };

/**
 * Loads a model on several threads, for batches.
 *
 * @example
 * const pool = await loadPool('models/mnist-mlp.qnn', { threads: 2 });
 * const { scores } = await pool.runBatch(pixels); // any number of samples
 * await pool.dispose();
 *
 * @throws as load()
 */
export async function loadPool(source: ModelSource | Promise<ModelSource>, options: PoolOptions = {}): Promise<Pool> {
  return startPool(await readBytes(source), options, availableParallelism(), spawnWorker, (build) =>
    readFile(new URL(`../kernels.${build}.wasm`, import.meta.url)),
  );
}

function spawnWorker(onReply: (reply: Reply) => void, onError: (error: Error) => void): Thread {
  const worker = new Worker(new URL('./worker.node.js', import.meta.url));
  worker.on('message', (reply: Reply) => onReply(reply));
  worker.on('error', onError);
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    end: () => worker.terminate(),
  };
}
