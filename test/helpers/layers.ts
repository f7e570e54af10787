// Trained layers from their definition, for the judges of training and export: integer sums, the folded normalization in
// float32, and the staircase of the activation.
import type { TrainedConv, TrainedDense, TrainedLayer } from '../../src/train/network.js';

/** What a layer gives for integers x: the activation's integers, or the scores. */
export function answer(layer: TrainedLayer, x: readonly number[]): number[] {
  return layer.kind === 'dense' ? connect(layer, x) : convolve(layer, x);
}

/** The activation of a sum, or its score. */
function finish({ affine, activation }: TrainedLayer, o: number, sum: number): number {
  const y = Math.fround(Math.fround(affine.scale[o] * sum) + affine.shift[o]);
  if (!activation) return y;
  return activation.values[activation.cuts.filter((cut) => y >= cut).length];
}

function connect(layer: TrainedDense, x: readonly number[]): number[] {
  const { inputs, outputs, weights } = layer;
  return Array.from({ length: outputs }, (_, o) => {
    const sum = x.reduce((total, v, i) => total + v * weights.values[o * inputs + i], 0);
    return finish(layer, o, sum);
  });
}

function convolve(layer: TrainedConv, x: readonly number[]): number[] {
  const { inputShape, outputs, kernel, padding, pool, weights } = layer;
  const [height, width, channels] = inputShape;
  const sumAt = (y: number, column: number, o: number) => {
    let sum = 0;
    for (let tap = 0; tap < kernel ** 2; tap++) {
      const [row, at] = [y + Math.floor(tap / kernel) - padding, column + (tap % kernel) - padding];
      if (row < 0 || row >= height || at < 0 || at >= width) continue;
      for (let c = 0; c < channels; c++) {
        sum += x[(row * width + at) * channels + c] * weights.values[(o * kernel ** 2 + tap) * channels + c];
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
    return finish(layer, o, Math.max(...window));
  });
}
