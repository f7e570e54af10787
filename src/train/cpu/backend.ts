// The CPU backend: the tape's kernels in WebAssembly SIMD over one shared memory, on worker threads. A program becomes a
// list of records that all threads walk through together, the caller's thread among them; run() returns when it is done.
// A task computes a fixed part of a result whichever thread draws it, so that results depend on the calls alone, not on
// the number of threads. Products with a matrix that a sign kernel wrote take a path of their own (assembly/train/signs.ts).
// For Node: its modules are loaded when a backend is made, so that browsers can load the rest.
import { TrainError } from '../../errors.js';
import type { Backend, Call, Program } from '../kernels.js';
import { matrixShape, type Tensor } from '../tensor.js';
import { encode, RECORD_BYTES, writeRecords, type CpuRecord, type EncodeContext } from './encode.js';
import { followed, keptAsBits } from './lookups.js';
import type { WorkerTask } from './worker.js';

/** The exports of assembly/train/index.ts. */
export interface CpuKernels {
  readonly HEAP_BASE: WebAssembly.Global;
  run(this: void, control: number, program: number, records: number, threads: number, scratch: number): void;
  serve(this: void, control: number, threads: number, scratch: number): void;
}

export interface CpuOptions {
  /** Threads, the caller's among them. Default: one per processor that the process may use, 16 at most. */
  readonly threads?: number;
  /** The kernels' bytes, where they do not lie beside bitlane's modules. */
  readonly wasm?: BufferSource;
}

const PAGE = 65536;
const MOST_PAGES = 65536;
/** Every array starts at a cache line and has room for whole vectors. */
const ALIGNMENT = 64;
const CONTROL_BYTES = 64;
const MOST_THREADS = 16;
/** Scratch memory of a thread: the tables and sums of a product with signs, or 4 rows of up to 65,536 values and their sums. */
const SCRATCH_BYTES = (1 << 20) + 4096;

export class CpuBackend implements Backend {
  readonly description: string;
  readonly #kernels: CpuKernels;
  readonly #memory: WebAssembly.Memory;
  readonly #threads: number;
  readonly #stop: () => void;
  readonly #addresses = new Map<Tensor, number>();
  /** Signs that programs keep as bits. */
  readonly #bits = new Map<Tensor, number>();
  readonly #control: number;
  readonly #scratch: number;
  #end: number;
  /** Room that the calls of all programs share: a program is over before another starts. */
  #workspace = { address: 0, bytes: 0 };

  private constructor(kernels: CpuKernels, memory: WebAssembly.Memory, layout: Layout, stop: () => void) {
    this.#kernels = kernels;
    this.#memory = memory;
    this.#threads = layout.threads;
    this.#control = layout.control;
    this.#scratch = layout.scratch(0);
    this.#end = layout.end;
    this.#stop = stop;
    this.description = `CPU: WebAssembly SIMD on ${layout.threads} ${layout.threads === 1 ? 'thread' : 'threads'}`;
  }

  /** @throws TrainError if this is no Node or it has no WebAssembly threads */
  static async create({ threads, wasm }: CpuOptions = {}): Promise<CpuBackend> {
    const { availableParallelism } = await import('node:os').catch(needsNode);
    const { Worker } = await import('node:worker_threads');
    const count = threads ?? Math.min(availableParallelism(), MOST_THREADS);
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`"threads" expected an integer >= 1, got ${count}`);
    const { instantiate } = await import('@assemblyscript/loader');
    const module = await WebAssembly.compile(wasm ?? (await readKernels()));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
    const { exports: kernels } = await instantiate<CpuKernels & Record<string, unknown>>(module, { env: { memory } });
    const layout = layoutOf(kernels, count);
    grow(memory, layout.end);
    const workers = Array.from({ length: count - 1 }, (_, i) => {
      const { control } = layout;
      const workerData: WorkerTask = { module, memory, control, threads: count, scratch: layout.scratch(i + 1) };
      return new Worker(new URL('./worker.js', import.meta.url), { workerData });
    });
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', (cause) => reject(new TrainError('a CPU thread did not start', { cause })));
          }),
      ),
    );
    for (const worker of workers) worker.unref();
    return new CpuBackend(kernels, memory, layout, () => workers.forEach((worker) => void worker.terminate()));
  }

  compile(calls: readonly Call[]): Promise<Program> {
    let shared = 0;
    const asBits = keptAsBits(calls);
    const encodeAll = (workspace: (bytes: number) => number): CpuRecord[] =>
      [...followed(calls)].flatMap(([call, known]) => {
        const context: EncodeContext = {
          known,
          workspace,
          address: (t) => this.#address(t),
          bits: (t) => (asBits.has(t) ? this.#bitsAddress(t) : undefined),
        };
        return [...encode(call, context)];
      });
    // Twice: the workspace is as large as the largest call needs, and stands where the first pass leaves room.
    encodeAll((bytes) => ((shared = Math.max(shared, bytes)), 0));
    if (shared > this.#workspace.bytes) this.#workspace = { address: this.#allocate(shared), bytes: shared };
    const { address } = this.#workspace;
    const records = encodeAll(() => address);
    const tooMuch = records.find(({ scratch = 0 }) => scratch > SCRATCH_BYTES);
    if (tooMuch) {
      throw new RangeError(`kernel ${tooMuch.kernel} expected up to ${SCRATCH_BYTES} bytes, got ${tooMuch.scratch}`);
    }
    const program = this.#allocate(records.length * RECORD_BYTES);
    const { buffer } = this.#memory;
    writeRecords(records, new Uint32Array(buffer, program), new Float32Array(buffer, program));
    const { run } = this.#kernels;
    return Promise.resolve({ run: () => run(this.#control, program, records.length, this.#threads, this.#scratch) });
  }

  write(t: Tensor, data: Float32Array | Uint32Array): void {
    if (data.length > t.size) throw new RangeError(`tensor "${t.label}" expected up to ${t.size}, got ${data.length}`);
    const address = this.#address(t);
    const View = data instanceof Float32Array ? Float32Array : Uint32Array;
    new View(this.#memory.buffer, address, data.length).set(data);
  }

  async read(t: Tensor): Promise<Float32Array> {
    if (this.#bits.has(t)) throw new Error(`internal: tensor "${t.label}" is not kept as numbers`);
    // run() does not return to the event loop; this is where signals and timers get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return new Float32Array(this.#memory.buffer, this.#address(t), t.size).slice();
  }

  dispose(): void {
    this.#stop();
    this.#addresses.clear();
    this.#bits.clear();
  }

  #address(t: Tensor): number {
    let address = this.#addresses.get(t);
    if (address === undefined) this.#addresses.set(t, (address = this.#allocate(t.size * 4)));
    return address;
  }

  /** Of a matrix, whose rows are whole bytes of bits. */
  #bitsAddress(t: Tensor): number {
    const [rows, columns] = matrixShape(t);
    let address = this.#bits.get(t);
    if (address === undefined) this.#bits.set(t, (address = this.#allocate(rows * Math.ceil(columns / 8))));
    return address;
  }

  #allocate(bytes: number): number {
    const address = this.#end;
    this.#end = alignUp(address + bytes);
    grow(this.#memory, this.#end);
    return address;
  }
}

interface Layout {
  readonly threads: number;
  readonly control: number;
  readonly scratch: (thread: number) => number;
  readonly end: number;
}

function layoutOf(kernels: CpuKernels, threads: number): Layout {
  const control = alignUp(kernels.HEAP_BASE.value as number);
  const scratch = (thread: number): number => control + CONTROL_BYTES + thread * SCRATCH_BYTES;
  return { threads, control, scratch, end: scratch(threads) };
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Room for `bytes` bytes and the vector that may be read behind them. */
function grow(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes + ALIGNMENT - memory.buffer.byteLength) / PAGE);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch (cause) {
    throw new TrainError(`training expected ${bytes} bytes of memory, got no more than 4 GiB or the system has`, {
      cause,
    });
  }
}

async function readKernels(): Promise<BufferSource> {
  const { readFile } = await import('node:fs/promises');
  return readFile(new URL('../../train.simd.wasm', import.meta.url));
}

function needsNode(cause: unknown): never {
  throw new TrainError('training on the CPU expected Node with worker threads, got another platform', { cause });
}
