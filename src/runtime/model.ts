// A loaded model: a plan whose steps are bound to kernels over a memory of its own. run() hands out fresh arrays,
// runInto() writes into the caller's and allocates nothing.
import { InputError, UnsupportedError } from '../errors.js';
import { ARRAYS, type Encoding, type Graph, type Metadata, type TensorData } from '../model/graph.js';
import type { Memory, Plan } from '../plan/plan.js';
import type { Build } from '../wasm/builds.js';
import type { Instance, Kernel } from '../wasm/instantiate.js';
import { type Summary, summarize } from './summary.js';

export type { TensorData } from '../model/graph.js';

/** One array per name; a model with one input or output also takes the array alone. */
export type TensorMap = Readonly<Record<string, TensorData>>;

/** An input or output as a caller sees it. */
export interface TensorInfo {
  readonly name: string;
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly encoding: Encoding;
  readonly bits: number;
  /** real number = scale * v; see Encoding for v. */
  readonly scale: number;
  /** Elements of the array for one sample: bytes of packed bits, else the product of the shape. */
  readonly length: number;
}

/** Linear memory in bytes. It is sized once, when the model is loaded: `total` is the peak. */
export interface MemoryReport extends Memory {
  /** Weights, thresholds, tables: part of `file`. */
  readonly constants: number;
  /** Between the areas and behind the last one, which ends with a page. */
  readonly gaps: number;
  /** In the order of the file. Tensors that are never alive together may share bytes. */
  readonly tensors: readonly TensorMemory[];
}

export interface TensorMemory {
  readonly name: string;
  readonly address: number;
  /** Of the whole batch. */
  readonly bytes: number;
  /** Index of the first and last node that touches it: -1 for the caller's input, the number of nodes for its output. */
  readonly first: number;
  readonly last: number;
}

interface Port extends TensorInfo {
  /** All samples of the batch, in linear memory. */
  readonly view: TensorData;
}

/** Runs one model. Not reentrant: a run is synchronous and the memory is the model's own. */
export class Model {
  readonly name: string;
  readonly metadata: Metadata;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Samples that one call can take. */
  readonly batch: number;
  /** The kernel build that runs. */
  readonly build: Build;
  readonly #graph: Graph;
  readonly #memory: Memory;
  readonly #fileBytes: number;
  readonly #report: Pick<MemoryReport, 'constants' | 'tensors' | 'gaps'>;
  #steps: readonly ((samples: number) => void)[] | undefined;
  #in: readonly Port[];
  #out: readonly Port[];

  /** Use load(). */
  constructor(graph: Graph, plan: Plan, instance: Instance, file: Uint8Array, build: Build) {
    const { buffer } = instance.memory;
    new Uint8Array(buffer).set(file, plan.fileAddress);
    const words = new Uint32Array(buffer);
    for (const { address, params } of plan.blocks) words.set(Object.values(params), address / 4);
    const kernelOf = (name: string): Kernel => {
      const kernel = instance.kernels[name];
      if (kernel === undefined) throw new UnsupportedError(`the kernels given expected to have "${name}", got none`);
      return kernel;
    };
    for (const { address, bytes } of plan.data) new Uint8Array(buffer).set(bytes, address);
    for (const { kernel, block } of plan.prepares) kernelOf(kernel)(block, 1);
    this.#steps = plan.steps.map(({ kernel, block }) => {
      const run = kernelOf(kernel);
      return (samples: number): void => run(block, samples);
    });
    const info = (index: number): TensorInfo => {
      const tensor = graph.tensors[index];
      return { ...tensor, length: plan.tensors[index].bytes / ARRAYS[tensor.encoding].BYTES_PER_ELEMENT };
    };
    const port = (index: number): Port => {
      const tensor = info(index);
      const view = new ARRAYS[tensor.encoding](buffer, plan.tensors[index].address, tensor.length * plan.batch);
      return { ...tensor, view };
    };
    this.inputs = graph.inputs.map(info);
    this.outputs = graph.outputs.map(info);
    this.#in = graph.inputs.map(port);
    this.#out = graph.outputs.map(port);
    this.name = graph.name;
    this.metadata = graph.metadata;
    this.batch = plan.batch;
    this.build = build;
    this.#graph = graph;
    this.#memory = plan.memory;
    this.#fileBytes = file.length;
    const { base, total, ...areas } = plan.memory;
    this.#report = {
      constants: graph.constants.reduce((sum, { data }) => sum + data.length, 0),
      gaps: total - base - areas.file - areas.blocks - areas.prepared - areas.arena - areas.scratch,
      tensors: plan.tensors.map((tensor) => ({ ...tensor, bytes: tensor.bytes * plan.batch })),
    };
  }

  /**
   * Runs 1 to `batch` samples that follow each other in each input array.
   *
   * @returns a fresh array per output, samples following each other
   * @throws InputError when an array is missing, of another type, or of another length
   */
  run(input: TensorData | TensorMap): Record<string, TensorData> {
    const samples = this.#samplesOf(input);
    this.#execute(input, samples);
    const result: Record<string, TensorData> = {};
    for (const port of this.#out) result[port.name] = port.view.slice(0, port.length * samples);
    return result;
  }

  /**
   * As run(), into arrays of the caller: each has the length of its output times the number of samples.
   * Allocates nothing.
   *
   * @returns the number of samples
   */
  runInto(input: TensorData | TensorMap, output: TensorData | TensorMap): number {
    for (let i = 0; i < this.#out.length; i++) check(this.#out[i], pick(this.#out, i, output, 'output'), 'output');
    const samples = this.#samplesOf(input);
    for (let i = 0; i < this.#out.length; i++) {
      const port = this.#out[i];
      const given = pick(this.#out, i, output, 'output');
      if (given.length !== port.length * samples) failLength(port, given.length, 'output', samples);
    }
    this.#execute(input, samples);
    for (let i = 0; i < this.#out.length; i++) {
      const target = pick(this.#out, i, output, 'output');
      const { view } = this.#out[i];
      // Part of the view is copied by a loop: set(view.subarray(...)) would allocate.
      if (target.length === view.length) target.set(view);
      else for (let j = 0; j < target.length; j++) target[j] = view[j]!;
    }
    return samples;
  }

  /**
   * Runs any number of samples that follow each other in each input array, `batch` of them a call.
   *
   * @returns a fresh array per output, samples following each other
   * @throws InputError as run()
   */
  runBatch(input: TensorData | TensorMap): Record<string, TensorData> {
    const samples = this.#samplesOf(input, Infinity);
    const given = this.#in.map((_, i) => pick(this.#in, i, input, 'input'));
    const result: Record<string, TensorData> = {};
    for (const { name, view, length } of this.#out) {
      result[name] = new (view.constructor as new (length: number) => TensorData)(length * samples);
    }
    for (let first = 0; first < samples; first += this.batch) {
      const count = Math.min(this.batch, samples - first);
      this.#in.forEach(({ view, length }, i) => view.set(given[i].subarray(first * length, (first + count) * length)));
      this.#step(count);
      for (const { name, view, length } of this.#out) {
        result[name].set(view.subarray(0, count * length), first * length);
      }
    }
    return result;
  }

  /** Bytes per layer, in the file and as float32, that add up to the file. */
  summary(): Summary {
    return summarize(this.#graph, this.#fileBytes, this.#memory);
  }

  /** Where every byte of linear memory is: areas that add up, and each tensor's place and lifetime. */
  memory(): MemoryReport {
    return { ...this.#memory, ...this.#report };
  }

  /** Lets go of the model's memory. Further runs throw. */
  dispose(): void {
    this.#steps = undefined;
    this.#in = [];
    this.#out = [];
  }

  #samplesOf(input: TensorData | TensorMap, most = this.batch): number {
    if (this.#steps === undefined) throw new InputError(`model "${this.name}" expected to be loaded, got disposed`);
    let samples = 0;
    for (let i = 0; i < this.#in.length; i++) {
      const port = this.#in[i];
      const given = pick(this.#in, i, input, 'input');
      check(port, given, 'input');
      const count = given.length / port.length;
      if (!(Number.isInteger(count) && count >= 1 && count <= most)) failLength(port, given.length, 'input', most);
      if (i > 0 && count !== samples) {
        throw new InputError(`input "${port.name}" expected ${samples} samples like the others, got ${count}`);
      }
      samples = count;
    }
    return samples;
  }

  #execute(input: TensorData | TensorMap, samples: number): void {
    for (let i = 0; i < this.#in.length; i++) this.#in[i].view.set(pick(this.#in, i, input, 'input'));
    this.#step(samples);
  }

  #step(samples: number): void {
    const steps = this.#steps!;
    for (let i = 0; i < steps.length; i++) steps[i](samples);
  }
}

function pick(ports: readonly Port[], i: number, given: TensorData | TensorMap, role: string): TensorData {
  const port = ports[i];
  if (ArrayBuffer.isView(given)) {
    if (ports.length === 1) return given;
    throw new InputError(
      `${role} expected an object with ${ports.map((p) => `"${p.name}"`).join(', ')}, got one array`,
    );
  }
  const found = typeof given === 'object' && given !== null ? given[port.name] : undefined;
  if (found !== undefined) return found;
  const names = typeof given === 'object' && given !== null ? Object.keys(given).join(', ') || 'none' : typeof given;
  throw new InputError(`${role} "${port.name}" expected an array of that name, got ${names}`);
}

function check(port: Port, given: TensorData, role: string): void {
  if (Object.getPrototypeOf(given) !== Object.getPrototypeOf(port.view)) {
    // Another realm's arrays have other prototypes but the same tag.
    const tag = Object.prototype.toString.call(given);
    const clamped = tag === '[object Uint8ClampedArray]' && port.view instanceof Uint8Array;
    if (!clamped && tag !== Object.prototype.toString.call(port.view)) {
      const hint =
        port.view instanceof Uint8Array && given instanceof Float32Array ? `; this input takes ${meaning(port)}` : '';
      throw new InputError(
        `${role} "${port.name}" expected ${port.view.constructor.name}, got ${tag.slice(8, -1)}${hint}`,
      );
    }
  }
}

function meaning(port: Port): string {
  if (port.encoding === 'centered' && port.bits === 1) return 'signs packed to bits';
  return `bytes 0 to ${2 ** port.bits - 1}`;
}

function failLength(port: Port, got: number, role: string, samples: number): never {
  const shape = `[${port.shape.join(', ')}]`;
  const times =
    samples === Infinity ? ', or a multiple of that' : samples > 1 ? `, or up to ${samples} times that` : '';
  const many = role === 'output' ? ` for ${samples} samples` : times;
  const length = role === 'output' ? port.length * samples : port.length;
  throw new InputError(`${role} "${port.name}" expected length ${length} (${shape})${many}, got ${got}`);
}
