// A float twin from its definition in float64: product, max pooling, normalization by the running statistics, activation.
import { BATCH_NORM_EPSILON } from '../../src/train/layers.js';
import type { LatentState } from '../../src/train/model.js';
import type { LayerSpec } from '../../src/train/spec.js';

/** Scores of one sample of bytes p, which enter as 2p - 255. */
export function floatScores(
  layers: readonly LayerSpec[],
  state: LatentState,
  inputShape: readonly number[],
  bytes: Uint8Array,
): number[] {
  let x = Array.from(bytes, (p) => 2 * p - 255);
  let shape = inputShape;
  for (const spec of layers) {
    const { name, outputs, activation } = spec;
    const part = (what: string) => state[`${name} ${what}`];
    const sums: number[] = [];
    // A dense layer is a convolution whose kernel is the whole sample.
    const [height, width, channels] = spec.kind === 'conv2d' ? shape : [1, 1, x.length];
    const { kernel, padding, pool } = spec.kind === 'conv2d' ? spec : { kernel: 1, padding: 0, pool: 1 };
    const side = (length: number) => Math.floor((length + 2 * padding - kernel + 1) / pool);
    const weights = part('weights');
    const sumAt = (row: number, column: number, o: number): number => {
      let sum = 0;
      for (let i = 0; i < kernel * kernel * channels; i++) {
        const [y, at] = [Math.floor(i / (kernel * channels)), Math.floor(i / channels) % kernel];
        const [from, beside] = [row + y - padding, column + at - padding];
        if (from < 0 || from >= height || beside < 0 || beside >= width) continue;
        sum += x[(from * width + beside) * channels + (i % channels)] * weights[o * kernel * kernel * channels + i];
      }
      return sum;
    };
    for (let i = 0; i < side(height) * side(width) * outputs; i++) {
      const [o, place] = [i % outputs, Math.floor(i / outputs)];
      const [top, left] = [Math.floor(place / side(width)) * pool, (place % side(width)) * pool];
      const window = Array.from({ length: pool ** 2 }, (_, k) =>
        sumAt(top + Math.floor(k / pool), left + (k % pool), o),
      );
      const spread = Math.sqrt(part('running statistics')[outputs + o] + BATCH_NORM_EPSILON);
      const y = ((Math.max(...window) - part('running statistics')[o]) * part('gamma')[o]) / spread + part('beta')[o];
      const bounded = activation !== 'none' && activation !== 'sign' && activation.kind === 'relu' ? Infinity : 1;
      sums.push(activation === 'none' ? y : Math.min(bounded, Math.max(bounded === 1 ? -1 : 0, y)));
    }
    shape = [side(height), side(width), outputs];
    x = sums;
  }
  return x;
}
