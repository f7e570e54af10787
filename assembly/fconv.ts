// float32 convolution and dense product: the baseline, and layers that stay float.
//
// Weights: [G][N/G/8][kernelHeight][kernelWidth * C/G][8] float32, N/G rounded up to 8: one element of a kernel row's run for
// 8 output channels. Depthwise: [kernelHeight][kernelWidth][C rounded up to 4].
// Sums are float32, the bias is added last. The order of a sum depends on the tile, and the relaxed build may fuse each
// multiplication with its addition: results differ between builds and tiles by rounding, by at most K * 2^-24 * sum(|a * w|)
// for K products.
//
// SIMD, tiles of 4 pixels x 8 channels, per element of the run:
//   1. v128.load x2, load32_splat   8 channels' weights, one pixel's activation
//   2. f32x4.mul and add            relaxed build: f32x4.relaxed_madd
// Scalar: 8 channels of one pixel, the same sums.
import { ConvParams, accumulatorRow, storeTile } from './convparams';
import { COPY_4, RUNS, Runs, layRuns } from './strips';

/** input (samples, height, width, C) * weights -> output (samples, outHeight, outWidth, N). */
export function conv_f32(params: usize, samples: i32): void {
  const p = changetype<ConvParams>(params);
  const accumulators = accumulatorRow(p.n);
  const pixelBytes = <usize>p.n << 2;
  let input = p.input;
  let output = p.output;
  let width = p.width;
  let outWidth = p.outWidth;
  // Samples of one-row maps follow each other like pixels: see conv_i8.
  if (p.height == 1 && p.outHeight == 1 && width == outWidth && p.kernelWidth == 1 && p.strideX == 1) {
    if (p.inputStride == <usize>(width * p.channels) << 2 && p.outputStride == <usize>width * pixelBytes) {
      width *= samples;
      outWidth = width;
      samples = 1;
    }
  }
  for (; samples > 0; samples--) {
    for (let y = 0; y < p.outHeight; y += p.stripRows) {
      const rows = min(p.stripRows, p.outHeight - y);
      for (let x = 0; x < outWidth; x += p.stripColumns) {
        const columns = min(p.stripColumns, outWidth - x);
        convolveStrip(p, input, width, y, x, rows, columns);
        let a = p.accumulators;
        for (let r = 0; r < rows; r++) {
          let o = output + <usize>((y + r) * outWidth + x) * pixelBytes;
          for (let c = 0; c < columns; c++) {
            finishRow(p, a, o);
            a += accumulators;
            o += pixelBytes;
          }
        }
      }
    }
    input += p.inputStride;
    output += p.outputStride;
  }
}

/** input (samples, height, width, C) * a kernel per channel -> output (samples, outHeight, outWidth, C). */
export function depthwise_f32(params: usize, samples: i32): void {
  const p = changetype<ConvParams>(params);
  const pixelBytes = <usize>p.channels << 2;
  let input = p.input;
  let output = p.output;
  for (; samples > 0; samples--) {
    let o = output;
    for (let y = 0; y < p.outHeight; y++) {
      for (let x = 0; x < p.outWidth; x++) {
        sumChannels(p, input, y * p.strideY - p.padTop, x * p.strideX - p.padLeft);
        finishRow(p, p.accumulators, o);
        o += pixelBytes;
      }
    }
    input += p.inputStride;
    output += p.outputStride;
  }
}

/** One pixel, all channels: the window's first tap lies at (y, x) of the map. */
function sumChannels(p: ConvParams, input: usize, y: i32, x: i32): void {
  const pixelBytes = <usize>p.channels << 2;
  const weightStep = <usize>((p.channels + 3) & ~3) << 2;
  const out = p.accumulators;
  const end = out + pixelBytes;
  memory.fill(out, 0, weightStep);
  for (let ky = 0; ky < p.kernelHeight; ky++) {
    const iy = y + ky * p.dilationY;
    if (iy < 0 || iy >= p.height) continue;
    for (let kx = 0; kx < p.kernelWidth; kx++) {
      const ix = x + kx * p.dilationX;
      if (ix < 0 || ix >= p.width) continue;
      let a = input + <usize>(iy * p.width + ix) * pixelBytes;
      let w = p.weights + <usize>(ky * p.kernelWidth + kx) * weightStep;
      for (let o = out; o < end; ) {
        if (ASC_FEATURE_SIMD) {
          v128.store(o, addProduct(v128.load(o), v128.load(a), v128.load(w)));
          o += 16;
          a += 16;
          w += 16;
        } else {
          store<f32>(o, load<f32>(o) + load<f32>(a) * load<f32>(w));
          o += 4;
          a += 4;
          w += 4;
        }
      }
    }
  }
}

/** Bias and range of one pixel. */
function finishRow(p: ConvParams, accumulators: usize, output: usize): void {
  let b = p.bias;
  const low = reinterpret<f32>(p.clampMin);
  const high = reinterpret<f32>(p.clampMax);
  const end = output + (<usize>p.n << 2);
  if (ASC_FEATURE_SIMD) {
    const lows = f32x4.splat(low);
    const highs = f32x4.splat(high);
    for (; output + 16 <= end; output += 16) {
      let x = v128.load(accumulators);
      if (p.bias) x = f32x4.add(x, v128.load(b));
      v128.store(output, f32x4.min(f32x4.max(x, lows), highs));
      accumulators += 16;
      b += 16;
    }
  }
  for (; output < end; output += 4) {
    let x = load<f32>(accumulators);
    if (p.bias) x += load<f32>(b);
    store<f32>(output, min<f32>(max<f32>(x, low), high));
    accumulators += 4;
    b += 4;
  }
}

function convolveStrip(p: ConvParams, input: usize, width: i32, y: i32, x: i32, rows: i32, columns: i32): void {
  const accumulators = accumulatorRow(p.n);
  const run = p.kernelWidth * (p.channels / p.groups);
  const blockBytes = <usize>(p.kernelHeight * run) << 5;
  const groupN = p.n / p.groups;
  const runs = changetype<Runs>(RUNS);
  let w = p.weights;
  for (let group = 0; group < p.groups; group++) {
    layRuns(p, input, width, group, y, x, rows, columns, COPY_4);
    for (let n = 0; n < groupN; n += 8) {
      let line = runs.base;
      let out = p.accumulators + (<usize>(group * groupN + n) << 2);
      for (let r = 0; r < rows; r++) {
        let c = 0;
        if (ASC_FEATURE_SIMD) {
          // The last tile steps back over pixels that are done rather than leave a remainder.
          for (; columns >= 4 && c < columns; c += 4) {
            const first = <usize>min(c, columns - 4);
            fourPixels(line + first * runs.pixel, w, p.kernelHeight, run, out + first * accumulators, accumulators);
          }
        }
        for (; c < columns; c++) {
          const at = line + <usize>c * runs.pixel;
          const to = out + <usize>c * accumulators;
          if (ASC_FEATURE_SIMD) onePixel(at, w, p.kernelHeight, run, to);
          else onePixelScalar(at, w, p.kernelHeight, run, to);
        }
        line += runs.row;
        out += <usize>columns * accumulators;
      }
      w += blockBytes;
    }
  }
}

/** sum + a * w. */
// @ts-ignore: decorator
@inline
function addProduct(sum: v128, a: v128, w: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, w, sum);
  return f32x4.add(sum, f32x4.mul(a, w));
}

/** 4 pixels x 8 channels. */
function fourPixels(line: usize, w: usize, taps: i32, run: i32, out: usize, outStride: usize): void {
  const runs = changetype<Runs>(RUNS);
  const pixel = runs.pixel;
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), b0 = f32x4.splat(0), b1 = f32x4.splat(0);
  let c0 = f32x4.splat(0), c1 = f32x4.splat(0), d0 = f32x4.splat(0), d1 = f32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    let b = a + pixel;
    let c = b + pixel;
    let d = c + pixel;
    for (const end = w + (<usize>run << 5); w < end; w += 32) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let x = v128.load32_splat(a);
      a0 = addProduct(a0, x, w0);
      a1 = addProduct(a1, x, w1);
      x = v128.load32_splat(b);
      b0 = addProduct(b0, x, w0);
      b1 = addProduct(b1, x, w1);
      x = v128.load32_splat(c);
      c0 = addProduct(c0, x, w0);
      c1 = addProduct(c1, x, w1);
      x = v128.load32_splat(d);
      d0 = addProduct(d0, x, w0);
      d1 = addProduct(d1, x, w1);
      a += 4;
      b += 4;
      c += 4;
      d += 4;
    }
    line += runs.tap;
  }
  storeTile(out, outStride, a0, a1, b0, b1, c0, c1, d0, d1);
}

/** 1 pixel x 8 channels; even and odd elements in sums of their own, which halves the chain of additions. */
function onePixel(line: usize, w: usize, taps: i32, run: i32, out: usize): void {
  const runs = changetype<Runs>(RUNS);
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), b0 = f32x4.splat(0), b1 = f32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    const end = w + (<usize>run << 5);
    for (; w + 32 < end; w += 64) {
      let x = v128.load32_splat(a);
      a0 = addProduct(a0, x, v128.load(w));
      a1 = addProduct(a1, x, v128.load(w, 16));
      x = v128.load32_splat(a, 4);
      b0 = addProduct(b0, x, v128.load(w, 32));
      b1 = addProduct(b1, x, v128.load(w, 48));
      a += 8;
    }
    if (w < end) {
      const x = v128.load32_splat(a);
      a0 = addProduct(a0, x, v128.load(w));
      a1 = addProduct(a1, x, v128.load(w, 16));
      w += 32;
    }
    line += runs.tap;
  }
  v128.store(out, f32x4.add(a0, b0));
  v128.store(out, f32x4.add(a1, b1), 16);
}

function onePixelScalar(line: usize, w: usize, taps: i32, run: i32, out: usize): void {
  const runs = changetype<Runs>(RUNS);
  let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0, s4: f32 = 0, s5: f32 = 0, s6: f32 = 0, s7: f32 = 0;
  for (; taps > 0; taps--) {
    let a = line;
    for (const end = w + (<usize>run << 5); w < end; w += 32) {
      const x = load<f32>(a);
      s0 += x * load<f32>(w);
      s1 += x * load<f32>(w, 4);
      s2 += x * load<f32>(w, 8);
      s3 += x * load<f32>(w, 12);
      s4 += x * load<f32>(w, 16);
      s5 += x * load<f32>(w, 20);
      s6 += x * load<f32>(w, 24);
      s7 += x * load<f32>(w, 28);
      a += 4;
    }
    line += runs.tap;
  }
  store<f32>(out, s0);
  store<f32>(out, s1, 4);
  store<f32>(out, s2, 8);
  store<f32>(out, s3, 12);
  store<f32>(out, s4, 16);
  store<f32>(out, s5, 20);
  store<f32>(out, s6, 24);
  store<f32>(out, s7, 28);
}
