// The core of load(): bytes in, model out, on any host. The entries (index.*.ts) add where kernels and files come from.
import { UnsupportedError } from './errors.js';
import { type Graph, weightsOf } from './model/graph.js';
import { readModel } from './model/read.js';
import { DEFAULT_LIMITS, type Limits, workOf } from './model/validate.js';
import { type KernelChoice, PAGE, type Plan, planGraph } from './plan/plan.js';
import { Model } from './runtime/model.js';
import { DEFAULT_CHOICE, tune } from './runtime/tune.js';
import { type Build, BUILDS, supports } from './wasm/builds.js';
import {
  compile,
  describeKernels,
  instantiateKernels,
  type KernelInfo,
  type ModuleSource,
} from './wasm/instantiate.js';

export interface LoadOptions {
  /** Most samples that one run will take. Sizes the activations. Default 1. */
  readonly batch?: number;
  /** Kernel build. Default: the fastest that the engine accepts. All give equal results. */
  readonly build?: Build;
  /**
   * How binary layers are multiplied: by tables or by popcount. Default `auto`: measured once a process, in 10 to
   * 30 milliseconds, when the first model comes whose binary layers are worth it. All give equal results.
   */
  readonly kernel?: 'table' | 'popcount' | 'auto';
  /** The kernels, for hosts that bring them compiled or bundled. Default: the package's own file. */
  readonly module?: ModuleSource | Promise<ModuleSource>;
  /** Upper bounds for models that are not trusted. */
  readonly limits?: Partial<Limits>;
}

/** Where a host keeps the builds. */
export type KernelSource = (build: Build) => ModuleSource | Promise<ModuleSource>;

/** The largest memory that WebAssembly with 32-bit addresses has. */
const MAX_MEMORY = 2 ** 32;

const compiled = new Map<Build, Promise<WebAssembly.Module>>();

/** Compiles a build once a process. A failure is not remembered. */
function compileOnce(build: Build, source: KernelSource): Promise<WebAssembly.Module> {
  let module = compiled.get(build);
  if (module === undefined) {
    module = compile(source(build));
    compiled.set(build, module);
    module.catch(() => compiled.delete(build));
  }
  return module;
}

/** All that a model is made from: plain data and compiled kernels, which another thread can be sent. */
export interface Prepared {
  readonly graph: Graph;
  readonly plan: Plan;
  readonly module: WebAssembly.Module;
  readonly bytes: Uint8Array;
  readonly build: Build;
}

/**
 * Verifies a model file and makes it ready to run.
 *
 * @param shipped the builds that `source` has
 * @throws ModelFormatError for bytes that are no valid model, UnsupportedError for a build that this engine lacks
 */
export async function loadBytes(
  bytes: Uint8Array,
  options: LoadOptions,
  source: KernelSource,
  shipped: readonly Build[] = BUILDS,
): Promise<Model> {
  return modelOf(await prepare(bytes, options, source, shipped));
}

/** A model over fresh memory of its own. */
export function modelOf({ graph, plan, module, bytes, build }: Prepared): Model {
  return new Model(graph, plan, instantiateKernels(module, plan.memory.total / PAGE), bytes, build);
}

/** As loadBytes(), up to what every thread does for itself. */
export async function prepare(
  bytes: Uint8Array,
  options: LoadOptions,
  source: KernelSource,
  shipped: readonly Build[] = BUILDS,
): Promise<Prepared> {
  const batch = options.batch ?? 1;
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= 65536)) {
    throw new RangeError(`"batch" expected 1 to 65536, got ${batch}`);
  }
  const graph = readModel(bytes, { ...DEFAULT_LIMITS, ...options.limits });
  const module = await (options.module === undefined
    ? compileOnce(chooseBuild(options.build, shipped), source)
    : compile(options.module));
  const info = describeKernels(module);
  const plan = planGraph(graph, {
    base: info.heapBase,
    batch,
    fileBytes: bytes.length,
    constantOffset: (constant) => constant.data.byteOffset - bytes.byteOffset,
    choice: chooseKernel(graph, module, info, options.kernel ?? 'auto'),
  });
  if (plan.memory.total > MAX_MEMORY) {
    throw new UnsupportedError(
      `model "${graph.name}" expected to need at most ${MAX_MEMORY} bytes, got ${plan.memory.total}; lower batch`,
    );
  }
  return { graph, plan, module, bytes, build: info.build };
}

/** Binary multiply-accumulates of a sample below which no choice of kernel repays the measurement. */
const WORTH_TUNING = 50_000_000;

const tuned = new Map<Build, Pick<KernelChoice, 'kernel' | 'block'>>();

function chooseKernel(
  graph: Graph,
  module: WebAssembly.Module,
  info: KernelInfo,
  kernel: 'table' | 'popcount' | 'auto',
): KernelChoice {
  if (!['table', 'popcount', 'auto'].includes(kernel)) {
    throw new RangeError(`"kernel" expected table, popcount or auto, got ${String(kernel)}`);
  }
  const simd = info.build !== 'scalar';
  const builds = { simd, relaxed: info.build === 'relaxed' };
  if (kernel === 'popcount' || !simd) return { ...builds, ...DEFAULT_CHOICE, kernel: 'popcount' };
  let choice = tuned.get(info.build);
  if (choice === undefined && binaryWork(graph) >= WORTH_TUNING) {
    choice = tune(module, info);
    tuned.set(info.build, choice);
  }
  const { block } = choice ?? DEFAULT_CHOICE;
  return { ...builds, block, kernel: kernel === 'auto' ? (choice ?? DEFAULT_CHOICE).kernel : kernel };
}

/** Multiply-accumulates of one sample in layers whose inputs are packed bits. */
function binaryWork(graph: Graph): number {
  return graph.nodes
    .filter((node) => weightsOf(node.operator).length > 0 && graph.tensors[node.inputs[0]].bits === 1)
    .reduce((sum, node) => sum + workOf(graph, node), 0);
}

function chooseBuild(build: Build | undefined, shipped: readonly Build[]): Build {
  if (build !== undefined && !BUILDS.includes(build)) {
    throw new RangeError(`"build" expected ${BUILDS.join(', ')}, got ${String(build)}`);
  }
  const runs = shipped.filter(supports);
  const chosen = build ?? runs.at(-1);
  if (chosen !== undefined && runs.includes(chosen)) return chosen;
  const names = (list: readonly Build[]): string => list.join(', ') || 'none';
  throw new UnsupportedError(
    `kernels: expected a build that this engine runs (${names(BUILDS.filter(supports))}) and this entry of the package ` +
      `has (${names(shipped)}), got ${build ?? 'none'}; pass { module } to bring your own`,
  );
}
