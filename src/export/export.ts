// A trained network to a graph: latent weights to bits in the kernels' layout, batch normalizations to integer thresholds
// and scores.
import { ExportError } from '../errors.js';
import type { Constant, Graph, Node, Tensor, Transform } from '../model/graph.js';
import { elements } from '../model/graph.js';
import { foldBatchNorm } from '../numerics/batchnorm.js';
import { packBlocks } from '../numerics/blocks.js';
import type { TrainedDense, TrainedNetwork } from '../train/network.js';
import { foldToScores, foldToThresholds } from './fold.js';

/** Largest |v| of an 8-bit input, v = 2p - 255. */
const BYTE_BOUND = 255;

/**
 * Exports a network. The graph's input takes the bytes p themselves; its output "scores" stands for the trainer's scores
 * to within half a unit of its scale per channel.
 *
 * @throws ExportError naming the layer that has no integer form
 */
export function exportNetwork(network: TrainedNetwork): Graph {
  const tensors: Tensor[] = [
    { name: 'input', shape: network.inputShape, encoding: 'centered', bits: 8, scale: 1 / BYTE_BOUND },
  ];
  const constants: Constant[] = [];
  const nodes: Node[] = [];
  let bound = BYTE_BOUND;
  let width = elements(network.inputShape);
  network.layers.forEach((layer, i) => {
    const last = i === network.layers.length - 1;
    if (layer.kind !== 'dense') {
      throw new ExportError(
        `layer "${layer.name}" expected a dense layer, got ${layer.kind}: it has no exported form yet`,
      );
    }
    checkLayer(layer, width, last);
    const { name, outputs } = layer;
    const affine = foldBatchNorm(layer.norm);
    const weights = layer.weights.slice();
    const limit = bound * layer.inputs;
    const constant = (role: string, values: Int32Array): number => {
      const data = new Uint8Array(values.buffer);
      constants.push({ name: `${name}/${role}`, shape: [outputs], encoding: 'int32', bits: 0, layout: 'plain', data });
      return constants.length - 1;
    };
    let transform: Transform;
    if (last) {
      const scores = foldToScores(affine, limit, name);
      transform = {
        kind: 'integerAffine',
        multipliers: constant('multipliers', scores.multipliers),
        biases: constant('biases', scores.biases),
      };
      tensors.push({ name: 'scores', shape: [outputs], encoding: 'int32', bits: 0, scale: scores.scale });
    } else {
      const { thresholds, flipped } = foldToThresholds(affine, limit, name);
      for (let n = 0; n < outputs; n++) if (flipped[n]) negate(weights, n * layer.inputs, (n + 1) * layer.inputs);
      transform = { kind: 'threshold', thresholds: constant('thresholds', thresholds) };
      tensors.push({ name: `${name}/signs`, shape: [outputs], encoding: 'centered', bits: 1, scale: 1 });
    }
    const data = packBlocks(weights, outputs, 1, layer.inputs);
    const shape = [outputs, layer.inputs];
    constants.push({ name: `${name}/weights`, shape, encoding: 'centered', bits: 1, layout: 'blocks16', data });
    nodes.push({
      name,
      operator: { kind: 'dense', weights: constants.length - 1, transform },
      inputs: [tensors.length - 2],
      outputs: [tensors.length - 1],
    });
    bound = 1;
    width = outputs;
  });
  const { record } = network;
  return {
    name: network.name,
    tensors,
    constants,
    nodes,
    inputs: [0],
    outputs: [tensors.length - 1],
    metadata: {
      task: network.task,
      labels: network.labels,
      preprocessing: 'bytes 0 to 255 as they stand in the data set, row by row; the network takes them as 2p/255 - 1',
      training: Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)])),
    },
  };
}

/** Negates the latent weights of one channel. A weight of 0 counts as +1, so its negative must fall below 0. */
function negate(weights: Float32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) weights[i] = weights[i] >= 0 ? -1 : 1;
}

function checkLayer(layer: TrainedDense, width: number, last: boolean): void {
  const { name, inputs, outputs, weights, activation } = layer;
  if (inputs !== width) throw new ExportError(`layer "${name}" expected ${width} inputs, got ${inputs}`);
  if (weights.length !== inputs * outputs) {
    throw new ExportError(`layer "${name}" expected ${inputs * outputs} weights, got ${weights.length}`);
  }
  const expected = last ? 'none' : 'sign';
  if (activation !== expected)
    throw new ExportError(`layer "${name}" expected activation ${expected}, got ${activation}`);
}
