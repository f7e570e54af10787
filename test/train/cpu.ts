// The judge of the device kernels: every kernel of src/train/kernels.ts in plain float64 loops, as a backend that runs
// the same tapes. Written from the formulas, not for speed. Forward and backward stand side by side.
import type { Backend, Call, KernelName, KernelParams, Program } from '../../src/train/kernels.js';
import type { MapName } from '../../src/train/maps.js';
import type { Tensor } from '../../src/train/tensor.js';

type Arrays = readonly Float64Array[];

const sign = (x: number) => (x >= 0 ? 1 : -1);
const clamp = (x: number, low: number, high: number) => Math.max(low, Math.min(high, x));
const round = (x: number) => Math.floor(x + 0.5);
const straight = (x: number) => (Math.abs(x) <= 1 ? 1 : 0);
/** AP2: the power of two that is nearest by logarithm, with the sign of x. */
export const powerOfTwo = (x: number) => (x === 0 ? 0 : Math.sign(x) * 2 ** Math.round(Math.log2(Math.abs(x))));

type MapFunction = (x: number, a: number, b: number) => number;

const MAP_VALUES: { readonly [N in MapName]: MapFunction } = {
  sign,
  clip: clamp,
  relu: (x) => Math.max(x, 0),
  ternary: (x, delta) => (Math.abs(x) <= delta ? 0 : sign(x)),
  linear: (x, steps) => clamp(round(x * steps) / steps, -1, 1),
  log: (x, low, high) => (powerOfTwo(Math.abs(x)) < low ? 0 : sign(x) * Math.min(powerOfTwo(Math.abs(x)), high)),
  // Every level with the distance to x; the lower of two equally near ones.
  power: (x, smallest) => {
    const levels = [0];
    for (let level = smallest; level <= 1; level *= 2) levels.push(level);
    const distance = (level: number) => Math.abs(Math.abs(x) - level);
    return sign(x) * levels.reduce((best, level) => (distance(level) < distance(best) ? level : best));
  },
  approximateSign: sign,
  unit: (x, steps) => round(clamp(x, 0, 1) * steps) / steps,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

const MAP_SLOPES: { readonly [N in MapName]: MapFunction } = {
  sign: straight,
  clip: (x, low, high) => (x >= low && x <= high ? 1 : 0),
  relu: (x) => (x > 0 ? 1 : 0),
  ternary: straight,
  linear: straight,
  log: straight,
  power: straight,
  approximateSign: (x) => Math.max(0, 2 - 2 * Math.abs(x)),
  unit: (x) => (x >= 0 && x <= 1 ? 1 : 0),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => Math.exp(-x) / (1 + Math.exp(-x)) ** 2,
};

const KERNELS: { readonly [N in KernelName]: (params: KernelParams[N], ...arrays: Float64Array[]) => void } = {
  gatherBytes({ rows, features }, data, indices, out) {
    for (let b = 0; b < rows; b++) {
      for (let i = 0; i < features; i++) {
        const at = indices[b] * features + i;
        const byte = Math.floor(data[at >> 2] / 256 ** (at & 3)) % 256;
        out[b * features + i] = 2 * byte - 255;
      }
    }
  },

  matmul({ m, n, k, transposeA, transposeB, accumulate }, a, b, c) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = accumulate ? c[i * n + j] : 0;
        for (let l = 0; l < k; l++) {
          sum += a[transposeA ? l * m + i : i * k + l] * b[transposeB ? j * k + l : l * n + j];
        }
        c[i * n + j] = sum;
      }
    }
  },

  map({ op, a, b, size, alpha }, x, y) {
    for (let i = 0; i < size; i++) y[i] = alpha * MAP_VALUES[op](x[i], a, b) + (1 - alpha) * x[i];
  },
  mapBackward({ op, a, b, size, factor, accumulate }, x, dy, dx) {
    for (let i = 0; i < size; i++) {
      dx[i] = (accumulate ? dx[i] : 0) + factor * dy[i] * MAP_SLOPES[op](x[i], a, b);
    }
  },

  batchNorm({ rows, channels, epsilon, momentum }, x, gamma, beta, y, saved, running) {
    for (let c = 0; c < channels; c++) {
      const column = Array.from({ length: rows }, (_, b) => x[b * channels + c]);
      const mean = column.reduce((sum, v) => sum + v, 0) / rows;
      const variance = column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / rows;
      const r = 1 / Math.sqrt(variance + epsilon);
      column.forEach((v, b) => (y[b * channels + c] = gamma[c] * (v - mean) * r + beta[c]));
      saved[c] = mean;
      saved[channels + c] = r;
      running[c] += momentum * (mean - running[c]);
      running[channels + c] += momentum * (variance - running[channels + c]);
    }
  },
  batchNormBackward({ rows, channels, accumulate }, x, gamma, saved, dy, dx, dgamma, dbeta) {
    for (let c = 0; c < channels; c++) {
      const r = saved[channels + c];
      const h = (b: number) => (x[b * channels + c] - saved[c]) * r;
      let sum = 0;
      let product = 0;
      for (let b = 0; b < rows; b++) {
        sum += dy[b * channels + c];
        product += dy[b * channels + c] * h(b);
      }
      for (let b = 0; b < rows; b++) {
        const i = b * channels + c;
        dx[i] = (accumulate[0] ? dx[i] : 0) + gamma[c] * r * (dy[i] - sum / rows - (h(b) * product) / rows);
      }
      dgamma[c] = (accumulate[1] ? dgamma[c] : 0) + product;
      dbeta[c] = (accumulate[2] ? dbeta[c] : 0) + sum;
    }
  },
  affineSign({ rows, channels }, s, affine, y) {
    for (let i = 0; i < rows * channels; i++) {
      const c = i % channels;
      y[i] = Math.fround(Math.fround(affine[c] * s[i]) + affine[channels + c]) >= 0 ? 1 : -1;
    }
  },

  squaredHinge({ rows, channels }, scores, labels, loss, totals) {
    let sum = 0;
    let right = 0;
    for (let b = 0; b < rows; b++) {
      const row = scores.subarray(b * channels, (b + 1) * channels);
      row.forEach((o, c) => (sum += Math.max(0, 1 - (c === labels[b] ? 1 : -1) * o) ** 2));
      if (row.indexOf(Math.max(...row)) === labels[b]) right++;
    }
    loss[0] = sum / (rows * channels);
    totals[0] += loss[0];
    totals[1] += right;
  },
  squaredHingeBackward({ rows, channels, accumulate }, scores, labels, dloss, dscores) {
    for (let i = 0; i < rows * channels; i++) {
      const t = i % channels === labels[Math.floor(i / channels)] ? 1 : -1;
      const d = (dloss[0] * -2 * t * Math.max(0, 1 - t * scores[i])) / (rows * channels);
      dscores[i] = (accumulate ? dscores[i] : 0) + d;
    }
  },

  adam({ size, beta1, beta2, epsilon, stepScale, clip }, dw, rates, w, m, v) {
    for (let i = 0; i < size; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * dw[i];
      v[i] = beta2 * v[i] + (1 - beta2) * dw[i] ** 2;
      const moved = w[i] - (stepScale * rates[0] * m[i]) / (Math.sqrt(v[i] * rates[1]) + epsilon);
      w[i] = clip === null ? moved : Math.max(-clip, Math.min(clip, moved));
    }
  },
};

/** Runs tapes in float64 on the host. */
export class CpuReference implements Backend {
  readonly description = 'float64 reference';
  readonly #arrays = new Map<Tensor, Float64Array>();

  compile(calls: readonly Call[]): Promise<Program> {
    const run = () =>
      calls.forEach((call) =>
        execute(
          call,
          call.tensors.map((t) => this.array(t)),
        ),
      );
    return Promise.resolve({ run });
  }

  write(t: Tensor, data: ArrayLike<number>): void {
    this.array(t).set(data);
  }

  read(t: Tensor): Promise<Float32Array> {
    return Promise.resolve(Float32Array.from(this.array(t)));
  }

  /** The values themselves, in float64. */
  array(t: Tensor): Float64Array {
    let array = this.#arrays.get(t);
    if (!array) this.#arrays.set(t, (array = new Float64Array(t.size)));
    return array;
  }

  dispose(): void {
    this.#arrays.clear();
  }
}

function execute<N extends KernelName>(call: Call & { readonly kernel: N }, arrays: Arrays): void {
  KERNELS[call.kernel](call.params as KernelParams[N], ...arrays);
}
