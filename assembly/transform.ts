// What becomes of a row of i32 accumulators once a product is complete: kept, compared with thresholds and packed to bits,
// or scaled to integer scores. Products write their accumulators to a scratch row that stays in the L1 cache, so this is
// one function for all of them and costs 2-5 % of a product of 512 or more channels.
import { DenseParams, TRANSFORM_AFFINE, TRANSFORM_BITS } from './params';

/**
 * Transforms one row: `accumulators` is (N rounded up to 16) i32, `output` the row to write.
 *
 * BITS    bit n = accumulator n >= first[n]; bits behind N are written as 0
 * AFFINE  i32 n = accumulator n * first[n] + second[n], modulo 2^32 (export chooses scales that cannot overflow)
 * NONE    i32 n = accumulator n
 *
 * Reads up to 60 bytes past the end of first and second.
 */
export function transformRow(p: DenseParams, accumulators: usize, output: usize): void {
  if (p.transform == TRANSFORM_BITS) toBits(accumulators, p.first, p.n, output);
  else if (p.transform == TRANSFORM_AFFINE) toAffine(accumulators, p.first, p.second, p.n, output);
  else memory.copy(output, accumulators, <usize>p.n << 2);
}

function toBits(accumulators: usize, thresholds: usize, n: i32, output: usize): void {
  for (let left = n; left > 0; left -= 16) {
    let bits: i32;
    if (ASC_FEATURE_SIMD) {
      const a = i32x4.ge_s(v128.load(accumulators), v128.load(thresholds));
      const b = i32x4.ge_s(v128.load(accumulators, 16), v128.load(thresholds, 16));
      const c = i32x4.ge_s(v128.load(accumulators, 32), v128.load(thresholds, 32));
      const d = i32x4.ge_s(v128.load(accumulators, 48), v128.load(thresholds, 48));
      bits = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
      if (left < 16) bits &= (1 << left) - 1;
    } else {
      bits = 0;
      const channels = min(left, 16);
      for (let i = 0; i < channels; i++) {
        const at = <usize>i << 2;
        bits |= i32(load<i32>(accumulators + at) >= load<i32>(thresholds + at)) << i;
      }
    }
    // A row of 8 or fewer channels left owns one byte: the next one belongs to the following row.
    if (left > 8) store<u16>(output, <u16>bits);
    else store<u8>(output, <u8>bits);
    accumulators += 64;
    thresholds += 64;
    output += 2;
  }
}

function toAffine(accumulators: usize, multipliers: usize, biases: usize, n: i32, output: usize): void {
  for (const end = output + (<usize>n << 2); output < end; output += 4) {
    store<i32>(output, load<i32>(accumulators) * load<i32>(multipliers) + load<i32>(biases));
    accumulators += 4;
    multipliers += 4;
    biases += 4;
  }
}
