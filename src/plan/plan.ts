// Graph to plan: which kernel runs each node, with which addresses, in a memory that is sized once. Plain data: a test can
// compare it whole, and nothing here touches WebAssembly.
//
// Linear memory, from the first byte that the kernels' own tables leave free:
//   file | parameter blocks | activations (shared by lifetime) | scratch (shared by all steps) | slack
// The file's bytes stand there as they are; weights and thresholds are addresses into them.
import { CHANNEL_BLOCK, packedBytes, roundUp } from '../numerics/bits.js';
import { type Constant, type Graph, type Node, plainBytes, type Tensor } from '../model/graph.js';
import { ALIGNMENT, placeBuffers } from './arena.js';

/** Kernels may read this far behind what they were given. */
export const SLACK = 64;
export const PAGE = 65536;
/** Samples that the dense kernels take side by side. */
const SAMPLE_BLOCK = 4;

export interface PlanOptions {
  /** First byte of linear memory that the plan may use. */
  readonly base: number;
  /** Samples that one run can take. */
  readonly batch: number;
  /** Bytes of the model file. */
  readonly fileBytes: number;
  /** Byte offset of a constant's data in the file. */
  readonly constantOffset: (constant: Constant) => number;
}

/** Parameters of a dense kernel; assembly/params.ts says what each is. Addresses are absolute. */
export interface DenseParams {
  readonly input: number;
  readonly inputStride: number;
  readonly weights: number;
  readonly k: number;
  readonly n: number;
  readonly tables: number;
  readonly accumulators: number;
  readonly transform: number;
  readonly first: number;
  readonly second: number;
  readonly output: number;
  readonly outputStride: number;
}

export interface Step {
  /** Name of the node. */
  readonly node: string;
  readonly kernel: 'dense_bits' | 'dense_u8';
  /** Address of the parameter block. */
  readonly block: number;
  readonly params: DenseParams;
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

/** Fields of a parameter block, in the order of assembly/params.ts, 4 bytes each. */
export const DENSE_FIELDS: readonly (keyof DenseParams)[] = [
  'input',
  'inputStride',
  'weights',
  'k',
  'n',
  'tables',
  'accumulators',
  'transform',
  'first',
  'second',
  'output',
  'outputStride',
];
const BLOCK_BYTES = roundUp(4 * DENSE_FIELDS.length, ALIGNMENT);

const TRANSFORM_CODES = { none: 0, threshold: 1, integerAffine: 2 } as const;

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
  const steps = graph.nodes.map((node, i): Step => {
    const step = planDense(graph, node, tensors, (constant) => fileAddress + options.constantOffset(constant), scratch);
    scratchBytes = Math.max(scratchBytes, step.scratchBytes);
    return { node: node.name, kernel: step.kernel, block: blocks + BLOCK_BYTES * i, params: step.params };
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

function planDense(
  graph: Graph,
  node: Node,
  tensors: readonly Placement[],
  addressOf: (constant: Constant) => number,
  scratch: number,
): { kernel: Step['kernel']; params: DenseParams; scratchBytes: number } {
  const { operator } = node;
  const { transform } = operator;
  const weights = graph.constants[operator.weights];
  const [n, k] = weights.shape as [number, number];
  const input: Tensor = graph.tensors[node.inputs[0]];
  const source = tensors[node.inputs[0]];
  const target = tensors[node.outputs[0]];
  const address = (index: number | undefined): number => (index === undefined ? 0 : addressOf(graph.constants[index]));

  const tableBytes = packedBytes(k) * 64;
  const rowBytes = 4 * roundUp(n, CHANNEL_BLOCK);
  return {
    kernel: input.bits === 8 ? 'dense_u8' : 'dense_bits',
    params: {
      input: source.address,
      inputStride: source.bytes,
      weights: addressOf(weights),
      k,
      n,
      tables: scratch,
      accumulators: scratch + tableBytes,
      transform: TRANSFORM_CODES[transform?.kind ?? 'none'],
      first: address(transform?.kind === 'threshold' ? transform.thresholds : transform?.multipliers),
      second: address(transform?.kind === 'integerAffine' ? transform.biases : undefined),
      output: target.address,
      outputStride: target.bytes,
    },
    scratchBytes: tableBytes + SAMPLE_BLOCK * rowBytes,
  };
}
