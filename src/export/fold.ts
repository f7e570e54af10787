// Normalizations, folded into integers. Hidden layers: thresholds (numerics/thresholds.ts). A flipped channel gets its
// weights negated, so that one direction of comparison is enough: a' = -a.
//
// Last layer: scores y = scale * a + shift as integers a * m + b with m = round(scale * 2^f), b = round(shift * 2^f), where
// f is as large as 32 bits allow.
import { ExportError } from '../errors.js';
import type { Affine } from '../numerics/batchnorm.js';
import { integerThresholds, type Thresholds } from '../numerics/thresholds.js';

export type { Thresholds } from '../numerics/thresholds.js';

/**
 * @param bound largest |a| that can occur
 * @param cuts of the activation; default: those of the sign
 */
export function foldToThresholds(
  affine: Affine,
  bound: number,
  name: string,
  cuts: readonly number[] = [0],
): Thresholds {
  affine.scale.forEach((scale, n) => {
    const shift = affine.shift[n];
    if (Number.isFinite(scale) && Number.isFinite(shift)) return;
    throw new ExportError(`layer "${name}" channel ${n} expected a finite normalization, got ${scale}, ${shift}`);
  });
  return integerThresholds(affine, cuts, bound);
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
