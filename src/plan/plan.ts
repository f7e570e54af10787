// Graph to plan: which kernels run each node, with which addresses, in a memory that is sized once. Plain data: a test can
// compare it whole, and nothing here touches WebAssembly.
//
// Linear memory, from the first byte that the kernels' own tables leave free:
//   file | parameter blocks | prepared | activations (shared by lifetime) | scratch (shared by all steps)
// The file's bytes stand there as they are; weights and thresholds are addresses into them. Every area ends with the bytes
// that kernels may read too far.
import { type Constant, type Graph, type Node, plainBytes } from '../model/graph.js';
import { roundUp } from '../numerics/bits.js';
import { placeBuffers } from './arena.js';
import {
  ALIGNMENT,
  type Block,
  type Call,
  type KernelChoice,
  Layout,
  type NodeOf,
  type Placement,
  SLACK,
  type Step,
  unsupported,
} from './layout.js';
import { planConv2d, planDense } from './operators/products.js';

export type { Block, Call, KernelChoice, Placement, Step } from './layout.js';

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
  const lifetimes = tensorLifetimes(graph);
  const sizes = graph.tensors.map((tensor) => plainBytes(tensor.shape, tensor.encoding, tensor.bits));
  const placed = placeBuffers(sizes.map((bytes, i) => ({ bytes: bytes * batch, ...lifetimes[i] })));
  const file = roundUp(base, ALIGNMENT);

  const layOut = (blocks: number, prepared: number, arena: number, scratch: number): [Layout, Lifetime[]] => {
    const tensors = graph.tensors.map(({ name }, i) => {
      return { name, address: arena + placed.offsets[i], bytes: sizes[i], ...lifetimes[i] };
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

function planNode(layout: Layout, node: Node): void {
  switch (node.operator.kind) {
    case 'dense':
      return planDense(layout, node as NodeOf<'dense'>);
    case 'conv2d':
      return planConv2d(layout, node as NodeOf<'conv2d'>);
    default:
      throw unsupported(node, `the operator ${node.operator.kind}`);
  }
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
