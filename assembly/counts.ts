// From mismatch counts to dot products, for 16 output channels at a time.

/** Output channels side by side in the weight layout. */
export const CHANNELS_PER_BLOCK: i32 = 16;

/** Stores full - 2 * count for 16 channels: `full` is the dot product without a mismatch. */
// @ts-ignore: decorator
@inline
export function finishCounts(out: usize, full: i32, s0: v128, s1: v128, s2: v128, s3: v128): void {
  const all = i32x4.splat(full);
  v128.store(out, i32x4.sub(all, i32x4.shl(s0, 1)));
  v128.store(out, i32x4.sub(all, i32x4.shl(s1, 1)), 16);
  v128.store(out, i32x4.sub(all, i32x4.shl(s2, 1)), 32);
  v128.store(out, i32x4.sub(all, i32x4.shl(s3, 1)), 48);
}

/** Adds the 8 bytes of `counts` to the 8 i32 at `out`. */
export function spread(out: usize, counts: u64): void {
  for (let i: usize = 0; i < 32; i += 4) {
    store<i32>(out + i, load<i32>(out + i) + <i32>(counts & 255));
    counts >>= 8;
  }
}
