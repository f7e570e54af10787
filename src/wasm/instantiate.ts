// From whatever a host hands over to running kernels. Not through @assemblyscript/loader: kernels over raw pointers have none
// of the strings and arrays that it brings along, and it takes a Module of another realm for bytes.
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

/** Whether it is one, of any realm: edge runtimes hand over a Module for which instanceof is false. */
function isA(tag: string, source: unknown): boolean {
  return Object.prototype.toString.call(source) === `[object ${tag}]`;
}

/** Compiles the kernels, unless the host has done it. */
export async function compile(source: ModuleSource | Promise<ModuleSource>): Promise<WebAssembly.Module> {
  const given = await source;
  if (isA('WebAssembly.Module', given)) return given;
  if (!isA('Response', given)) return WebAssembly.compile(given as BufferSource);
  const { ok, url, status } = given as Response;
  if (!ok) throw new UnsupportedError(`kernels: expected the .wasm file at ${url}, got HTTP ${status}`);
  // Not compileStreaming: it refuses servers that send another MIME type, and a few KB gain nothing from it.
  return WebAssembly.compile(await (given as Response).arrayBuffer());
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
    const { exports } = instantiate(module, 1);
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
  const { exports, memory } = instantiate(module, pages);
  const functions = Object.entries(exports).filter(([, value]) => typeof value === 'function');
  return { kernels: Object.fromEntries(functions) as Kernels, memory };
}

function instantiate(
  module: WebAssembly.Module,
  pages: number,
): { exports: WebAssembly.Exports; memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return { exports: new WebAssembly.Instance(module, { env: { memory } }).exports, memory };
}
