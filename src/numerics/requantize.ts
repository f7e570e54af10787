// Fixed-point arithmetic that brings int32 accumulators back to int8: the definitions that the builder and the reference
// share (assembly/finish.ts has the same formula).

/** Multiplier that stands for a rounding right shift by `shift` bits (0 .. 30), with `left` = 2. */
export function shiftMultiplier(shift: number): number {
  return 2 ** (30 - shift);
}

/** floor((value + 2^(shift - 1)) / 2^shift), the shift that rounds half up; 0 leaves `value`, below 0 shifts left. */
export function roundShift(value: number, shift: number): number {
  return shift <= 0 ? value * 2 ** -shift : Math.floor((value + 2 ** (shift - 1)) / 2 ** shift);
}
