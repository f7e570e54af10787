// A network from its description to tapes: the latent weights and statistics as tensors, the training pass with batch
// statistics and straight-through estimators, and the evaluation pass with folded batch normalization, which computes
// what the exported network will. Layers follow BNN (Courbariaux et al. 2016, Algorithm 1): product with the signs of
// the weights, batch normalization, sign; the last layer keeps its normalized sums as scores.
import { foldBatchNorm, type Affine, type BatchNorm } from '../numerics/batchnorm.js';
import type { Random } from '../numerics/random.js';
import type { Backend } from './kernels.js';
import { affineSign, batchNorm, BATCH_NORM_EPSILON, dense, sign, type BatchNormTensors } from './layers.js';
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

export type LayerSpec = DenseSpec;

/**
 * How latent weights start: uniform in (-1, 1) as in BNN's code, or in (-g, g), g = sqrt(6/(I+O)) (Glorot, Bengio
 * 2010).
 */
export type WeightInit = 'uniform' | 'glorot';

interface Layer {
  readonly spec: DenseSpec;
  readonly inputs: number;
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
  readonly parameters: readonly Parameter[];
  readonly #layers: readonly Layer[];

  /** `inputs` is the number of features of a sample. */
  constructor(inputs: number, specs: readonly LayerSpec[]) {
    let features = inputs;
    this.#layers = specs.map((spec) => {
      const { name, outputs } = spec;
      const layer: Layer = {
        spec,
        inputs: features,
        weights: tensor(`${name} weights`, [outputs, features]),
        norm: {
          gamma: tensor(`${name} gamma`, [outputs]),
          beta: tensor(`${name} beta`, [outputs]),
          running: tensor(`${name} running statistics`, [2, outputs]),
        },
        affine: tensor(`${name} affine`, [2, outputs]),
      };
      features = outputs;
      return layer;
    });
    this.parameters = this.#layers.flatMap(({ spec, inputs, weights, norm }) => [
      { tensor: weights, fan: [inputs, spec.outputs] as const },
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
    for (const { spec, inputs, weights, norm } of this.#layers) {
      const limit = init === 'glorot' ? Math.sqrt(6 / (inputs + spec.outputs)) : 1;
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
    for (const { spec, weights, norm } of this.#layers) {
      const sums = dense(tape, activations, sign(tape, weights, `${spec.name} signs`), `${spec.name} sums`);
      const normed = batchNorm(tape, sums, norm, `${spec.name} norm`);
      activations = spec.activation === 'sign' ? sign(tape, normed, `${spec.name} bits`) : normed;
    }
    return activations;
  }

  /** Records the evaluation pass on x (B, I); returns the last layer's sums (B, classes), exact integers. */
  evaluationPass(tape: Tape, x: Tensor): Tensor {
    let activations = x;
    for (const { spec, weights, affine } of this.#layers) {
      const sums = dense(tape, activations, sign(tape, weights, `${spec.name} signs`), `${spec.name} sums`);
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
    for (const { spec, inputs, weights, norm } of this.#layers) {
      layers.push({
        kind: 'dense',
        name: spec.name,
        inputs,
        outputs: spec.outputs,
        weights: await backend.read(weights),
        weightQuantizer: 'sign',
        norm: await readNorm(backend, norm),
        activation: spec.activation,
      });
    }
    return layers;
  }
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
