// Convolutions, dense products and transposed convolutions of every encoding that other kernels do not take, one output
// pixel at a time: what it sees is gathered as i16 (or float32) and multiplied with rows of weights of the same kind, made
// when the model is loaded.
//
// Weights: [G][N/G rounded up to 4][taps * C/G rounded up to 8] i16 or float32, zeros where nothing is.
//
// SIMD, 4 rows of weights, 8 inputs: five v128.load, i32x4.dot_i16x8_s and i32x4.add x4; float32: f32x4.mul and add.
// Sums of products fit i32, which the reader has checked; a pair of products of i16 and at most 9 bits does too.
import { widen16 } from './rows';

@unmanaged
export class AnyParams {
  /** (samples, height, width, G * C). */
  input: usize;
  /** Row type. */
  type: i32;
  /** Bytes of one input pixel. */
  pixelBytes: usize;
  /** 1: float32, else integers of at most 16 bits. */
  float: i32;
  height: i32;
  width: i32;
  /** G * C. */
  channels: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  padTop: i32;
  padLeft: i32;
  /** v outside the map. */
  padValue: i32;
  groups: i32;
  n: i32;
  outHeight: i32;
  outWidth: i32;
  /** 1: the strides are the output's (transposed convolution). */
  transposed: i32;
  weights: usize;
  /** Scratch: one sample as i16. */
  wide: usize;
  /** Scratch: what one output pixel sees of a group. */
  patch: usize;
  /** (samples, outHeight, outWidth, N) i32 or float32. */
  output: usize;
}

const SUMS = memory.data(16, 16);

export function product_any(params: usize, samples: i32): void {
  const p = changetype<AnyParams>(params);
  const unit: usize = p.float ? 4 : 2;
  const depth = p.channels / p.groups;
  const perGroup = p.n / p.groups;
  const patchBytes = (<usize>(p.kernelHeight * p.kernelWidth * depth + 7 & ~7)) * unit;
  const pixels = p.height * p.width;
  const wideBytes = <usize>p.channels * unit;
  memory.fill(p.patch, 0, patchBytes);
  let input = p.input;
  let output = p.output;
  for (; samples > 0; samples--) {
    let map = input;
    if (!p.float) {
      map = p.wide;
      for (let i = 0; i < pixels; i++) widen16(p.type, input + <usize>i * p.pixelBytes, p.channels, map + <usize>i * wideBytes);
    }
    for (let y = 0; y < p.outHeight; y++) {
      for (let x = 0; x < p.outWidth; x++) {
        let weights = p.weights;
        for (let g = 0; g < p.groups; g++) {
          gather(p, map + <usize>(g * depth) * unit, y, x, wideBytes, <usize>depth * unit);
          for (let left = perGroup; left > 0; left -= 4) {
            if (p.float) dotsFloat(p.patch, weights, patchBytes);
            else dots(p.patch, weights, patchBytes);
            const bytes = <usize>min(left, 4) << 2;
            memory.copy(output, SUMS, bytes);
            output += bytes;
            weights += patchBytes << 2;
          }
        }
      }
    }
    input += <usize>pixels * p.pixelBytes;
  }
}

/** Lays what output pixel (y, x) sees side by side: `bytes` of each tap. */
function gather(p: AnyParams, map: usize, y: i32, x: i32, pixelBytes: usize, bytes: usize): void {
  let to = p.patch;
  for (let ky = 0; ky < p.kernelHeight; ky++) {
    const iy = tap(p.transposed, y, ky * p.dilationY - p.padTop, p.strideY, p.height);
    for (let kx = 0; kx < p.kernelWidth; kx++) {
      const ix = tap(p.transposed, x, kx * p.dilationX - p.padLeft, p.strideX, p.width);
      if ((iy | ix) >= 0) memory.copy(to, map + (<usize>iy * p.width + ix) * pixelBytes, bytes);
      else if (p.float) for (let i: usize = 0; i < bytes; i += 4) store<f32>(to + i, <f32>p.padValue);
      else for (let i: usize = 0; i < bytes; i += 2) store<i16>(to + i, <i16>p.padValue);
      to += bytes;
    }
  }
}

/** Which of `size` inputs a tap `offset` away sees; -1 for none. */
function tap(transposed: i32, o: i32, offset: i32, stride: i32, size: i32): i32 {
  let i: i32;
  if (transposed) {
    i = o - offset;
    if (i % stride) return -1;
    i /= stride;
  } else {
    i = o * stride + offset;
  }
  return <u32>i < <u32>size ? i : -1;
}

/** Four sums to SUMS. */
function dots(patch: usize, weights: usize, bytes: usize): void {
  if (ASC_FEATURE_SIMD) {
    let a = i32x4.splat(0), b = i32x4.splat(0), c = i32x4.splat(0), d = i32x4.splat(0);
    const w1 = weights + bytes, w2 = w1 + bytes, w3 = w2 + bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      const x = v128.load(patch + i);
      a = i32x4.add(a, i32x4.dot_i16x8_s(x, v128.load(weights + i)));
      b = i32x4.add(b, i32x4.dot_i16x8_s(x, v128.load(w1 + i)));
      c = i32x4.add(c, i32x4.dot_i16x8_s(x, v128.load(w2 + i)));
      d = i32x4.add(d, i32x4.dot_i16x8_s(x, v128.load(w3 + i)));
    }
    const low = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 2, 6), v128.shuffle<i32>(a, b, 1, 5, 3, 7));
    const high = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 2, 6), v128.shuffle<i32>(c, d, 1, 5, 3, 7));
    v128.store(SUMS, i32x4.add(v128.shuffle<i64>(low, high, 0, 2), v128.shuffle<i64>(low, high, 1, 3)));
  } else {
    for (let n: usize = 0; n < 16; n += 4) {
      let sum = 0;
      for (let i: usize = 0; i < bytes; i += 2) sum += <i32>load<i16>(patch + i) * load<i16>(weights + i);
      store<i32>(SUMS + n, sum);
      weights += bytes;
    }
  }
}

function dotsFloat(patch: usize, weights: usize, bytes: usize): void {
  for (let n: usize = 0; n < 16; n += 4) {
    let sum: f32 = 0;
    if (ASC_FEATURE_SIMD) {
      let a = f32x4.splat(0);
      for (let i: usize = 0; i < bytes; i += 16) {
        a = f32x4.add(a, f32x4.mul(v128.load(patch + i), v128.load(weights + i)));
      }
      sum = f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3);
    } else {
      for (let i: usize = 0; i < bytes; i += 4) sum += load<f32>(patch + i) * load<f32>(weights + i);
    }
    store<f32>(SUMS + n, sum);
    weights += bytes;
  }
}
