// A stream of integers beside binary convolutions, as in Bi-Real Net (Liu et al. 2018): every convolution takes the stream's
// signs, and its normalized sums are added to the stream. What the file computes in 16 bits, training rounds and clips too:
//
//   x'  =  clip(s(x) + round(BN(sum(W sign(x)))))      in steps of 1/8, sizes up to 32767 steps
//   s(x) = x; where the picture shrinks, means of 2 x 2 pixels; where channels double, each of them twice (Bi-Real has a
//          1 x 1 convolution of real weights there, we keep to what needs no products)
//
// Multipliers. The file has an integer sum a, round((a + bias) m / 2^30) with m from 0 to 2^30: a sum is worth at most a step. It
// is, where the normalization has epsilon = 1 / step^2 and |gamma| <= 1: |gamma| / sqrt(variance + epsilon) <= step.
// Evaluation has m = k 2^(30-f), with f such that (a + bias) k and half a step of it, 2^(f-1), stay below 2^24: multiples of
// 2^-f that float32 adds and rounds exactly. They are the weights of the evaluation's product, so that it needs no other.
// A float twin has the same ways, where nothing is rounded.
import type { Affine } from '../numerics/batchnorm.js';
import { concat, map, pool, scaled, weightedSum, type ImageShape } from './layers.js';
import { grid, type MapSpec } from './maps.js';
import { MEAN_BOUND, MEAN_STEP, STREAM_BOUND, STREAM_STEP, type StreamMultipliers } from './network.js';
import type { Tape } from './tape.js';
import type { Tensor } from './tensor.js';

/** Of normalizations beside a stream: see above. */
export const STREAM_EPSILON = 1 / STREAM_STEP ** 2;

/** What evaluation adds up exactly: integers below 2^24, the largest of float32. */
const LIMIT = 2 ** 24;
const MOST_BITS = 22;

/** One convolution's place beside the stream. */
export interface StreamPlace {
  readonly shape: ImageShape;
  readonly stride: number;
  readonly outputs: number;
}

/** The stream's values in training, and as integers. */
export const STREAM = grid(STREAM_STEP, STREAM_BOUND * STREAM_STEP);
export const INTEGER_STREAM = grid(1, STREAM_BOUND);

/** 8-bit means of the stream, as real numbers. */
export const MEANS = grid(MEAN_STEP, MEAN_BOUND * MEAN_STEP);

/** Normalized sums y to the next values of the stream, by `rounded` if at all; `x` is null where the stream begins. */
export function join(
  tape: Tape,
  x: Tensor | null,
  y: Tensor,
  place: StreamPlace,
  rounded: MapSpec | null,
  label: string,
): Tensor {
  if (!x) return round(tape, y, rounded, label);
  const sum = weightedSum(
    tape,
    [
      [y, 1],
      [shortcut(tape, x, place, rounded, label), 1],
    ],
    `${label} sum`,
  );
  return round(tape, sum, rounded, label);
}

function shortcut(
  tape: Tape,
  x: Tensor,
  { shape, stride, outputs }: StreamPlace,
  rounded: MapSpec | null,
  label: string,
): Tensor {
  let way = x;
  if (stride === 2) {
    way = pool(tape, way, shape, { size: 2, average: true }, `${label} means`);
    way = round(tape, way, rounded, `${label} rounded means`);
  }
  return outputs === shape.channels ? way : concat(tape, [way, way], `${label} doubled`);
}

function round(tape: Tape, x: Tensor, rounded: MapSpec | null, label: string): Tensor {
  return rounded ? map(tape, x, rounded, label) : x;
}

/** Means over the picture, by `rounded` if at all: x (B * H * W, C), y (B, C). */
export function mean(tape: Tape, x: Tensor, shape: ImageShape, rounded: MapSpec | null, label: string): Tensor {
  const means = pool(tape, x, shape, { size: shape.height, average: true }, `${label} of pixels`);
  return round(tape, means, rounded, label);
}

/** The same of the stream's integers: integers. */
export function integerMean(tape: Tape, x: Tensor, shape: ImageShape, label: string): Tensor {
  const means = pool(tape, x, shape, { size: shape.height, average: true }, `${label} of pixels`);
  const ratio = STREAM_STEP / MEAN_STEP;
  const rounded = map(tape, means, grid(1 / ratio, MEAN_BOUND / ratio), `${label} rounded`);
  return scaled(tape, rounded, ratio, label);
}

/**
 * Integers of y = scale * a + shift in steps of the stream. A negative scale is that of negated weights.
 *
 * @param bound largest |a|
 * @throws RangeError where a sum is worth more than a step, or a step has no exact bits left
 */
export function streamMultipliers(
  { scale, shift }: Affine,
  bound: number,
  name: string,
): StreamMultipliers & { readonly flipped: readonly boolean[] } {
  const ratios = Float64Array.from(scale, (value) => Math.abs(value) / STREAM_STEP);
  const shifts = Float64Array.from(shift, (value) => value / STREAM_STEP);
  const largest = ratios.reduce((most, ratio, n) => Math.max(most, ratio * bound + Math.abs(shifts[n])), 0);
  const steepest = ratios.reduce((most, ratio) => Math.max(most, ratio), 0);
  if (!(steepest <= 1) || !Number.isFinite(largest)) {
    throw new RangeError(`layer "${name}" expected sums worth at most a step of the stream, got up to ${steepest}`);
  }
  // k and bias are rounded, k to 1 at least: that adds at most bound + k to (a + bias) k, and |k| <= 2^f.
  const fits = (bits: number): boolean => (largest + 1.5) * 2 ** bits + bound < LIMIT;
  let bits = MOST_BITS;
  while (bits > 0 && !fits(bits)) bits--;
  if (!fits(bits)) {
    throw new RangeError(`layer "${name}" expected sums below 2^24 steps of the stream, got up to ${largest}`);
  }
  const multipliers = Int32Array.from(ratios, (ratio) => Math.max(1, Math.round(ratio * 2 ** bits)));
  const biases = Int32Array.from(shifts, (steps, n) => Math.round((steps * 2 ** bits) / multipliers[n]));
  return { multipliers, biases, bits, flipped: Array.from(scale, (value) => value < 0) };
}
