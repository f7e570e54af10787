// int8 convolution and dense product: int8 activations, int8 weights (both -128..127), i32 accumulators. Exact on every
// build; 128 * 128 * K must stay below 2^31, so K (kernelHeight * kernelWidth * C/G) up to 131071. Bytes that stand for
// centered numbers, -255..255, are taken as well, K up to 65535.
//
// Weights: [G][N/G/8][kernelHeight][kernelWidth * C/G / 4][8][4] int8, counts rounded up, zeros where nothing is: a
// kernel row's taps and channels are one run, 4 elements of it for 8 output channels are 32 bytes.
//
// SIMD, tiles of 4 pixels x 4 channels, per 4 elements of the run:
//   1. load8x8_s x2        4 channels' weights, widened to i16
//   2. load64_splat        one pixel's 4 activations, widened when the strip was laid out
//   3. i32x4.dot_i16x8_s   2 channels, two partial sums each, that are added together at the end
// Patches, where runs are short: the runs of all kernel rows are joined, so that only the end of a patch is padded to 4
// elements, and weights are i16 [G][N/G/8][kernelHeight * kernelWidth * C/G / 4][8][4], which saves step 1.
// Relaxed SIMD, where activations are SMALL, tiles of 4 pixels x 8 channels, per 4 elements:
//   1. load32_splat        one pixel's 4 activations as they are
//   2. relaxed_dot<i16>    4 channels; 2 * 127 * 128 fits i16, so saturation cannot show
//   3. i32x4.dot_i16x8_s   by ones: the pairs' sums in i32. 3 operations for 16 products instead of 4.5
// Relaxed SIMD, where activations are LIFTED, rows of pixels x 8 channels, tiles of 4 x 8, per 4 elements, which are a tap's
// three bytes l - 128 and a 1:
//   1. load32_splat        one pixel's tap; taps outside are zeros
//   2. relaxed_dot<i16>    4 channels; weights of 7 bits (src/plan/i8.ts, liftWeights), so that no engine may differ
//   3. i16x8.add           the planner has seen to it that sums fit. 2 operations for 16 products
// A last block of weights 0 is computed first; what it gives is taken from all others.
// Scalar: as written.
import { ConvParams, accumulatorRow, CENTERED, LIFTED, outputRow, SMALL, storeTile } from './convparams';
import { FinishParams, finishRow } from './finish';
import { CENTER, COPY_1, joinRuns, LIFT, RUNS, Runs, WIDEN, layRuns } from './strips';

const ONES: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/** input (samples, height, width, C) * weights -> output (samples, outHeight, outWidth, N). Reads up to 7 bytes past rows. */
export function conv_i8(params: usize, samples: i32): void {
  const p = changetype<ConvParams>(params);
  const rowBytes = outputRow(p);
  let input = p.input;
  let output = p.output;
  let width = p.width;
  let outWidth = p.outWidth;
  // Samples of one pixel, or of one row that is only mixed in depth, follow each other like pixels.
  if (p.height == 1 && p.outHeight == 1 && width == outWidth && p.kernelWidth == 1 && p.strideX == 1) {
    if (p.inputStride == <usize>(width * p.channels) && p.outputStride == <usize>width * rowBytes) {
      width *= samples;
      outWidth = width;
      samples = 1;
    }
  }
  for (; samples > 0; samples--) {
    for (let y = 0; y < p.outHeight; y += p.stripRows) {
      const rows = min(p.stripRows, p.outHeight - y);
      for (let next = 0; next < outWidth; next += p.stripColumns) {
        // A last strip of less than a tile steps back.
        const x = min(next, max(outWidth - 4, 0));
        const columns = min(p.stripColumns, outWidth - x);
        convolveStrip(p, input, width, y, x, rows, columns);
        let a = p.accumulators;
        for (let r = 0; r < rows; r++) {
          let o = output + <usize>((y + r) * outWidth + x) * rowBytes;
          for (let c = 0; c < columns; c++) {
            finishRow(changetype<FinishParams>(p.finish), a, o);
            a += accumulatorRow(p.n);
            o += rowBytes;
          }
        }
      }
    }
    input += p.inputStride;
    output += p.outputStride;
  }
}

function convolveStrip(p: ConvParams, input: usize, width: i32, y: i32, x: i32, rows: i32, columns: i32): void {
  const bytewise = !ASC_FEATURE_SIMD || (ASC_FEATURE_RELAXED_SIMD && p.elements == SMALL);
  const lifted = ASC_FEATURE_RELAXED_SIMD && p.elements == LIFTED;
  const patches = ASC_FEATURE_SIMD && p.patches != 0;
  const accumulators = accumulatorRow(p.n);
  const taps = patches ? 1 : p.kernelHeight;
  const quads = ((patches ? p.kernelHeight : 1) * p.kernelWidth * (p.channels / p.groups + i32(lifted)) + 3) >> 2;
  const blockBytes = <usize>(taps * quads) << (patches ? 6 : 5);
  const groupN = p.n / p.groups;
  const runs = changetype<Runs>(RUNS);
  // The lifted block of weights 0 comes last, and is computed first.
  const zero = (groupN + 7) & ~7;
  const last = lifted ? zero : zero - 8;
  let groupWeights = p.weights;
  for (let group = 0; group < p.groups; group++) {
    layRuns(p, input, width, group, y, x, rows, columns, bytewise ? COPY_1 : lifted ? LIFT : p.elements == CENTERED ? CENTER : WIDEN);
    if (patches) joinRuns(p, rows, columns, <usize>quads << 3);
    for (let n = last; n >= 0; n -= 8) {
      const w = groupWeights + <usize>(n >> 3) * blockBytes;
      let line = runs.base;
      let out = p.accumulators + (<usize>(group * groupN + n) << 2);
      for (let r = 0; r < rows; r++) {
        let c = 0;
        if (lifted) {
          rowLifted(line, w, taps, quads, columns, out, accumulators, <usize>(zero - n) << 2);
          c = columns;
        }
        // The last tile steps back over pixels that are done rather than leave a remainder.
        if (ASC_FEATURE_SIMD) {
          for (; columns >= 4 && c < columns; c += 4) {
            const first = <usize>min(c, columns - 4);
            const at = line + first * runs.pixel;
            const to = out + first * accumulators;
            if (ASC_FEATURE_RELAXED_SIMD && bytewise) {
              fourPixelsBytes(at, w, taps, quads, to, accumulators);
            } else if (patches) {
              fourPatches(at, w, quads, to, accumulators);
              if (n + 4 < groupN) fourPatches(at, w + 32, quads, to + 16, accumulators);
            } else {
              fourPixels(at, w, taps, quads, to, accumulators);
              if (n + 4 < groupN) fourPixels(at, w + 16, taps, quads, to + 16, accumulators);
            }
          }
        }
        for (; c < columns; c++) {
          const at = line + <usize>c * runs.pixel;
          const to = out + <usize>c * accumulators;
          if (!ASC_FEATURE_SIMD) onePixelScalar(at, runs.tap, w, taps, quads, to);
          else if (ASC_FEATURE_RELAXED_SIMD && bytewise) onePixelBytes(at, w, taps, quads, to);
          else onePixel(at, w, taps, quads, to);
        }
        line += runs.row;
        out += <usize>columns * accumulators;
      }
    }
    groupWeights += <usize>((last >> 3) + 1) * blockBytes;
  }
}

/** Sums of neighbours: (a0+a1, a2+a3, b0+b1, b2+b3). */
// @ts-ignore: decorator
@inline
function pairSums(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}

/** Two channels' weights for 4 elements, as i16: WIDE says that they are stored so. */
// @ts-ignore: decorator
@inline
function weightsAt(WIDE: bool, w: usize, pair: usize): v128 {
  return WIDE ? v128.load(w + (pair << 4)) : v128.load8x8_s(w + (pair << 3));
}

/** 4 pixels x 4 channels, i16 runs. */
// @ts-ignore: decorator
@inline
function four(WIDE: bool, line: usize, w: usize, taps: i32, quads: i32, out: usize, outStride: usize): void {
  const runs = changetype<Runs>(RUNS);
  const pixel = runs.pixel;
  const step: usize = WIDE ? 64 : 32;
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), b0 = i32x4.splat(0), b1 = i32x4.splat(0);
  let c0 = i32x4.splat(0), c1 = i32x4.splat(0), d0 = i32x4.splat(0), d1 = i32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    let b = a + pixel;
    let c = b + pixel;
    let d = c + pixel;
    for (const end = w + <usize>quads * step; w < end; w += step) {
      const w0 = weightsAt(WIDE, w, 0);
      const w1 = weightsAt(WIDE, w, 1);
      let x = v128.load64_splat(a);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, w0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load64_splat(b);
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(x, w0));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load64_splat(c);
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(x, w0));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(x, w1));
      x = v128.load64_splat(d);
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(x, w0));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(x, w1));
      a += 8;
      b += 8;
      c += 8;
      d += 8;
    }
    line += runs.tap;
  }
  v128.store(out, pairSums(a0, a1));
  out += outStride;
  v128.store(out, pairSums(b0, b1));
  out += outStride;
  v128.store(out, pairSums(c0, c1));
  out += outStride;
  v128.store(out, pairSums(d0, d1));
}

function fourPixels(line: usize, w: usize, taps: i32, quads: i32, out: usize, outStride: usize): void {
  four(false, line, w, taps, quads, out, outStride);
}

function fourPatches(line: usize, w: usize, quads: i32, out: usize, outStride: usize): void {
  four(true, line, w, 1, quads, out, outStride);
}

/** 1 pixel x 8 channels, i16 runs. */
function onePixel(line: usize, w: usize, taps: i32, quads: i32, out: usize): void {
  const runs = changetype<Runs>(RUNS);
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    for (const end = w + (<usize>quads << 5); w < end; w += 32) {
      const x = v128.load64_splat(a);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(x, v128.load8x8_s(w)));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(x, v128.load8x8_s(w, 8)));
      a2 = i32x4.add(a2, i32x4.dot_i16x8_s(x, v128.load8x8_s(w, 16)));
      a3 = i32x4.add(a3, i32x4.dot_i16x8_s(x, v128.load8x8_s(w, 24)));
      a += 8;
    }
    line += runs.tap;
  }
  v128.store(out, pairSums(a0, a1));
  v128.store(out, pairSums(a2, a3), 16);
}

/** acc + the four-fold dot products of activations x (0..127) and weights. */
// @ts-ignore: decorator
@inline
function addDots(acc: v128, w: v128, x: v128, ones: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(v128.relaxed_dot<i16>(w, x), ones));
}

/** 4 pixels x 8 channels, int8 runs of 0..127. */
function fourPixelsBytes(line: usize, w: usize, taps: i32, quads: i32, out: usize, outStride: usize): void {
  const runs = changetype<Runs>(RUNS);
  const pixel = runs.pixel;
  const ones = v128.load(ONES);
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0), b0 = i32x4.splat(0), b1 = i32x4.splat(0);
  let c0 = i32x4.splat(0), c1 = i32x4.splat(0), d0 = i32x4.splat(0), d1 = i32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    let b = a + pixel;
    let c = b + pixel;
    let d = c + pixel;
    for (const end = w + (<usize>quads << 5); w < end; w += 32) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let x = v128.load32_splat(a);
      a0 = addDots(a0, w0, x, ones);
      a1 = addDots(a1, w1, x, ones);
      x = v128.load32_splat(b);
      b0 = addDots(b0, w0, x, ones);
      b1 = addDots(b1, w1, x, ones);
      x = v128.load32_splat(c);
      c0 = addDots(c0, w0, x, ones);
      c1 = addDots(c1, w1, x, ones);
      x = v128.load32_splat(d);
      d0 = addDots(d0, w0, x, ones);
      d1 = addDots(d1, w1, x, ones);
      a += 4;
      b += 4;
      c += 4;
      d += 4;
    }
    line += runs.tap;
  }
  storeTile(out, outStride, a0, a1, b0, b1, c0, c1, d0, d1);
}

/** acc + the products of signed bytes x and weights of 7 bits, in pairs. */
// @ts-ignore: decorator
@inline
function addPairs(acc: v128, w: v128, x: v128): v128 {
  return i16x8.add(acc, v128.relaxed_dot<i16>(x, w));
}

/**
 * A row of `columns` pixels x 8 channels, lifted runs; `zero` bytes from `out` are a pixel's sums for weights 0, which these
 * are themselves if it is 0.
 */
function rowLifted(line: usize, w: usize, taps: i32, quads: i32, columns: i32, out: usize, outStride: usize, zero: usize): void {
  const tap = changetype<Runs>(RUNS).tap;
  const ones = v128.load(ONES);
  const less = i32x4.splat(-i32(zero != 0));
  for (let c = 0; c < columns; c += 4) {
    const first = <usize>min(c, columns - 4);
    let a0 = i16x8.splat(0), a1 = i16x8.splat(0), b0 = i16x8.splat(0), b1 = i16x8.splat(0);
    let c0 = i16x8.splat(0), c1 = i16x8.splat(0), d0 = i16x8.splat(0), d1 = i16x8.splat(0);
    let at = line + (first << 2);
    let v = w;
    for (let t = taps; t > 0; t--) {
      let a = at;
      for (const end = v + (<usize>quads << 5); v < end; v += 32) {
        const w0 = v128.load(v);
        const w1 = v128.load(v, 16);
        let x = v128.load32_splat(a);
        a0 = addPairs(a0, w0, x);
        a1 = addPairs(a1, w1, x);
        x = v128.load32_splat(a, 4);
        b0 = addPairs(b0, w0, x);
        b1 = addPairs(b1, w1, x);
        x = v128.load32_splat(a, 8);
        c0 = addPairs(c0, w0, x);
        c1 = addPairs(c1, w1, x);
        x = v128.load32_splat(a, 12);
        d0 = addPairs(d0, w0, x);
        d1 = addPairs(d1, w1, x);
        a += 4;
      }
      at += tap;
    }
    let to = out + first * outStride;
    storeLifted(to, zero, a0, a1, ones, less);
    storeLifted(to += outStride, zero, b0, b1, ones, less);
    storeLifted(to += outStride, zero, c0, c1, ones, less);
    storeLifted(to + outStride, zero, d0, d1, ones, less);
  }
}

// @ts-ignore: decorator
@inline
function storeLifted(out: usize, zero: usize, low: v128, high: v128, ones: v128, less: v128): void {
  const nothing = v128.and(v128.load32_splat(out + zero), less);
  v128.store(out, i32x4.sub(i32x4.dot_i16x8_s(low, ones), nothing));
  v128.store(out, i32x4.sub(i32x4.dot_i16x8_s(high, ones), nothing), 16);
}

/** 1 pixel x 8 channels, int8 runs of 0..127. */
function onePixelBytes(line: usize, w: usize, taps: i32, quads: i32, out: usize): void {
  const runs = changetype<Runs>(RUNS);
  const ones = v128.load(ONES);
  let a0 = i32x4.splat(0), a1 = i32x4.splat(0);
  for (; taps > 0; taps--) {
    let a = line;
    for (const end = w + (<usize>quads << 5); w < end; w += 32) {
      const x = v128.load32_splat(a);
      a0 = addDots(a0, v128.load(w), x, ones);
      a1 = addDots(a1, v128.load(w, 16), x, ones);
      a += 4;
    }
    line += runs.tap;
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
}

/** 1 pixel x 8 channels, int8 runs. */
function onePixelScalar(line: usize, tap: usize, w: usize, taps: i32, quads: i32, out: usize): void {
  for (let n: usize = 0; n < 8; n++) {
    let sum = 0;
    let at = line;
    let b = w + (n << 2);
    for (let t = 0; t < taps; t++) {
      let a = at;
      for (const end = b + (<usize>quads << 5); b < end; b += 32) {
        sum += <i32>load<i8>(a) * <i32>load<i8>(b) + <i32>load<i8>(a, 1) * <i32>load<i8>(b, 1);
        sum += <i32>load<i8>(a, 2) * <i32>load<i8>(b, 2) + <i32>load<i8>(a, 3) * <i32>load<i8>(b, 3);
        a += 4;
      }
      at += tap;
    }
    store<i32>(out, sum);
    out += 4;
  }
}
