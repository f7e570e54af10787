// Powers of two near a number, and the shift-based batch normalization that is made of them (Courbariaux et al. 2016,
// algorithm 3; Hubara's Torch code adds beta, so do we).
//
// AP2(x) = sign(x) * 2^round(log2 |x|), AP2(0) = 0. The rounding of the exponent is done on the bits of a float32: adding
// 0x4AFB0C to the magnitude carries into the exponent exactly where the mantissa reaches sqrt(2) (0x3504F4 of 2^23), and the
// mask clears the mantissa. Exact for all normal numbers; subnormal ones become 0.

const scratch = new DataView(new ArrayBuffer(4));

/** The power of two nearest to x in the logarithm, with its sign; x is rounded to float32 first. */
export function ap2(x: number): number {
  scratch.setFloat32(0, x);
  const bits = scratch.getUint32(0);
  const magnitude = bits & 0x7fffffff;
  if (magnitude < 0x00800000) return 0;
  scratch.setUint32(0, ((bits & 0x80000000) | ((magnitude + 0x004afb0c) & 0x7f800000)) >>> 0);
  return scratch.getFloat32(0);
}

/** Exponent e of AP2(x) = +-2^e; undefined where AP2(x) is 0. */
export function ap2Exponent(x: number): number | undefined {
  const power = Math.abs(ap2(x));
  return power === 0 ? undefined : Math.log2(power);
}

/** Statistics of the shift-based batch normalization of one feature over a batch. */
export interface ShiftStatistics {
  readonly mean: number;
  /** mean((x - mean) * AP2(x - mean)): a variance made of shifts. */
  readonly variance: number;
  /** 1 / sqrt(variance + epsilon), before AP2. */
  readonly inverseDeviation: number;
}

export function shiftStatistics(x: ArrayLike<number>, epsilon: number): ShiftStatistics {
  const values = Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const centred = values.map((v) => v - mean);
  const variance = centred.reduce((sum, c) => sum + c * ap2(c), 0) / values.length;
  return { mean, variance, inverseDeviation: 1 / Math.sqrt(variance + epsilon) };
}

/** AP2(gamma) * (x - mean) * AP2(1 / sigma) + beta, in real numbers. */
export function shiftNormalize(
  x: number,
  { mean, inverseDeviation }: Pick<ShiftStatistics, 'mean' | 'inverseDeviation'>,
  gamma: number,
  beta: number,
): number {
  return ap2(gamma) * ((x - mean) * ap2(inverseDeviation)) + beta;
}

/** The same for C channels as the integers of a shiftNorm transform. */
export interface ShiftNormParameters {
  readonly means: Int32Array;
  readonly exponents: Int8Array;
  readonly signs: Int8Array;
  readonly biases: Int32Array;
  readonly fraction: number;
}

/**
 * Folds running statistics to integers, for accumulators that stand for `unit` each. The result counts in 2^-fraction;
 * `unit` has to be a power of two, so that everything stays a shift.
 */
export function foldShiftNorm(
  norm: {
    readonly mean: ArrayLike<number>;
    readonly inverseDeviation: ArrayLike<number>;
    readonly gamma: ArrayLike<number>;
    readonly beta: ArrayLike<number>;
  },
  fraction: number,
  unit = 1,
): ShiftNormParameters {
  if (!(unit > 0 && Number.isInteger(Math.log2(unit)))) {
    throw new RangeError(`"unit" expected a power of two, got ${unit}`);
  }
  const channels = Array.from(norm.mean, (_, c) => c);
  const exponents = channels.map((c) => {
    const [gamma, deviation] = [ap2Exponent(norm.gamma[c]), ap2Exponent(norm.inverseDeviation[c])];
    return gamma === undefined || deviation === undefined ? undefined : gamma + deviation + Math.log2(unit);
  });
  const one = 2 ** fraction;
  return {
    means: Int32Array.from(channels, (c) => Math.round((norm.mean[c] / unit) * one)),
    exponents: Int8Array.from(exponents, (e) => Math.max(-62, Math.min(31, e ?? 0))),
    signs: Int8Array.from(channels, (c) => (exponents[c] === undefined ? 0 : Math.sign(norm.gamma[c]))),
    biases: Int32Array.from(channels, (c) => Math.round(norm.beta[c] * one)),
    fraction,
  };
}
