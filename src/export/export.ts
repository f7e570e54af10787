// A trained network to a graph: latent weights to bits in the kernels' layout, batch normalizations to integer thresholds
// and scores.
//
// A pool stands between a convolution's sums and their normalization, and thresholds come before it here: bits are pooled
// instead of sums. They may, because a threshold is monotone. Where scale < 0, sign(scale * max(a) + shift) asks whether
// every -a of the window reaches the threshold of the negated channel: that channel's pool gives its smallest bit.
import { ExportError } from '../errors.js';
import { GraphBuilder, type Built, type DenseOptions } from '../model/builder.js';
import { elements, type Graph } from '../model/graph.js';
import { centered, integerAffine, int32, threshold } from '../model/specs.js';
import { foldBatchNorm } from '../numerics/batchnorm.js';
import type { TrainedConv, TrainedLayer, TrainedNetwork } from '../train/network.js';
import { foldToScores, foldToThresholds } from './fold.js';

/** Largest |v| of an 8-bit input, v = 2p - 255. */
const BYTE_BOUND = 255;

/**
 * Exports a network. The graph's input takes the bytes p themselves; its output has the last layer's name and stands for
 * the trainer's scores to within half a unit of its scale per channel.
 *
 * @throws ExportError naming the layer that has no integer form
 */
export function exportNetwork(network: TrainedNetwork): Graph {
  const { record } = network;
  const builder = new GraphBuilder(network.name, {
    task: network.task,
    labels: network.labels,
    preprocessing: 'bytes 0 to 255 as they stand in the data set, row by row; the network takes them as 2p/255 - 1',
    training: Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)])),
  });
  let built = builder.input('input', network.inputShape, centered(8), 1 / BYTE_BOUND);
  let bound = BYTE_BOUND;
  network.layers.forEach((layer, i) => {
    const last = i === network.layers.length - 1;
    checkLayer(layer, built.shape, last);
    built = last ? scores(builder, built, layer, bound) : signs(builder, built, layer, bound);
    bound = 1;
  });
  return builder.output(built).build();
}

function scores(builder: GraphBuilder, input: Built, layer: TrainedLayer, bound: number): Built {
  const { name, weights } = layer;
  const { multipliers, biases, scale } = foldToScores(foldBatchNorm(layer.norm), bound * inputsOf(layer), name);
  return dense(builder, name, input, {
    weights: { encoding: 'binary', shape: [layer.outputs, inputsOf(layer)], values: weights },
    transform: integerAffine(multipliers, biases),
    type: int32,
    scale,
  });
}

/**
 * A dense layer. Bits of a picture whose pixels do not fill whole bytes are no row of bits: there it is a convolution by a
 * filter of the picture's size.
 */
function dense(builder: GraphBuilder, name: string, input: Built, options: DenseOptions): Built {
  const channels = input.shape.at(-1)!;
  const packed = input.encoding === 'centered' && input.bits === 1;
  if (!packed || channels % 8 === 0 || input.shape.length === 1) return builder.dense(name, input, options);
  const { weights } = options;
  const outputs = weights.shape[0];
  const shape = [outputs, ...input.shape];
  const picture = builder.conv2d(`${name}/picture`, input, { ...options, weights: { ...weights, shape } });
  return builder.reshape(name, picture, [outputs]);
}

function signs(builder: GraphBuilder, input: Built, layer: TrainedLayer, bound: number): Built {
  const { name, outputs } = layer;
  const inputs = inputsOf(layer);
  const { thresholds, flipped } = foldToThresholds(foldBatchNorm(layer.norm), bound * inputs, name);
  const values = layer.weights.slice();
  flipped.forEach((flip, n) => flip && negate(values, n * inputs, (n + 1) * inputs));
  const transform = threshold(thresholds);
  if (layer.kind === 'dense') {
    return dense(builder, name, input, {
      weights: { encoding: 'binary', shape: [outputs, inputs], values },
      transform,
    });
  }
  const { kernel, padding, pool } = layer;
  const shape = [outputs, kernel, kernel, inputs / kernel ** 2];
  const bits = builder.conv2d(name, input, { weights: { encoding: 'binary', shape, values }, transform, padding });
  return pool === 1 ? bits : builder.maxPool(`${name}/pool`, bits, { size: pool, ...smallest(flipped) });
}

/** Which channels of a pool give their smallest bit, if any does. */
function smallest(flipped: readonly boolean[]): { smallest?: readonly boolean[] } {
  return flipped.includes(true) ? { smallest: flipped } : {};
}

/** Negates the latent weights of one channel. A weight of 0 counts as +1, so its negative must fall below 0. */
function negate(weights: Float32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) weights[i] = weights[i] >= 0 ? -1 : 1;
}

/** Terms of one sum. */
function inputsOf(layer: TrainedLayer): number {
  return layer.kind === 'dense' ? layer.inputs : layer.kernel ** 2 * layer.inputShape[2];
}

function checkLayer(layer: TrainedLayer, shape: readonly number[], last: boolean): void {
  const { name, outputs, weights, activation } = layer;
  const expectedWeights = inputsOf(layer) * outputs;
  if (layer.kind === 'dense' && layer.inputs !== elements(shape)) {
    throw new ExportError(`layer "${name}" expected ${elements(shape)} inputs, got ${layer.inputs}`);
  }
  if (layer.kind === 'conv2d') checkImage(layer, shape, last);
  if (weights.length !== expectedWeights) {
    throw new ExportError(`layer "${name}" expected ${expectedWeights} weights, got ${weights.length}`);
  }
  const expected = last ? 'none' : 'sign';
  if (activation !== expected)
    throw new ExportError(`layer "${name}" expected activation ${expected}, got ${activation}`);
}

function checkImage({ name, inputShape }: TrainedConv, shape: readonly number[], last: boolean): void {
  if (last) throw new ExportError(`layer "${name}" expected a dense layer at the end, got conv2d`);
  if (inputShape.join() !== shape.join()) {
    throw new ExportError(`layer "${name}" expected inputs [${shape.join(', ')}], got [${inputShape.join(', ')}]`);
  }
}
