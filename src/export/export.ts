// A trained network to a graph: integer weights to the kernels' layouts, normalizations and activations to integer
// thresholds, and the last normalization to integer scores.
//
// Pools. They stand between a convolution's sums and their normalization, and thresholds come before them here: levels are
// pooled instead of sums. They may, because a staircase is monotone. Where scale < 0, a level of max(a) is the smallest of
// the levels that the negated channel gives: its pool gives its smallest value.
//
// Levels. Activations -1, +1 are bits. Consecutive integers from `first` on are levels l = v - first, of which the next layer
// makes sums that are too small by first * sum(weights), a constant: its thresholds and scores take it in, and a pixel
// outside the picture, v = 0, is the level -first. Other integers are looked up behind the pool, as int8.
//
// Streams. A convolution beside a stream is one node: its requantization takes the stream, or what a pool and a concatenation make
// of it, as its second input.
import { ExportError } from '../errors.js';
import { GraphBuilder, type Built, type DenseOptions } from '../model/builder.js';
import { elements, type Graph, type TensorType } from '../model/graph.js';
import {
  centered,
  int16,
  int32,
  int8,
  integerAffine,
  levels,
  multiThreshold,
  requantize,
  roundingShift,
  threshold,
  type TransformSpec,
} from '../model/specs.js';
import {
  MEAN_BOUND,
  MEAN_STEP,
  STREAM_BOUND,
  STREAM_STEP,
  type Staircase,
  type TrainedConv,
  type TrainedDense,
  type TrainedLayer,
  type TrainedNetwork,
  type TrainedResidual,
} from '../train/network.js';
import { foldToScores, foldToThresholds } from './fold.js';

/** Largest |v| of an 8-bit input, v = 2p - 255. */
const BYTE_BOUND = 255;

type TrainedProductLayer = TrainedConv | TrainedDense;

/** What the inputs of a layer are in the file. */
interface Flow {
  readonly tensor: Built;
  /** Largest |v| of the trainer's integers. */
  readonly bound: number;
  /** v of the trainer minus v of the file. */
  readonly first: number;
}

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
  const input = builder.input('input', network.inputShape, centered(8), 1 / BYTE_BOUND);
  let flow: Flow = { tensor: input, bound: BYTE_BOUND, first: 0 };
  network.layers.forEach((layer, i) => {
    const last = i === network.layers.length - 1;
    checkLayer(layer, flow.tensor, last);
    if (layer.kind === 'residual') {
      flow = streamed(builder, flow, layer);
      return;
    }
    const { activation } = layer;
    if (layer.kind === 'dense' && layer.meanOf) flow = meanOf(builder, flow, layer, layer.meanOf);
    flow = activation ? hidden(builder, flow, layer, activation) : scores(builder, flow, layer);
  });
  return builder.output(flow.tensor).build();
}

/** A convolution beside the stream, or at its beginning. */
function streamed(builder: GraphBuilder, { tensor, first }: Flow, layer: TrainedResidual): Flow {
  const { name, outputs, kernel, stride, weights, multipliers, bits, joined, inputShape } = layer;
  const padding = (kernel - 1) / 2;
  const channels = inputShape[2];
  const totals = sumsOf(weights.values, outputs);
  const signs = joined ? builder.sign(`${name}/sign`, tensor) : tensor;
  const offset = joined ? 0 : first;
  let way = tensor;
  if (joined && stride === 2) way = builder.avgPool(`${name}/means`, way, { size: 2, type: int16, scale: STREAM_STEP });
  if (joined && outputs !== channels) way = builder.concat(`${name}/doubled`, [way, way]);
  const made = builder.conv2d(name, signs, {
    weights: { ...weights, shape: [outputs, kernel, kernel, channels] },
    strides: stride,
    padding: { top: padding, left: padding, bottom: padding, right: padding, value: 0 - offset },
    transform: requantize(
      multipliers.map((k) => k * 2 ** (30 - bits)),
      30,
      {
        biases: layer.biases.map((bias, n) => bias + offset * totals[n]),
        minimum: -STREAM_BOUND,
        ...(joined && { residualMultiplier: 2 ** 30 }),
      },
    ),
    type: int16,
    scale: STREAM_STEP,
    ...(joined && { residual: way }),
  });
  return { tensor: made, bound: STREAM_BOUND, first: 0 };
}

/** The stream's means as 8-bit numbers: sums, shifted. */
function meanOf(builder: GraphBuilder, { tensor }: Flow, { name }: TrainedDense, shape: readonly number[]): Flow {
  const sums = builder.globalAvgPool(`${name}/sums`, tensor, { type: int32 });
  const shift = Math.log2((shape[0] * shape[1] * MEAN_STEP) / STREAM_STEP);
  const transform = roundingShift(shift, { minimum: -MEAN_BOUND });
  const means = builder.apply(`${name}/means`, sums, transform, { type: int8, scale: MEAN_STEP });
  return { tensor: means, bound: MEAN_BOUND, first: 0 };
}

function scores(builder: GraphBuilder, { tensor, bound, first }: Flow, layer: TrainedProductLayer): Flow {
  const { name, outputs, weights } = layer;
  const inputs = inputsOf(layer);
  const totals = sumsOf(weights.values, outputs);
  const limit = bound * sizeOf(weights.values, outputs) + Math.abs(first) * Math.max(...totals.map(Math.abs));
  const { multipliers, biases, scale } = foldToScores(layer.affine, limit, name);
  const moved = biases.map((bias, n) => bias + multipliers[n] * first * totals[n]);
  const scored = dense(builder, name, tensor, {
    weights: { ...weights, shape: [outputs, inputs] },
    transform: integerAffine(multipliers, moved),
    type: int32,
    scale,
  });
  return { tensor: scored, bound: 0, first: 0 };
}

function hidden(
  builder: GraphBuilder,
  { tensor, bound, first }: Flow,
  layer: TrainedProductLayer,
  steps: Staircase,
): Flow {
  const { name, outputs } = layer;
  const inputs = inputsOf(layer);
  const limit = bound * sizeOf(layer.weights.values, outputs);
  const { thresholds, flipped } = foldToThresholds(layer.affine, limit, name, steps.cuts);
  const values = layer.weights.values.slice();
  flipped.forEach((flip, n) => {
    if (flip) for (let i = n * inputs; i < (n + 1) * inputs; i++) values[i] = -values[i];
  });
  const totals = sumsOf(values, outputs);
  const form = formOf(steps);
  // Levels that the activation does not have are never reached.
  const reached = Int32Array.from({ length: (2 ** form.type.bits - 1) * outputs }, (_, i) => {
    const n = i % outputs;
    return (i < thresholds.length ? thresholds[i] : limit + 1) - first * totals[n];
  });
  const weights = { ...layer.weights, values };
  const options = { transform: form.transform(reached), type: form.type };
  let made: Built;
  if (layer.kind === 'dense') {
    made = dense(builder, name, tensor, { weights: { ...weights, shape: [outputs, inputs] }, ...options });
  } else {
    const { kernel, padding, pool } = layer;
    const shape = [outputs, kernel, kernel, inputs / kernel ** 2];
    const around = { top: padding, left: padding, bottom: padding, right: padding, value: 0 - first };
    made = builder.conv2d(name, tensor, { weights: { ...weights, shape }, padding: around, ...options });
    if (pool > 1) made = builder.maxPool(`${name}/pool`, made, { size: pool, ...smallest(flipped) });
  }
  if (form.lookUp) made = builder.lookUp(`${name}/values`, made, int8, (l) => steps.values[l] ?? 0);
  return { tensor: made, bound: Math.max(...steps.values.map(Math.abs)), first: form.lookUp ? 0 : form.first };
}

/** How an activation stands in the file. */
interface Form {
  readonly type: TensorType;
  readonly transform: (thresholds: Int32Array) => TransformSpec;
  readonly first: number;
  readonly lookUp: boolean;
}

function formOf({ values }: Staircase): Form {
  if (values.join() === '-1,1') return { type: centered(1), transform: threshold, first: 0, lookUp: false };
  const bits = Math.ceil(Math.log2(values.length));
  const [first] = values as readonly [number];
  const consecutive = values.every((v, l) => v === first + l);
  return { type: levels(bits), transform: (t) => multiThreshold(t, bits), first, lookUp: !consecutive };
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

/** Which channels of a pool give their smallest value, if any does. */
function smallest(flipped: readonly boolean[]): { smallest?: readonly boolean[] } {
  return flipped.includes(true) ? { smallest: flipped } : {};
}

/** The sum of each output's weights. */
function sumsOf(values: Int8Array, outputs: number): number[] {
  const inputs = values.length / outputs;
  return Array.from({ length: outputs }, (_, n) =>
    values.subarray(n * inputs, (n + 1) * inputs).reduce((sum, v) => sum + v, 0),
  );
}

/** The largest sum of sizes of an output's weights. */
function sizeOf(values: Int8Array, outputs: number): number {
  return Math.max(...sumsOf(values.map(Math.abs), outputs));
}

/** Terms of one sum. */
function inputsOf(layer: TrainedLayer): number {
  return layer.kind === 'dense' ? layer.inputs : layer.kernel ** 2 * layer.inputShape[2];
}

function checkLayer(layer: TrainedLayer, tensor: Built, last: boolean): void {
  const { shape, encoding } = tensor;
  const { name, outputs, weights } = layer;
  const expectedWeights = inputsOf(layer) * outputs;
  const stream = encoding === 'int16';
  const takesStream = layer.kind === 'residual' ? layer.joined : layer.kind === 'dense' && layer.meanOf !== undefined;
  if (stream !== takesStream) {
    const [expected, got] = stream ? ['to go on from a stream', 'other inputs'] : ['inputs that are no stream', 'one'];
    throw new ExportError(`layer "${name}" expected ${expected}, got ${got}`);
  }
  const features = stream ? shape[2] : elements(shape);
  if (layer.kind === 'dense' && layer.inputs !== features) {
    throw new ExportError(`layer "${name}" expected ${features} inputs, got ${layer.inputs}`);
  }
  if (layer.kind !== 'dense') checkImage(layer, shape, last);
  if (weights.values.length !== expectedWeights) {
    throw new ExportError(`layer "${name}" expected ${expectedWeights} weights, got ${weights.values.length}`);
  }
  if (layer.kind !== 'residual' && (layer.activation === null) !== last) {
    const [expected, got] = last ? ['no activation, as the last layer', 'one'] : ['an activation', 'none'];
    throw new ExportError(`layer "${name}" expected ${expected}, got ${got}`);
  }
}

function checkImage(
  { kind, name, inputShape }: TrainedConv | TrainedResidual,
  shape: readonly number[],
  last: boolean,
): void {
  if (last) throw new ExportError(`layer "${name}" expected a dense layer at the end, got ${kind}`);
  if (inputShape.join() !== shape.join()) {
    throw new ExportError(`layer "${name}" expected inputs [${shape.join(', ')}], got [${inputShape.join(', ')}]`);
  }
}
