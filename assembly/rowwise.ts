// Operators that look at numbers one by one, or at one row at a time: the row is widened, computed on, and narrowed.
import { FinishParams, finishRow } from './finish';
import { narrow, ROW_CENTERED, ROW_FLOAT32, ROW_BITS, widen } from './rows';

/** What becomes of a row: see operate(). */
export const ROWS_COPY: i32 = 0;
export const ROWS_FINISH: i32 = 1;
export const ROWS_CLAMP: i32 = 2;
export const ROWS_CLAMP_FLOAT: i32 = 3;
export const ROWS_RELU_FLOAT: i32 = 4;
export const ROWS_ADD_FLOAT: i32 = 5;
export const ROWS_FLOOR: i32 = 6;
export const ROWS_SIGN_FLOAT: i32 = 7;
export const ROWS_TO_FLOAT: i32 = 8;
export const ROWS_FROM_FLOAT: i32 = 9;
export const ROWS_ADD: i32 = 10;
export const ROWS_SOFTMAX: i32 = 11;
export const ROWS_ARG_MAX: i32 = 12;
export const ROWS_INT8_BITS: i32 = 13;

@unmanaged
export class RowsParams {
  /** One of ROWS_*. */
  operation: i32;
  /** Rows of one sample, numbers of a row. */
  rows: i32;
  count: i32;
  /** (samples, rows, count). */
  input: usize;
  type: i32;
  inputBytes: usize;
  /** ROWS_ADD: the second input. */
  right: usize;
  rightType: i32;
  rightBytes: usize;
  leftMultiplier: i32;
  rightMultiplier: i32;
  shift: i32;
  /** Range of the result: integers, or the bits of float32. */
  low: i32;
  high: i32;
  /** The bits of a float32. */
  scale: i32;
  /** ROWS_FINISH: FinishParams. ROWS_INT8_BITS: (count) int8 thresholds and 15 bytes. */
  finish: usize;
  /** Numbers that come out of a row. */
  results: i32;
  output: usize;
  outputType: i32;
  outputBytes: usize;
  /** Scratch: two rows of 4 bytes a number. */
  work: usize;
  other: usize;
}

export function rows(params: usize, samples: i32): void {
  const p = changetype<RowsParams>(params);
  let input = p.input;
  let right = p.right;
  let output = p.output;
  for (let left = <i64>samples * p.rows; left > 0; left--) {
    if (ASC_FEATURE_SIMD && p.operation == ROWS_INT8_BITS) {
      int8Bits(input, p.finish, p.count, output);
      input += p.inputBytes;
      output += p.outputBytes;
      continue;
    }
    widen(p.type, input, p.count, p.work);
    if (p.right) widen(p.rightType, right, p.count, p.other);
    if (p.operation == ROWS_FINISH) {
      finishRow(changetype<FinishParams>(p.finish), p.work, output);
    } else {
      if (p.operation == ROWS_SOFTMAX) softmax(p);
      else if (p.operation == ROWS_ARG_MAX) argMax(p);
      else operate(p);
      narrow(p.outputType, p.work, p.results, output);
    }
    input += p.inputBytes;
    right += p.rightBytes;
    output += p.outputBytes;
  }
}

/** Bit n = number n >= threshold n, of a row of int8, as it stands. */
function int8Bits(input: usize, thresholds: usize, count: i32, output: usize): void {
  for (let left = count; left > 0; left -= 16) {
    const below = i8x16.gt_s(v128.load(thresholds), v128.load(input));
    const bits = ~i8x16.bitmask(below) & ((1 << min(left, 16)) - 1);
    if (left > 8) store<u16>(output, <u16>bits);
    else store<u8>(output, <u8>bits);
    input += 16;
    thresholds += 16;
    output += 2;
  }
}

/** Every number of the row in its place; reads and writes 4 bytes each. */
function operate(p: RowsParams): void {
  const low = reinterpret<f32>(p.low);
  const high = reinterpret<f32>(p.high);
  const scale = reinterpret<f32>(p.scale);
  const end = p.work + (<usize>p.count << 2);
  if (ASC_FEATURE_SIMD) {
    if (p.operation >= ROWS_CLAMP && p.operation <= ROWS_ADD_FLOAT) return clampRow(p, end);
  }
  for (let at = p.work; at < end; at += 4) {
    const v = load<i32>(at);
    const x = load<f32>(at);
    let y = x;
    switch (p.operation) {
      case ROWS_COPY:
        continue;
      case ROWS_CLAMP:
        store<i32>(at, min(max(v, p.low), p.high));
        continue;
      case ROWS_SIGN_FLOAT:
        store<i32>(at, i32(x >= 0) - 1);
        continue;
      case ROWS_ADD:
        store<i32>(at, sum(p, v, load<i32>(at - p.work + p.other)));
        continue;
      case ROWS_FROM_FLOAT:
        store<i32>(at, quantize(p, x, scale));
        continue;
      case ROWS_RELU_FLOAT:
        y = x > 0 ? x : 0;
        break;
      case ROWS_FLOOR:
        y = floor(x);
        break;
      case ROWS_TO_FLOAT:
        y = scale * <f32>v;
        break;
      case ROWS_ADD_FLOAT:
        y = x + load<f32>(at - p.work + p.other);
      // falls through: the sum is clamped
      case ROWS_CLAMP_FLOAT:
        y = y < low ? low : y > high ? high : y;
        break;
    }
    store<f32>(at, y);
  }
}

/** Clamps in SIMD, four numbers at a time: i32x4.max_s and min_s, or f32x4.pmax and pmin, which compare as the schema does. */
function clampRow(p: RowsParams, end: usize): void {
  const low = i32x4.splat(p.low);
  const high = i32x4.splat(p.high);
  for (let at = p.work; at < end; at += 16) {
    let v = v128.load(at);
    if (p.operation == ROWS_CLAMP) {
      v = i32x4.min_s(i32x4.max_s(v, low), high);
    } else {
      if (p.operation == ROWS_ADD_FLOAT) v = f32x4.add(v, v128.load(at - p.work + p.other));
      else if (p.operation == ROWS_RELU_FLOAT) v = f32x4.pmax(f32x4.splat(0), v);
      v = f32x4.pmin(f32x4.pmax(v, low), high);
    }
    v128.store(at, v);
  }
}

/** sat(clamp(rs(a * leftMultiplier + b * rightMultiplier, shift))). */
function sum(p: RowsParams, a: i32, b: i32): i32 {
  const left = <i64>a * p.leftMultiplier;
  const right = <i64>b * p.rightMultiplier;
  let x = left + right;
  // 2^62 + 2^62 alone does not fit, and saturates.
  if (left > 0 && right > 0 && x < 0) x = i64.MAX_VALUE - (<i64>1 << 31);
  if (p.shift) x = (x + (<i64>1 << (p.shift - 1))) >> p.shift;
  return <i32>min(max(x, <i64>p.low), <i64>p.high);
}

/** The nearest number that the output's type has: a half goes up. Bits: the sign. */
function quantize(p: RowsParams, x: f32, scale: f32): i32 {
  if (p.outputType == ROW_BITS) return i32(x >= 0) - 1;
  const top = p.outputType >> 4;
  const centered = (p.outputType & 15) == ROW_CENTERED;
  const units = x / scale;
  const nearest = <f64>floor(centered ? (units + <f32>(top + 1)) / 2 : units + 0.5);
  const low: f64 = centered ? 0 : p.low;
  const high: f64 = centered ? top : p.high;
  // Not a number compares with nothing and becomes the lowest.
  const level = <i32>(nearest >= low ? (nearest > high ? high : nearest) : low);
  return centered ? 2 * level - top : level;
}

function argMax(p: RowsParams): void {
  let best = 0;
  for (let i = 1; i < p.count; i++) {
    const a = p.work + (<usize>i << 2);
    const b = p.work + (<usize>best << 2);
    if (p.type == ROW_FLOAT32 ? load<f32>(a) > load<f32>(b) : load<i32>(a) > load<i32>(b)) best = i;
  }
  store<i32>(p.work, best);
}

function softmax(p: RowsParams): void {
  const scale = <f64>reinterpret<f32>(p.scale);
  const end = p.work + (<usize>p.count << 2);
  let largest = -Infinity;
  for (let at = p.work; at < end; at += 4) largest = max(largest, number(p, at));
  let total: f64 = 0;
  for (let at = p.work; at < end; at += 4) {
    const power = exp(scale * (number(p, at) - largest));
    total += power;
    store<f32>(at, <f32>power);
  }
  for (let at = p.work; at < end; at += 4) store<f32>(at, <f32>(<f64>load<f32>(at) / total));
}

function number(p: RowsParams, at: usize): f64 {
  return p.type == ROW_FLOAT32 ? <f64>load<f32>(at) : <f64>load<i32>(at);
}

/** e^x for x <= 0, to 1e-11: 2^k e^r with |r| <= ln(2) / 2, and the series of e^r. */
function exp(x: f64): f64 {
  if (x < -700) return 0;
  const k = nearest(x * 1.4426950408889634);
  const r = x - k * 0.6931471805599453;
  let y: f64 = 1;
  for (let i: f64 = 11; i > 0; i--) y = 1 + (y * r) / i;
  return y * reinterpret<f64>((<i64>k + 1023) << 52);
}
