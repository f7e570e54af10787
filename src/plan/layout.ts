// Hands out addresses while a graph is planned: parameter blocks and prepared data by bumping a pointer, scratch as one area
// that all steps share. The planner walks the graph twice with the same calls: once from address 0 to learn the sizes, then
// from the real bases.
import { UnsupportedError } from '../errors.js';
import { type Constant, constantsOf, type Graph, type Node, type Operator, type Tensor } from '../model/graph.js';
import { roundUp } from '../numerics/bits.js';

/** Start of every block and buffer is a multiple of this. */
export const ALIGNMENT = 16;
/** Kernels may read this far behind what they were given. */
export const SLACK = 64;

/** Fields of a parameter block by name, 32 bits each, in the order of the kernel's class: a test compares all of them. */
export type Params = Readonly<Record<string, number>>;

/** A parameter block as it stands in linear memory. */
export interface Block {
  readonly address: number;
  readonly params: Params;
}

/** A kernel on a parameter block. */
export interface Call {
  readonly kernel: string;
  readonly block: number;
}

/** Bytes that are made from the file when it is planned, and where they go. */
export interface Data {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A call of the plan's list. */
export interface Step extends Call {
  /** Name of the node. */
  readonly node: string;
}

/** Where a tensor lives. */
export interface Placement {
  readonly name: string;
  readonly address: number;
  /** Bytes of one sample; samples follow each other without a gap. */
  readonly bytes: number;
}

/** A tensor and where it lives. */
export interface Placed {
  readonly tensor: Tensor;
  readonly place: Placement;
}

/** How products are to be computed; see planProduct. */
export interface KernelChoice {
  /** Whether the kernels are a SIMD build. */
  readonly simd: boolean;
  /** Whether they are the relaxed one. Default false. */
  readonly relaxed?: boolean;
  readonly kernel: 'table' | 'popcount';
  readonly block: 2 | 4 | 8;
}

/** First addresses of the areas. */
export interface Bases {
  readonly file: number;
  readonly blocks: number;
  readonly prepared: number;
  readonly scratch: number;
}

/** What a node's planner asks and writes to. */
export class Layout {
  readonly blocks: Block[] = [];
  readonly steps: Step[] = [];
  readonly prepares: Call[] = [];
  readonly data: Data[] = [];
  #uses: Uint32Array | undefined;
  blockBytes = 0;
  preparedBytes = 0;
  scratchBytes = 0;

  constructor(
    readonly graph: Graph,
    readonly tensors: readonly Placement[],
    readonly batch: number,
    readonly choice: KernelChoice,
    private readonly bases: Bases,
    private readonly constantOffset: (constant: Constant) => number,
  ) {}

  /** Where a constant stands in the file's copy; 0 for none. */
  constant(index: number | undefined): number {
    return index === undefined ? 0 : this.bases.file + this.constantOffset(this.graph.constants[index]);
  }

  /** How many fields of operators name the constant. */
  uses(constant: number): number {
    if (this.#uses === undefined) {
      this.#uses = new Uint32Array(this.graph.constants.length);
      for (const { operator } of this.graph.nodes) {
        for (const index of constantsOf(operator)) this.#uses[index]++;
      }
    }
    return this.#uses[constant];
  }

  input(node: Node, i = 0): Placed {
    return { tensor: this.graph.tensors[node.inputs[i]], place: this.tensors[node.inputs[i]] };
  }

  output(node: Node, i = 0): Placed {
    return { tensor: this.graph.tensors[node.outputs[i]], place: this.tensors[node.outputs[i]] };
  }

  /** Scratch memory for the steps of one node. What they write there is gone with the next node. */
  scratch(): Scratch {
    return new Scratch(this.bases.scratch, (bytes) => (this.scratchBytes = Math.max(this.scratchBytes, bytes)));
  }

  /** Writes a parameter block; returns its address. */
  block(params: Params): number {
    const address = this.bases.blocks + this.blockBytes;
    this.blocks.push({ address, params });
    this.blockBytes += roundUp(4 * Object.keys(params).length, ALIGNMENT);
    return address;
  }

  /** First byte of memory of a node's own, which `prepare` fills when the model is loaded. */
  prepared(bytes: number): number {
    const address = this.bases.prepared + this.preparedBytes;
    this.preparedBytes += roundUp(bytes, ALIGNMENT);
    return address;
  }

  /** First byte of `bytes` bytes that are made now; `make` is not called where only sizes are asked for. */
  made(bytes: number, make: () => Uint8Array): number {
    const address = this.prepared(bytes);
    if (this.bases.prepared > 0) this.data.push({ address, bytes: make() });
    return address;
  }

  /** Runs a kernel once when the model is loaded. */
  prepare(call: Call): void {
    this.prepares.push(call);
  }

  /** Runs a kernel on a new parameter block. */
  step(node: Node, kernel: string, params: Params): void {
    this.run(node, { kernel, block: this.block(params) });
  }

  run(node: Node, { kernel, block }: Call): void {
    this.steps.push({ node: node.name, kernel, block });
  }
}

/** Hands out scratch memory, with room behind each piece for kernels that write or read too far. */
export class Scratch {
  #bytes = 0;

  constructor(
    private readonly base: number,
    private readonly need: (bytes: number) => void,
  ) {}

  take(bytes: number): number {
    const address = this.base + this.#bytes;
    this.#bytes = roundUp(this.#bytes + bytes + SLACK, ALIGNMENT);
    this.need(this.#bytes);
    return address;
  }

  /** First byte behind all that was taken. */
  get end(): number {
    return this.base + this.#bytes;
  }
}

/** A node for which there is no kernel. */
export function unsupported(node: Node, what: string): UnsupportedError {
  return new UnsupportedError(`node "${node.name}" (${node.operator.kind}) expected a kernel for ${what}, got none`);
}

/** A node of one kind of operator. */
export type NodeOf<K extends Operator['kind']> = Node & {
  readonly operator: Extract<Operator, { readonly kind: K }>;
};
