// A trained convolution from its definition, for the judges of training and export.
import { foldBatchNorm } from '../../src/numerics/batchnorm.js';
import { sign } from '../../src/numerics/bits.js';
import type { TrainedConv } from '../../src/train/network.js';

/** Signs behind a convolution, max pooling and normalization, from their definition. */
export function convolve(
  { inputShape, outputs, kernel, padding, pool, weights, norm }: TrainedConv,
  x: number[],
): number[] {
  const [height, width, channels] = inputShape;
  const { scale, shift } = foldBatchNorm(norm);
  const sumAt = (y: number, column: number, o: number) => {
    let sum = 0;
    for (let tap = 0; tap < kernel ** 2; tap++) {
      const [row, at] = [y + Math.floor(tap / kernel) - padding, column + (tap % kernel) - padding];
      if (row < 0 || row >= height || at < 0 || at >= width) continue;
      for (let c = 0; c < channels; c++) {
        sum += x[(row * width + at) * channels + c] * sign(weights[(o * kernel ** 2 + tap) * channels + c]);
      }
    }
    return sum;
  };
  const side = (length: number) => Math.floor((length + 2 * padding - kernel + 1) / pool);
  const [down, across] = [side(height), side(width)];
  return Array.from({ length: down * across * outputs }, (_, i) => {
    const [o, place] = [i % outputs, Math.floor(i / outputs)];
    const [top, left] = [Math.floor(place / across) * pool, (place % across) * pool];
    const window = Array.from({ length: pool ** 2 }, (__, k) =>
      sumAt(top + Math.floor(k / pool), left + (k % pool), o),
    );
    return sign(Math.fround(Math.fround(scale[o] * Math.max(...window)) + shift[o]));
  });
}
