// The judge of the int8 kernels: convolution and requantization, from their definitions.
import { type ConvGeometry, outHeight, outWidth } from '../numerics/geometry.js';

/** One sample (height, width, C) with weights (N, kernelHeight, kernelWidth, C/G) -> (outHeight, outWidth, N) int32. */
export function convInt8(g: ConvGeometry, input: ArrayLike<number>, weights: ArrayLike<number>): Int32Array {
  const [oh, ow] = [outHeight(g), outWidth(g)];
  const groupChannels = g.channels / g.groups;
  const groupN = g.n / g.groups;
  const out = new Int32Array(oh * ow * g.n);
  let o = 0;
  for (let y = 0; y < oh; y++) {
    for (let x = 0; x < ow; x++) {
      for (let n = 0; n < g.n; n++) {
        const group = Math.floor(n / groupN);
        let sum = 0;
        for (let ky = 0; ky < g.kernelHeight; ky++) {
          for (let kx = 0; kx < g.kernelWidth; kx++) {
            const iy = y * g.strideY + ky * g.dilationY - g.padTop;
            const ix = x * g.strideX + kx * g.dilationX - g.padLeft;
            if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) continue;
            const a = (iy * g.width + ix) * g.channels + group * groupChannels;
            const w = ((n * g.kernelHeight + ky) * g.kernelWidth + kx) * groupChannels;
            for (let c = 0; c < groupChannels; c++) sum += input[a + c] * weights[w + c];
          }
        }
        out[o++] = sum;
      }
    }
  }
  return out;
}

export interface Int8Transform {
  /** (N) or undefined. */
  readonly bias?: Int32Array | undefined;
  readonly multipliers: Int32Array;
  readonly left: number;
  readonly shift: number;
  readonly min: number;
  readonly max: number;
}

/** Rows of N accumulators -> int8: clamp(floor((a * m * 2^left + 2^(31 + shift)) / 2^(32 + shift))), a = sum + bias mod 2^32. */
export function requantizeInt8(accumulators: Int32Array, n: number, t: Int8Transform): Int8Array {
  return Int8Array.from(accumulators, (sum, i) => {
    const a = (sum + (t.bias?.[i % n] ?? 0)) | 0;
    const product = (BigInt(a) * BigInt(t.multipliers[i % n])) << BigInt(t.left);
    const rounded = (product + (1n << BigInt(31 + t.shift))) >> BigInt(32 + t.shift);
    const low = BigInt(t.min);
    const high = BigInt(t.max);
    return Number(rounded < low ? low : rounded > high ? high : rounded);
  });
}

/** Rows of N accumulators -> int8 by a rounding right shift per channel: sat8((a + 2^(s - 1)) >> s). */
export function shiftInt8(accumulators: Int32Array, n: number, shifts: ArrayLike<number>): Int8Array {
  return Int8Array.from(accumulators, (sum, i) => {
    const s = shifts[i % n];
    const value = s === 0 ? sum : Math.floor((sum + 2 ** (s - 1)) / 2 ** s);
    return Math.min(Math.max(value, -128), 127);
  });
}

/** Rows of N accumulators -> float32: fround(fround(fround(a) * scale) + bias). */
export function requantizeFloat(sums: Int32Array, n: number, scales: Float32Array, bias?: Float32Array): Float32Array {
  return Float32Array.from(sums, (sum, i) => {
    const scaled = Math.fround(Math.fround(sum) * scales[i % n]);
    return bias ? Math.fround(scaled + bias[i % n]) : scaled;
  });
}
