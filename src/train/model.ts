// A network from its description to tapes: the latent weights and statistics as tensors, the training pass with batch
// statistics and estimators, and the evaluation pass with integer weights and integer thresholds, which computes what the
// exported network will; of a float twin, with its weights and activations as they are. Layers follow BNN (Courbariaux et al.
// 2016, Algorithm 1): product with quantized weights, max pooling behind convolutions, normalization, activation; the last
// layer keeps its normalized sums as scores. Convolutions beside a stream have the formulas of residual.ts.
import { ap2 } from '../numerics/ap2.js';
import type { Affine } from '../numerics/batchnorm.js';
import type { Random } from '../numerics/random.js';
import { integerThresholds } from '../numerics/thresholds.js';
import type { Backend, Call } from './kernels.js';
import {
  addBias,
  batchNorm,
  BATCH_NORM_EPSILON,
  conv2d,
  dense,
  dropout,
  outputSide,
  pool,
  reshape,
  shiftNorm,
  sign,
  staircase as staircaseOf,
  affineSign,
  map,
  type BackwardPath,
  type BatchNormTensors,
  type ImageShape,
} from './layers.js';
import { grid } from './maps.js';
import { MEAN_BOUND, MEAN_STEP, type IntegerWeights, type Staircase, type TrainedLayer } from './network.js';
import {
  activate,
  floatMap,
  integerWeights,
  isFloatActivation,
  isFloatWeights,
  quantizeWeights,
  staircase,
  type ActivationQuantizer,
  type FloatActivation,
  type FloatWeights,
  type WeightQuantizer,
} from './precision.js';
import {
  integerMean,
  join,
  mean,
  INTEGER_STREAM,
  MEANS,
  STREAM,
  STREAM_EPSILON,
  streamMultipliers,
  type StreamPlace,
} from './residual.js';
import { quantizeGradient, statQuant, type GradientPrecision } from './quantizers.js';
import type { DenseSpec, LayerSpec, ResidualSpec } from './spec.js';
import type { Tape } from './tape.js';
import { tensor, type Tensor } from './tensor.js';

/**
 * How latent weights start: uniform in (-1, 1) as in BNN's code, or in (-g, g), g = sqrt(6/(I+O)) (Glorot, Bengio
 * 2010).
 */
export type WeightInit = 'uniform' | 'glorot';

interface Layer {
  readonly spec: LayerSpec;
  readonly quantizer: WeightQuantizer | FloatWeights;
  readonly activation: ActivationQuantizer | FloatActivation | null;
  /** Shape of a sample before the layer: [features] or [height, width, channels]. */
  readonly inputShape: readonly number[];
  /** Shape of the stream that the layer joins, or takes the mean of; null where none comes in. */
  readonly stream: readonly [number, number, number] | null;
  /** The real number that v = 1 of the inputs stands for, and the largest |v|. */
  readonly inputScale: number;
  readonly inputBound: number;
  /** Inputs of one sum, and how often a weight's input and output occur: fan-in and fan-out of Glorot's coefficient. */
  readonly inputs: number;
  readonly fan: readonly [number, number];
  readonly weights: Tensor;
  readonly norm: BatchNormTensors;
  readonly evaluation: Evaluation;
}

/** What the evaluation pass reads; written by fold(). */
interface Evaluation {
  /** Integer weights, (O, I); of a float twin the weights. */
  readonly weights: Tensor;
  /**
   * (2, C) scale and shift where the activation is a sign; biases (C) beside a stream; a staircase's table (T + 1, C)
   * elsewhere; of a float twin (C, C) with the scales on its diagonal.
   */
  readonly decisions: Tensor;
  /** (T + 1) of a staircase; of a float twin (C) shifts. */
  readonly values: Tensor;
  readonly steps: Staircase | null;
}

/** Whole numbers, as many as float32 has in a row. */
const INTEGERS = grid(1, 2 ** 24);

/** A parameter as the optimizer sees it. */
export interface Parameter {
  readonly tensor: Tensor;
  /** Fan-in and fan-out for latent weights, null for gamma and beta. */
  readonly fan: readonly [number, number] | null;
  /** Largest size of a latent weight, if there is one. */
  readonly clip: number | null;
}

/** Latent weights, normalizations and running statistics by label: a network in training, whatever its precision. */
export type LatentState = Readonly<Record<string, Float32Array>>;

/** The tensors of a network, shared by its training and evaluation tapes. */
export class Model {
  /** Shape of a sample: [features] or [height, width, channels]. */
  readonly inputShape: readonly number[];
  readonly parameters: readonly Parameter[];
  readonly #layers: readonly Layer[];

  constructor(inputShape: readonly number[], specs: readonly LayerSpec[]) {
    this.inputShape = inputShape;
    let shape = inputShape;
    // Bytes p come as the odd numbers 2p - 255, in training too.
    let [scale, bound] = [1, 255];
    const isFloat = specs[0]?.weights?.kind === 'float';
    let streams = false;
    this.#layers = specs.map((spec) => {
      const { name, outputs } = spec;
      const stream = streams ? (shape as readonly [number, number, number]) : null;
      if (stream && spec.kind === 'dense') {
        checkMean(spec, stream);
        [shape, scale, bound] = [[stream[2]], MEAN_STEP, MEAN_BOUND];
      }
      if (spec.kind === 'residual') {
        checkResidual(spec, shape, streams);
        if (streams) [scale, bound] = [1, 1];
      } else if (stream && spec.kind === 'conv2d') {
        throw new RangeError(`conv2d "${name}" expected no stream before it: residual or dense layers go on from one`);
      }
      const next = outputShape(spec, shape);
      const window = spec.kind === 'dense' ? 1 : spec.kernel ** 2;
      const inputs = spec.kind === 'dense' ? product(shape) : window * shape[2];
      const activation = spec.activation === 'sign' ? { kind: 'sign' as const } : spec.activation;
      const float = spec.weights?.kind === 'float';
      if (float !== isFloat || (activation !== 'none' && isFloatActivation(activation) !== float)) {
        throw new RangeError(`layer "${name}" expected weights and activations all quantized or all float, got both`);
      }
      const steps =
        activation === 'none' || isFloatActivation(activation) || spec.kind === 'residual'
          ? null
          : staircase(activation);
      const rows = float ? outputs : isSign(steps) ? 2 : 1 + (steps?.cuts.length ?? 0);
      const decisions = spec.kind === 'residual' && !float ? [outputs] : [rows, outputs];
      const layer: Layer = {
        spec,
        quantizer: spec.weights ?? { kind: 'sign' },
        activation: activation === 'none' ? null : activation,
        inputShape: shape,
        stream,
        inputScale: scale,
        inputBound: bound,
        inputs,
        fan: [inputs, window * outputs],
        weights: tensor(`${name} weights`, [outputs, inputs]),
        norm: {
          gamma: tensor(`${name} gamma`, [outputs]),
          beta: tensor(`${name} beta`, [outputs]),
          running: tensor(`${name} running statistics`, [2, outputs]),
        },
        evaluation: {
          weights: tensor(`${name} integer weights`, [outputs, inputs]),
          decisions: tensor(`${name} decisions`, decisions),
          values: tensor(`${name} values`, [float ? outputs : (steps?.values.length ?? 1)]),
          steps,
        },
      };
      if (steps) [scale, bound] = [steps.scale, Math.max(...steps.values.map(Math.abs))];
      shape = next;
      streams = spec.kind === 'residual';
      return layer;
    });
    if (streams) throw new RangeError(`"layers" expected a dense layer at the end of a stream, got none`);
    this.parameters = this.#layers.flatMap(({ spec, fan, quantizer, weights, norm }) => [
      // A straight-through estimator passes nothing to weights beyond 1; the slope of tanh never ends, nor that of no
      // quantizer.
      { tensor: weights, fan, clip: quantizer.kind === 'dorefa' || isFloatWeights(quantizer) ? null : 1 },
      // Beside a stream of integers gamma bounds what a sum is worth.
      { tensor: norm.gamma, fan: null, clip: spec.kind === 'residual' && !isFloatWeights(quantizer) ? 1 : null },
      { tensor: norm.beta, fan: null, clip: null },
    ]);
  }

  /** Everything that training changes, apart from the optimizer's state. */
  get state(): readonly Tensor[] {
    return this.#layers.flatMap(({ weights, norm }) => [weights, norm.gamma, norm.beta, norm.running]);
  }

  /** The first layer that holds a number that is not finite, if one does. */
  async firstNonFinite(backend: Backend): Promise<string | undefined> {
    for (const { spec, weights, norm } of this.#layers) {
      for (const t of [weights, norm.gamma, norm.beta, norm.running]) {
        if (!(await backend.read(t)).every(Number.isFinite)) return spec.name;
      }
    }
    return undefined;
  }

  /** Writes the first values: random weights, gamma as of firstGamma(), beta 0, running mean 0 and variance 1. */
  initialize(backend: Backend, random: Random, init: WeightInit): void {
    for (const { spec, activation, fan, weights, norm } of this.#layers) {
      const limit = init === 'glorot' ? Math.sqrt(6 / (fan[0] + fan[1])) : 1;
      backend.write(
        weights,
        Float32Array.from({ length: weights.size }, () => random.uniform(-limit, limit)),
      );
      backend.write(norm.gamma, new Float32Array(spec.outputs).fill(firstGamma(activation)));
      backend.write(norm.beta, new Float32Array(spec.outputs));
      backend.write(norm.running, new Float32Array(2 * spec.outputs).fill(1, spec.outputs));
    }
  }

  /** Reads what training changes, by label: what another run can start from. */
  async readState(backend: Backend): Promise<LatentState> {
    const state: Record<string, Float32Array> = {};
    for (const t of this.state) state[t.label] = await backend.read(t);
    return state;
  }

  /** Writes what readState() read, of a network with the same layers. @throws RangeError where a part is missing */
  writeState(backend: Backend, state: LatentState): void {
    for (const t of this.state) {
      const values = state[t.label];
      if (values?.length !== t.size) {
        throw new RangeError(`"${t.label}" expected ${t.size} values to start from, got ${values?.length ?? 'none'}`);
      }
      backend.write(t, values);
    }
  }

  /**
   * Records the training pass on x (B, I); returns the scores (B, classes), and the activations that they are made of.
   * Noise is drawn by `key` (1) u32, which is written anew for every step. A teacher's parameters are not `trained`.
   */
  trainingPass(tape: Tape, x: Tensor, key: Tensor, trained = true): { scores: Tensor; features: Tensor } {
    if (trained) for (const { tensor: parameter } of this.parameters) tape.watch(parameter);
    const samples = x.size / product(this.inputShape);
    let activations = x;
    let features = x;
    this.#layers.forEach((layer, i) => {
      const { spec, norm } = layer;
      features = activations;
      // Four places of a layer draw noise; the gradient's two are 2^31 apart.
      const noise = (place: number) => ({ key, stream: 4 * i + place });
      const weights = quantizeWeights(tape, layer.weights, layer.quantizer, noise(0), `${spec.name} quantized`);
      const path = spec.gradient && gradientPath(spec.gradient, noise(1), samples);
      if (spec.kind === 'residual') {
        const { stream } = layer;
        const { name } = spec;
        const bits =
          stream && layer.activation
            ? activate(tape, activations, layer.activation, noise(2), `${name} activations`)
            : activations;
        const y = batchNorm(tape, sumsOf(tape, bits, layer, weights, path), norm, `${name} norm`, epsilonOf(layer));
        const way = stream && activations;
        const rounded = isFloatWeights(layer.quantizer) ? null : STREAM;
        activations = join(tape, way, y, placeOf(spec, layer, samples), rounded, `${name} stream`);
        return;
      }
      if (layer.stream) {
        const rounded = isFloatWeights(layer.quantizer) ? null : MEANS;
        activations = mean(tape, activations, imageOf(layer.stream, samples), rounded, `${spec.name} means`);
        features = activations;
      }
      const sums = sumsOf(tape, activations, layer, weights, path);
      const normalize = spec.norm === 'shift' ? shiftNorm : batchNorm;
      activations = normalize(tape, sums, norm, `${spec.name} norm`);
      if (!layer.activation) return;
      activations = activate(tape, activations, layer.activation, noise(2), `${spec.name} activations`);
      if (spec.dropout) activations = dropout(tape, activations, spec.dropout, noise(3), `${spec.name} kept`);
    });
    return { scores: activations, features };
  }

  /** Whether steps depend on the epoch: see withAlpha(). */
  get ramps(): boolean {
    return this.#layers.some(({ quantizer, activation }) => rampOf(quantizer) !== null || rampOf(activation) !== null);
  }

  /** The calls of a step with every ramp of AQE at `alpha`. */
  withAlpha(calls: readonly Call[], alpha: number): readonly Call[] {
    const factors = new Map<string, number>();
    for (const { spec, quantizer, activation } of this.#layers) {
      const [weights, activations] = [rampOf(quantizer), rampOf(activation)];
      if (weights) factors.set(`${spec.name} quantized`, weights === 'eq18' ? 2 * alpha : 1);
      if (activations) factors.set(`${spec.name} activations`, activations === 'eq18' ? 2 * alpha : 1);
    }
    const outputOf = new Map<Tensor, Tensor>();
    for (const call of calls) if (call.kernel === 'map') outputOf.set(call.tensors[0], call.tensors[1]);
    return calls.map((call): Call => {
      if (call.kernel === 'map' && factors.has(call.tensors[1].label)) {
        return { ...call, params: { ...call.params, alpha } };
      }
      if (call.kernel !== 'mapBackward') return call;
      const factor = factors.get(outputOf.get(call.tensors[0])?.label ?? '');
      return factor === undefined ? call : { ...call, params: { ...call.params, factor } };
    });
  }

  /** Records the evaluation pass on x (B, I); returns the last layer's sums (B, classes), exact integers of a quantized net. */
  evaluationPass(tape: Tape, x: Tensor): Tensor {
    const samples = x.size / product(this.inputShape);
    let activations = x;
    for (const layer of this.#layers) {
      const { spec, evaluation } = layer;
      const { weights, decisions, values, steps } = evaluation;
      if (isFloatWeights(layer.quantizer)) {
        activations = floatPass(tape, activations, layer, samples);
        continue;
      }
      if (spec.kind === 'residual') {
        const bits = layer.stream ? sign(tape, activations, `${spec.name} signs`) : activations;
        const sums = sumsOf(tape, bits, layer, weights);
        const steps = map(tape, addBias(tape, sums, decisions, `${spec.name} fine`), INTEGERS, `${spec.name} steps`);
        const way = layer.stream && activations;
        activations = join(tape, way, steps, placeOf(spec, layer, samples), INTEGER_STREAM, `${spec.name} stream`);
        continue;
      }
      if (layer.stream) {
        activations = integerMean(tape, activations, imageOf(layer.stream, samples), `${spec.name} means`);
      }
      // Backends multiply by signs faster where they see that they are signs.
      const binary = isBinary(layer.quantizer);
      const integers = binary ? sign(tape, weights, `${spec.name} integer signs`) : weights;
      const sums = sumsOf(tape, activations, layer, integers);
      const label = `${spec.name} levels`;
      if (!steps) activations = sums;
      else if (isSign(steps)) activations = affineSign(tape, sums, decisions, label);
      else activations = staircaseOf(tape, sums, decisions, values, label);
    }
    return activations;
  }

  /** Writes what the evaluation pass reads; returns the pairs of the last layer, for its scores. */
  async fold(backend: Backend): Promise<Affine> {
    let last: Affine = { scale: new Float32Array(), shift: new Float32Array() };
    for (const layer of this.#layers) {
      const { evaluation } = layer;
      if (isFloatWeights(layer.quantizer)) {
        last = await normalization(backend, layer);
        backend.write(evaluation.weights, await backend.read(layer.weights));
        const { scale, shift } = last;
        const diagonal = new Float32Array(evaluation.decisions.size);
        scale.forEach((value, c) => (diagonal[c * (scale.length + 1)] = value));
        backend.write(evaluation.decisions, diagonal);
        backend.write(evaluation.values, shift);
        continue;
      }
      const { weights, affine } = await evaluated(backend, layer, layer.quantizer);
      if (layer.spec.kind === 'residual') {
        const { multipliers, biases, bits, flipped } = streamMultipliers(
          affine,
          sumBound(layer, weights),
          layer.spec.name,
        );
        const worth = Array.from(multipliers, (k) => k * 2 ** -bits);
        const signed = worth.map((ratio, o) => (flipped[o] ? -ratio : ratio));
        const { inputs } = layer;
        backend.write(
          evaluation.weights,
          Float32Array.from(weights.values, (v, i) => v * signed[Math.floor(i / inputs)]),
        );
        backend.write(
          evaluation.decisions,
          Float32Array.from(biases, (bias, o) => bias * worth[o]),
        );
        continue;
      }
      backend.write(evaluation.weights, Float32Array.from(weights.values));
      const { steps } = evaluation;
      if (isSign(steps)) {
        backend.write(evaluation.decisions, Float32Array.from([...affine.scale, ...affine.shift]));
      } else if (steps) {
        const { thresholds, flipped } = integerThresholds(affine, steps.cuts, sumBound(layer, weights));
        const directions = flipped.map((flip) => (flip ? -1 : 1));
        backend.write(evaluation.decisions, Float32Array.from([...directions, ...thresholds]));
        backend.write(evaluation.values, Float32Array.from(steps.values));
      }
      last = affine;
    }
    return last;
  }

  /** Whether the network is a float twin, which read() has no layers of. */
  get isFloat(): boolean {
    return this.#layers.some(({ quantizer }) => isFloatWeights(quantizer));
  }

  /** Reads the trained layers back. @throws RangeError for a float twin */
  async read(backend: Backend): Promise<TrainedLayer[]> {
    const layers: TrainedLayer[] = [];
    for (const layer of this.#layers) {
      const { spec, quantizer, inputShape, inputs } = layer;
      const { name, outputs } = spec;
      if (isFloatWeights(quantizer)) throw new RangeError(`layer "${name}" expected quantized weights, got float ones`);
      const { weights, affine } = await evaluated(backend, layer, quantizer);
      if (spec.kind === 'residual') {
        const { flipped, ...integers } = streamMultipliers(affine, sumBound(layer, weights), name);
        const values = weights.values.map((v, i) => (flipped[Math.floor(i / inputs)] ? -v : v));
        const { kernel, stride = 1 } = spec;
        const place = {
          inputShape: inputShape as [number, number, number],
          kernel,
          stride,
          joined: layer.stream !== null,
        };
        layers.push({ kind: 'residual', name, outputs, weights: { ...weights, values }, ...integers, ...place });
        continue;
      }
      const common = { name, outputs, weights, affine, activation: layer.evaluation.steps };
      if (spec.kind === 'dense') {
        layers.push({ ...common, kind: 'dense', inputs, ...(layer.stream && { meanOf: layer.stream }) });
      } else {
        const { kernel, padding, pool } = spec;
        const shape = inputShape as [number, number, number];
        layers.push({ ...common, kind: 'conv2d', inputShape: shape, kernel, padding, pool });
      }
    }
    return layers;
  }
}

/** A layer's integers, and its normalization folded with the scales of weights and inputs: in float64, rounded once. */
async function evaluated(
  backend: Backend,
  layer: Layer,
  quantizer: WeightQuantizer,
): Promise<{ readonly weights: IntegerWeights; readonly affine: Affine }> {
  const { spec, inputScale } = layer;
  const { weights, scales } = integerWeights(await backend.read(layer.weights), spec.outputs, quantizer);
  const bound = sumBound(layer, weights);
  if (bound >= 2 ** 24) {
    throw new RangeError(`layer "${spec.name}" expected integer sums below 2^24, got up to ${bound}: use fewer bits`);
  }
  return { weights, affine: await normalization(backend, layer, (c) => scales[c] * inputScale) };
}

/** A layer's normalization as a scale and a shift of sums in units of `unit`. */
async function normalization(
  backend: Backend,
  layer: Layer,
  unit: (channel: number) => number = () => 1,
): Promise<Affine> {
  const { spec, norm } = layer;
  const [gamma, beta] = [await backend.read(norm.gamma), await backend.read(norm.beta)];
  const running = await backend.read(norm.running);
  const scale = new Float32Array(spec.outputs);
  const shift = new Float32Array(spec.outputs);
  for (let c = 0; c < spec.outputs; c++) {
    const spread = running[spec.outputs + c];
    const k = normOf(spec) === 'shift' ? ap2(gamma[c]) * ap2(spread) : gamma[c] / Math.sqrt(spread + epsilonOf(layer));
    scale[c] = k * unit(c);
    shift[c] = beta[c] - running[c] * k;
  }
  return { scale, shift };
}

/** Largest size of a sum of integers. */
function sumBound({ spec, inputs, inputBound }: Layer, { values }: IntegerWeights): number {
  let most = 0;
  for (let o = 0; o < spec.outputs; o++) {
    let sum = 0;
    for (let i = o * inputs; i < (o + 1) * inputs; i++) sum += Math.abs(values[i]);
    most = Math.max(most, sum);
  }
  return most * inputBound;
}

/** Of a normalization; beside a stream of integers it bounds what a sum is worth. */
function epsilonOf(layer: Layer): number {
  return layer.spec.kind === 'residual' && !isFloatWeights(layer.quantizer) ? STREAM_EPSILON : BATCH_NORM_EPSILON;
}

/** A float layer's part of the evaluation pass: with a product more for the scales, as such a network is only measured. */
function floatPass(tape: Tape, x: Tensor, layer: Layer, samples: number): Tensor {
  const { spec, stream, activation, evaluation } = layer;
  const { name } = spec;
  const activated = (y: Tensor): Tensor => {
    return activation && isFloatActivation(activation) ? map(tape, y, floatMap(activation), `${name} levels`) : y;
  };
  const normalized = (sums: Tensor): Tensor => {
    const scaled = dense(tape, sums, evaluation.decisions, `${name} scaled`);
    return addBias(tape, scaled, evaluation.values, `${name} shifted`);
  };
  if (spec.kind === 'residual') {
    const y = normalized(sumsOf(tape, stream ? activated(x) : x, layer, evaluation.weights));
    return join(tape, stream && x, y, placeOf(spec, layer, samples), null, `${name} stream`);
  }
  const inputs = stream ? mean(tape, x, imageOf(stream, samples), null, `${name} means`) : x;
  const sums = sumsOf(tape, inputs, layer, evaluation.weights);
  // Scores are normalized on the host, as those of integers are.
  return activation ? activated(normalized(sums)) : sums;
}

function isBinary(quantizer: WeightQuantizer | FloatWeights): boolean {
  if (quantizer.kind === 'dorefa') return quantizer.bits === 1;
  return quantizer.kind === 'sign' || quantizer.kind === 'stochasticSign' || quantizer.kind === 'xnor';
}

function isSign(steps: Staircase | null): boolean {
  return steps !== null && steps.values.join() === '-1,1' && steps.cuts[0] === 0;
}

/**
 * The deviation that normalized sums start with: 1, but where activations are levels in [0, 1], which pass gradients nowhere
 * else. Of sums of deviation 1 they would pass a third; at 1/4 they pass nearly all that are positive, and most of 8 levels are used,
 * of 4 levels at 1/2. Ours.
 */
function firstGamma(activation: Layer['activation']): number {
  return activation?.kind === 'unit' ? Math.max(1 / 4, 2 ** (1 - activation.bits)) : 1;
}

/** How the gradient of a ramp is scaled, if a quantizer has one. */
function rampOf(quantizer: Layer['quantizer'] | Layer['activation']): 'eq18' | 'algorithm1' | null {
  if (!quantizer || !('aqe' in quantizer) || quantizer.aqe?.alpha !== 'ramp') return null;
  return quantizer.aqe.factor ?? 'eq18';
}

/** One quantization for both backward products, as DoReFa has it, or two as StatQuant does. */
function gradientPath(
  { quantizer, bits }: GradientPrecision,
  noise: { readonly key: Tensor; readonly stream: number },
  samples: number,
): BackwardPath {
  if (quantizer !== 'dorefa' && quantizer !== 'log') return statQuant({ inputs: { quantizer, bits } }, noise, samples);
  let made: ReturnType<BackwardPath> | undefined;
  return (dy) => {
    if (made) return { calls: [], output: made.output };
    made = quantizeGradient(dy, quantizer, bits, noise, samples);
    return made;
  };
}

function product(shape: readonly number[]): number {
  return shape.reduce((result, dimension) => result * dimension, 1);
}

/** How a convolution goes over its picture. */
function windowOf(spec: Exclude<LayerSpec, DenseSpec>) {
  if (spec.kind === 'conv2d') return { kernel: spec.kernel, stride: 1, padding: spec.padding, pool: spec.pool };
  return { kernel: spec.kernel, stride: spec.stride ?? 1, padding: (spec.kernel - 1) / 2, pool: 1 };
}

function imageOf([height, width, channels]: readonly [number, number, number], images: number): ImageShape {
  return { images, height, width, channels };
}

function placeOf({ outputs, stride = 1 }: ResidualSpec, { inputShape }: Layer, samples: number): StreamPlace {
  return { shape: imageOf(inputShape as [number, number, number], samples), stride, outputs };
}

function checkResidual(
  { name, kernel, stride = 1, outputs, activation }: ResidualSpec,
  shape: readonly number[],
  joined: boolean,
) {
  const fail = (expected: string, got: string): never => {
    throw new RangeError(`residual "${name}" expected ${expected}, got ${got}`);
  };
  if (kernel % 2 !== 1) fail('a kernel of odd side', String(kernel));
  const [height, width, channels] = shape;
  if (stride === 2 && (height % 2 || width % 2)) fail('even sides to halve', `[${shape.join(', ')}]`);
  if (!joined) return;
  if (outputs !== channels && outputs !== 2 * channels) fail(`${channels} or ${2 * channels} outputs`, String(outputs));
  if (activation !== 'sign' && !isFloatActivation(activation) && !isSign(staircase(activation)))
    fail('an activation of 1 bit, -1 and +1', activation.kind);
}

/** Sums of so many 16-bit numbers stay below 2^24, and their means are exact in float32. */
function checkMean({ name }: DenseSpec, [height, width, channels]: readonly [number, number, number]): void {
  if (height === width && [2, 4, 8, 16].includes(height)) return;
  throw new RangeError(
    `dense "${name}" expected a stream of 2, 4, 8 or 16 pixels on both sides, got [${height}, ${width}, ${channels}]`,
  );
}

function normOf(spec: LayerSpec): 'batch' | 'shift' {
  return spec.kind === 'residual' ? 'batch' : (spec.norm ?? 'batch');
}

/** Shape of a sample behind a layer. */
function outputShape(spec: LayerSpec, shape: readonly number[]): readonly number[] {
  if (spec.kind === 'dense') return [spec.outputs];
  if (shape.length !== 3) {
    throw new RangeError(`${spec.kind} "${spec.name}" expected height, width and channels, got [${shape.join(', ')}]`);
  }
  const { kernel, stride, padding, pool } = windowOf(spec);
  const side = (length: number): number => Math.floor(outputSide(length, kernel, stride, padding) / pool);
  return [side(shape[0]), side(shape[1]), spec.outputs];
}

/** Products of a layer's inputs with its quantized weights, pooled: (B, O), or (B * H * W, O) of a convolution. */
function sumsOf(tape: Tape, x: Tensor, { spec, inputShape }: Layer, weights: Tensor, path?: BackwardPath): Tensor {
  const { name } = spec;
  const samples = x.size / product(inputShape);
  const flat = [samples, product(inputShape)];
  if (spec.kind === 'dense') {
    const rows = x.shape[0] === samples ? x : reshape(tape, x, flat, `${name} inputs`);
    return dense(tape, rows, weights, `${name} sums`, path);
  }
  const { kernel, stride, padding, pool: size } = windowOf(spec);
  const [height, width, channels] = inputShape as [number, number, number];
  const pixels = samples * height * width;
  const image = x.shape[0] === pixels ? x : reshape(tape, x, [pixels, channels], `${name} inputs`);
  const shape = { images: samples, height, width, channels };
  const sums = conv2d(tape, image, weights, shape, { kernel, stride, padding }, `${name} sums`, path);
  if (size === 1) return sums;
  const side = (length: number): number => outputSide(length, kernel, stride, padding);
  const out = { images: samples, height: side(height), width: side(width), channels: spec.outputs };
  return pool(tape, sums, out, { size }, `${name} pooled`);
}
