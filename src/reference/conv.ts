// The judge of the product kernels: convolution, output transforms and pooling, value by value, from their definitions.
import { type ConvGeometry, outHeight, outWidth, type Window } from '../numerics/geometry.js';

/**
 * One sample: a[y][x][n] = sum over taps and c of v * w, with padValue for v outside the map.
 *
 * @param values (height, width, C) integers v
 * @param weights (N, kernelHeight, kernelWidth, C / groups) integers w
 * @returns (outHeight, outWidth, N) accumulators, modulo 2^32
 */
export function conv2d(
  g: ConvGeometry,
  values: ArrayLike<number>,
  weights: ArrayLike<number>,
  padValue: 0 | 1,
): Int32Array {
  const [oh, ow] = [outHeight(g), outWidth(g)];
  const channels = g.channels / g.groups;
  const perGroup = g.n / g.groups;
  const out = new Int32Array(oh * ow * g.n);
  let o = 0;
  for (let y = 0; y < oh; y++) {
    for (let x = 0; x < ow; x++) {
      for (let n = 0; n < g.n; n++) {
        const firstChannel = Math.floor(n / perGroup) * channels;
        let sum = 0;
        let w = n * g.kernelHeight * g.kernelWidth * channels;
        for (let ky = 0; ky < g.kernelHeight; ky++) {
          for (let kx = 0; kx < g.kernelWidth; kx++) {
            const iy = y * g.strideY + ky * g.dilationY - g.padTop;
            const ix = x * g.strideX + kx * g.dilationX - g.padLeft;
            const inside = iy >= 0 && iy < g.height && ix >= 0 && ix < g.width;
            const v = (iy * g.width + ix) * g.channels + firstChannel;
            for (let c = 0; c < channels; c++) sum += (inside ? values[v + c] : padValue) * weights[w++];
          }
        }
        out[o++] = sum;
      }
    }
  }
  return out;
}

/** Rows of N accumulators -> +1 where a >= thresholds[n], else -1. */
export function thresholdSigns(accumulators: Int32Array, thresholds: Int32Array): Int32Array {
  return accumulators.map((a, i) => (a >= thresholds[i % thresholds.length] ? 1 : -1));
}

/** Rows of N accumulators -> levels: how many of a channel's thresholds, (count, N), are at or below a. */
export function thresholdLevels(accumulators: Int32Array, n: number, thresholds: Int32Array): Uint8Array {
  return Uint8Array.from(accumulators, (a, i) => {
    let level = 0;
    for (let t = i % n; t < thresholds.length; t += n) if (thresholds[t] <= a) level++;
    return level;
  });
}

/** Rows of N accumulators -> a * multipliers[n] + biases[n], modulo 2^32. */
export function integerAffine(accumulators: Int32Array, multipliers: Int32Array, biases: Int32Array): Int32Array {
  const n = multipliers.length;
  return accumulators.map((a, i) => (Math.imul(a, multipliers[i % n]) + biases[i % n]) | 0);
}

/** One sample (height, width, C) -> (outHeight, outWidth, C): the largest value in each window; padding never wins. */
export function maxPool(g: Window, values: ArrayLike<number>): Int32Array {
  const [oh, ow] = [outHeight(g), outWidth(g)];
  const out = new Int32Array(oh * ow * g.channels).fill(-(2 ** 31));
  for (let y = 0; y < oh; y++) {
    for (let x = 0; x < ow; x++) {
      for (let ky = 0; ky < g.kernelHeight; ky++) {
        for (let kx = 0; kx < g.kernelWidth; kx++) {
          const iy = y * g.strideY + ky * g.dilationY - g.padTop;
          const ix = x * g.strideX + kx * g.dilationX - g.padLeft;
          if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) continue;
          for (let c = 0; c < g.channels; c++) {
            const o = (y * ow + x) * g.channels + c;
            out[o] = Math.max(out[o], values[(iy * g.width + ix) * g.channels + c]);
          }
        }
      }
    }
  }
  return out;
}
