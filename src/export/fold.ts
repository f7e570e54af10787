// Batch normalization and sign, folded into integers.
//
// Hidden layers: sign(scale * a + shift) for an integer accumulator a is a comparison with an integer. scale > 0:
// a >= ceil(-shift / scale). scale < 0: a <= floor(-shift / scale), which is made the first case by negating the channel's
// weights (a' = -a). scale = 0: the sign of shift, whatever a is. sign(0) = +1 makes all comparisons inclusive.
// Hubara et al. (FINN does the same, Umuroglu et al. 2017).
//
// Last layer: scores y = scale * a + shift as integers a * m + b with m = round(scale * 2^f), b = round(shift * 2^f), where
// f is as large as 32 bits allow.
import { ExportError } from '../errors.js';
import type { Affine } from '../numerics/batchnorm.js';

export interface Thresholds {
  /** (N): bit n = a' >= thresholds[n], a' = flipped[n] ? -a : a. */
  readonly thresholds: Int32Array;
  /** Channels whose weights are to be negated. */
  readonly flipped: readonly boolean[];
}

/** @param bound largest |a| that can occur */
export function foldToThresholds(affine: Affine, bound: number, name: string): Thresholds {
  const flipped: boolean[] = [];
  const thresholds = new Int32Array(affine.scale.length);
  for (let n = 0; n < thresholds.length; n++) {
    const scale = affine.scale[n];
    const shift = affine.shift[n];
    if (!Number.isFinite(scale) || !Number.isFinite(shift)) {
      throw new ExportError(
        `layer "${name}" channel ${n} expected a finite batch normalization, got ${scale}, ${shift}`,
      );
    }
    flipped.push(scale < 0);
    thresholds[n] = smallestPositive(Math.abs(scale), shift, bound);
  }
  return { thresholds, flipped };
}

/**
 * The smallest integer a in [-bound, bound + 1] with fround(scale * a) >= -shift; scale >= 0. The product is rounded to
 * float32 because the trainer's evaluation compares just so.
 */
function smallestPositive(scale: number, shift: number, bound: number): number {
  const reached = (a: number): boolean => Math.fround(scale * a) >= -shift;
  if (scale === 0) return shift >= 0 ? -bound : bound + 1;
  let a = Math.max(-bound, Math.min(bound + 1, Math.ceil(-shift / scale)));
  while (a > -bound && reached(a - 1)) a--;
  while (a <= bound && !reached(a)) a++;
  return a;
}

export interface IntegerScores {
  readonly multipliers: Int32Array;
  readonly biases: Int32Array;
  /** score = scale * integer. A power of two. */
  readonly scale: number;
}

/** @param bound largest |a| that can occur */
export function foldToScores(affine: Affine, bound: number, name: string): IntegerScores {
  let largest = 0;
  affine.scale.forEach((scale, n) => {
    largest = Math.max(largest, Math.abs(scale) * bound + Math.abs(affine.shift[n]));
  });
  if (!Number.isFinite(largest) || largest === 0) {
    throw new ExportError(`layer "${name}" expected finite scores that are not all 0, got at most ${largest}`);
  }
  // |a * m + b| <= 2^f * largest + bound / 2 + 1/2 has to stay below 2^31.
  let f = Math.floor(Math.log2(2 ** 31 / largest));
  while (2 ** f * largest + bound / 2 + 1 >= 2 ** 31) f--;
  const integers = (values: Float32Array): Int32Array => Int32Array.from(values, (value) => Math.round(value * 2 ** f));
  return { multipliers: integers(affine.scale), biases: integers(affine.shift), scale: 2 ** -f };
}
