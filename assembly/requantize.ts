// What becomes of a row of i32 accumulators of an int8 product. Exact integer arithmetic, equal on every build:
//
//   a = accumulator[n] + bias[n]                              modulo 2^32
//   INT8   clamp( floor( (a * multipliers[n] * 2^left + 2^(31 + shift)) / 2^(32 + shift) ), clampMin, clampMax )
//   FLOAT  fround( fround( fround(accumulator[n]) * scales[n] ) + bias[n] ), two roundings, no fused multiply-add
//   NONE   a
//   FINISH whatever finish.ts knows of the accumulators, residuals among it
//
// INT8 is round half up. With left = 0 it is the fixed-point multiplier m / 2^(32 + shift), m in 0 .. 2^31 - 1, shift in
// 0 .. 30. With left = 2, shift = 0 and m = 2^(30 - s) it is the rounding right shift by s in 0 .. 30 bits,
// (a + (1 << (s - 1))) >> s: products of a and m have at most 61 bits and nothing is lost.
//
// SIMD, per 4 channels:
//   1. i64x2.extmul_low/high  64-bit products; i64x2.shl and add bring them to their place and round
//   2. shuffle                their high halves: the shift right by 32, for which x64 has no arithmetic instruction
//   3. i32x4.shr_s            the rest of the shift, one for all channels
//   4. narrow x2              saturate to int8
import { ConvParams, REQUANTIZE_FINISH, REQUANTIZE_FLOAT, REQUANTIZE_INT8 } from './convparams';
import { FinishParams, finishRow } from './finish';

const ROW = memory.data(64, 16);

/** Transforms one pixel: `accumulators` is (N) i32, `output` its row. Reads up to 60 bytes past all of them. */
export function requantizeRow(p: ConvParams, accumulators: usize, output: usize): void {
  if (p.transform == REQUANTIZE_INT8) toInt8(p, accumulators, output);
  else if (p.transform == REQUANTIZE_FLOAT) toFloat(p, accumulators, output);
  else if (p.transform == REQUANTIZE_FINISH) finishRow(changetype<FinishParams>(p.multipliers), accumulators, output);
  else toInt32(p, accumulators, output);
}

function toInt8(p: ConvParams, accumulators: usize, output: usize): void {
  let m = p.multipliers;
  let b = p.bias;
  if (ASC_FEATURE_SIMD) {
    const low = i8x16.splat(<i8>p.clampMin);
    const high = i8x16.splat(<i8>p.clampMax);
    const round = i64x2.splat(<i64>1 << (31 + p.shift));
    for (let left = p.n; left > 0; left -= 16) {
      let r = i8x16.narrow_i16x8_s(
        i16x8.narrow_i32x4_s(scale(p, accumulators, b, m, round), scale(p, accumulators + 16, b + 16, m + 16, round)),
        i16x8.narrow_i32x4_s(scale(p, accumulators + 32, b + 32, m + 32, round), scale(p, accumulators + 48, b + 48, m + 48, round)),
      );
      r = i8x16.min_s(i8x16.max_s(r, low), high);
      if (left >= 16) {
        v128.store(output, r);
      } else {
        v128.store(ROW, r);
        memory.copy(output, ROW, <usize>left);
      }
      accumulators += 64;
      m += 64;
      b += 64;
      output += 16;
    }
  } else {
    const round = <i64>1 << (31 + p.shift);
    for (const end = output + <usize>p.n; output < end; output++) {
      const a = p.bias ? load<i32>(accumulators) + load<i32>(b) : load<i32>(accumulators);
      const r = (((<i64>a * load<i32>(m)) << p.left) + round) >> (32 + p.shift);
      store<i8>(output, <i8>min(max(r, p.clampMin), p.clampMax));
      accumulators += 4;
      m += 4;
      b += 4;
    }
  }
}

// @ts-ignore: decorator
@inline
function scale(p: ConvParams, accumulators: usize, bias: usize, multipliers: usize, round: v128): v128 {
  let a = v128.load(accumulators);
  if (p.bias) a = i32x4.add(a, v128.load(bias));
  const m = v128.load(multipliers);
  const low = i64x2.add(i64x2.shl(i64x2.extmul_low_i32x4_s(a, m), p.left), round);
  const high = i64x2.add(i64x2.shl(i64x2.extmul_high_i32x4_s(a, m), p.left), round);
  return i32x4.shr_s(v128.shuffle<i32>(low, high, 1, 3, 5, 7), p.shift);
}

function toFloat(p: ConvParams, accumulators: usize, output: usize): void {
  let m = p.multipliers;
  let b = p.bias;
  const end = output + (<usize>p.n << 2);
  if (ASC_FEATURE_SIMD) {
    for (; output + 16 <= end; output += 16) {
      const x = f32x4.mul(f32x4.convert_i32x4_s(v128.load(accumulators)), v128.load(m));
      v128.store(output, p.bias ? f32x4.add(x, v128.load(b)) : x);
      accumulators += 16;
      m += 16;
      b += 16;
    }
  }
  for (; output < end; output += 4) {
    const x = <f32>load<i32>(accumulators) * load<f32>(m);
    store<f32>(output, p.bias ? x + load<f32>(b) : x);
    accumulators += 4;
    m += 4;
    b += 4;
  }
}

function toInt32(p: ConvParams, accumulators: usize, output: usize): void {
  let b = p.bias;
  for (const end = output + (<usize>p.n << 2); output < end; output += 4) {
    store<i32>(output, p.bias ? load<i32>(accumulators) + load<i32>(b) : load<i32>(accumulators));
    accumulators += 4;
    b += 4;
  }
}
