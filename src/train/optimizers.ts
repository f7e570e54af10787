// Optimizers as pairs: init makes the state of one parameter, update the calls that move it. What changes from step to
// step (learning rate, bias correction) is a small tensor that the host writes before the step.
// Adam: Kingma and Ba, ICLR 2015, Algorithm 1. Clipping and the scaled step of latent weights: Courbariaux et al. 2016,
// Algorithm 1, with the scale applied to the optimizer's step as in its reference code.
import type { Call } from './kernels.js';
import { tensor, type Tensor } from './tensor.js';

export interface AdamOptions {
  /** Decay rates of the moments, and the number that keeps the quotient finite. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export const ADAM_DEFAULTS: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** First and second moment of a parameter's gradient. */
export interface AdamState {
  readonly m: Tensor;
  readonly v: Tensor;
}

/**
 * How one parameter moves: w <- clip(w + stepScale * (w_adam - w)). Latent weights clip at 1, other parameters never.
 */
export interface ParameterRule {
  readonly stepScale: number;
  readonly clip: number | null;
}

/** Adam: m <- b1 m + (1-b1) g, v <- b2 v + (1-b2) g^2, w_adam = w - lr * m/(1-b1^t) / (sqrt(v/(1-b2^t)) + epsilon). */
export function adam(options: AdamOptions = ADAM_DEFAULTS) {
  return {
    /** What the host writes before each step; see rates(). */
    rates: tensor('adam rates', [2]),

    init(w: Tensor): AdamState {
      return { m: tensor(`adam m ${w.label}`, w.shape), v: tensor(`adam v ${w.label}`, w.shape) };
    },

    update(w: Tensor, dw: Tensor, state: AdamState, rule: ParameterRule): Call {
      const params = { size: w.size, ...options, ...rule };
      return { kernel: 'adam', params, tensors: [dw, this.rates, w, state.m, state.v] };
    },

    /** The contents of `rates` for step t = 1, 2, ...: [learningRate / (1 - beta1^t), 1 / (1 - beta2^t)]. */
    ratesAt(step: number, learningRate: number): Float32Array {
      const { beta1, beta2 } = options;
      return Float32Array.of(learningRate / (1 - beta1 ** step), 1 / (1 - beta2 ** step));
    },
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
