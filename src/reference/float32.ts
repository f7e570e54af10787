// The judge of the float32 product kernels: sums in float64, so that what differs is the kernels' rounding.
import { type ConvGeometry, outHeight, outWidth } from '../numerics/geometry.js';

export interface Float32Result {
  readonly values: Float64Array;
  /** What rounding of float32 sums in any order may change, per value: (K + 1) * 2^-24 * sum(|products| and |bias|). */
  readonly tolerance: Float64Array;
}

/** One sample (height, width, C) with weights (N, kernelHeight, kernelWidth, C/G) -> (outHeight, outWidth, N). */
export function convFloat32(
  g: ConvGeometry,
  input: Float32Array,
  weights: Float32Array,
  bias?: Float32Array,
  clamp = { min: -Infinity, max: Infinity },
): Float32Result {
  const [oh, ow] = [outHeight(g), outWidth(g)];
  const groupChannels = g.channels / g.groups;
  const groupN = g.n / g.groups;
  const values = new Float64Array(oh * ow * g.n);
  const tolerance = new Float64Array(values.length);
  let o = 0;
  for (let y = 0; y < oh; y++) {
    for (let x = 0; x < ow; x++) {
      for (let n = 0; n < g.n; n++, o++) {
        const group = Math.floor(n / groupN);
        let sum = bias?.[n] ?? 0;
        let size = Math.abs(sum);
        for (let ky = 0; ky < g.kernelHeight; ky++) {
          for (let kx = 0; kx < g.kernelWidth; kx++) {
            const iy = y * g.strideY + ky * g.dilationY - g.padTop;
            const ix = x * g.strideX + kx * g.dilationX - g.padLeft;
            if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) continue;
            const a = (iy * g.width + ix) * g.channels + group * groupChannels;
            const w = ((n * g.kernelHeight + ky) * g.kernelWidth + kx) * groupChannels;
            for (let c = 0; c < groupChannels; c++) {
              sum += input[a + c] * weights[w + c];
              size += Math.abs(input[a + c] * weights[w + c]);
            }
          }
        }
        values[o] = Math.min(Math.max(sum, clamp.min), clamp.max);
        tolerance[o] = (g.kernelHeight * g.kernelWidth * groupChannels + 1) * 2 ** -24 * size;
      }
    }
  }
  return { values, tolerance };
}
