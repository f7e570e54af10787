// From whatever a host hands over to running kernels. The only file that uses @assemblyscript/loader (which its
// maintainers call legacy: it instantiates here and does nothing else; kernels take raw pointers).
import { instantiateSync } from '@assemblyscript/loader';
import { UnsupportedError } from '../errors.js';

/** Everything a host may have the kernels as: compiled, as bytes, as a response, or a promise of one of them. */
export type ModuleSource = WebAssembly.Module | BufferSource | Response;

/** The exports of assembly/index.ts. `params` is the address of a parameter block. */
export interface Kernels {
  dense_bits(this: void, params: number, samples: number): void;
  dense_u8(this: void, params: number, samples: number): void;
}

/** Kernels over one linear memory. */
export interface Instance {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
}

/** A Module of any realm: edge runtimes hand over one for which instanceof is false. */
function isModule(source: unknown): source is WebAssembly.Module {
  return Object.prototype.toString.call(source) === '[object WebAssembly.Module]';
}

function isResponse(source: unknown): source is Response {
  return Object.prototype.toString.call(source) === '[object Response]';
}

/** Compiles the kernels, unless the host has done it. */
export async function compile(source: ModuleSource | Promise<ModuleSource>): Promise<WebAssembly.Module> {
  const given = await source;
  if (isResponse(given)) {
    if (!given.ok)
      throw new UnsupportedError(`kernels: expected the .wasm file at ${given.url}, got HTTP ${given.status}`);
    // Not compileStreaming: it refuses servers that send another MIME type, and a few KB gain nothing from it.
    return WebAssembly.compile(await given.arrayBuffer());
  }
  return isModule(given) ? given : WebAssembly.compile(given);
}

const heapBases = new WeakMap<WebAssembly.Module, number>();

/** First byte of linear memory behind the kernels' static tables; instantiates once a module, in the smallest memory. */
export function heapBase(module: WebAssembly.Module): number {
  let base = heapBases.get(module);
  if (base === undefined) {
    const { exports } = instantiate(module, new WebAssembly.Memory({ initial: 1, maximum: 1 }));
    base = (exports['HEAP_BASE'] as WebAssembly.Global).value as number;
    heapBases.set(module, base);
  }
  return base;
}

/** Instantiates the kernels over `pages` pages of fresh memory that cannot grow. */
export function instantiateKernels(module: WebAssembly.Module, pages: number): Instance {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = instantiate(module, memory);
  return { kernels: exports as unknown as Kernels, memory };
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): { exports: WebAssembly.Exports } {
  const imports = { env: { memory } };
  // The loader asks instanceof, and takes another realm's Module for bytes.
  return module instanceof WebAssembly.Module
    ? instantiateSync(module, imports).instance
    : new WebAssembly.Instance(module, imports);
}
