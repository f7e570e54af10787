// The judge: runs a graph slowly and readably, value by value, from the definitions alone. Kernels are compared with it bit
// for bit, float sums within a tolerance; nothing of it is in the bundle. One function for each operator, in operators/.
import type { Graph, Operator, OperatorOf, Tensor } from '../model/graph.js';
import { packPlain, unpackPlain } from '../model/values.js';
import { activate, add, applyTransform, convert, lookUp } from './operators/elementwise.js';
import { argMax, softmax } from './operators/heads.js';
import { avgPool, globalAvgPool, maxPool } from './operators/pools.js';
import { conv2d, convTranspose2d, dense } from './operators/products.js';
import { embedding, gru, lstm, rnn } from './operators/recurrent.js';
import { channelShuffle, concat, pad, reshape, upsample } from './operators/shapes.js';
import type { Run, Values } from './values.js';

export type { Values } from './values.js';

/** Stored data of one sample of a tensor, as a model's runs hand it out. */
export type Stored = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array;

const OPERATORS: { readonly [K in Operator['kind']]: (run: Run, operator: OperatorOf<K>) => Values | Values[] } = {
  dense,
  conv2d,
  convTranspose2d,
  maxPool,
  avgPool,
  globalAvgPool,
  applyTransform,
  activate,
  lookUp,
  add,
  convert,
  concat,
  channelShuffle,
  reshape,
  pad,
  upsample,
  embedding,
  rnn,
  lstm,
  gru,
  softmax,
  argMax,
};

/** Stored bytes or elements of one sample -> numbers v. */
export function decode(tensor: Tensor, data: ArrayLike<number>): Values {
  return unpackPlain(data, tensor.shape, tensor);
}

/** Numbers v -> stored bytes or elements of one sample. */
export function encode(tensor: Tensor, values: Values): Stored {
  switch (tensor.encoding) {
    case 'float32':
      return Float32Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'int16':
      return Int16Array.from(values);
    case 'int8':
      return Int8Array.from(values);
    default:
      return packPlain(values, tensor.shape, tensor);
  }
}

/**
 * Evaluates one sample of a graph that validate() has passed.
 *
 * @param inputs stored data of each input of the graph, in its order
 * @returns stored data of each output of the graph, in its order
 */
export function evaluate(graph: Graph, inputs: readonly ArrayLike<number>[]): Stored[] {
  const values = evaluateAll(graph, inputs);
  return graph.outputs.map((index) => encode(graph.tensors[index], values[index]));
}

/** As evaluate(), with the numbers v of every tensor, in the order of the graph's tensors. */
export function evaluateAll(graph: Graph, inputs: readonly ArrayLike<number>[]): Values[] {
  const values: Values[] = [];
  graph.inputs.forEach((index, i) => (values[index] = decode(graph.tensors[index], inputs[i])));
  for (const node of graph.nodes) {
    const run: Run = {
      graph,
      inputs: node.inputs.map((index) => graph.tensors[index]),
      outputs: node.outputs.map((index) => graph.tensors[index]),
      values: node.inputs.map((index) => values[index]),
    };
    const evaluateOperator = OPERATORS[node.operator.kind] as (run: Run, operator: Operator) => Values | Values[];
    const result = evaluateOperator(run, node.operator);
    [result].flat().forEach((output, i) => (values[node.outputs[i]] = output));
  }
  return values;
}
