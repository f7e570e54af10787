// Graph to plan: which kernels run each node, with which addresses, in a memory that is sized once. Plain data: a test can
// compare it whole, and nothing here touches WebAssembly.
//
// Linear memory, from the first byte that the kernels' own tables leave free:
//   file | parameter blocks | prepared | activations (shared by lifetime) | scratch (shared by all steps)
// The file's bytes stand there as they are; weights and thresholds are addresses into them. Every area ends with the bytes
// that kernels may read too far.
import { type Constant, type Graph, type Node, type Operator, plainBytes } from '../model/graph.js';
import { roundUp } from '../numerics/bits.js';
import { placeBuffers } from './arena.js';
import {
  ALIGNMENT,
  type Block,
  type Call,
  type Data,
  type KernelChoice,
  Layout,
  type NodeOf,
  type Placement,
  SLACK,
  type Step,
} from './layout.js';
import { planActivate, planAdd, planApplyTransform, planConvert } from './operators/elementwise.js';
import { planHead } from './operators/heads.js';
import { planAvgPool, planGlobalAvgPool, planMaxPool } from './operators/pools.js';
import { planConv2d, planConvTranspose2d, planDense } from './operators/products.js';
import { planCell } from './operators/recurrent.js';
import {
  planChannelShuffle,
  planConcat,
  planPad,
  planPick,
  planReshape,
  planUpsample,
  sharesBytes,
} from './operators/shapes.js';

export type { Block, Call, Data, KernelChoice, Placement, Step } from './layout.js';

export const PAGE = 65536;

export interface PlanOptions {
  /** First byte of linear memory that the plan may use. */
  readonly base: number;
  /** Samples that one run can take. */
  readonly batch: number;
  /** Bytes of the model file. */
  readonly fileBytes: number;
  /** Byte offset of a constant's data in the file. */
  readonly constantOffset: (constant: Constant) => number;
  readonly choice: KernelChoice;
}

/** A tensor's place in the arena, and when its bytes are its own. */
export interface Lifetime extends Placement {
  /** First and last step that touches it: -1 before the first step, the number of nodes after the last. */
  readonly first: number;
  readonly last: number;
}

/** Bytes of linear memory. */
export interface Memory {
  /** The kernels' own tables, before everything else. */
  readonly base: number;
  readonly file: number;
  readonly blocks: number;
  /** Data that is made from the file when the model is loaded. */
  readonly prepared: number;
  readonly arena: number;
  readonly scratch: number;
  /** From 0 to the end, in whole WebAssembly pages. */
  readonly total: number;
}

export interface Plan {
  readonly batch: number;
  /** Address at which the file's bytes go. */
  readonly fileAddress: number;
  /** What to write into memory after the file. */
  readonly blocks: readonly Block[];
  /** What else to write there. */
  readonly data: readonly Data[];
  /** What to run once after that. */
  readonly prepares: readonly Call[];
  readonly steps: readonly Step[];
  /** In the order of the graph's tensors. */
  readonly tensors: readonly Lifetime[];
  readonly memory: Memory;
}

/**
 * Plans a graph that validate() has passed.
 *
 * @throws UnsupportedError naming a node that no kernel runs
 */
export function planGraph(graph: Graph, options: PlanOptions): Plan {
  const { batch, base, fileBytes } = options;
  const homes = homesOf(graph);
  const lifetimes = tensorLifetimes(graph, homes);
  const sizes = graph.tensors.map((tensor) => plainBytes(tensor.shape, tensor.encoding, tensor.bits));
  const placed = placeBuffers(
    sizes.map((bytes, i) => ({ bytes: homes[i] === i ? bytes * batch : 0, ...lifetimes[i] })),
  );
  const file = roundUp(base, ALIGNMENT);

  const layOut = (blocks: number, prepared: number, arena: number, scratch: number): [Layout, Lifetime[]] => {
    const tensors = graph.tensors.map(({ name }, i) => {
      return { name, address: arena + placed.offsets[homes[i]], bytes: sizes[i], ...lifetimes[i] };
    });
    const bases = { file, blocks, prepared, scratch };
    const layout = new Layout(graph, tensors, batch, options.choice, bases, options.constantOffset);
    for (const node of graph.nodes) planNode(layout, node);
    return [layout, tensors];
  };
  const behind = (address: number, bytes: number): number => roundUp(address + bytes + SLACK, ALIGNMENT);

  const [sized] = layOut(0, 0, 0, 0);
  const blocks = behind(file, fileBytes);
  const prepared = behind(blocks, sized.blockBytes);
  const arena = behind(prepared, sized.preparedBytes);
  const scratch = behind(arena, placed.bytes);
  const [layout, tensors] = layOut(blocks, prepared, arena, scratch);
  return {
    batch,
    fileAddress: file,
    blocks: layout.blocks,
    data: layout.data,
    prepares: layout.prepares,
    steps: layout.steps,
    tensors,
    memory: {
      base,
      file: fileBytes,
      blocks: layout.blockBytes,
      prepared: layout.preparedBytes,
      arena: placed.bytes,
      scratch: layout.scratchBytes,
      total: roundUp(behind(scratch, layout.scratchBytes), PAGE),
    },
  };
}

type Planner<K extends Operator['kind']> = (layout: Layout, node: NodeOf<K>) => void;

const PLANNERS: { readonly [K in Operator['kind']]: Planner<K> } = {
  dense: planDense,
  conv2d: planConv2d,
  convTranspose2d: planConvTranspose2d,
  maxPool: planMaxPool,
  avgPool: planAvgPool,
  globalAvgPool: planGlobalAvgPool,
  applyTransform: planApplyTransform,
  activate: planActivate,
  lookUp: planPick,
  add: planAdd,
  convert: planConvert,
  concat: planConcat,
  channelShuffle: planChannelShuffle,
  reshape: planReshape,
  pad: planPad,
  upsample: planUpsample,
  embedding: planPick,
  rnn: planCell,
  lstm: planCell,
  gru: planCell,
  softmax: planHead,
  argMax: planHead,
};

function planNode(layout: Layout, node: Node): void {
  const plan = PLANNERS[node.operator.kind] as (layout: Layout, node: Node) => void;
  plan(layout, node);
}

/** For each tensor, the one whose bytes it lives in: itself, but for reshapes that change no byte. */
function homesOf(graph: Graph): number[] {
  const homes = graph.tensors.map((_, i) => i);
  for (const { operator, inputs, outputs } of graph.nodes) {
    const [input, output] = [inputs[0], outputs[0]];
    if (operator.kind === 'reshape' && sharesBytes(graph.tensors[input], graph.tensors[output])) {
      homes[output] = homes[input];
    }
  }
  return homes;
}

/** Inputs live from before the first step, outputs until after the last: the caller reads and writes them in between. */
function tensorLifetimes(graph: Graph, homes: readonly number[]): { first: number; last: number }[] {
  const lifetimes = graph.tensors.map(() => ({ first: graph.nodes.length, last: -1 }));
  const touch = (tensor: number, step: number): void => {
    const life = lifetimes[homes[tensor]];
    life.first = Math.min(life.first, step);
    life.last = Math.max(life.last, step);
  };
  for (const input of graph.inputs) touch(input, -1);
  graph.nodes.forEach((node, step) => [...node.inputs, ...node.outputs].forEach((tensor) => touch(tensor, step)));
  for (const output of graph.outputs) touch(output, graph.nodes.length);
  return lifetimes.map((_, i) => lifetimes[homes[i]]);
}
