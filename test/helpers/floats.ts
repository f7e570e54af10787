// A float twin from its definition in float64: product, max pooling, normalization by the running statistics, activation; beside a
// stream, the activation of its values, product, normalization, and the sum with the values that go past.
import { BATCH_NORM_EPSILON } from '../../src/train/layers.js';
import type { LatentState } from '../../src/train/model.js';
import type { LayerSpec } from '../../src/train/spec.js';

interface Picture {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** Scores of one sample of bytes p, which enter as 2p - 255. */
export function floatScores(
  layers: readonly LayerSpec[],
  state: LatentState,
  inputShape: readonly number[],
  bytes: Uint8Array,
): readonly number[] {
  let x: Picture = { shape: inputShape, values: Array.from(bytes, (p) => 2 * p - 255) };
  let streams = false;
  for (const spec of layers) {
    if (spec.kind === 'residual') {
      const y = normalized(spec, state, streams ? activated(spec, x) : x);
      x = streams ? { ...y, values: passed(x, y.shape).map((value, i) => value + y.values[i]) } : y;
    } else {
      x = activated(spec, normalized(spec, state, streams ? means(x) : x));
    }
    streams = spec.kind === 'residual';
  }
  return x.values;
}

/** A dense layer is a convolution whose kernel is the whole sample. */
function windowOf(spec: LayerSpec) {
  if (spec.kind === 'dense') return { kernel: 1, padding: 0, stride: 1, pool: 1 };
  if (spec.kind === 'conv2d') return { ...spec, stride: 1 };
  return { kernel: spec.kernel, padding: (spec.kernel - 1) / 2, stride: spec.stride ?? 1, pool: 1 };
}

function normalized(spec: LayerSpec, state: LatentState, { shape, values }: Picture): Picture {
  const { name, outputs } = spec;
  const part = (what: string) => state[`${name} ${what}`];
  const [height, width, channels] = spec.kind === 'dense' ? [1, 1, values.length] : shape;
  const { kernel, padding, stride, pool } = windowOf(spec);
  const side = (length: number) => Math.floor((Math.floor((length + 2 * padding - kernel) / stride) + 1) / pool);
  const weights = part('weights');
  const sumAt = (row: number, column: number, o: number): number => {
    let sum = 0;
    for (let i = 0; i < kernel * kernel * channels; i++) {
      const [y, at] = [Math.floor(i / (kernel * channels)), Math.floor(i / channels) % kernel];
      const [from, beside] = [row * stride + y - padding, column * stride + at - padding];
      if (from < 0 || from >= height || beside < 0 || beside >= width) continue;
      sum += values[(from * width + beside) * channels + (i % channels)] * weights[o * kernel * kernel * channels + i];
    }
    return sum;
  };
  const results = Array.from({ length: side(height) * side(width) * outputs }, (_, i) => {
    const [o, place] = [i % outputs, Math.floor(i / outputs)];
    const [top, left] = [Math.floor(place / side(width)) * pool, (place % side(width)) * pool];
    const window = Array.from({ length: pool ** 2 }, (_, k) => sumAt(top + Math.floor(k / pool), left + (k % pool), o));
    const spread = Math.sqrt(part('running statistics')[outputs + o] + BATCH_NORM_EPSILON);
    return ((Math.max(...window) - part('running statistics')[o]) * part('gamma')[o]) / spread + part('beta')[o];
  });
  return { shape: [side(height), side(width), outputs], values: results };
}

function activated({ activation }: LayerSpec, { shape, values }: Picture): Picture {
  if (activation === 'none' || activation === 'sign') return { shape, values };
  const [least, most] = activation.kind === 'relu' ? [0, Infinity] : [-1, 1];
  return { shape, values: values.map((value) => Math.min(most, Math.max(least, value))) };
}

/** What goes past a convolution: means of 2 x 2 values where it halves the picture, channels twice where it doubles them. */
function passed({ shape, values }: Picture, [height, width, outputs]: readonly number[]): readonly number[] {
  const [before, columns, channels] = shape;
  const step = before / height;
  return Array.from({ length: height * width * outputs }, (_, i) => {
    const [channel, column, row] = [i % channels, Math.floor(i / outputs) % width, Math.floor(i / outputs / width)];
    let sum = 0;
    for (let k = 0; k < step ** 2; k++) {
      const [y, x] = [row * step + Math.floor(k / step), column * step + (k % step)];
      sum += values[(y * columns + x) * channels + channel];
    }
    return sum / step ** 2;
  });
}

function means({ shape: [height, width, channels], values }: Picture): Picture {
  const sums = Array.from({ length: channels }, (_, c) => {
    return values.reduce((sum, value, i) => (i % channels === c ? sum + value : sum), 0);
  });
  return { shape: [channels], values: sums.map((sum) => sum / (height * width)) };
}
