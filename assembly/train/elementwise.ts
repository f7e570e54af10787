// Element by element: activations and quantizers with their gradients, inputs, and folded batch normalization.
// A task is CHUNK elements. Formulas: src/train/maps.ts, with the same numbers for the maps.
import { noise, noiseSeed } from './noise';
import { at, float, int } from './record';

const CHUNK: i32 = 8192;

const SIGN: i32 = 0;
const CLIP: i32 = 1;
const RELU: i32 = 2;
const TERNARY: i32 = 3;
const LINEAR: i32 = 4;
const LOG: i32 = 5;
const POWER: i32 = 6;
const APPROXIMATE_SIGN: i32 = 7;
const UNIT: i32 = 8;
const TANH: i32 = 9;
const SIGMOID: i32 = 10;
const CENTERED: i32 = 11;

/** Nearest power of two by logarithm, with x's sign: rounding at sqrt(2) is an addition to the bits. */
// @ts-ignore: decorator
@inline
export function powerOfTwo(x: f32): f32 {
  const bits = reinterpret<u32>(x);
  return reinterpret<f32>((bits & 0x80000000) | (((bits & 0x7fffffff) + 0x004afb0c) & 0x7f800000));
}

/** powerOfTwo() of four positive numbers. */
// @ts-ignore: decorator
@inline
function powersOfTwo(x: v128): v128 {
  return v128.and(i32x4.add(x, i32x4.splat(0x004afb0c)), i32x4.splat(0x7f800000));
}

// @ts-ignore: decorator
@inline
function signsOf(x: v128): v128 {
  return v128.bitselect(f32x4.splat(1), f32x4.splat(-1), f32x4.ge(x, f32x4.splat(0)));
}

/** `magnitude` with the signs of x. */
// @ts-ignore: decorator
@inline
function withSigns(magnitude: v128, x: v128): v128 {
  return v128.bitselect(x, magnitude, i32x4.splat(0x80000000));
}

// @ts-ignore: decorator
@inline
function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.max(low, f32x4.min(high, x));
}

/** The nearest of 0, a, 2a, .. 1. */
function nearestPower(u: v128, a: f32): v128 {
  let value = f32x4.splat(a);
  for (let power = a; power < 1; power *= 2) {
    value = v128.bitselect(f32x4.splat(2 * power), value, f32x4.gt(u, f32x4.splat(<f32>1.5 * power)));
  }
  return v128.andnot(value, f32x4.le(u, f32x4.splat(<f32>0.5 * a)));
}

function hyperbolicTangent(x: f32): f32 {
  return <f32>Math.tanh(x);
}

function logistic(x: f32): f32 {
  return <f32>(1.0 / (1.0 + Math.exp(-x)));
}

function hyperbolicTangents(x: v128): v128 {
  let y = f32x4.splat(hyperbolicTangent(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, hyperbolicTangent(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, hyperbolicTangent(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, hyperbolicTangent(f32x4.extract_lane(x, 3)));
}

function logistics(x: v128): v128 {
  let y = f32x4.splat(logistic(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, logistic(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, logistic(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, logistic(f32x4.extract_lane(x, 3)));
}

/** Four values of a map. */
function mapped(op: i32, x: v128, a: f32, b: f32): v128 {
  const zero = f32x4.splat(0);
  const half = f32x4.splat(0.5);
  const one = f32x4.splat(1);
  const scale = f32x4.splat(a);
  const bound = f32x4.splat(b);
  switch (op) {
    case SIGN:
    case APPROXIMATE_SIGN:
      return signsOf(x);
    case CLIP:
      return clamp(x, scale, bound);
    case RELU:
      return f32x4.max(x, zero);
    case TERNARY:
      return v128.andnot(signsOf(x), f32x4.le(f32x4.abs(x), scale));
    case LINEAR:
      return clamp(
        f32x4.div(f32x4.floor(f32x4.add(f32x4.mul(x, scale), half)), scale),
        f32x4.neg(bound),
        bound,
      );
    case LOG: {
      const p = powersOfTwo(f32x4.abs(x));
      return v128.andnot(withSigns(f32x4.min(p, bound), x), f32x4.lt(p, scale));
    }
    case POWER: {
      const power = nearestPower(f32x4.abs(x), a);
      return v128.andnot(withSigns(power, x), f32x4.eq(power, zero));
    }
    case UNIT:
      return f32x4.div(f32x4.floor(f32x4.add(f32x4.mul(clamp(x, zero, one), scale), half)), scale);
    case TANH:
      return hyperbolicTangents(x);
    case SIGMOID:
      return logistics(x);
    case CENTERED: {
      const level = f32x4.add(f32x4.floor(f32x4.mul(x, scale)), half);
      return f32x4.div(clamp(level, f32x4.sub(half, scale), f32x4.sub(scale, half)), scale);
    }
    default:
      return x;
  }
}

/** Four slopes of a map. */
function slopes(op: i32, x: v128, a: f32, b: f32): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (op) {
    case CLIP:
      return v128.and(one, v128.and(f32x4.ge(x, f32x4.splat(a)), f32x4.le(x, f32x4.splat(b))));
    case LINEAR:
      return v128.and(one, f32x4.le(f32x4.abs(x), f32x4.splat(b)));
    case RELU:
      return v128.and(one, f32x4.gt(x, zero));
    case APPROXIMATE_SIGN:
      return f32x4.max(zero, f32x4.sub(f32x4.splat(2), f32x4.mul(f32x4.splat(2), f32x4.abs(x))));
    case UNIT:
      return v128.and(one, v128.and(f32x4.ge(x, zero), f32x4.le(x, one)));
    case TANH: {
      const y = hyperbolicTangents(x);
      return f32x4.sub(one, f32x4.mul(y, y));
    }
    case SIGMOID: {
      const y = logistics(x);
      return f32x4.mul(y, f32x4.sub(one, y));
    }
    default:
      return v128.and(one, f32x4.le(f32x4.abs(x), one));
  }
}

// x, y, size, op; a, b, alpha. Arrays have room for whole vectors.
export function map(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 2));
  const op = int(r, 3);
  const a = float(r, 0);
  const b = float(r, 1);
  const alpha = float(r, 2);
  const share = f32x4.splat(alpha);
  const rest = f32x4.splat(1 - alpha);
  let x = at(r, 0) + (<usize>start << 2);
  let y = at(r, 1) + (<usize>start << 2);
  for (let i = start; i < end; i += 4) {
    const value = v128.load(x);
    const h = mapped(op, value, a, b);
    v128.store(y, alpha == 1 ? h : f32x4.add(f32x4.mul(share, h), f32x4.mul(rest, value)));
    x += 16;
    y += 16;
  }
}

// x, dy, dx, size, op, accumulate; a, b, factor
export function mapBackward(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 3));
  const op = int(r, 4);
  const accumulate = int(r, 5) != 0;
  const a = float(r, 0);
  const b = float(r, 1);
  const factor = f32x4.splat(float(r, 2));
  let x = at(r, 0) + (<usize>start << 2);
  let dy = at(r, 1) + (<usize>start << 2);
  let dx = at(r, 2) + (<usize>start << 2);
  for (let i = start; i < end; i += 4) {
    const slope = slopes(op, v128.load(x), a, b);
    // A slope of 0 stops infinite gradients too.
    const d = v128.andnot(
      f32x4.mul(f32x4.mul(factor, v128.load(dy)), slope),
      f32x4.eq(slope, f32x4.splat(0)),
    );
    v128.store(dx, accumulate ? f32x4.add(v128.load(dx), d) : d);
    x += 16;
    dy += 16;
    dx += 16;
  }
}

// data, indices, out, rows, features; a task is a row
export function gatherBytes(r: usize, task: i32): void {
  const features = int(r, 4);
  const from = at(r, 0) + <usize>load<u32>(at(r, 1) + (<usize>task << 2)) * features;
  const to = at(r, 2) + ((<usize>task * features) << 2);
  for (let i = 0; i < features; i++) {
    store<f32>(to + (<usize>i << 2), <f32>(((<i32>load<u8>(from + i)) << 1) - 255));
  }
}

// s, affine, y, rows, channels; a task is a row
export function affineSign(r: usize, task: i32): void {
  const channels = int(r, 4);
  const s = at(r, 0) + ((<usize>task * channels) << 2);
  const y = at(r, 2) + ((<usize>task * channels) << 2);
  const scale = at(r, 1);
  const shift = scale + (<usize>channels << 2);
  const end = <usize>channels << 2;
  let c: usize = 0;
  for (; c + 16 <= end; c += 16) {
    const positive = f32x4.ge(f32x4.mul(v128.load(scale + c), v128.load(s + c)), f32x4.neg(v128.load(shift + c)));
    v128.store(y + c, v128.bitselect(f32x4.splat(1), f32x4.splat(-1), positive));
  }
  for (; c < end; c += 4) {
    store<f32>(y + c, select<f32>(1, -1, load<f32>(scale + c) * load<f32>(s + c) >= -load<f32>(shift + c)));
  }
}

// s, table, values, y, rows, channels, steps; a task is a row
export function staircase(r: usize, task: i32): void {
  const stride = <usize>int(r, 5) << 2;
  const s = at(r, 0) + <usize>task * stride;
  const y = at(r, 3) + <usize>task * stride;
  const table = at(r, 1);
  const values = at(r, 2);
  const end = stride * <usize>(int(r, 6) + 1);
  for (let c: usize = 0; c < stride; c += 4) {
    const a = load<f32>(table + c) * load<f32>(s + c);
    let level: usize = 0;
    for (let t = stride; t < end; t += stride) level += select<usize>(1, 0, a >= load<f32>(table + t + c));
    store<f32>(y + c, load<f32>(values + (level << 2)));
  }
}

// x, y, size, accumulate; factor
export function scale(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 2));
  const factor = float(r, 0);
  const accumulate = int(r, 3) != 0;
  const last = <usize>end << 2;
  let i = <usize>start << 2;
  for (; i + 16 <= last; i += 16) {
    const value = f32x4.mul(f32x4.splat(factor), v128.load(at(r, 0) + i));
    v128.store(at(r, 1) + i, accumulate ? f32x4.add(v128.load(at(r, 1) + i), value) : value);
  }
  for (; i < last; i += 4) {
    const value = factor * load<f32>(at(r, 0) + i);
    store<f32>(at(r, 1) + i, int(r, 3) ? load<f32>(at(r, 1) + i) + value : value);
  }
}

// x, key, y, size, stream, accumulate; rate
export function dropout(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 3));
  const rate = float(r, 0);
  const kept = <f32>1 / (1 - rate);
  const seed = noiseSeed(load<u32>(at(r, 1)), <u32>int(r, 4));
  for (let i = start; i < end; i++) {
    const place = <usize>i << 2;
    const value: f32 = noise(seed, <u32>i) < rate ? 0 : load<f32>(at(r, 0) + place) * kept;
    store<f32>(at(r, 2) + place, int(r, 5) ? load<f32>(at(r, 2) + place) + value : value);
  }
}

// x, key, y, size, stream
export function stochasticSign(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 3));
  const seed = noiseSeed(load<u32>(at(r, 1)), <u32>int(r, 4));
  for (let i = start; i < end; i++) {
    const place = <usize>i << 2;
    const chance = (load<f32>(at(r, 0) + place) + 1) * 0.5;
    store<f32>(at(r, 2) + place, select<f32>(1, -1, chance > noise(seed, <u32>i)));
  }
}

// x, bias, y, channels; a task is a row
export function addBias(r: usize, task: i32): void {
  const channels = int(r, 3);
  const row = <usize>task * channels;
  for (let c = 0; c < channels; c++) {
    const place = (row + c) << 2;
    store<f32>(at(r, 2) + place, load<f32>(at(r, 0) + place) + load<f32>(at(r, 1) + (<usize>c << 2)));
  }
}

// x, sums, rows, channels, accumulate; a task is 16 columns
export function sumRows(r: usize, task: i32): void {
  const rows = int(r, 2);
  const channels = int(r, 3);
  for (let c = task * 16; c < min(channels, task * 16 + 16); c++) {
    let sum: f32 = 0;
    for (let b = 0; b < rows; b++) sum += load<f32>(at(r, 0) + ((<usize>b * channels + c) << 2));
    const to = at(r, 1) + (<usize>c << 2);
    store<f32>(to, int(r, 4) ? load<f32>(to) + sum : sum);
  }
}

// x, y, columns, from, width; a task is a row
export function slice(r: usize, task: i32): void {
  const width = int(r, 4);
  const from = at(r, 0) + ((<usize>task * int(r, 2) + int(r, 3)) << 2);
  memory.copy(at(r, 1) + ((<usize>task * width) << 2), from, <usize>width << 2);
}

// dy, dx, columns, from, width, accumulate; a task is a row
export function sliceBackward(r: usize, task: i32): void {
  const columns = int(r, 2);
  const first = int(r, 3);
  const bytes = <usize>int(r, 4) << 2;
  const from = at(r, 0) + <usize>task * bytes;
  const row = at(r, 1) + ((<usize>task * columns) << 2);
  const to = row + (<usize>first << 2);
  if (int(r, 5)) {
    for (let c: usize = 0; c < bytes; c += 4) store<f32>(to + c, load<f32>(to + c) + load<f32>(from + c));
    return;
  }
  memory.fill(row, 0, <usize>columns << 2);
  memory.copy(to, from, bytes);
}
