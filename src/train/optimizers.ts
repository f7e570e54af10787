// Optimizers as pairs: init makes the state of one parameter, update the calls that move it. What changes from step to
// step (learning rate, bias correction) is a small tensor that the host writes before the step.
// Adam: Kingma and Ba, ICLR 2015, Algorithm 1; its weight decay beside the step: Loshchilov and Hutter, ICLR 2019. Clipping and
// the scaled step of latent weights: Courbariaux et al. 2016, Algorithm 1, with the scale applied to the optimizer's step as in
// its reference code.
import { powerOfTwo } from '../numerics/bits.js';
import type { AdaMaxVariant, Call } from './kernels.js';
import { tensor, type Tensor } from './tensor.js';

export interface AdamOptions {
  /** Decay rates of the moments, and the number that keeps the quotient finite. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface AdamDecayOptions extends AdamOptions {
  /** Takes learning rate times stepScale times decay times w off every latent weight in each step; 0 and more. Default 0. */
  readonly decay: number;
}

export const ADAM_DEFAULTS: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** How one parameter moves: w <- clip(w + stepScale * (w_optimizer - w)). */
export interface ParameterRule {
  readonly stepScale: number;
  /** Bounds it to [-clip, clip]; null where nothing does. */
  readonly clip: number | null;
  /** Whether adam()'s decay is for it: for latent weights, not for what normalizes their sums. Others ignore it. Default: not. */
  readonly decays?: boolean;
}

/** What all optimizers have in common. */
export interface Optimizer {
  /** What the host writes before each step. */
  readonly rates: Tensor;
  /** The state of one parameter, zeros at first. */
  init(w: Tensor): readonly Tensor[];
  /** The call that moves a parameter. */
  update(w: Tensor, dw: Tensor, state: readonly Tensor[], rule: ParameterRule): Call;
  /** The contents of `rates` for step t = 1, 2, ... */
  ratesAt(step: number, learningRate: number): Float32Array;
}

/**
 * Adam: m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, w_adam = w - lr (m/(1-b1^t) / (sqrt(v/(1-b2^t)) + epsilon) + decay w).
 */
export function adam({ decay = 0, ...options }: Partial<AdamDecayOptions> = {}): Optimizer {
  const moments = { ...ADAM_DEFAULTS, ...options };
  return {
    rates: tensor('adam rates', [3]),

    init: (w) => [tensor(`adam m ${w.label}`, w.shape), tensor(`adam v ${w.label}`, w.shape)],

    update(w, dw, state, { stepScale, clip, decays = false }) {
      const params = { size: w.size, ...moments, stepScale, clip, decay: decays ? decay : 0 };
      return { kernel: 'adam', params, tensors: [dw, this.rates, w, ...state] };
    },

    /** [learningRate / (1 - beta1^t), 1 / (1 - beta2^t), learningRate]. */
    ratesAt(step, learningRate) {
      const { beta1, beta2 } = moments;
      return Float32Array.of(learningRate / (1 - beta1 ** step), 1 / (1 - beta2 ** step), learningRate);
    },
  };
}

/** SGD with momentum: m <- momentum m + g + decay w, w <- w - lr m. */
export function sgd(momentum = 0.9, decay = 0): Optimizer {
  return {
    rates: tensor('sgd rates', [1]),
    init: (w) => [tensor(`sgd m ${w.label}`, w.shape)],
    update(w, dw, state, { stepScale, clip }) {
      const params = { size: w.size, momentum, decay, stepScale, clip };
      return { kernel: 'sgd', params, tensors: [dw, this.rates, w, ...state] };
    },
    ratesAt: (_, learningRate) => Float32Array.of(learningRate),
  };
}

/** AdaMax (Kingma, Ba 2015, Algorithm 2): m as in Adam, v <- max(b2 v, |g|), w <- w - lr/(1-b1^t) m / (v + epsilon). */
export function adaMax({ beta1, beta2, epsilon }: AdamOptions = ADAM_DEFAULTS): Optimizer {
  return adaMaxWith('plain', { beta1, beta2, epsilon }, (learningRate, correction) => learningRate / correction);
}

/**
 * Shift-based AdaMax (Courbariaux et al. 2016, Algorithm 2), in which only powers of two are multiplied by.
 * paper: w <- w - lr AP2(1/(1-b1^t)) m AP2(1/v), with b1 = 7/8, b2 = 1 - 2^-10.
 * torch, the authors' Torch7 code: v <- AP2(max(b2 v, |g|)) + epsilon, w <- w - AP2(lr/(1-b1^t)) m / v, with b1 = 0.9,
 * b2 = 0.999, epsilon = 2^-27; the rounded v is what the next step sees.
 */
export function shiftAdaMax(variant: 'paper' | 'torch'): Optimizer {
  if (variant === 'paper') {
    const options = { beta1: 1 - 2 ** -3, beta2: 1 - 2 ** -10, epsilon: 0 };
    return adaMaxWith('shift-paper', options, (learningRate, correction) => learningRate * powerOfTwo(1 / correction));
  }
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 2 ** -27 };
  return adaMaxWith('shift-torch', options, (learningRate, correction) => powerOfTwo(learningRate / correction));
}

function adaMaxWith(
  variant: AdaMaxVariant,
  options: AdamOptions,
  rate: (learningRate: number, correction: number) => number,
): Optimizer {
  return {
    rates: tensor('adamax rates', [1]),
    init: (w) => [tensor(`adamax m ${w.label}`, w.shape), tensor(`adamax v ${w.label}`, w.shape)],
    update(w, dw, state, { stepScale, clip }) {
      const params = { size: w.size, variant, ...options, stepScale, clip };
      return { kernel: 'adaMax', params, tensors: [dw, this.rates, w, ...state] };
    },
    ratesAt: (step, learningRate) => Float32Array.of(rate(learningRate, 1 - options.beta1 ** step)),
  };
}

/** Glorot coefficient of a layer's step: 1 / sqrt(1.5 / (fanIn + fanOut)), larger than 1 for all but tiny layers. */
export function glorotStepScale(fanIn: number, fanOut: number): number {
  return 1 / Math.sqrt(1.5 / (fanIn + fanOut));
}

/**
 * Learning rate of epoch e = 0 .. epochs - 1, falling by one factor per epoch from `start`; epoch `epochs` would have
 * `end`.
 */
export function exponentialDecay(start: number, end: number, epochs: number): (epoch: number) => number {
  return (epoch) => start * (end / start) ** (epoch / epochs);
}

/** `start`, multiplied by `factor` after every `period` epochs. */
export function stepDecay(start: number, factor: number, period: number): (epoch: number) => number {
  return (epoch) => start * factor ** Math.floor(epoch / period);
}

/** A power of two, halved after every `period` epochs: a shift by one bit (BNN's Torch7 code). */
export function shiftDecay(exponent: number, period: number): (epoch: number) => number {
  return stepDecay(2 ** exponent, 1 / 2, period);
}

/** From `start` to `end` along half a cosine (Loshchilov, Hutter 2017); epoch `epochs` would have `end`. */
export function cosineDecay(start: number, end: number, epochs: number): (epoch: number) => number {
  return (epoch) => end + ((start - end) / 2) * (1 + Math.cos((Math.PI * epoch) / epochs));
}

/** From `start` to `end` along a line; epoch `epochs` would have `end`. */
export function linearDecay(start: number, end: number, epochs: number): (epoch: number) => number {
  return (epoch) => start + (end - start) * (epoch / epochs);
}

/** Rises linearly to `rate` over the first `epochs` epochs, then follows it. */
export function warmUp(epochs: number, rate: (epoch: number) => number): (epoch: number) => number {
  return (epoch) => rate(epoch) * Math.min(1, (epoch + 1) / (epochs + 1));
}
