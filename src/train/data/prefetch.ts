// Batches prepared in a worker thread while the device computes: the trainer requests a few steps ahead and takes them in
// the same order. The bytes are those of writeBatch() (batches.ts), by whatever thread. For Node; where there are no
// worker threads, or with `thread: false`, a batch is made when it is taken.
import { DataError, TrainError } from '../../errors.js';
import { featuresOf, writeBatch, type BatchRequest, type BatchSource } from './batches.js';
import type { PrefetchReply } from './prefetch-worker.js';

/** A batch that was requested. */
export interface Batch extends BatchRequest {
  /** Bytes of the samples, one after another: the caller's, until it gives them back by recycle(). */
  readonly samples: Uint8Array;
}

interface Waiting {
  readonly request: BatchRequest;
  readonly done: Promise<Uint8Array>;
  readonly settle: (reply: Uint8Array | Error) => void;
}

/** The thread. */
interface Preparer {
  prepare(request: BatchRequest, out: Uint8Array): void;
  /** Keeps the process alive only while a batch is awaited. */
  hold(busy: boolean): void;
  close(): Promise<void>;
}

/**
 * Prepares batches ahead.
 * @example
 * const prefetcher = await Prefetcher.create({ samples, inputShape: [32, 32, 3], augmentation, seed: 1 });
 * prefetcher.request({ indices, key: 1 });
 * const { samples } = await prefetcher.next();
 */
export class Prefetcher {
  readonly #features: number;
  readonly #source: BatchSource;
  readonly #waiting: Waiting[] = [];
  readonly #free: Uint8Array[] = [];
  /** What the thread has not answered yet, in its order. */
  readonly #unanswered: Waiting[] = [];
  #preparer: Preparer | null = null;
  #failure: Error | null = null;

  private constructor(source: BatchSource) {
    this.#source = source;
    this.#features = featuresOf(source);
  }

  /**
   * Starts the thread. Samples in a SharedArrayBuffer are shared with it, others copied once.
   * @throws RangeError if the source does not hold together
   * @throws TrainError if the thread does not start
   */
  static async create(source: BatchSource, { thread = true }: { readonly thread?: boolean } = {}): Promise<Prefetcher> {
    const prefetcher = new Prefetcher(source);
    const threads = thread ? await import('node:worker_threads').catch(() => null) : null;
    if (!threads) return prefetcher;
    const { Worker } = threads;
    const worker = new Worker(new URL('./prefetch-worker.js', import.meta.url), {
      workerData: { ...source, samples: shared(source.samples) },
    });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', (cause) => reject(new TrainError('the prefetch thread did not start', { cause })));
    });
    worker.on('message', (reply: PrefetchReply) => prefetcher.#answer(reply));
    worker.on('error', (cause) =>
      prefetcher.#fail(new TrainError(`the prefetch thread failed: ${cause.message}`, { cause })),
    );
    worker.on('exit', () => prefetcher.#fail(new TrainError('the prefetch thread ended')));
    worker.unref();
    prefetcher.#preparer = {
      prepare(request, out) {
        worker.postMessage({ ...request, out }, [out.buffer as ArrayBuffer]);
      },
      hold: (busy) => (busy ? worker.ref() : worker.unref()),
      close: async () => void (await worker.terminate()),
    };
    return prefetcher;
  }

  /** Batches that were requested and not taken. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Asks for a batch; its turn in next() is that of the request. The indices are copied. */
  request({ indices, key, random }: BatchRequest): void {
    if (!Number.isSafeInteger(key) || key < 0) throw new RangeError(`"key" expected an integer >= 0, got ${key}`);
    const request = { indices: indices.slice(), key, ...(random && { random }) };
    let settle!: (reply: Uint8Array | Error) => void;
    const done = new Promise<Uint8Array>((resolve, reject) => {
      settle = (reply) => (reply instanceof Error ? reject(reply) : resolve(reply));
    });
    // The failure is met where the batch is taken.
    done.catch(() => {});
    const waiting = { request, done, settle };
    this.#waiting.push(waiting);
    if (this.#failure) settle(this.#failure);
    else if (this.#preparer) {
      this.#unanswered.push(waiting);
      this.#preparer.prepare(request, this.#buffer(indices.length));
    }
  }

  /**
   * The oldest batch that was requested and not taken.
   * @throws DataError if it names a sample that there is not; later batches are not concerned
   * @throws TrainError if nothing was requested, the prefetcher was disposed of, or its thread failed
   */
  async next(): Promise<Batch> {
    const first = this.#waiting.shift();
    if (!first) throw this.#failure ?? new TrainError('next() expected a batch that was requested, got none');
    const { request, done, settle } = first;
    if (!this.#preparer && !this.#failure) {
      const out = this.#buffer(request.indices.length);
      writeBatch(this.#source, request, out);
      settle(out);
    }
    this.#preparer?.hold(true);
    try {
      return { ...request, samples: await done };
    } finally {
      // A thread that is being ended is waited for.
      if (!this.#failure) this.#preparer?.hold(false);
    }
  }

  /** Gives the bytes of a batch back for a later one of the same size. */
  recycle({ samples }: Batch): void {
    this.#free.push(samples);
  }

  /** Ends the thread; what was requested and not taken is rejected. */
  async dispose(): Promise<void> {
    this.#fail(new TrainError('the prefetcher was disposed of'));
    this.#free.length = 0;
    await this.#preparer?.close();
  }

  #buffer(samples: number): Uint8Array {
    const bytes = samples * this.#features;
    const at = this.#free.findIndex(({ length }) => length === bytes);
    return at < 0 ? new Uint8Array(bytes) : this.#free.splice(at, 1)[0];
  }

  #answer({ out, problem }: PrefetchReply): void {
    const waiting = this.#unanswered.shift();
    if (problem !== undefined) this.#free.push(out);
    waiting?.settle(problem === undefined ? out : new DataError(problem));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    // A batch that next() awaits is among the unanswered alone.
    for (const { settle } of [...this.#unanswered, ...this.#waiting]) settle(this.#failure);
    this.#unanswered.length = 0;
  }
}

function shared(samples: Uint8Array): Uint8Array {
  if (samples.buffer instanceof SharedArrayBuffer) return samples;
  const copy = new Uint8Array(new SharedArrayBuffer(samples.length));
  copy.set(samples);
  return copy;
}
