// A network from its description to tapes: the latent weights and statistics as tensors, the training pass with batch
// statistics and straight-through estimators, and the evaluation pass with folded batch normalization, which computes
// what the exported network will. Layers follow BNN (Courbariaux et al. 2016, Algorithm 1): product with the signs of
// the weights, max pooling behind convolutions, batch normalization, sign; the last layer keeps its normalized sums as scores.
import { foldBatchNorm, type Affine, type BatchNorm } from '../numerics/batchnorm.js';
import type { Random } from '../numerics/random.js';
import type { Backend } from './kernels.js';
import {
  affineSign,
  batchNorm,
  BATCH_NORM_EPSILON,
  conv2d,
  dense,
  outputSide,
  pool,
  reshape,
  sign,
  type BatchNormTensors,
} from './layers.js';
import type { TrainedLayer } from './network.js';
import type { Tape } from './tape.js';
import { tensor, type Tensor } from './tensor.js';

/** A fully connected layer with binary weights and batch normalization. */
export interface DenseSpec {
  readonly kind: 'dense';
  readonly name: string;
  readonly outputs: number;
  /** `sign` for hidden layers, `none` for the last one. */
  readonly activation: 'sign' | 'none';
}

/** A convolution of stride 1 with binary weights, max pooling, batch normalization and sign. */
export interface ConvSpec {
  readonly kind: 'conv2d';
  readonly name: string;
  readonly outputs: number;
  /** Side of the square kernel. */
  readonly kernel: number;
  /** Zeros around the image. */
  readonly padding: number;
  /** Side of the pooling windows; 1 for none. */
  readonly pool: number;
  readonly activation: 'sign';
}

export type LayerSpec = DenseSpec | ConvSpec;

/**
 * How latent weights start: uniform in (-1, 1) as in BNN's code, or in (-g, g), g = sqrt(6/(I+O)) (Glorot, Bengio
 * 2010).
 */
export type WeightInit = 'uniform' | 'glorot';

interface Layer {
  readonly spec: LayerSpec;
  /** Shape of a sample before the layer: [features] or [height, width, channels]. */
  readonly inputShape: readonly number[];
  /** Inputs of one sum, and how often a weight's input and output occur: fan-in and fan-out of Glorot's coefficient. */
  readonly inputs: number;
  readonly fan: readonly [number, number];
  readonly weights: Tensor;
  readonly norm: BatchNormTensors;
  /** Folded normalization for evaluation, (2, C): scale, then shift. */
  readonly affine: Tensor;
}

/** A parameter as the optimizer sees it. */
export interface Parameter {
  readonly tensor: Tensor;
  /** Fan-in and fan-out for latent weights, null for gamma and beta. */
  readonly fan: readonly [number, number] | null;
}

/** The tensors of a network, shared by its training and evaluation tapes. */
export class Model {
  /** Shape of a sample: [features] or [height, width, channels]. */
  readonly inputShape: readonly number[];
  readonly parameters: readonly Parameter[];
  readonly #layers: readonly Layer[];

  constructor(inputShape: readonly number[], specs: readonly LayerSpec[]) {
    this.inputShape = inputShape;
    let shape = inputShape;
    this.#layers = specs.map((spec) => {
      const { name, outputs } = spec;
      const next = outputShape(spec, shape);
      const window = spec.kind === 'conv2d' ? spec.kernel ** 2 : 1;
      const inputs = spec.kind === 'conv2d' ? window * shape[2] : product(shape);
      const layer: Layer = {
        spec,
        inputShape: shape,
        inputs,
        fan: [inputs, window * outputs],
        weights: tensor(`${name} weights`, [outputs, inputs]),
        norm: {
          gamma: tensor(`${name} gamma`, [outputs]),
          beta: tensor(`${name} beta`, [outputs]),
          running: tensor(`${name} running statistics`, [2, outputs]),
        },
        affine: tensor(`${name} affine`, [2, outputs]),
      };
      shape = next;
      return layer;
    });
    this.parameters = this.#layers.flatMap(({ fan, weights, norm }) => [
      { tensor: weights, fan },
      { tensor: norm.gamma, fan: null },
      { tensor: norm.beta, fan: null },
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

  /** Writes the first values: random weights, gamma 1, beta 0, running mean 0 and variance 1. */
  initialize(backend: Backend, random: Random, init: WeightInit): void {
    for (const { spec, fan, weights, norm } of this.#layers) {
      const limit = init === 'glorot' ? Math.sqrt(6 / (fan[0] + fan[1])) : 1;
      backend.write(
        weights,
        Float32Array.from({ length: weights.size }, () => random.uniform(-limit, limit)),
      );
      backend.write(norm.gamma, new Float32Array(spec.outputs).fill(1));
      backend.write(norm.beta, new Float32Array(spec.outputs));
      backend.write(norm.running, new Float32Array(2 * spec.outputs).fill(1, spec.outputs));
    }
  }

  /** Records the training pass on x (B, I); returns the scores (B, classes). */
  trainingPass(tape: Tape, x: Tensor): Tensor {
    for (const { tensor: parameter } of this.parameters) tape.watch(parameter);
    let activations = x;
    for (const layer of this.#layers) {
      const { spec, norm } = layer;
      const sums = sumsOf(tape, activations, layer);
      const normed = batchNorm(tape, sums, norm, `${spec.name} norm`);
      activations = spec.activation === 'sign' ? sign(tape, normed, `${spec.name} bits`) : normed;
    }
    return activations;
  }

  /** Records the evaluation pass on x (B, I); returns the last layer's sums (B, classes), exact integers. */
  evaluationPass(tape: Tape, x: Tensor): Tensor {
    let activations = x;
    for (const layer of this.#layers) {
      const { spec, affine } = layer;
      const sums = sumsOf(tape, activations, layer);
      activations = spec.activation === 'sign' ? affineSign(tape, sums, affine, `${spec.name} bits`) : sums;
    }
    return activations;
  }

  /** Folds the running statistics for the evaluation pass; returns the pairs of the last layer, for its scores. */
  async fold(backend: Backend): Promise<Affine> {
    let last: Affine = { scale: new Float32Array(), shift: new Float32Array() };
    for (const layer of this.#layers) {
      last = foldBatchNorm(await readNorm(backend, layer.norm));
      backend.write(layer.affine, Float32Array.from([...last.scale, ...last.shift]));
    }
    return last;
  }

  /** Reads the trained layers back. */
  async read(backend: Backend): Promise<TrainedLayer[]> {
    const layers: TrainedLayer[] = [];
    for (const { spec, inputShape, inputs, weights, norm } of this.#layers) {
      const { name, outputs } = spec;
      const read = { weights: await backend.read(weights), norm: await readNorm(backend, norm) };
      const common = { name, outputs, weightQuantizer: 'sign', ...read } as const;
      if (spec.kind === 'dense') layers.push({ ...common, kind: 'dense', inputs, activation: spec.activation });
      else {
        const { kernel, padding, pool, activation } = spec;
        const shape = inputShape as [number, number, number];
        layers.push({ ...common, kind: 'conv2d', inputShape: shape, kernel, padding, pool, activation });
      }
    }
    return layers;
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((result, dimension) => result * dimension, 1);
}

/** Shape of a sample behind a layer. */
function outputShape(spec: LayerSpec, shape: readonly number[]): readonly number[] {
  if (spec.kind === 'dense') return [spec.outputs];
  if (shape.length !== 3) {
    throw new RangeError(`conv2d "${spec.name}" expected height, width and channels, got [${shape.join(', ')}]`);
  }
  const side = (length: number): number => Math.floor(outputSide(length, spec.kernel, 1, spec.padding) / spec.pool);
  return [side(shape[0]), side(shape[1]), spec.outputs];
}

/** Products of a layer's inputs with the signs of its weights, pooled: (B, O), or (B * H * W, O) of a convolution. */
function sumsOf(tape: Tape, x: Tensor, { spec, inputShape, weights }: Layer): Tensor {
  const { name } = spec;
  const signs = sign(tape, weights, `${name} signs`);
  const samples = x.size / product(inputShape);
  const flat = [samples, product(inputShape)];
  if (spec.kind === 'dense') {
    const rows = x.shape[0] === samples ? x : reshape(tape, x, flat, `${name} inputs`);
    return dense(tape, rows, signs, `${name} sums`);
  }
  const { kernel, padding } = spec;
  const [height, width, channels] = inputShape as [number, number, number];
  const pixels = samples * height * width;
  const image = x.shape[0] === pixels ? x : reshape(tape, x, [pixels, channels], `${name} inputs`);
  const shape = { images: samples, height, width, channels };
  const sums = conv2d(tape, image, signs, shape, { kernel, stride: 1, padding }, `${name} sums`);
  if (spec.pool === 1) return sums;
  const side = (length: number): number => outputSide(length, kernel, 1, padding);
  const out = { images: samples, height: side(height), width: side(width), channels: spec.outputs };
  return pool(tape, sums, out, { size: spec.pool }, `${name} pooled`);
}

async function readNorm(backend: Backend, norm: BatchNormTensors): Promise<BatchNorm> {
  const gamma = await backend.read(norm.gamma);
  const beta = await backend.read(norm.beta);
  const running = await backend.read(norm.running);
  const channels = gamma.length;
  return {
    gamma,
    beta,
    mean: running.slice(0, channels),
    variance: running.slice(channels),
    epsilon: BATCH_NORM_EPSILON,
  };
}
