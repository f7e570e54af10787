// int8 depthwise convolution: every channel has a kernel of its own. int8 activations and weights, exact i32 accumulators.
//
// Weights: [kernelHeight/2][kernelWidth][C rounded up to 4][2] int8, the weights of two kernel rows side by side; zeros in
// the second of an odd last row.
//
// Per output row, the input rows of each pair of kernel rows are laid out interleaved, as i16 with zeros around them:
// [kernelHeight/2][columns][C rounded up to 4][2]. Then, SIMD, per 2 taps of 4 channels:
//   1. load8x8_s           the two weights of 4 channels, widened
//   2. i32x4.dot_i16x8_s   both taps at once, added in i32
// Scalar: the same sums from the same layout.
import { ConvParams, outputRow } from './convparams';
import { FinishParams, finishRow } from './finish';

/** input (samples, height, width, C) * weights -> output (samples, outHeight, outWidth, C). */
export function depthwise_i8(params: usize, samples: i32): void {
  const p = changetype<ConvParams>(params);
  const pixelBytes = outputRow(p);
  let input = p.input;
  let output = p.output;
  for (; samples > 0; samples--) {
    let o = output;
    for (let y = 0; y < p.outHeight; y++) {
      layPairs(p, input, y);
      for (let x = 0; x < p.outWidth; x++) {
        sumPixel(p, x);
        finishRow(changetype<FinishParams>(p.finish), p.accumulators, o);
        o += pixelBytes;
      }
    }
    input += p.inputStride;
    output += p.outputStride;
  }
}

/** Elements of one column of a pair of rows. */
// @ts-ignore: decorator
@inline
function columnBytes(p: ConvParams): usize {
  return <usize>((p.channels + 3) & ~3) << 2;
}

// @ts-ignore: decorator
@inline
function columnsOf(p: ConvParams): i32 {
  return (p.outWidth - 1) * p.strideX + (p.kernelWidth - 1) * p.dilationX + 1;
}

function layPairs(p: ConvParams, input: usize, y: i32): void {
  const columns = columnsOf(p);
  const column = columnBytes(p);
  const lineBytes = <usize>(p.width * p.channels);
  const before = min(p.padLeft, columns);
  const count = max(min(p.width, columns - before), 0);
  let out = p.rows;
  for (let k = 0; k < p.kernelHeight; k += 2) {
    const first = y * p.strideY - p.padTop + k * p.dilationY;
    const second = first + p.dilationY;
    const hasFirst = first >= 0 && first < p.height;
    const hasSecond = k + 1 < p.kernelHeight && second >= 0 && second < p.height;
    const rowBytes = <usize>columns * column;
    memory.fill(out, 0, rowBytes);
    let to = out + <usize>before * column;
    let a = input + <usize>first * lineBytes;
    let b = input + <usize>second * lineBytes;
    if (hasFirst || hasSecond) {
      for (let x = 0; x < count; x++) {
        let c = 0;
        if (ASC_FEATURE_SIMD) {
          for (; c + 8 <= p.channels; c += 8) {
            const at = to + (<usize>c << 2);
            const u = hasFirst ? v128.load8x8_s(a + <usize>c) : i16x8.splat(0);
            const v = hasSecond ? v128.load8x8_s(b + <usize>c) : i16x8.splat(0);
            v128.store(at, v128.shuffle<i16>(u, v, 0, 8, 1, 9, 2, 10, 3, 11));
            v128.store(at, v128.shuffle<i16>(u, v, 4, 12, 5, 13, 6, 14, 7, 15), 16);
          }
        }
        for (; c < p.channels; c++) {
          const at = to + (<usize>c << 2);
          if (hasFirst) store<i16>(at, load<i8>(a + <usize>c));
          if (hasSecond) store<i16>(at, load<i8>(b + <usize>c), 2);
        }
        a += <usize>p.channels;
        b += <usize>p.channels;
        to += column;
      }
    }
    out += rowBytes;
  }
}

function sumPixel(p: ConvParams, x: i32): void {
  const column = columnBytes(p);
  const line = p.rows + <usize>(x * p.strideX) * column;
  const rowBytes = <usize>columnsOf(p) * column;
  const step = <usize>p.dilationX * column;
  const weightStep = column >> 1;
  const pairs = (p.kernelHeight + 1) >> 1;
  let w = p.weights;
  let out = p.accumulators;
  let at = line;
  let c = p.channels;
  if (ASC_FEATURE_SIMD) {
    for (; c > 0; c -= 8) {
      let s0 = i32x4.splat(0);
      let s1 = i32x4.splat(0);
      let v = w;
      let row = at;
      for (let k = 0; k < pairs; k++) {
        let a = row;
        for (let t = 0; t < p.kernelWidth; t++) {
          s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load(a), v128.load8x8_s(v)));
          s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load(a, 16), v128.load8x8_s(v, 8)));
          a += step;
          v += weightStep;
        }
        row += rowBytes;
      }
      v128.store(out, s0);
      v128.store(out, s1, 16);
      out += 32;
      at += 32;
      w += 16;
    }
  } else {
    for (; c > 0; c--) {
      let sum = 0;
      let v = w;
      let row = at;
      for (let k = 0; k < pairs; k++) {
        let a = row;
        for (let t = 0; t < p.kernelWidth; t++) {
          sum += <i32>load<i16>(a) * <i32>load<i8>(v) + <i32>load<i16>(a, 2) * <i32>load<i8>(v, 1);
          a += step;
          v += weightStep;
        }
        row += rowBytes;
      }
      store<i32>(out, sum);
      out += 4;
      at += 4;
      w += 2;
    }
  }
}
