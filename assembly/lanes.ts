// Lane helpers shared by the SIMD kernels, and the few static tables they read.
//
// Constants are loaded from memory before hot loops instead of being written as literals inside them: V8 (Turboshaft)
// re-materialises a v128 literal at every use in a loop, which cost up to 3.8x.

/** 16 bytes of 15: the mask of a low nibble in every lane. */
export const NIBBLE_MASK: usize = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

/** Row a (0..15) holds popcount(a xor w) for w = 0..15: 16 rows of 16 bytes. */
// prettier-ignore
export const XOR4: usize = memory.data<u8>([
  0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
  1, 0, 2, 1, 2, 1, 3, 2, 2, 1, 3, 2, 3, 2, 4, 3,
  1, 2, 0, 1, 2, 3, 1, 2, 2, 3, 1, 2, 3, 4, 2, 3,
  2, 1, 1, 0, 3, 2, 2, 1, 3, 2, 2, 1, 4, 3, 3, 2,
  1, 2, 2, 3, 0, 1, 1, 2, 2, 3, 3, 4, 1, 2, 2, 3,
  2, 1, 3, 2, 1, 0, 2, 1, 3, 2, 4, 3, 2, 1, 3, 2,
  2, 3, 1, 2, 1, 2, 0, 1, 3, 4, 2, 3, 2, 3, 1, 2,
  3, 2, 2, 1, 2, 1, 1, 0, 4, 3, 3, 2, 3, 2, 2, 1,
  1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3,
  2, 1, 3, 2, 3, 2, 4, 3, 1, 0, 2, 1, 2, 1, 3, 2,
  2, 3, 1, 2, 3, 4, 2, 3, 1, 2, 0, 1, 2, 3, 1, 2,
  3, 2, 2, 1, 4, 3, 3, 2, 2, 1, 1, 0, 3, 2, 2, 1,
  2, 3, 3, 4, 1, 2, 2, 3, 1, 2, 2, 3, 0, 1, 1, 2,
  3, 2, 4, 3, 2, 1, 3, 2, 2, 1, 3, 2, 1, 0, 2, 1,
  3, 4, 2, 3, 2, 3, 1, 2, 2, 3, 1, 2, 1, 2, 0, 1,
  4, 3, 3, 2, 3, 2, 2, 1, 3, 2, 2, 1, 2, 1, 1, 0,
], 16);

/** Four rows of 16 bytes: row i is 255 where bit i of the lane number is set, else 0. */
// prettier-ignore
export const LANE_BIT: usize = memory.data<u8>([
  0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255,
  0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255,
  0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255,
  0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
], 16);

/** Looks up every lane of `indices` (all below 16) in the 16-byte `table`. */
// @ts-ignore: decorator
@inline
export function lookup(table: v128, indices: v128): v128 {
  // Indices stay below 16, where both instructions agree; the plain one adds a saturating add on x64.
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

/** The high nibble of every byte. */
// @ts-ignore: decorator
@inline
export function highNibbles(x: v128, mask: v128): v128 {
  // x64 has no byte shift; the 16-bit one drags neighbours' bits in, which the mask takes out.
  return v128.and(i16x8.shr_u(x, 4), mask);
}

/** Adds the even and the odd bytes of many v128 in u16 lanes: `all` has summed the vectors as u16, `odd` their high bytes. */
// @ts-ignore: decorator
@inline
export function lowChannels(all: v128, odd: v128): v128 {
  return v128.shuffle<i16>(i16x8.sub(all, i16x8.shl(odd, 8)), odd, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
export function highChannels(all: v128, odd: v128): v128 {
  return v128.shuffle<i16>(i16x8.sub(all, i16x8.shl(odd, 8)), odd, 4, 12, 5, 13, 6, 14, 7, 15);
}
