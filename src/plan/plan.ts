// Graph to plan: which kernel runs each node, with which addresses, in a memory that is sized once. Plain data: a test can
// compare it whole, and nothing here touches WebAssembly.
//
// Linear memory, from the first byte that the kernels' own tables leave free:
//   file | parameter blocks | activations (shared by lifetime) | scratch (shared by all steps) | slack
// The file's bytes stand there as they are; weights and thresholds are addresses into them.
import { roundUp } from '../numerics/bits.js';
import { type Constant, type Graph, type Node, plainBytes, type Transform } from '../model/graph.js';
import { ALIGNMENT, placeBuffers } from './arena.js';
import type { ProductCall, ProductTransform } from './conv.js';
import { planDense } from './dense.js';
import { PRODUCT_FIELDS, type ProductParams } from './params.js';

/** Kernels may read this far behind what they were given. */
export const SLACK = 64;
export const PAGE = 65536;

export interface PlanOptions {
  /** First byte of linear memory that the plan may use. */
  readonly base: number;
  /** Whether the kernels that will run are a SIMD build. */
  readonly simd: boolean;
  /** Samples that one run can take. */
  readonly batch: number;
  /** Bytes of the model file. */
  readonly fileBytes: number;
  /** Byte offset of a constant's data in the file. */
  readonly constantOffset: (constant: Constant) => number;
}

export interface Step {
  /** Name of the node. */
  readonly node: string;
  readonly kernel: ProductCall['kernel'];
  /** Kernel to call once with the same block, before the first run; steps that share weights share the call. */
  readonly prepare: ProductCall['prepare'];
  /** Address of the parameter block. */
  readonly block: number;
  readonly params: ProductParams;
}

/** Where a tensor lives. */
export interface Placement {
  readonly name: string;
  readonly address: number;
  /** Bytes of one sample; samples follow each other without a gap. */
  readonly bytes: number;
}

export interface Memory {
  readonly base: number;
  readonly file: number;
  readonly blocks: number;
  readonly arena: number;
  readonly scratch: number;
  /** Bytes from 0 to the end, in whole WebAssembly pages. */
  readonly total: number;
}

export interface Plan {
  readonly batch: number;
  /** Address at which the file's bytes go. */
  readonly fileAddress: number;
  readonly steps: readonly Step[];
  /** In the order of the graph's tensors. */
  readonly tensors: readonly Placement[];
  readonly memory: Memory;
}

const BLOCK_BYTES = roundUp(4 * PRODUCT_FIELDS.length, ALIGNMENT);

/** Plans a graph that validate() has passed. */
export function planGraph(graph: Graph, options: PlanOptions): Plan {
  const { batch } = options;
  const fileAddress = roundUp(options.base, ALIGNMENT);
  const blocks = roundUp(fileAddress + options.fileBytes + SLACK, ALIGNMENT);
  const arena = blocks + BLOCK_BYTES * graph.nodes.length;

  const lifetimes = tensorLifetimes(graph);
  const sizes = graph.tensors.map((tensor) => plainBytes(tensor.shape, tensor.encoding, tensor.bits));
  const placed = placeBuffers(sizes.map((bytes, i) => ({ bytes: bytes * batch, ...lifetimes[i] })));
  const tensors = graph.tensors.map((tensor, i) => ({
    name: tensor.name,
    address: arena + placed.offsets[i],
    bytes: sizes[i],
  }));

  const scratch = arena + placed.bytes + roundUp(SLACK, ALIGNMENT);
  let scratchBytes = 0;
  const addressOf = (constant: Constant): number => fileAddress + options.constantOffset(constant);
  const prepared = new Set<number>();
  const steps = graph.nodes.map((node, i): Step => {
    const call = planNode(graph, node, tensors, addressOf, scratch, options);
    scratchBytes = Math.max(scratchBytes, call.scratchBytes);
    const prepare = prepared.has(call.params.weights) ? undefined : call.prepare;
    if (prepare !== undefined) prepared.add(call.params.weights);
    return { node: node.name, kernel: call.kernel, prepare, block: blocks + BLOCK_BYTES * i, params: call.params };
  });

  const end = scratch + scratchBytes + SLACK;
  return {
    batch,
    fileAddress,
    steps,
    tensors,
    memory: {
      base: options.base,
      file: options.fileBytes,
      blocks: BLOCK_BYTES * graph.nodes.length,
      arena: placed.bytes,
      scratch: scratchBytes,
      total: roundUp(end, PAGE),
    },
  };
}

/** Inputs live from before the first step, outputs until after the last: the caller reads and writes them in between. */
function tensorLifetimes(graph: Graph): { first: number; last: number }[] {
  const lifetimes = graph.tensors.map(() => ({ first: graph.nodes.length, last: -1 }));
  const touch = (tensor: number, step: number): void => {
    const life = lifetimes[tensor];
    life.first = Math.min(life.first, step);
    life.last = Math.max(life.last, step);
  };
  for (const input of graph.inputs) touch(input, -1);
  graph.nodes.forEach((node, step) => [...node.inputs, ...node.outputs].forEach((tensor) => touch(tensor, step)));
  for (const output of graph.outputs) touch(output, graph.nodes.length);
  return lifetimes;
}

function planNode(
  graph: Graph,
  node: Node,
  tensors: readonly Placement[],
  addressOf: (constant: Constant) => number,
  scratch: number,
  { simd, batch }: PlanOptions,
): ProductCall {
  const { operator } = node;
  const weights = graph.constants[operator.weights];
  const [n, k] = weights.shape as [number, number];
  const { bits } = graph.tensors[node.inputs[0]];
  const input = tensors[node.inputs[0]].address;
  const output = tensors[node.outputs[0]].address;
  const transform = planTransform(operator.transform, (index) => addressOf(graph.constants[index]));
  const layer = {
    k,
    n,
    activations: { encoding: 'centered', bits },
    weights: { encoding: 'centered', bits: 1 },
    transform,
  } as const;
  // Tables for samples that never come together would only take memory.
  const block = batch > 4 ? 8 : batch > 2 ? 4 : 2;
  return planDense(layer, { input, weights: addressOf(weights), output, scratch, prepared: 0 }, { simd, block });
}

function planTransform(transform: Transform | undefined, addressOf: (index: number) => number): ProductTransform {
  if (transform === undefined) return { kind: 'int32' };
  if (transform.kind === 'threshold') return { kind: 'bits', thresholds: addressOf(transform.thresholds) };
  return { kind: 'affine', multipliers: addressOf(transform.multipliers), biases: addressOf(transform.biases) };
}
