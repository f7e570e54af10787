// Batch scoring on several threads. The model is read, verified and planned once; each thread gets the plan (plain data), the
// compiled kernels and the file, and has a memory of its own. Samples are cut into jobs and handed to whichever thread is
// free. How a host makes threads comes from the entries node.ts, web.ts and deno.ts.
import { InputError } from '../errors.js';
import { type KernelSource, type LoadOptions, modelOf, prepare, type Prepared } from '../load.js';
import { type Build, BUILDS } from '../wasm/builds.js';
import type { TensorData, TensorInfo, TensorMap } from '../runtime/model.js';

export interface PoolOptions extends LoadOptions {
  /** Threads that run the model; the caller's own stays free. Default: as many as the machine runs at once. */
  readonly threads?: number;
}

/** Samples that a thread takes in one go, unless `batch` says otherwise. */
const BATCH = 32;

/** A thread that runs worker.*.ts. */
export interface Thread {
  post(message: Start | Job, transfer: ArrayBuffer[]): void;
  end(): void | Promise<unknown>;
}

/** Makes a thread; what it says and what it dies of go to the two functions. */
export type Spawn = (onReply: (reply: Reply) => void, onError: (error: Error) => void) => Thread;

/** First message to a thread. */
export type Start = Prepared;
/** Arrays of some samples, in the order of the model's inputs. */
export type Job = readonly TensorData[];
/** Nothing after a start, arrays in the order of the outputs after a job, or what went wrong. */
export interface Reply {
  readonly outputs?: readonly TensorData[];
  readonly error?: { readonly name: string; readonly message: string };
}

/** Jobs for each thread in a call: enough that threads end at about the same time. */
const JOBS_PER_THREAD = 4;

interface Pending {
  readonly inputs: TensorData[];
  readonly done: (outputs: readonly TensorData[]) => void;
  readonly failed: (error: Error) => void;
}

interface Seat {
  readonly thread: Thread;
  job: Pending | undefined;
}

/** A model on several threads. Ends with dispose(): until then its threads keep a Node process alive. */
export class Pool {
  readonly name: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Samples that a thread takes in one go. */
  readonly batch: number;
  readonly threads: number;
  readonly build: Build;
  readonly #seats: Seat[] = [];
  readonly #queue: Pending[] = [];
  #closed: Error | undefined;

  private constructor(prepared: Prepared, threads: number) {
    const model = modelOf(prepared);
    this.name = model.name;
    this.inputs = model.inputs;
    this.outputs = model.outputs;
    this.batch = model.batch;
    this.build = model.build;
    this.threads = threads;
    model.dispose();
  }

  /** Use loadPool(). */
  static async start(prepared: Prepared, threads: number, spawn: Spawn): Promise<Pool> {
    const pool = new Pool(prepared, threads);
    try {
      await Promise.all(
        Array.from({ length: threads }, () => {
          return new Promise<void>((resolve, reject) => pool.#seat(spawn, prepared, resolve, reject));
        }),
      );
    } catch (error) {
      await pool.dispose();
      throw error;
    }
    return pool;
  }

  #seat(spawn: Spawn, start: Start, ready: () => void, failed: (error: Error) => void): void {
    const seat: Seat = {
      thread: spawn(
        (reply) => {
          const { job } = seat;
          seat.job = undefined;
          if (reply.error !== undefined) job!.failed(rebuild(reply.error));
          else job!.done(reply.outputs ?? []);
          this.#next();
        },
        (error) => {
          failed(error);
          this.#close(error);
        },
      ),
      job: { inputs: [], done: ready, failed },
    };
    this.#seats.push(seat);
    seat.thread.post(start, []);
  }

  /**
   * Runs any number of samples that follow each other in each input array; the arrays are copied, not kept.
   *
   * @returns a fresh array per output, samples following each other
   * @throws InputError when an array is missing, of another type or of another length, or the pool has been disposed
   */
  async runBatch(input: TensorData | TensorMap): Promise<Record<string, TensorData>> {
    if (this.#closed !== undefined) throw this.#closed;
    const arrays = this.inputs.map((info) => arrayOf(info, this.inputs.length, input));
    const samples = arrays[0].length / this.inputs[0].length;
    this.inputs.forEach((info, i) => {
      if (Number.isInteger(samples) && samples > 0 && arrays[i].length === samples * info.length) return;
      throw new InputError(
        `input "${info.name}" expected samples of length ${info.length}, as many for every input, got ${arrays[i].length}`,
      );
    });
    const share = Math.ceil(samples / (this.threads * JOBS_PER_THREAD) / this.batch) * this.batch;
    const jobs: Promise<readonly TensorData[]>[] = [];
    for (let first = 0; first < samples; first += share) {
      const last = Math.min(first + share, samples);
      jobs.push(this.#run(arrays.map((array, i) => slice(array, this.inputs[i].length, first, last))));
    }
    const done = await Promise.all(jobs);
    const result: Record<string, TensorData> = {};
    this.outputs.forEach(({ name, length }, o) => {
      const Type = done[0][o].constructor as new (length: number) => TensorData;
      const whole = new Type(samples * length);
      done.forEach((outputs, j) => whole.set(outputs[o], j * share * length));
      result[name] = whole;
    });
    return result;
  }

  /** Ends the threads; runs that are under way fail. */
  async dispose(): Promise<void> {
    this.#close(new InputError(`pool of "${this.name}" expected to be in use, got disposed`));
    await Promise.all(this.#seats.splice(0).map(async ({ thread }) => thread.end()));
  }

  #run(inputs: TensorData[]): Promise<readonly TensorData[]> {
    return new Promise((done, failed) => {
      this.#queue.push({ inputs, done, failed });
      this.#next();
    });
  }

  #next(): void {
    for (const seat of this.#seats) {
      if (seat.job !== undefined) continue;
      const job = this.#queue.shift();
      if (job === undefined) return;
      seat.job = job;
      seat.thread.post(
        job.inputs,
        job.inputs.map(({ buffer }) => buffer as ArrayBuffer),
      );
    }
  }

  #close(reason: Error): void {
    this.#closed ??= reason;
    for (const seat of this.#seats) seat.job?.failed(reason);
    for (const job of this.#queue.splice(0)) job.failed(reason);
  }
}

/**
 * What each entry's loadPool() does: verifies and plans once, starts the threads.
 *
 * @param cores threads when the caller does not say
 */
export async function startPool(
  bytes: Uint8Array,
  options: PoolOptions,
  cores: number,
  spawn: Spawn,
  source: KernelSource,
  shipped: readonly Build[] = BUILDS,
): Promise<Pool> {
  const threads = options.threads ?? cores;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 256)) {
    throw new RangeError(`"threads" expected 1 to 256, got ${threads}`);
  }
  return Pool.start(await prepare(bytes, { batch: BATCH, ...options }, source, shipped), threads, spawn);
}

function arrayOf({ name }: TensorInfo, inputs: number, given: TensorData | TensorMap): TensorData {
  const array = ArrayBuffer.isView(given) && inputs === 1 ? given : (given as TensorMap | undefined)?.[name];
  if (ArrayBuffer.isView(array)) return array;
  throw new InputError(`input "${name}" expected an array${inputs > 1 ? ' of that name' : ''}, got ${typeof array}`);
}

/** Samples `first` to `last` in a buffer of their own, which can be handed over. */
function slice(array: TensorData, length: number, first: number, last: number): TensorData {
  return array.slice(first * length, last * length);
}

/** Errors cross threads as text. */
function rebuild({ name, message }: { name: string; message: string }): Error {
  return name === 'InputError' ? new InputError(message) : Object.assign(new Error(message), { name });
}
