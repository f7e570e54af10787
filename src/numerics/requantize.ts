// Fixed-point arithmetic that brings int32 accumulators back to int8: the definitions that export, the reference and the
// kernels share (assembly/requantize.ts has the same formula).

/** Multiplier that stands for a rounding right shift by `shift` bits (0 .. 30), with `left` = 2. */
export function shiftMultiplier(shift: number): number {
  return 2 ** (30 - shift);
}

/** `value` with int8 range. */
export function saturate8(value: number): number {
  return Math.min(Math.max(value, -128), 127);
}

/** floor((value + 2^(shift - 1)) / 2^shift), the shift that rounds half up; 0 leaves `value`, below 0 shifts left. */
export function roundShift(value: number, shift: number): number {
  return shift <= 0 ? value * 2 ** -shift : Math.floor((value + 2 ** (shift - 1)) / 2 ** shift);
}

/**
 * A positive real factor as multiplier and shift: factor ~ multiplier / 2^(32 + shift).
 *
 * @param factors all channels' factors, each below 0.5: they get one shift and their own multipliers (31 bits for the
 *   largest factor, one less for each halving)
 */
export function fixedPoint(factors: ArrayLike<number>): { multipliers: Int32Array; shift: number } {
  const all = Array.from(factors);
  const largest = Math.max(...all);
  if (!(largest > 0 && largest < 0.5) || Math.min(...all) < 0) {
    throw new RangeError(`"factors" expected numbers in 0 .. 0.5, got ${Math.min(...all)} .. ${largest}`);
  }
  const most = 2 ** 31 - 1;
  let shift = Math.min(30, Math.floor(Math.log2(most / largest)) - 32);
  if (Math.round(largest * 2 ** (33 + shift)) <= most && shift < 30) shift++;
  if (Math.round(largest * 2 ** (32 + shift)) > most) shift--;
  return { multipliers: Int32Array.from(all, (factor) => Math.round(factor * 2 ** (32 + shift))), shift };
}
