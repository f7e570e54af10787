// CoNNTrA: training networks whose weights are of a finite set, {-1, 0, 1} say, by coordinate descent, without gradients or
// real weights (Date, Carothers, Mitchell, Hendler, Magdon-Ismail, "Training Deep Neural Networks with Constrained Learning
// Parameters", arXiv 2009.00540). Reconstructed: only the abstract could be read; the order of the sweeps, the loss and what
// is kept between steps are ours.
//
// A sweep visits every weight once, in random order, and keeps the value of the set with the least loss on the samples while
// all others stand still; the current value wins ties. So the loss never rises on samples that stay the same, and training
// ends with the first sweep that changes nothing. All numbers are integers: inputs x, sums W x, signs between layers (+1
// where a sum >= 0, numerics/bits.ts), scores of the last layer, and the squared hinge loss
// sum over samples and classes of max(0, margin - t o)^2, t = +1 for the label's class and -1 else.
// Sums and signs of every sample are kept: another w[i][j] moves unit i by (s - w) x[j], and only units whose sign flips
// move the next layer. For small networks on the processor: a weight costs at least |set| - 1 passes over the samples.
import { sign } from '../numerics/bits.js';
import { Random } from '../numerics/random.js';

/** (samples, inputs) integers row by row, and a class each. */
export interface IntegerSamples {
  readonly samples: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

export interface ConntraOptions {
  /** Inputs, units of hidden layers, classes. Units have no bias: an input that is always 1 serves as one. */
  readonly sizes: readonly number[];
  /** Integers from -128 to 127. Default: -1, 0, 1. */
  readonly values?: readonly number[];
  /** What scores are asked to reach: an integer >= 1. Default: the square root of the last layer's inputs, rounded up. */
  readonly margin?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Default 20. */
  readonly sweeps?: number;
  /** Weights to start from, (outputs, inputs) for each layer. Default: drawn from the set. */
  readonly initial?: readonly ArrayLike<number>[];
  readonly onSweep?: (sweep: ConntraSweep) => void;
}

export interface ConntraSweep {
  /** Counts from 1. */
  readonly sweep: number;
  /** Weights that changed. */
  readonly changed: number;
  readonly loss: number;
  /** Share of right answers on the samples. */
  readonly accuracy: number;
}

export interface ConntraResult {
  /** (outputs, inputs) of each layer. */
  readonly weights: readonly Int8Array[];
  /** Before the first sweep. */
  readonly initialLoss: number;
  readonly sweeps: readonly ConntraSweep[];
  /** Whether the last sweep changed nothing: no single weight can improve the loss. */
  readonly converged: boolean;
}

const TERNARY = [-1, 0, 1];

/**
 * Trains on all samples at once; for minibatches call it with one after the other and `initial`.
 * @throws RangeError if sizes, set or samples are out of range
 * @example
 * const { weights } = trainConntra({ samples, labels }, { sizes: [16, 32, 3] });
 */
export function trainConntra(data: IntegerSamples, options: ConntraOptions): ConntraResult {
  const { values = TERNARY, seed = 1, sweeps = 20 } = options;
  check(data, options, values);
  const random = new Random(seed);
  const network = new Network(data, options, values, random);
  const initialLoss = network.loss;
  const done: ConntraSweep[] = [];
  const order = Uint32Array.from({ length: network.weightCount }, (_, i) => i);
  let converged = false;
  while (done.length < sweeps && !converged) {
    random.shuffle(order);
    let changed = 0;
    for (const place of order) if (network.improve(place, values)) changed++;
    converged = changed === 0;
    const sweep = { sweep: done.length + 1, changed, loss: network.loss, accuracy: network.accuracy() };
    done.push(sweep);
    options.onSweep?.(sweep);
  }
  return { weights: network.weights, initialLoss, sweeps: done, converged };
}

/** Scores of one sample: sums of the last layer. */
export function conntraScores(
  weights: readonly ArrayLike<number>[],
  sizes: readonly number[],
  sample: ArrayLike<number>,
): Int32Array {
  let x = Int32Array.from(sample);
  weights.forEach((w, layer) => {
    const bits = layer === 0 ? x : x.map(sign);
    const inputs = sizes[layer];
    x = Int32Array.from({ length: sizes[layer + 1] }, (_, i) =>
      bits.reduce((sum, v, j) => sum + w[i * inputs + j] * v, 0),
    );
  });
  return x;
}

function check(
  { samples, labels }: IntegerSamples,
  { sizes, margin, initial }: ConntraOptions,
  values: readonly number[],
): void {
  if (sizes.length < 2 || !sizes.every((size) => Number.isInteger(size) && size >= 1)) {
    throw new RangeError(`"sizes" expected at least two integers >= 1, got [${sizes.join(', ')}]`);
  }
  if (values.length < 2 || !values.every((v) => Number.isInteger(v) && v >= -128 && v <= 127)) {
    throw new RangeError(`"values" expected at least two integers from -128 to 127, got [${values.join(', ')}]`);
  }
  if (margin !== undefined && !(Number.isInteger(margin) && margin >= 1)) {
    throw new RangeError(`"margin" expected an integer >= 1, got ${margin}`);
  }
  if (labels.length === 0 || samples.length !== labels.length * sizes[0]) {
    throw new RangeError(
      `"samples" expected ${sizes[0]} integers for each of ${labels.length} labels, got ${samples.length}`,
    );
  }
  const classes = sizes.at(-1)!;
  for (let b = 0; b < labels.length; b++) {
    if (!(Number.isInteger(labels[b]) && labels[b] >= 0 && labels[b] < classes)) {
      throw new RangeError(`"labels" expected classes below ${classes}, got ${labels[b]} at ${b}`);
    }
  }
  for (let i = 0; i < samples.length; i++) {
    if (!Number.isInteger(samples[i])) throw new RangeError(`"samples" expected integers, got ${samples[i]} at ${i}`);
  }
  initial?.forEach((weights, layer) => {
    const wrong = Array.from(weights).findIndex((w) => !values.includes(w));
    if (wrong >= 0)
      throw new RangeError(`"initial" expected values of the set, got ${weights[wrong]} in layer ${layer}`);
    if (weights.length !== sizes[layer] * sizes[layer + 1]) {
      throw new RangeError(
        `"initial" expected ${sizes[layer] * sizes[layer + 1]} weights in layer ${layer}, got ${weights.length}`,
      );
    }
  });
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Int8Array;
  /** (samples, inputs): integers of the first layer, signs of the others. */
  readonly x: Int32Array;
  /** (samples, outputs). */
  readonly sums: Int32Array;
  /** Sums of one sample under a change that is being tried. */
  readonly tried: Int32Array;
}

/** Weights with all sums that they give on the samples. */
class Network {
  readonly #layers: readonly Layer[];
  readonly #labels: ArrayLike<number>;
  readonly #margin: number;
  /** Loss of each sample. */
  readonly #losses: Float64Array;
  loss: number;

  constructor(
    data: IntegerSamples,
    { sizes, margin, initial }: ConntraOptions,
    values: readonly number[],
    random: Random,
  ) {
    const { labels } = data;
    this.#labels = labels;
    this.#margin = margin ?? Math.ceil(Math.sqrt(sizes.at(-2)!));
    const layers: Layer[] = [];
    sizes.slice(1).forEach((outputs, layer) => {
      const inputs = sizes[layer];
      const weights = Int8Array.from(
        initial?.[layer] ?? { length: inputs * outputs },
        (w?: number) => w ?? values[random.below(values.length)],
      );
      const x: Int32Array = layer === 0 ? Int32Array.from(data.samples) : layers[layer - 1].sums.map(sign);
      const sums = new Int32Array(labels.length * outputs);
      for (let b = 0; b < labels.length; b++) {
        for (let i = 0; i < outputs; i++) {
          let sum = 0;
          for (let j = 0; j < inputs; j++) sum += weights[i * inputs + j] * x[b * inputs + j];
          sums[b * outputs + i] = sum;
        }
      }
      layers.push({ inputs, outputs, weights, x, sums, tried: new Int32Array(outputs) });
    });
    this.#layers = layers;
    const scores = layers.at(-1)!;
    this.#losses = Float64Array.from({ length: labels.length }, (_, b) =>
      this.#lossOf(scores.sums, b * scores.outputs, b),
    );
    this.loss = this.#losses.reduce((sum, loss) => sum + loss, 0);
  }

  get weights(): Int8Array[] {
    return this.#layers.map(({ weights }) => weights);
  }

  get weightCount(): number {
    return this.#layers.reduce((sum, { weights }) => sum + weights.length, 0);
  }

  /** The first of the highest scores answers. */
  accuracy(): number {
    const { sums, outputs } = this.#layers.at(-1)!;
    let right = 0;
    for (let b = 0; b < this.#labels.length; b++) {
      const row = sums.subarray(b * outputs, (b + 1) * outputs);
      if (row.indexOf(Math.max(...row)) === this.#labels[b]) right++;
    }
    return right / this.#labels.length;
  }

  /** Gives the weight at `place`, counted through all layers, its best value; says if that is another one. */
  improve(place: number, values: readonly number[]): boolean {
    let layer = 0;
    while (place >= this.#layers[layer].weights.length) place -= this.#layers[layer++].weights.length;
    const { weights, inputs } = this.#layers[layer];
    const [unit, input] = [Math.floor(place / inputs), place % inputs];
    const current = weights[place];
    let [best, least] = [current, this.loss];
    for (const value of values) {
      if (value === current) continue;
      const loss = this.#move(layer, unit, input, value - current, least, false);
      if (loss < least) [best, least] = [value, loss];
    }
    if (best === current) return false;
    this.#move(layer, unit, input, best - current, Infinity, true);
    weights[place] = best;
    this.loss = least;
    return true;
  }

  /**
   * The loss where weight [unit][input] of a layer is larger by `delta`; sums and signs are changed if `keep`. Infinity
   * where it is not below `limit`: losses of samples are not negative, so that it need not be computed to the end.
   */
  #move(layer: number, unit: number, input: number, delta: number, limit: number, keep: boolean): number {
    const { x, inputs } = this.#layers[layer];
    let loss = 0;
    for (let b = 0; b < this.#labels.length; b++) {
      const change = delta * x[b * inputs + input];
      const own = change === 0 ? this.#losses[b] : this.#moveSample(layer, unit, change, b, keep);
      loss += own;
      if (keep) this.#losses[b] = own;
      else if (loss >= limit) return Infinity;
    }
    return loss;
  }

  /** The loss of sample b where a unit's sum is larger by `change`. */
  #moveSample(first: number, unit: number, change: number, b: number, keep: boolean): number {
    let layer = first;
    const { sums, outputs, tried } = this.#layers[layer];
    tried.set(sums.subarray(b * outputs, (b + 1) * outputs));
    tried[unit] += change;
    for (; layer < this.#layers.length - 1; layer++) {
      const here = this.#layers[layer];
      const next = this.#layers[layer + 1];
      let flipped = false;
      for (let i = 0; i < here.outputs; i++) {
        const old = next.x[b * next.inputs + i];
        const now = sign(here.tried[i]);
        if (now === old) continue;
        if (!flipped) next.tried.set(next.sums.subarray(b * next.outputs, (b + 1) * next.outputs));
        flipped = true;
        for (let o = 0; o < next.outputs; o++) next.tried[o] += (now - old) * next.weights[o * next.inputs + i];
        if (keep) next.x[b * next.inputs + i] = now;
      }
      if (keep) here.sums.set(here.tried, b * here.outputs);
      if (!flipped) return this.#losses[b];
    }
    const scores = this.#layers[layer];
    if (keep) scores.sums.set(scores.tried, b * scores.outputs);
    return this.#lossOf(scores.tried, 0, b);
  }

  #lossOf(scores: Int32Array, at: number, b: number): number {
    const { outputs } = this.#layers.at(-1)!;
    let loss = 0;
    for (let c = 0; c < outputs; c++) {
      const short = this.#margin - (c === this.#labels[b] ? scores[at + c] : -scores[at + c]);
      if (short > 0) loss += short * short;
    }
    return loss;
  }
}
