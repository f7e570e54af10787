// The judge: runs a graph slowly and readably, value by value, from the definitions alone. Kernels are compared with it bit
// for bit; nothing of it is in the bundle. Integers are JavaScript numbers (exact to 2^53), wrapped to 32 bits only where
// the format says so.
import type { Constant, Dense, Graph, Tensor } from '../model/graph.js';
import { elements } from '../model/graph.js';
import { packSigns, unpackSigns } from '../numerics/bits.js';
import { unpackBlocks } from '../numerics/blocks.js';

/** The integers v of one sample of a tensor, row-major. */
export type Values = Int32Array;

/** Stored bytes or elements of one sample -> integers v. */
export function decode(tensor: Tensor, data: ArrayLike<number>): Values {
  const count = elements(tensor.shape);
  if (tensor.encoding !== 'centered') return Int32Array.from({ length: count }, (_, i) => data[i]);
  if (tensor.bits > 1) return Int32Array.from({ length: count }, (_, i) => 2 * data[i] - (2 ** tensor.bits - 1));
  const channels = tensor.shape.at(-1)!;
  const row = Math.ceil(channels / 8);
  const out = new Int32Array(count);
  for (let r = 0; r < count / channels; r++) {
    out.set(
      unpackSigns(
        Uint8Array.from({ length: row }, (_, i) => data[r * row + i]),
        channels,
      ),
      r * channels,
    );
  }
  return out;
}

/** Integers v -> stored bytes or elements of one sample. */
export function encode(tensor: Tensor, values: Values): Uint8Array | Int32Array {
  if (tensor.encoding !== 'centered') return values;
  if (tensor.bits > 1) return Uint8Array.from(values, (v) => (v + 2 ** tensor.bits - 1) / 2);
  const channels = tensor.shape.at(-1)!;
  const rows = values.length / channels;
  const packed = Array.from({ length: rows }, (_, r) => packSigns(values.subarray(r * channels, (r + 1) * channels)));
  return Uint8Array.from(packed.flatMap((row) => [...row]));
}

/**
 * Evaluates one sample.
 *
 * @param inputs stored data of each input of the graph, in its order
 * @returns stored data of each output of the graph, in its order
 */
export function evaluate(graph: Graph, inputs: readonly ArrayLike<number>[]): (Uint8Array | Int32Array)[] {
  const values = new Map<number, Values>();
  graph.inputs.forEach((index, i) => values.set(index, decode(graph.tensors[index], inputs[i])));
  for (const node of graph.nodes) {
    values.set(node.outputs[0], dense(graph, node.operator, values.get(node.inputs[0])!));
  }
  return graph.outputs.map((index) => encode(graph.tensors[index], values.get(index)!));
}

/** Int32 elements of a plain constant. */
function int32s(constant: Constant): Int32Array {
  return new Int32Array(constant.data.slice().buffer);
}

function dense(graph: Graph, operator: Dense, input: Values): Values {
  const constant = graph.constants[operator.weights];
  const [n, k] = constant.shape as [number, number];
  const weights = unpackBlocks(constant.data, n, 1, k);
  const out = new Int32Array(n);
  for (let o = 0; o < n; o++) {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += input[i] * weights[o * k + i];
    out[o] = sum;
  }
  const { transform } = operator;
  if (transform?.kind === 'threshold') {
    const thresholds = int32s(graph.constants[transform.thresholds]);
    return out.map((sum, o) => (sum >= thresholds[o] ? 1 : -1));
  }
  if (transform?.kind === 'integerAffine') {
    const multipliers = int32s(graph.constants[transform.multipliers]);
    const biases = int32s(graph.constants[transform.biases]);
    return out.map((sum, o) => (Math.imul(sum, multipliers[o]) + biases[o]) | 0);
  }
  return out;
}
