// Runs whole models on a build and compares them with the reference.
import * as assert from 'uvu/assert';
import type { Graph } from '../../src/model/graph.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { PAGE, type Plan, planGraph } from '../../src/plan/plan.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { Model, type TensorData } from '../../src/runtime/model.js';
import type { Build } from '../../src/wasm/builds.js';
import { describeKernels, instantiateKernels } from '../../src/wasm/instantiate.js';
import { kernelBytes } from './builds.js';
import { randomSample } from './zoo.js';

/**
 * Difference of float32 results by the larger of 1 and the result. Sums of some hundred products of up to 8 in magnitude run
 * in another order: 2^-24 of the sum of magnitudes for each addition at worst.
 */
export const FLOAT_TOLERANCE = 1e-4;

export type KernelKind = 'table' | 'popcount';

const modules = new Map<Build, WebAssembly.Module>();

/** The compiled kernels of a build. */
export function moduleOf(build: Build): WebAssembly.Module {
  const known = modules.get(build);
  if (known !== undefined) return known;
  const module = new WebAssembly.Module(kernelBytes(build) as BufferSource);
  modules.set(build, module);
  return module;
}

/** A model of the file on a build, with its plan and its memory. */
export function instantiateModel(
  file: Uint8Array,
  build: Build,
  batch: number,
  kernel: KernelKind = 'table',
): { readonly model: Model; readonly plan: Plan; readonly memory: WebAssembly.Memory; readonly graph: Graph } {
  const graph = readModel(file);
  const module = moduleOf(build);
  const { heapBase } = describeKernels(module);
  const plan = planGraph(graph, {
    base: heapBase,
    batch,
    fileBytes: file.length,
    constantOffset: (constant) => constant.data.byteOffset - file.byteOffset,
    choice: { simd: build !== 'scalar', relaxed: build === 'relaxed', kernel, block: 8 },
  });
  const instance = instantiateKernels(module, plan.memory.total / PAGE);
  // What a kernel reads without having written it shows.
  new Uint8Array(instance.memory.buffer).fill(0xa5, heapBase);
  return { model: new Model(graph, plan, instance, file, build), plan, memory: instance.memory, graph };
}

let largest = 0;

/** Largest difference of float results that compareModel has met. */
export function largestDifference(): number {
  return largest;
}

/** Runs `samples` random samples in one batch, twice, and compares every number with the reference. */
export function compareModel(
  graph: Graph,
  build: Build,
  samples: number,
  kernel: KernelKind = 'table',
  seed = 1,
): void {
  const label = `${graph.name}, ${build}, ${kernel}`;
  const { model } = instantiateModel(writeModel(graph), build, samples, kernel);
  const inputs = Array.from({ length: samples }, (_, s) => randomSample(graph, seed + s));
  const expected = inputs.map((sample) => evaluate(graph, sample));
  const together = Object.fromEntries(
    graph.inputs.map((index, i) => [graph.tensors[index].name, joined(inputs.map((sample) => sample[i]))]),
  );
  for (let round = 0; round < 2; round++) {
    const got = model.run(together);
    graph.outputs.forEach((index, o) => {
      const { name, encoding } = graph.tensors[index];
      const wanted = joined(expected.map((sample) => sample[o]));
      compareNumbers(`${label}: "${name}"`, got[name], wanted, encoding === 'float32');
    });
  }
}

function joined(parts: readonly TensorData[]): TensorData {
  const [first] = parts;
  const make = first.constructor as new (length: number) => TensorData;
  const out = new make(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Compares stored numbers: integers exactly, float32 within FLOAT_TOLERANCE. */
export function compareNumbers(label: string, got: TensorData, wanted: TensorData, float: boolean): void {
  assert.is(got.length, wanted.length, `${label}: length`);
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i]) || got[i] === wanted[i]) continue;
    const difference = Math.abs(got[i] - wanted[i]) / Math.max(1, Math.abs(wanted[i]));
    if (!float || !(difference <= FLOAT_TOLERANCE)) {
      assert.is(got[i], wanted[i], `${label}: number ${i} of ${wanted.length}`);
    }
    largest = Math.max(largest, difference);
  }
}
