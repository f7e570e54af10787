// Functions of one element: activations and quantizers h, each with the slope that back-propagation uses for it. A number
// is rounded half up, floor(v + 1/2). AP2(x) = sign(x) * 2^round(log2 |x|).
//
//   map               parameters          h(x)                                                slope
//   sign              -                   +1 if x >= 0 else -1                                1[|x| <= 1]
//   clip              a, b                max(a, min(b, x))                                   1[a <= x <= b]
//   relu              -                   max(x, 0)                                           1[x > 0]
//   ternary           a = delta           0 if |x| <= a else sign(x)                          1[|x| <= 1]
//   linear            a = 1 / step, b     clip(round(x a) / a, -b, b)                         1[|x| <= b]
//   centered          a = 2^(k-1)         clip(floor(x a) + 1/2, -(a - 1/2), a - 1/2) / a     1[|x| <= 1]
//   log               a = low, b = high   0 if AP2(|x|) < a else sign(x) min(AP2(|x|), b)     1[|x| <= 1]
//   power             a = smallest        0, +-a, +-2a, .. +-1, with midpoints as thresholds  1[|x| <= 1]
//   approximateSign   -                   +1 if x >= 0 else -1                                max(0, 2 - 2|x|)
//   unit              a = 2^k - 1         round(clip(x, 0, 1) a) / a                          1[0 <= x <= 1]
//   tanh, sigmoid     -                   tanh(x), 1 / (1 + e^-x)                             1 - h^2, h (1 - h)
//
// sign, clip: Courbariaux et al. 2016 (eq. 1, 4, 5). linear, log: Hubara et al. 2016, where "bitwidth" of LinearQuant is
// read as its step; between -1 and 1 that is 2^k + 1 values, so centered is our k-bit form of it: 2^k of them, odd multiples
// of 2^-k, as the model format has them. ternary, power: Chen et al. 2020 (eq. 21, 22), which leaves the thresholds open: midpoints are ours.
// approximateSign: Liu et al. 2018 (Bi-Real Net). unit: Zhou et al. 2016 (DoReFa-Net).

/** In the order of the numbers that assembly/train/elementwise.ts knows them by. */
export const MAPS = [
  'sign',
  'clip',
  'relu',
  'ternary',
  'linear',
  'log',
  'power',
  'approximateSign',
  'unit',
  'tanh',
  'sigmoid',
  'centered',
] as const;
export type MapName = (typeof MAPS)[number];

/** A map with its parameters; a map that has none leaves them 0. */
export interface MapSpec {
  readonly op: MapName;
  readonly a: number;
  readonly b: number;
}

const plain = (op: MapName): MapSpec => ({ op, a: 0, b: 0 });

export const SIGN = plain('sign');
export const APPROXIMATE_SIGN = plain('approximateSign');
export const RELU = plain('relu');
export const TANH = plain('tanh');
export const SIGMOID = plain('sigmoid');
export const HARD_TANH: MapSpec = { op: 'clip', a: -1, b: 1 };

/** max(low, min(high, x)). */
export function clip(low: number, high: number): MapSpec {
  return { op: 'clip', a: low, b: high };
}

/** -1, 0, +1 with 0 up to |x| = delta. */
export function ternary(delta: number): MapSpec {
  return { op: 'ternary', a: delta, b: 0 };
}

/** Steps of 2^(1-bits) in [-1, 1]. */
export function linearQuantizer(bits: number): MapSpec {
  return grid(2 ** (1 - checked(bits, 2)), 1);
}

/** Multiples of `step` from -bound to bound, a multiple itself. Exact for powers of two. */
export function grid(step: number, bound: number): MapSpec {
  return { op: 'linear', a: 1 / step, b: bound };
}

/** The 2^bits odd multiples of 2^-bits in (-1, 1). */
export function centeredQuantizer(bits: number): MapSpec {
  return { op: 'centered', a: 2 ** (checked(bits, 1) - 1), b: 0 };
}

/** Zero and 2^(bits-1) - 1 powers of two up to 1, with signs: one bit of sign, the others of exponent. */
export function logQuantizer(bits: number): MapSpec {
  return { op: 'log', a: 2 ** (2 - 2 ** (checked(bits, 2) - 1)), b: 1 };
}

/** MINW-Net's n-bit neuron: {-1, 0, 1} for 2 bits, with 1/2 and 1/4 for 3. */
export function powerQuantizer(bits: number): MapSpec {
  return { op: 'power', a: 2 ** (2 - 2 ** (checked(bits, 2) - 1)), b: 0 };
}

/** DoReFa's activations: 2^bits values in [0, 1]. */
export function unitQuantizer(bits: number): MapSpec {
  return { op: 'unit', a: 2 ** checked(bits, 1) - 1, b: 0 };
}

function checked(bits: number, least: number): number {
  if (Number.isInteger(bits) && bits >= least && bits <= 8) return bits;
  throw new RangeError(`"bits" expected an integer from ${least} to 8, got ${bits}`);
}
