// Calls kernels directly over a linear memory: puts arrays there, writes parameter blocks, reads results.
import { FINISH_CODES, FINISH_FIELDS, type FinishParams, rowType } from '../../src/plan/fields.js';
import type { Finish } from '../../src/plan/i8.js';
import type { Build } from '../../src/wasm/builds.js';
import { describeKernels, instantiateKernels } from '../../src/wasm/instantiate.js';
import { kernelBytes } from './builds.js';

type Kernel = (params: number, samples: number) => void;
type Bytes = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Float32Array;

/** Byte that memory is filled with before a call: a kernel that reads what it should not, or skips a result, is seen. */
const FILLER = 0xa5;

export class Bench {
  readonly #kernels: Record<string, Kernel>;
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;
  #top: number;

  constructor(build: Build, pages = 64) {
    const module = new WebAssembly.Module(kernelBytes(build) as BufferSource);
    const instance = instantiateKernels(module, pages);
    this.#kernels = instance.kernels;
    this.#memory = instance.memory;
    this.#base = Math.ceil(describeKernels(module).heapBase / 16) * 16;
    this.#top = this.#base;
  }

  /** Forgets all that was placed and fills it. */
  clear(): void {
    new Uint8Array(this.#memory.buffer).fill(FILLER, this.#base, this.#top + 64);
    this.#top = this.#base;
  }

  /** Address of `bytes` fresh bytes. */
  reserve(bytes: number): number {
    const address = this.#top;
    this.#top = Math.ceil((address + bytes + 64) / 16) * 16;
    if (this.#top + 64 > this.#memory.buffer.byteLength) throw new RangeError('internal: test memory is too small');
    new Uint8Array(this.#memory.buffer).fill(FILLER, address, this.#top);
    return address;
  }

  /** Address of a copy of `data`. */
  put(data: Bytes): number {
    const address = this.reserve(data.byteLength);
    new Uint8Array(this.#memory.buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address);
    return address;
  }

  /** Places a transform of rows of `n` sums, which become numbers of a type of `bytes` each. */
  finish(type: 'int32' | 'int8' | 'float32', n: number, fields: Partial<FinishParams> = {}): Finish {
    const kind = type === 'int32' ? 'none' : type === 'int8' ? 'requantize' : 'float';
    const block: Partial<FinishParams> = {
      kind: FINISH_CODES[kind],
      type: rowType({ encoding: type, bits: 0 }),
      n,
      ...fields,
    };
    return {
      block: this.put(Int32Array.from(FINISH_FIELDS, (field) => block[field] ?? 0)),
      rowBytes: type === 'int8' ? n : 4 * n,
    };
  }

  /** Calls `kernel` with a block of `fields` in their order. */
  call(kernel: string, fields: readonly string[], params: Readonly<Record<string, number>>, samples = 1): void {
    const block = this.put(Int32Array.from(fields, (field) => params[field]));
    const run = this.#kernels[kernel];
    if (!run) throw new RangeError(`internal: no kernel "${kernel}"`);
    run(block, samples);
  }

  /** Copies of `bytes` bytes at `address`. */
  bytes(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer).slice(address, address + bytes);
  }

  int8(address: number, count: number): Int8Array {
    return new Int8Array(this.bytes(address, count).buffer);
  }

  int32(address: number, count: number): Int32Array {
    return new Int32Array(this.bytes(address, 4 * count).buffer);
  }

  float32(address: number, count: number): Float32Array {
    return new Float32Array(this.bytes(address, 4 * count).buffer);
  }

  /** Whether the 32 bytes behind a result are as they were. */
  intact(address: number): boolean {
    return this.bytes(address, 32).every((byte) => byte === FILLER);
  }
}
