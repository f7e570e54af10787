// Transforms of a row of numbers, i32 or float32, into a row of any encoding: all that schema/qnn.fbs defines. Those that
// products have of their own (transform.ts) are called; here are the others, exact on every build.
//
//   REQUANTIZE  clamp(rs((a + first[n]) * second[n] + r * residualMultiplier, shift), low, high), a + first[n] modulo 2^32
//   FLOAT       clamp(float32(a) * first[n] + second[n], low, high), rounded twice
//   SHIFT_NORM  sat(third[n] * rs(a * 2^shift - first[n], -second[n]) + fourth[n])
//   LEVELS      number of float32 thresholds first[0..steps - 1][n] that are <= a; one of them: bits
//
// REQUANTIZE in SIMD, 4 channels: two i64x2.extmul for a and two for r, i64x2.add, the high halves by a shuffle, one
// i32x4.shr_s. |a * m| <= 2^62, |r * m| < 2^46 and the half 2^61 at most: 64 bits hold every sum. Shifts below 32 go left
// first, where the host has found room for that. Where it has found that no sum leaves 32 bits, as with multipliers that
// are powers of two and lose what they have in common, i32x4.mul, add and shr_s do.
import { ProductParams } from './params';
import { narrow, ROW_BITS, ROW_INT16, ROW_INT8, widen } from './rows';
import { transformRow } from './transform';

export const FINISH_NONE: i32 = 0;
export const FINISH_PRODUCT: i32 = 1;
export const FINISH_REQUANTIZE: i32 = 2;
export const FINISH_FLOAT: i32 = 3;
export const FINISH_SHIFT_NORM: i32 = 4;
export const FINISH_LEVELS: i32 = 5;

@unmanaged
export class FinishParams {
  /** One of FINISH_*. */
  kind: i32;
  /** 1: the row is float32. */
  float: i32;
  /** Row type of the result. */
  type: i32;
  /** Numbers of a row. */
  n: i32;
  /** (N) each, see above; 0 = none. FINISH_PRODUCT: a ProductParams of which the transform is read. */
  first: usize;
  second: usize;
  third: usize;
  fourth: usize;
  steps: i32;
  shift: i32;
  /** FINISH_REQUANTIZE, SIMD builds: 1 where all sums fit 32 bits; the shift may then be 0. */
  small: i32;
  /** FINISH_REQUANTIZE, shifts below 32: 32 - shift where all sums have room for it, else 0. */
  left: i32;
  /** Range of the result, within that of its type: integers, or the bits of float32. */
  low: i32;
  high: i32;
  /** First row of r; 0 = none. Its rows follow each other as those of the output do. */
  residual: usize;
  residualType: i32;
  residualMultiplier: i32;
  /** First row of the output. */
  output: usize;
  /** Scratch: a row of i32. */
  joined: usize;
}

/** Transforms one row, (N) i32 or float32 with 60 bytes behind it, which may be overwritten. */
export function finishRow(p: FinishParams, row: usize, output: usize): void {
  switch (p.kind) {
    case FINISH_PRODUCT:
      transformRow(changetype<ProductParams>(p.first), row, output);
      return;
    case FINISH_REQUANTIZE:
      requantize(p, row, output);
      break;
    case FINISH_FLOAT:
      affine(p, row);
      break;
    case FINISH_SHIFT_NORM:
      shiftNorm(p, row);
      break;
    case FINISH_LEVELS:
      countLevels(p, row);
      break;
  }
  narrow(p.type, row, p.n, output);
}

function requantize(p: FinishParams, row: usize, output: usize): void {
  const biases = p.first;
  const multipliers = p.second;
  const joined = p.joined;
  const residual = p.residual != 0;
  // SIMD takes int8 as it comes.
  const bytes = ASC_FEATURE_SIMD && p.residualType == ROW_INT8;
  let from: usize = 0;
  if (residual) {
    const element = (output - p.output) >> usize(p.type == ROW_INT16);
    from = p.residual + (element << usize(p.residualType == ROW_INT16));
    if (!bytes) widen(p.residualType, from, p.n, joined);
  }
  const end = <usize>p.n << 2;
  if (ASC_FEATURE_SIMD) {
    const least = i32x4.splat(p.low);
    const most = i32x4.splat(p.high);
    const factor = i32x4.splat(p.residualMultiplier);
    if (p.small) {
      const shift = p.shift;
      const half = i32x4.splat(shift ? 1 << (shift - 1) : 0);
      for (let i: usize = 0; i < end; i += 16) {
        let a = v128.load(row + i);
        if (biases) a = i32x4.add(a, v128.load(biases + i));
        a = i32x4.add(i32x4.mul(a, v128.load(multipliers + i)), half);
        if (residual) a = i32x4.add(a, i32x4.mul(bytes ? fourBytes(from + (i >> 2)) : v128.load(joined + i), factor));
        v128.store(row + i, i32x4.min_s(i32x4.max_s(i32x4.shr_s(a, shift), least), most));
      }
      return;
    }
    const left = p.left;
    if (p.shift + left >= 32) {
      const half = i64x2.splat(<i64>1 << (p.shift + left - 1));
      const right = p.shift + left - 32;
      for (let i: usize = 0; i < end; i += 16) {
        let a = v128.load(row + i);
        if (biases) a = i32x4.add(a, v128.load(biases + i));
        const m = v128.load(multipliers + i);
        let low = i64x2.extmul_low_i32x4_s(a, m);
        let high = i64x2.extmul_high_i32x4_s(a, m);
        if (residual) {
          const r = bytes ? fourBytes(from + (i >> 2)) : v128.load(joined + i);
          low = i64x2.add(low, i64x2.extmul_low_i32x4_s(r, factor));
          high = i64x2.add(high, i64x2.extmul_high_i32x4_s(r, factor));
        }
        low = i64x2.add(i64x2.shl(low, left), half);
        high = i64x2.add(i64x2.shl(high, left), half);
        const y = i32x4.shr_s(v128.shuffle<i32>(low, high, 1, 3, 5, 7), right);
        v128.store(row + i, i32x4.min_s(i32x4.max_s(y, least), most));
      }
      return;
    }
  }
  if (residual && bytes) widen(p.residualType, from, p.n, joined);
  const half = <i64>1 << (p.shift - 1);
  for (let i: usize = 0; i < end; i += 4) {
    const a = load<i32>(row + i) + (biases ? load<i32>(biases + i) : 0);
    let x = <i64>a * load<i32>(multipliers + i) + half;
    if (residual) x += <i64>load<i32>(joined + i) * p.residualMultiplier;
    store<i32>(row + i, <i32>min(max(x >> p.shift, <i64>p.low), <i64>p.high));
  }
}

/** Four int8 as i32. */
// @ts-ignore: decorator
@inline
function fourBytes(at: usize): v128 {
  return i32x4.extend_low_i16x8_s(v128.load8x8_s(at));
}

function affine(p: FinishParams, row: usize): void {
  const low = reinterpret<f32>(p.low);
  const high = reinterpret<f32>(p.high);
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < <usize>p.n << 2; i += 16) {
      const a = v128.load(row + i);
      let y = f32x4.mul(p.float ? a : f32x4.convert_i32x4_s(a), v128.load(p.first + i));
      if (p.second) y = f32x4.add(y, v128.load(p.second + i));
      v128.store(row + i, f32x4.pmin(f32x4.pmax(y, f32x4.splat(low)), f32x4.splat(high)));
    }
    return;
  }
  for (let i: usize = 0; i < <usize>p.n << 2; i += 4) {
    const a = p.float ? load<f32>(row + i) : <f32>load<i32>(row + i);
    let y = a * load<f32>(p.first + i);
    if (p.second) y += load<f32>(p.second + i);
    store<f32>(row + i, y < low ? low : y > high ? high : y);
  }
}

function shiftNorm(p: FinishParams, row: usize): void {
  for (let n: usize = 0; n < <usize>p.n; n++) {
    const i = n << 2;
    let x = (<i64>load<i32>(row + i) << p.shift) - load<i32>(p.first + i);
    const left = <i32>load<i8>(p.second + n);
    // Beyond 2^32 a shift to the left saturates whatever is added: clamping first keeps it inside 64 bits.
    if (left >= 0) x = min(max(x, -0xffffffff), 0xffffffff) << left;
    else x = (x + (<i64>1 << (-left - 1))) >> -left;
    x = x * load<i8>(p.third + n) + load<i32>(p.fourth + i);
    store<i32>(row + i, <i32>min(max(x, <i64>i32.MIN_VALUE), <i64>i32.MAX_VALUE));
  }
}

function countLevels(p: FinishParams, row: usize): void {
  for (let i: usize = 0; i < <usize>p.n << 2; i += 4) {
    const a = load<f32>(row + i);
    let level = -i32(p.type == ROW_BITS);
    let t = p.first + i;
    for (let s = 0; s < p.steps; s++) {
      level += i32(a >= load<f32>(t));
      t += <usize>p.n << 2;
    }
    store<i32>(row + i, level);
  }
}
