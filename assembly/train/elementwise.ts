// One element at a time: activations and quantizers with their gradients, inputs, and folded batch normalization.
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

// @ts-ignore: decorator
@inline
function signOf(x: f32): f32 {
  return select<f32>(1, -1, x >= 0);
}

function hyperbolicTangent(x: f32): f32 {
  return <f32>Math.tanh(x);
}

function logistic(x: f32): f32 {
  return <f32>(1.0 / (1.0 + Math.exp(-x)));
}

function map1(op: i32, x: f32, a: f32, b: f32): f32 {
  switch (op) {
    case SIGN:
    case APPROXIMATE_SIGN:
      return signOf(x);
    case CLIP:
      return max(a, min(b, x));
    case RELU:
      return max<f32>(x, 0);
    case TERNARY:
      return abs(x) <= a ? 0 : signOf(x);
    case LINEAR:
      return max<f32>(-b, min<f32>(b, floor(x * a + 0.5) / a));
    case LOG: {
      const p = powerOfTwo(abs(x));
      if (p < a) return 0;
      return copysign(min(p, b), x);
    }
    case POWER: {
      const u = abs(x);
      if (u <= <f32>0.5 * a) return 0;
      let value = a;
      while (value < 1 && u > <f32>1.5 * value) value *= 2;
      return copysign(value, x);
    }
    case UNIT:
      return floor(max<f32>(0, min<f32>(1, x)) * a + 0.5) / a;
    case TANH:
      return hyperbolicTangent(x);
    case SIGMOID:
      return logistic(x);
    case CENTERED:
      return max<f32>(0.5 - a, min<f32>(a - 0.5, floor(x * a) + 0.5)) / a;
    default:
      return x;
  }
}

function slope1(op: i32, x: f32, a: f32, b: f32): f32 {
  switch (op) {
    case CLIP:
      return select<f32>(1, 0, x >= a && x <= b);
    case LINEAR:
      return select<f32>(1, 0, abs(x) <= b);
    case RELU:
      return select<f32>(1, 0, x > 0);
    case APPROXIMATE_SIGN:
      return max<f32>(0, 2 - 2 * abs(x));
    case UNIT:
      return select<f32>(1, 0, x >= 0 && x <= 1);
    case TANH: {
      const y = hyperbolicTangent(x);
      return 1 - y * y;
    }
    case SIGMOID: {
      const y = logistic(x);
      return y * (1 - y);
    }
    default:
      return select<f32>(1, 0, abs(x) <= 1);
  }
}

// x, y, size, op; a, b, alpha
export function map(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 2));
  const op = int(r, 3);
  const a = float(r, 0);
  const b = float(r, 1);
  const alpha = float(r, 2);
  let x = at(r, 0) + (<usize>start << 2);
  let y = at(r, 1) + (<usize>start << 2);
  let i = start;
  if (op == SIGN && alpha == 1) {
    const zero = f32x4.splat(0);
    const one = f32x4.splat(1);
    const minus = f32x4.splat(-1);
    for (; i + 4 <= end; i += 4) {
      v128.store(y, v128.bitselect(one, minus, f32x4.ge(v128.load(x), zero)));
      x += 16;
      y += 16;
    }
  }
  for (; i < end; i++) {
    const value = load<f32>(x);
    const h = map1(op, value, a, b);
    store<f32>(y, alpha == 1 ? h : alpha * h + (1 - alpha) * value);
    x += 4;
    y += 4;
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
  const factor = float(r, 2);
  let x = at(r, 0) + (<usize>start << 2);
  let dy = at(r, 1) + (<usize>start << 2);
  let dx = at(r, 2) + (<usize>start << 2);
  let i = start;
  if (op == SIGN) {
    const one = f32x4.splat(1);
    const scale = f32x4.splat(factor);
    for (; i + 4 <= end; i += 4) {
      const inside = f32x4.le(f32x4.abs(v128.load(x)), one);
      const d = v128.and(f32x4.mul(scale, v128.load(dy)), inside);
      v128.store(dx, accumulate ? f32x4.add(v128.load(dx), d) : d);
      x += 16;
      dy += 16;
      dx += 16;
    }
  }
  for (; i < end; i++) {
    const slope = slope1(op, load<f32>(x), a, b);
    // A slope of 0 stops infinite gradients too.
    const d: f32 = slope == 0 ? 0 : factor * load<f32>(dy) * slope;
    store<f32>(dx, accumulate ? load<f32>(dx) + d : d);
    x += 4;
    dy += 4;
    dx += 4;
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
