// The precision of a layer as recipes name it: quantizers of weights and activations, for training as operations on a
// tape and for evaluation as integers. Formulas and papers: maps.ts, quantizers.ts.
//
// Evaluation has integer weights v with a scale for each output, and activations that are staircases: level j where the
// normalized sum reaches j of the cuts. The exported network has the same integers.
import { sign as signOf } from '../numerics/bits.js';
import {
  dorefaWeights as dorefaWeightsOf,
  linearQuant,
  logQuant,
  minw,
  minwThresholds,
} from '../numerics/quantizers.js';
import { nextFloat } from '../numerics/thresholds.js';
import { map, sign, stochasticSign, type Blend, type NoiseSource } from './layers.js';
import {
  APPROXIMATE_SIGN,
  HARD_TANH,
  linearQuantizer,
  logQuantizer,
  powerQuantizer,
  RELU,
  ternary,
  unitQuantizer,
  type MapSpec,
} from './maps.js';
import type { IntegerWeights, Staircase } from './network.js';
import { aqe, dorefaSigns, dorefaWeights, xnorWeights } from './quantizers.js';
import type { Tape } from './tape.js';
import type { Tensor } from './tensor.js';

/**
 * AQE (Chen et al. 2020): training mixes a quantizer's output with its input, alpha h(x) + (1 - alpha) x. `ramp` raises alpha
 * from 1/2 to 1 over the epochs, so that training ends with what evaluation computes; a number stays as it is.
 */
export interface Asymptotic {
  readonly alpha: number | 'ramp';
  /** What the gradient is multiplied by: 2 alpha (eq. 18), or 1 (Algorithm 1). Default eq18. */
  readonly factor?: 'eq18' | 'algorithm1';
}

/**
 * Weights of a layer.
 *
 *   sign             -1, +1 (BNN)
 *   stochasticSign   in training +1 with probability (w + 1) / 2; evaluated by sign (BNN eq. 2)
 *   xnor             mean |w| of each output times the sign (XNOR-Net)
 *   ternary          -1, 0, +1 with 0 up to |w| = threshold; default 0.35, TWN's 0.7 mean |w| of fresh uniform weights
 *   linear           steps of 2^(1 - bits) in [-1, 1], 2..7 bits: 2^bits + 1 levels, in int8 (QNN)
 *   log              zero and powers of two from 1 down, 2..4 bits, limits at powers of sqrt 2 (QNN)
 *   power            the same levels with limits at midpoints, 2..4 bits (AQE's MINW-Net)
 *   dorefa           1 bit: mean |w| of the layer times the sign; 2..7 bits: tanh weights (DoReFa-Net)
 */
export type WeightQuantizer =
  | { readonly kind: 'sign' | 'ternary'; readonly threshold?: number; readonly aqe?: Asymptotic }
  | { readonly kind: 'stochasticSign' | 'xnor' }
  | { readonly kind: 'linear' | 'log' | 'power'; readonly bits: number; readonly aqe?: Asymptotic }
  | { readonly kind: 'dorefa'; readonly bits: number };

/**
 * Activations of a layer.
 *
 *   sign              -1, +1, straight-through estimator (BNN)
 *   approximateSign   -1, +1, slope max(0, 2 - 2|x|) (Bi-Real Net)
 *   stochasticSign    in training +1 with probability (x + 1) / 2; evaluated by sign (BNN)
 *   unit              2^bits levels in [0, 1], 1..7 bits (DoReFa-Net)
 *   linear            steps of 2^(1 - bits) in [-1, 1], 2..6 bits: 2^bits + 1 levels (QNN's hard tanh)
 *   power             0 and +-2^-i, 2..4 bits (AQE)
 */
export type ActivationQuantizer =
  | { readonly kind: 'sign'; readonly aqe?: Asymptotic }
  | { readonly kind: 'approximateSign' | 'stochasticSign' }
  | { readonly kind: 'unit'; readonly bits: number }
  | { readonly kind: 'linear' | 'power'; readonly bits: number; readonly aqe?: Asymptotic };

/** Weights of a float twin, which are what is trained. */
export interface FloatWeights {
  readonly kind: 'float';
}

/** Activations of a float twin: max(-1, min(1, x)), which the sign's straight-through estimator is the slope of, or max(0, x). */
export interface FloatActivation {
  readonly kind: 'hardTanh' | 'relu';
}

export function isFloatActivation(activation: ActivationQuantizer | FloatActivation): activation is FloatActivation {
  return activation.kind === 'hardTanh' || activation.kind === 'relu';
}

export function isFloatWeights(weights: WeightQuantizer | FloatWeights): weights is FloatWeights {
  return weights.kind === 'float';
}

export function floatMap({ kind }: FloatActivation): MapSpec {
  return kind === 'relu' ? RELU : HARD_TANH;
}

const TERNARY_THRESHOLD = 0.35;

function bitsWithin(
  what: string,
  { kind, bits }: { readonly kind: string; readonly bits: number },
  least: number,
  most: number,
): number {
  if (Number.isInteger(bits) && bits >= least && bits <= most) return bits;
  throw new RangeError(`${what} "${kind}" expected ${least} to ${most} bits, got ${bits}`);
}

/** Alpha of the step that is compiled first; a ramp's calls are rewritten for every epoch (withAlpha in model.ts). */
export function blend(asymptotic: Asymptotic | undefined): Blend {
  if (!asymptotic) return { alpha: 1, factor: 1 };
  return aqe(asymptotic.alpha === 'ramp' ? 0.5 : asymptotic.alpha, asymptotic.factor);
}

/** The map of quantizers that are one. */
function weightMap(quantizer: WeightQuantizer): MapSpec | undefined {
  switch (quantizer.kind) {
    case 'ternary':
      return ternary(quantizer.threshold ?? TERNARY_THRESHOLD);
    case 'linear':
      return linearQuantizer(bitsWithin('weights', quantizer, 2, 7));
    case 'log':
      return logQuantizer(bitsWithin('weights', quantizer, 2, 4));
    case 'power':
      return powerQuantizer(bitsWithin('weights', quantizer, 2, 4));
    default:
      return undefined;
  }
}

/** Records the quantization of latent weights (O, I). */
export function quantizeWeights(
  tape: Tape,
  w: Tensor,
  quantizer: WeightQuantizer | FloatWeights,
  noise: NoiseSource,
  label: string,
): Tensor {
  switch (quantizer.kind) {
    case 'float':
      return w;
    case 'sign':
      return quantizer.aqe
        ? map(tape, w, { op: 'sign', a: 0, b: 0 }, label, blend(quantizer.aqe))
        : sign(tape, w, label);
    case 'stochasticSign':
      return stochasticSign(tape, w, noise, label);
    case 'xnor':
      return xnorWeights(tape, w, label);
    case 'dorefa':
      if (quantizer.bits === 1) return dorefaSigns(tape, w, label);
      return dorefaWeights(tape, w, bitsWithin('weights', quantizer, 2, 7), label);
    default:
      return map(tape, w, weightMap(quantizer)!, label, blend(quantizer.aqe));
  }
}

/** Integer weights of latent ones (O, I), with the real number that v = 1 stands for in each output. */
export function integerWeights(
  latent: Float32Array,
  outputs: number,
  quantizer: WeightQuantizer,
): { readonly weights: IntegerWeights; readonly scales: Float64Array } {
  const scales = (scale: number): Float64Array => new Float64Array(outputs).fill(scale);
  const levels = (encoding: IntegerWeights['encoding'], bits: number, unit: number, real: (w: number) => number) => {
    return { weights: { encoding, bits, values: Int8Array.from(latent, (w) => real(w) / unit) }, scales: scales(unit) };
  };
  const binary: IntegerWeights = { encoding: 'binary', bits: 1, values: Int8Array.from(latent, signOf) };
  switch (quantizer.kind) {
    case 'sign':
    case 'stochasticSign':
      return { weights: binary, scales: scales(1) };
    case 'xnor': {
      const inputs = latent.length / outputs;
      const means = Float64Array.from({ length: outputs }, (_, o) =>
        meanSize(latent.subarray(o * inputs, (o + 1) * inputs)),
      );
      return { weights: binary, scales: means };
    }
    case 'ternary': {
      const threshold = Math.fround(quantizer.threshold ?? TERNARY_THRESHOLD);
      return levels('ternary', 2, 1, (w) => (Math.abs(w) <= threshold ? 0 : signOf(w)));
    }
    case 'linear':
      return levels('int8', 0, 2 ** (1 - quantizer.bits), (w) => linearQuant(w, quantizer.bits));
    case 'log':
    case 'power': {
      const { bits } = quantizer;
      const real = quantizer.kind === 'log' ? (w: number) => logQuant(w, bits) : (w: number) => minw(w, bits);
      return levels(bits === 2 ? 'ternary' : 'powerOfTwo', bits, 2 ** (2 - 2 ** (bits - 1)), real);
    }
    case 'dorefa': {
      const { bits } = quantizer;
      if (bits === 1) return { weights: binary, scales: scales(meanSize(latent)) };
      const steps = 2 ** bits - 1;
      const values = Int8Array.from(dorefaWeightsOf(latent, bits), (y) => Math.round(y * steps));
      return { weights: { encoding: 'centered', bits, values }, scales: scales(1 / steps) };
    }
  }
}

function meanSize(weights: Float32Array): number {
  return weights.reduce((sum, w) => sum + Math.abs(w), 0) / weights.length;
}

/** Records an activation. */
export function activate(
  tape: Tape,
  x: Tensor,
  quantizer: ActivationQuantizer | FloatActivation,
  noise: NoiseSource,
  label: string,
): Tensor {
  switch (quantizer.kind) {
    case 'hardTanh':
    case 'relu':
      return map(tape, x, floatMap(quantizer), label);
    case 'sign':
      return quantizer.aqe
        ? map(tape, x, { op: 'sign', a: 0, b: 0 }, label, blend(quantizer.aqe))
        : sign(tape, x, label);
    case 'approximateSign':
      return map(tape, x, APPROXIMATE_SIGN, label);
    case 'stochasticSign':
      return stochasticSign(tape, x, noise, label);
    case 'unit':
      return map(tape, x, unitQuantizer(bitsWithin('activation', quantizer, 1, 7)), label);
    case 'linear':
      return map(tape, x, linearQuantizer(bitsWithin('activation', quantizer, 2, 6)), label, blend(quantizer.aqe));
    case 'power':
      return map(tape, x, powerQuantizer(bitsWithin('activation', quantizer, 2, 4)), label, blend(quantizer.aqe));
  }
}

/** An activation as evaluation has it. */
export function staircase(quantizer: ActivationQuantizer): Staircase {
  switch (quantizer.kind) {
    case 'sign':
    case 'approximateSign':
    case 'stochasticSign':
      return { values: [-1, 1], cuts: [0], scale: 1 };
    case 'unit': {
      const steps = 2 ** quantizer.bits - 1;
      const cuts = Array.from({ length: steps }, (_, j) => Math.fround((j + 0.5) / steps));
      return { values: [0, ...cuts.map((_, j) => j + 1)], cuts, scale: 1 / steps };
    }
    case 'linear': {
      const half = 2 ** (quantizer.bits - 1);
      const values = Array.from({ length: 2 * half + 1 }, (_, j) => j - half);
      return { values, cuts: values.slice(1).map((v) => (v - 0.5) / half), scale: 1 / half };
    }
    case 'power': {
      const limits = minwThresholds(quantizer.bits);
      const sizes = limits.map((_, i) => 2 ** i);
      return {
        values: [...sizes.map((v) => -v).reverse(), 0, ...sizes],
        // A size is passed where |x| is above its limit: below zero a level holds from the limit on, above zero behind it.
        cuts: [...limits.map((limit) => -limit).reverse(), ...limits.map(nextFloat)],
        scale: 1 / sizes.at(-1)!,
      };
    }
  }
}
