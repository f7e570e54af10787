// The core of load(): bytes in, model out, on any host. The entries (index.*.ts) add where kernels and files come from.
import { UnsupportedError } from './errors.js';
import { readModel } from './model/read.js';
import { DEFAULT_LIMITS, type Limits } from './model/validate.js';
import { PAGE, planGraph } from './plan/plan.js';
import { Model } from './runtime/model.js';
import { type Build, BUILDS, bestBuild, supports } from './wasm/builds.js';
import { compile, describeKernels, instantiateKernels, type ModuleSource } from './wasm/instantiate.js';

export interface LoadOptions {
  /** Most samples that one run will take. Sizes the activations. Default 1. */
  readonly batch?: number;
  /** Kernel build. Default: the fastest that the engine accepts. All give equal results. */
  readonly build?: Build;
  /** The kernels, for hosts that bring them compiled or bundled. Default: the package's own file. */
  readonly module?: ModuleSource | Promise<ModuleSource>;
  /** Upper bounds for models that are not trusted. */
  readonly limits?: Partial<Limits>;
}

/** Where a host keeps the three builds. */
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

/**
 * Verifies a model file and makes it ready to run.
 *
 * @throws ModelFormatError for bytes that are no valid model, UnsupportedError for a build that this engine lacks
 */
export async function loadBytes(bytes: Uint8Array, options: LoadOptions, source: KernelSource): Promise<Model> {
  const batch = options.batch ?? 1;
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= 65536)) {
    throw new RangeError(`"batch" expected 1 to 65536, got ${batch}`);
  }
  const graph = readModel(bytes, { ...DEFAULT_LIMITS, ...options.limits });
  const module = await (options.module === undefined
    ? compileOnce(chooseBuild(options.build), source)
    : compile(options.module));
  const { build, heapBase } = describeKernels(module);
  const plan = planGraph(graph, {
    base: heapBase,
    batch,
    fileBytes: bytes.length,
    constantOffset: (constant) => constant.data.byteOffset - bytes.byteOffset,
    choice: { simd: build !== 'scalar', kernel: 'table', block: 8 },
  });
  if (plan.memory.total > MAX_MEMORY) {
    throw new UnsupportedError(
      `model "${graph.name}" expected to need at most ${MAX_MEMORY} bytes, got ${plan.memory.total}; lower batch`,
    );
  }
  return new Model(graph, plan, instantiateKernels(module, plan.memory.total / PAGE), bytes, build);
}

function chooseBuild(build: Build | undefined): Build {
  if (build === undefined) return bestBuild();
  if (!BUILDS.includes(build)) throw new RangeError(`"build" expected ${BUILDS.join(', ')}, got ${String(build)}`);
  if (supports(build)) return build;
  throw new UnsupportedError(`this engine does not run the ${build} build of the kernels; it runs ${bestBuild()}`);
}
