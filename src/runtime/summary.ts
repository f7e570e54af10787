// The savings table: what each layer would weigh as float32, what it weighs packed, and what it takes in the file. The
// rows and the file's own structure add up to the file's size, byte for byte. A constant that two layers share is counted
// with the first: it stands in the file once, and so it would as float32.
import { type Constant, constantsOf, elements, type Graph, storedBits, weightsOf } from '../model/graph.js';
import { workOf } from '../model/validate.js';
import type { Memory } from '../plan/plan.js';

export interface LayerSummary {
  readonly name: string;
  readonly operator: string;
  /** Shape of the output, without the batch. */
  readonly output: readonly number[];
  readonly weights: number;
  /** Bits of one weight. */
  readonly weightBits: number;
  /** Multiply-accumulates of one sample. */
  readonly macs: number;
  /** Weights, and the scale and shift of each channel that thresholds or multipliers stand for, at 4 bytes each. */
  readonly float32Bytes: number;
  /** The layer's weights alone, packed without a gap. */
  readonly packedBytes: number;
  /** All data of the layer as they stand in the file: weights in their layout, thresholds, multipliers. */
  readonly fileBytes: number;
}

export interface Summary {
  readonly name: string;
  readonly layers: readonly LayerSummary[];
  /** Names, shapes, metadata, offsets and padding: what is in the file beside the layers' data. */
  readonly structureBytes: number;
  readonly fileBytes: number;
  readonly float32Bytes: number;
  /** float32Bytes / fileBytes. */
  readonly ratio: number;
  readonly macs: number;
  /** Linear memory: file, parameter blocks, activations, scratch, and in all (whole pages). */
  readonly memory: Memory;
}

/** Bits of one weight, packed without a gap. */
function weightBits({ encoding, bits }: Constant): number {
  return bits > 0 ? bits : storedBits(encoding, bits);
}

export function summarize(graph: Graph, fileBytes: number, memory: Memory): Summary {
  const counted = new Set<number>();
  const layers = graph.nodes.map((node): LayerSummary => {
    const all = weightsOf(node.operator);
    const weights = all.filter((index) => !counted.has(index)).map((index) => graph.constants[index]);
    const count = weights.reduce((sum, { shape }) => sum + elements(shape), 0);
    const transformed = 'transform' in node.operator && node.operator.transform !== undefined;
    const [n] = transformed ? graph.tensors[node.outputs[0]].shape.slice(-1) : [0];
    let inFile = 0;
    for (const index of constantsOf(node.operator)) {
      if (!counted.has(index)) inFile += graph.constants[index].data.length;
      counted.add(index);
    }
    return {
      name: node.name,
      operator: node.operator.kind,
      output: graph.tensors[node.outputs[0]].shape,
      weights: count,
      weightBits: all.length > 0 ? weightBits(graph.constants[all[0]]) : 0,
      macs: all.length > 0 && node.operator.kind !== 'embedding' ? workOf(graph, node) : 0,
      float32Bytes: 4 * count + 8 * n,
      packedBytes: weights.reduce((sum, w) => sum + Math.ceil((elements(w.shape) * weightBits(w)) / 8), 0),
      fileBytes: inFile,
    };
  });
  const sum = (key: 'float32Bytes' | 'fileBytes' | 'macs'): number => layers.reduce((total, l) => total + l[key], 0);
  const float32Bytes = sum('float32Bytes');
  return {
    name: graph.name,
    layers,
    structureBytes: fileBytes - sum('fileBytes'),
    fileBytes,
    float32Bytes,
    ratio: float32Bytes / fileBytes,
    macs: sum('macs'),
    memory,
  };
}
