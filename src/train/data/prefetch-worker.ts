// The thread of a Prefetcher: answers every request in order with the bytes that writeBatch() makes, in the buffer that
// came with it, or with what went wrong.
import { parentPort, workerData } from 'node:worker_threads';
import { DataError } from '../../errors.js';
import { writeBatch, type BatchRequest, type BatchSource } from './batches.js';

/** A buffer travels with a request and back. */
export interface PrefetchReply {
  readonly out: Uint8Array;
  /** Message of the DataError, if there was one: classes do not travel between threads. */
  readonly problem?: string;
}

const source = workerData as BatchSource;
const port = parentPort!;
port.on('message', ({ out, ...request }: BatchRequest & { readonly out: Uint8Array }) => {
  let problem: string | undefined;
  try {
    writeBatch(source, request, out);
  } catch (error) {
    // Other errors are defects: they end the thread, and the prefetcher says so.
    if (!(error instanceof DataError)) throw error;
    problem = error.message;
  }
  const reply: PrefetchReply = problem === undefined ? { out } : { out, problem };
  port.postMessage(reply, [out.buffer as ArrayBuffer]);
});
port.postMessage('ready');
