// The quantizers of the papers, forward only: what a trained network's weights and activations become at inference. Every
// function maps real numbers to the real numbers that the quantized network computes with.
import { ap2 } from './ap2.js';
import { sign } from './bits.js';

/** Nearest whole number, a half goes up: the rounding of all quantizers here. */
export function roundHalfUp(x: number): number {
  return Math.floor(x + 0.5);
}

function clip(x: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, x));
}

/** round((2^k - 1) r) / (2^k - 1) for r in 0..1 (DoReFa-Net, eq. 5). */
export function quantizeUnit(r: number, bits: number): number {
  const most = 2 ** bits - 1;
  return roundHalfUp(most * r) / most;
}

/** DoReFa-Net activations: quantize_k(clip(x, 0, 1)). Levels round((2^k - 1) x) with scale 1 / (2^k - 1). */
export function dorefaActivation(x: number, bits: number): number {
  return quantizeUnit(clip(x, 0, 1), bits);
}

/**
 * DoReFa-Net weights of one layer. k = 1: sign(w) * mean|w|. k > 1: 2 quantize_k(tanh(w) / (2 max|tanh w|) + 1/2) - 1, the
 * centered numbers v / (2^k - 1).
 */
export function dorefaWeights(weights: ArrayLike<number>, bits: number): Float64Array {
  const values = Float64Array.from(weights);
  if (bits === 1) {
    const mean = values.reduce((sum, w) => sum + Math.abs(w), 0) / values.length;
    return values.map((w) => sign(w) * mean);
  }
  const bounded = values.map(Math.tanh);
  const largest = bounded.reduce((most, t) => Math.max(most, Math.abs(t)), 0);
  // All weights 0: the middle, rounded up like any half.
  return bounded.map((t) => 2 * quantizeUnit(largest === 0 ? 0.5 : t / (2 * largest) + 0.5, bits) - 1);
}

/** LinearQuant of QNN (Hubara et al.): clip(round(x 2^(k-1)) / 2^(k-1), -limit, limit). */
export function linearQuant(x: number, bits: number, limit = 1): number {
  const steps = 2 ** (bits - 1);
  return clip(roundHalfUp(x * steps) / steps, -limit, limit);
}

/**
 * LogQuant of QNN: AP2(x) within the magnitudes that k bits have, 2^largest, 2^(largest - 1), ...: one bit is the sign, code 0
 * is zero, so there are 2^(k-1) - 1 magnitudes. Below half of the smallest magnitude (in the logarithm): 0.
 */
export function logQuant(x: number, bits: number, largest = 0): number {
  const power = ap2(x);
  if (power === 0) return 0;
  const exponent = Math.log2(Math.abs(power));
  const smallest = largest - (2 ** (bits - 1) - 2);
  if (exponent < smallest) return 0;
  return Math.sign(power) * 2 ** Math.min(exponent, largest);
}

/** Thresholds at the middle between the levels of minw: 3 bits: 1/8, 3/8, 3/4. Ascending. */
export function minwThresholds(bits: number): number[] {
  const q = 2 ** (bits - 1) - 1;
  const magnitudes = Array.from({ length: q }, (_, i) => 2 ** -(q - 1 - i));
  return magnitudes.map((level, i) => (level + (i === 0 ? 0 : magnitudes[i - 1])) / 2);
}

/**
 * MINW-Net (Chen et al. 2020, eqs. 21 and 22): 1 bit: the sign. n bits: 0 up to the smallest threshold, then +-2^-p of the
 * first threshold that |x| does not pass, +-1 above all. With q = 2^(n-1) - 1 thresholds: ternary for 2 bits,
 * {0, +-1/4, +-1/2, +-1} for 3.
 *
 * @param thresholds ascending, q of them
 */
export function minw(x: number, bits: number, thresholds: readonly number[] = minwThresholds(bits)): number {
  if (bits === 1) return sign(x);
  const passed = thresholds.filter((threshold) => Math.abs(x) > threshold).length;
  return passed === 0 ? 0 : Math.sign(x) * 2 ** -(thresholds.length - passed);
}

/** The k-bit form of LinearQuant in (-1, 1): 2^k odd multiples of 2^-k, the one below or at which x 2^(k-1) is rounded down. */
export function centeredQuant(x: number, bits: number): number {
  const steps = 2 ** (bits - 1);
  return clip(Math.floor(x * steps) + 0.5, 0.5 - steps, steps - 0.5) / steps;
}

/**
 * A quantizer of weights in [-1, 1] by name: `linear` is centeredQuant, `log` logQuant, `power` minw. Log and power share
 * their levels, 0 and the 2^(k-1) - 1 powers of two up to 1, and differ in the thresholds.
 */
export interface WeightQuantizer {
  readonly kind: 'linear' | 'log' | 'power';
  /** 2 .. 8, or 2 .. 4 of powers of two. */
  readonly bits: number;
}

/** What the integer 1 stands for. */
export function weightUnit({ kind, bits }: WeightQuantizer): number {
  return kind === 'linear' ? 2 ** -bits : 2 ** (2 - 2 ** (bits - 1));
}

/** The integers v of the model format: odd numbers of `linear`, 0 and powers of two with signs of the others. */
export function weightIntegers(latent: Float32Array, quantizer: WeightQuantizer): Float64Array {
  const { kind, bits } = quantizer;
  const unit = weightUnit(quantizer);
  const thresholds = kind === 'power' ? minwThresholds(bits) : [];
  return Float64Array.from(latent, (w) => {
    if (kind === 'linear') return centeredQuant(w, bits) / unit;
    // + 0: no negative zero.
    return (kind === 'log' ? logQuant(w, bits) : minw(w, bits, thresholds)) / unit + 0;
  });
}
