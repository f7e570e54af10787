// From whatever a host hands over to running kernels. The only file that uses @assemblyscript/loader (which its
// maintainers call legacy: it instantiates here and does nothing else; kernels take raw pointers).
import { instantiateSync } from '@assemblyscript/loader';
import { UnsupportedError } from '../errors.js';
import { type Build, BUILDS } from './builds.js';

/** Everything a host may have the kernels as: compiled, as bytes, as a response, or a promise of one of them. */
export type ModuleSource = WebAssembly.Module | BufferSource | Response;

/** A kernel: `params` is the address of a parameter block. */
export type Kernel = (this: void, params: number, samples: number) => void;

/** The exports of assembly/index.ts by name. */
export type Kernels = Readonly<Record<string, Kernel>>;

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

/** What the plan has to know of the kernels. */
export interface KernelInfo {
  readonly build: Build;
  /** First byte of linear memory behind the kernels' static tables. */
  readonly heapBase: number;
}

const described = new WeakMap<WebAssembly.Module, KernelInfo>();

/** Asks the kernels; instantiates once a module, in the smallest memory. */
export function describeKernels(module: WebAssembly.Module): KernelInfo {
  let info = described.get(module);
  if (info === undefined) {
    const { exports } = instantiate(module, new WebAssembly.Memory({ initial: 1, maximum: 1 }));
    const number = (name: string): number => {
      const value: unknown = (exports[name] as WebAssembly.Global | undefined)?.value;
      if (typeof value === 'number') return value;
      throw new UnsupportedError(
        `the module given expected to be kernels of bitlane with a global "${name}", got none`,
      );
    };
    info = { build: BUILDS[number('BUILD')], heapBase: number('HEAP_BASE') };
    described.set(module, info);
  }
  return info;
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
