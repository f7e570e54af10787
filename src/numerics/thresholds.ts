// Quantized activations of integer sums, as comparisons with integers. A quantizer is a staircase: it gives the level j when
// its argument y reaches j of its cuts. Behind y = scale * a + shift that is a staircase of the sum a itself, whose steps are
// found by bisection of the very float32 evaluation that the trainer uses, so that both decide alike at every integer.
//
// scale < 0: y falls as a grows, and rises as -a does. Such channels are `flipped`: their thresholds are for -a.
// Hubara et al. 2016 for signs; FINN does the same for more levels (Umuroglu et al. 2017).
import type { Affine } from './batchnorm.js';

export interface Thresholds {
  /** (T, N): channel n reaches cut t where a' >= thresholds[t * N + n], a' = flipped[n] ? -a : a. Ascending in t. */
  readonly thresholds: Int32Array;
  readonly flipped: readonly boolean[];
}

/**
 * @param cuts T ascending numbers: cut t is reached where float32(float32(scale * a) + shift) >= cuts[t]
 * @param bound largest |a| that can occur; thresholds lie in [-bound, bound + 1]
 */
export function integerThresholds({ scale, shift }: Affine, cuts: readonly number[], bound: number): Thresholds {
  const channels = scale.length;
  const flipped = Array.from(scale, (value) => value < 0);
  const thresholds = new Int32Array(cuts.length * channels);
  cuts.forEach((cut, t) => {
    for (let n = 0; n < channels; n++) {
      const size = Math.abs(scale[n]);
      thresholds[t * channels + n] = smallest(bound, (a) => Math.fround(Math.fround(size * a) + shift[n]) >= cut);
    }
  });
  return { thresholds, flipped };
}

/** The smallest integer of [-bound, bound] that `reaches`, which none, or all from one on do; else bound + 1. */
function smallest(bound: number, reaches: (a: number) => boolean): number {
  let [low, high] = [-bound, bound + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (reaches(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The float32 after x: y > x is y >= nextFloat(x). */
export function nextFloat(x: number): number {
  const bits = new Int32Array(Float32Array.of(x).buffer);
  if (x === 0) bits[0] = 1;
  else bits[0] += x > 0 ? 1 : -1;
  return new Float32Array(bits.buffer)[0];
}
