// What becomes of a row of i32 accumulators once a product is complete. Products write them to scratch rows that stay in
// the L1 cache, so this is one function for all of them.
import { FinishParams, finishRow } from './finish';
import { ProductParams, TRANSFORM_AFFINE, TRANSFORM_BITS, TRANSFORM_FINISH, TRANSFORM_LEVELS } from './params';

/**
 * Transforms one row: `accumulators` is (N rounded up to 16) i32 and may be overwritten, `output` the row to write.
 *
 * BITS        bit n = accumulator n >= first[n]; bits behind N in the last byte are 0
 * LEVELS      byte n = number of thresholds first[0..steps - 1][n] that are <= accumulator n
 * AFFINE      i32 n = accumulator n * first[n] + second[n], modulo 2^32
 * FINISH      whatever finish.ts knows, residuals among it; first is the address of its parameters
 * NONE        i32 n = accumulator n
 *
 * Reads up to 60 bytes past the end of first and second.
 */
export function transformRow(p: ProductParams, accumulators: usize, output: usize): void {
  const n = p.outputs;
  if (p.transform == TRANSFORM_BITS) toBits(accumulators, p.first, n, output);
  else if (p.transform == TRANSFORM_LEVELS) toLevels(accumulators, p.first, n, p.steps, output);
  else if (p.transform == TRANSFORM_AFFINE) toAffine(accumulators, p.first, p.second, n, output);
  else if (p.transform == TRANSFORM_FINISH) finishRow(changetype<FinishParams>(p.first), accumulators, output);
  else memory.copy(output, accumulators, <usize>n << 2);
}

function toBits(accumulators: usize, thresholds: usize, n: i32, output: usize): void {
  for (let left = n; left > 0; left -= 16) {
    let bits: i32;
    if (ASC_FEATURE_SIMD) {
      // What is below: engines have an instruction for that alone.
      const a = i32x4.gt_s(v128.load(thresholds), v128.load(accumulators));
      const b = i32x4.gt_s(v128.load(thresholds, 16), v128.load(accumulators, 16));
      const c = i32x4.gt_s(v128.load(thresholds, 32), v128.load(accumulators, 32));
      const d = i32x4.gt_s(v128.load(thresholds, 48), v128.load(accumulators, 48));
      bits = ~i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
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

/** thresholds: (steps, N). Ascending ones are not needed: the count is the level in any order. */
function toLevels(accumulators: usize, thresholds: usize, n: i32, steps: i32, output: usize): void {
  const rowBytes = <usize>n << 2;
  if (ASC_FEATURE_SIMD) {
    for (let left = n; left > 0; left -= 16) {
      const a = v128.load(accumulators), b = v128.load(accumulators, 16);
      const c = v128.load(accumulators, 32), d = v128.load(accumulators, 48);
      let w = i32x4.splat(0), x = i32x4.splat(0), y = i32x4.splat(0), z = i32x4.splat(0);
      let t = thresholds;
      for (let s = 0; s < steps; s++) {
        // True is -1 in every lane.
        w = i32x4.sub(w, i32x4.ge_s(a, v128.load(t)));
        x = i32x4.sub(x, i32x4.ge_s(b, v128.load(t, 16)));
        y = i32x4.sub(y, i32x4.ge_s(c, v128.load(t, 32)));
        z = i32x4.sub(z, i32x4.ge_s(d, v128.load(t, 48)));
        t += rowBytes;
      }
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(w, x), i16x8.narrow_i32x4_s(y, z));
      if (left >= 16) {
        v128.store(output, bytes);
      } else {
        v128.store(accumulators, bytes);
        memory.copy(output, accumulators, <usize>left);
      }
      accumulators += 64;
      thresholds += 64;
      output += 16;
    }
  } else {
    for (const end = output + <usize>n; output < end; output++) {
      const a = load<i32>(accumulators);
      let level = 0;
      let t = thresholds;
      for (let s = 0; s < steps; s++) {
        level += i32(a >= load<i32>(t));
        t += rowBytes;
      }
      store<u8>(output, <u8>level);
      accumulators += 4;
      thresholds += 4;
    }
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
