// Trained layers from their definition, for the judges of training and export: integer sums, the folded normalization in
// float32, and the staircase of the activation. Layers beside a stream: its integers, in whole numbers of any size.
import type { TrainedConv, TrainedDense, TrainedLayer, TrainedResidual } from '../../src/train/network.js';

/** What a layer gives for integers x: the activation's integers, or the scores. */
export function answer(layer: TrainedLayer, x: readonly number[]): number[] {
  if (layer.kind === 'residual') return join(layer, x);
  return layer.kind === 'dense' ? connect(layer, layer.meanOf ? means(layer.meanOf, x) : x) : convolve(layer, x);
}

/** The activation of a sum, or its score. */
function finish({ affine, activation }: TrainedConv | TrainedDense, o: number, sum: number): number {
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

/** 8-bit means of a stream's channels, in sixteenths where the stream is in eighths. */
function means([height, width, channels]: readonly [number, number, number], x: readonly number[]): number[] {
  return Array.from({ length: channels }, (_, c) => {
    const sum = x.reduce((total, v, i) => (i % channels === c ? total + v : total), 0);
    return Math.max(-127, Math.min(127, Math.floor((2 * sum) / (height * width) + 0.5)));
  });
}

function join(layer: TrainedResidual, x: readonly number[]): number[] {
  const { inputShape, outputs, kernel, stride, weights, multipliers, biases, bits, joined } = layer;
  const [height, width, channels] = inputShape;
  const at = (y: number, column: number, c: number): number => x[(y * width + column) * channels + c];
  const [down, across] = [height / stride, width / stride];
  return Array.from({ length: down * across * outputs }, (_, i) => {
    const [o, place] = [i % outputs, Math.floor(i / outputs)];
    const [top, left] = [Math.floor(place / across) * stride, (place % across) * stride];
    let sum = biases[o];
    for (let tap = 0; tap < kernel ** 2; tap++) {
      const [row, column] = [top + Math.floor(tap / kernel), left + (tap % kernel)].map((v) => v - (kernel - 1) / 2);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      for (let c = 0; c < channels; c++) {
        const v = at(row, column, c);
        sum += (joined ? (v >= 0 ? 1 : -1) : v) * weights.values[(o * kernel ** 2 + tap) * channels + c];
      }
    }
    const steps = Math.floor((sum * multipliers[o]) / 2 ** bits + 0.5);
    if (!joined) return Math.max(-32767, Math.min(32767, steps));
    const c = o % channels;
    const window = stride === 1 ? [at(top, left, c)] : [0, 1, 2, 3].map((k) => at(top + (k >> 1), left + (k & 1), c));
    const shortcut = Math.floor(window.reduce((total, v) => total + v, 0) / window.length + 0.5);
    return Math.max(-32767, Math.min(32767, shortcut + steps));
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
