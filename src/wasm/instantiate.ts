// From whatever a host hands over to running kernels. The only file that uses @assemblyscript/loader (which its
// maintainers call legacy: it instantiates here and does nothing else; kernels take raw pointers).
import { instantiateSync } from '@assemblyscript/loader';
import { UnsupportedError } from '../errors.js';
import { type Build, BUILDS } from './builds.js';

/** Everything a host may have the kernels as: compiled, as bytes, as a response, or a promise of one of them. */
export type ModuleSource = WebAssembly.Module | BufferSource | Response;

/** The exports of assembly/index.ts. `params` is the address of a parameter block. */
export interface Kernels {
  product_bits: Kernel;
  product_values: Kernel;
  prepare_bits: Kernel;
  prepare_values: Kernel;
  max_pool: Kernel;
}

export type Kernel = (this: void, params: number, samples: number) => void;

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

/** What a module says of itself; instantiates it once in the smallest memory. */
export function inspect(module: WebAssembly.Module): { base: number; build: Build } {
  const { exports } = instantiate(module, new WebAssembly.Memory({ initial: 1, maximum: 1 }));
  const value = (name: string): number => (exports[name] as WebAssembly.Global).value as number;
  return { base: value('HEAP_BASE'), build: BUILDS[value('BUILD')] };
}

/** First byte of linear memory behind the kernels' static tables. */
export function heapBase(module: WebAssembly.Module): number {
  return inspect(module).base;
}

/** Instantiates the kernels over `pages` pages of fresh memory that cannot grow. */
export function instantiateKernels(module: WebAssembly.Module, pages: number): Instance {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = instantiate(module, memory);
  return { kernels: exports as unknown as Kernels, memory };
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): { exports: WebAssembly.Exports } {
  return instantiateSync(module, { env: { memory } }).instance;
}
