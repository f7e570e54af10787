// The judge of the device kernels: every kernel of src/train/kernels.ts in plain float64 loops, as a backend that runs
// the same tapes. Written from the formulas, not for speed. Forward and backward stand side by side.
import { noise } from '../../src/numerics/random.js';
import type {
  Backend,
  Call,
  KernelName,
  KernelParams,
  PatchParams,
  PoolParams,
  Program,
  TableCellParams,
} from '../../src/train/kernels.js';
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
  linear: (x, steps, limit) => clamp(round(x * steps) / steps, -limit, limit),
  centered: (x, steps) => clamp(Math.floor(x * steps) + 0.5, 0.5 - steps, steps - 0.5) / steps,
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
  linear: (x, _, limit) => (Math.abs(x) <= limit ? 1 : 0),
  centered: straight,
  log: straight,
  power: straight,
  approximateSign: (x) => Math.max(0, 2 - 2 * Math.abs(x)),
  unit: (x) => (x >= 0 && x <= 1 ? 1 : 0),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  sigmoid: (x) => Math.exp(-x) / (1 + Math.exp(-x)) ** 2,
};

function logSumExp(row: Float64Array): number {
  const highest = Math.max(...row);
  return highest + Math.log(row.reduce((sum, v) => sum + Math.exp(v - highest), 0));
}

/** Calls back for every value of every patch: its place in x, null where it is padding, and in patches. */
function eachTap(p: PatchParams, visit: (from: number | null, to: number) => void): void {
  let to = 0;
  for (let image = 0; image < p.images; image++) {
    for (let out = 0; out < p.outHeight * p.outWidth; out++) {
      for (let tap = 0; tap < p.kernel ** 2; tap++) {
        const y = Math.floor(out / p.outWidth) * p.stride - p.padding + Math.floor(tap / p.kernel);
        const x = (out % p.outWidth) * p.stride - p.padding + (tap % p.kernel);
        const inside = y >= 0 && y < p.height && x >= 0 && x < p.width;
        const pixel = (image * p.height + y) * p.width + x;
        for (let c = 0; c < p.channels; c++) visit(inside ? pixel * p.channels + c : null, to++);
      }
    }
  }
}

/** Calls back for every window: the places of its values in x, and of its result in y. */
function eachWindow(p: PoolParams, visit: (pixels: readonly number[], out: number) => void): void {
  const [rows, columns] = [Math.floor(p.height / p.size), Math.floor(p.width / p.size)];
  for (let out = 0; out < p.images * rows * columns * p.channels; out++) {
    const c = out % p.channels;
    const place = Math.floor(out / p.channels);
    const [image, oy, ox] = [Math.floor(place / columns / rows), Math.floor(place / columns) % rows, place % columns];
    const pixels = Array.from({ length: p.size ** 2 }, (_, i) => {
      const [y, x] = [oy * p.size + Math.floor(i / p.size), ox * p.size + (i % p.size)];
      return ((image * p.height + y) * p.width + x) * p.channels + c;
    });
    visit(pixels, out);
  }
}

function eachCell(rows: number, hidden: number, visit: (b: number, j: number) => void): void {
  for (let b = 0; b < rows; b++) for (let j = 0; j < hidden; j++) visit(b, j);
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** rs() of schema/qnn.fbs, and what a table of 256 has for an index. */
const roundShift = (x: number, shift: number) => (shift > 0 ? round(x / 2 ** shift) : x * 2 ** -shift);
const look = (table: Float64Array, i: number) => table[clamp(i, -127, 127) & 255];
const q15 = (a: number, b: number) => clamp(roundShift(a * b, 15), -32768, 32767);

/** Entries i, f, g, o for cell j of row b. */
function tableGates(
  gates: Float64Array,
  tables: Float64Array,
  { hidden, step }: TableCellParams,
  b: number,
  j: number,
) {
  const at = (k: number) => round(gates[(4 * b + k) * hidden + j] / step);
  const entry = (k: number) => look(k === 2 ? tables.subarray(256) : tables, at(k));
  return [entry(0), entry(1), entry(2), entry(3)] as const;
}

function lstmGates(gates: Float64Array, at: number, hidden: number): [number, number, number, number] {
  const [i, f, g, o] = [0, 1, 2, 3].map((gate) => gates[at + gate * hidden]);
  return [sigmoid(i), sigmoid(f), Math.tanh(g), sigmoid(o)];
}

function gruGates(x: Float64Array, h: Float64Array, b: number, j: number, hidden: number): [number, number, number] {
  const at = (gate: number) => (3 * b + gate) * hidden + j;
  const r = sigmoid(x[at(0)] + h[at(0)]);
  return [r, sigmoid(x[at(1)] + h[at(1)]), Math.tanh(x[at(2)] + r * h[at(2)])];
}

/** I - 2 v v^T with v = (1/sqrt(g) - e1) / |.|: takes e1 to 1/sqrt(g). */
export function householderMatrix(g: number): number[][] {
  if (g === 1) return [[1]];
  const v = Array.from({ length: g }, (_, i) => 1 / Math.sqrt(g) - (i === 0 ? 1 : 0));
  const square = v.reduce((sum, x) => sum + x * x, 0);
  return v.map((a, i) => v.map((b, j) => (i === j ? 1 : 0) - (2 * a * b) / square));
}

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
  staircase({ channels, steps }, s, table, values, y) {
    s.forEach((sum, i) => {
      const c = i % channels;
      let level = 0;
      for (let t = 1; t <= steps; t++) if (table[c] * sum >= table[t * channels + c]) level++;
      y[i] = values[level];
    });
  },

  scale({ size, factor, accumulate }, x, y) {
    for (let i = 0; i < size; i++) y[i] = (accumulate ? y[i] : 0) + factor * x[i];
  },
  addBias({ rows, channels }, x, bias, y) {
    for (let i = 0; i < rows * channels; i++) y[i] = x[i] + bias[i % channels];
  },
  sumRows({ rows, channels, accumulate }, x, sums) {
    if (!accumulate) sums.fill(0);
    for (let i = 0; i < rows * channels; i++) sums[i % channels] += x[i];
  },
  slice({ rows, columns, from, width }, x, y) {
    for (let b = 0; b < rows; b++) {
      for (let j = 0; j < width; j++) y[b * width + j] = x[b * columns + from + j];
    }
  },
  sliceBackward({ rows, columns, from, width, accumulate }, dy, dx) {
    if (!accumulate) dx.fill(0);
    for (let b = 0; b < rows; b++) {
      for (let j = 0; j < width; j++) dx[b * columns + from + j] += dy[b * width + j];
    }
  },
  dropout({ size, rate, stream, accumulate }, x, key, y) {
    for (let i = 0; i < size; i++) {
      y[i] = (accumulate ? y[i] : 0) + (noise(key[0], stream, i) < Math.fround(rate) ? 0 : x[i] / (1 - rate));
    }
  },
  stochasticSign({ size, stream }, x, key, y) {
    for (let i = 0; i < size; i++) {
      const chance = Math.fround(Math.fround(x[i] + 1) * 0.5);
      y[i] = chance > noise(key[0], stream, i) ? 1 : -1;
    }
  },

  im2col(params, x, patches) {
    eachTap(params, (from, to) => (patches[to] = from === null ? 0 : x[from]));
  },
  col2im(params, dpatches, dx) {
    if (!params.accumulate) dx.fill(0);
    eachTap(params, (from, to) => {
      if (from !== null) dx[from] += dpatches[to];
    });
  },
  pool(params, x, y) {
    eachWindow(params, (pixels, out) => {
      const values = pixels.map((i) => x[i]);
      y[out] = params.average ? values.reduce((sum, v) => sum + v, 0) / values.length : Math.max(...values);
    });
  },
  poolBackward(params, x, y, dy, dx) {
    if (!params.accumulate) dx.fill(0);
    eachWindow(params, (pixels, out) => {
      if (params.average) for (const i of pixels) dx[i] += dy[out] / pixels.length;
      else dx[pixels.find((i) => x[i] === y[out])!] += dy[out];
    });
  },

  shiftNorm({ rows, channels, epsilon, momentum }, x, gamma, beta, y, saved, running) {
    for (let c = 0; c < channels; c++) {
      const column = Array.from({ length: rows }, (_, b) => x[b * channels + c]);
      const mean = column.reduce((sum, v) => sum + v, 0) / rows;
      const variance = column.reduce((sum, v) => sum + (v - mean) * powerOfTwo(v - mean), 0) / rows;
      const r = 1 / Math.sqrt(variance + epsilon);
      column.forEach((v, b) => (y[b * channels + c] = powerOfTwo(gamma[c]) * (v - mean) * powerOfTwo(r) + beta[c]));
      saved[c] = mean;
      saved[channels + c] = r;
      running[c] += momentum * (mean - running[c]);
      running[channels + c] += momentum * (r - running[channels + c]);
    }
  },
  shiftNormBackward({ rows, channels, accumulate }, x, gamma, saved, dy, dx, dgamma, dbeta) {
    for (let c = 0; c < channels; c++) {
      const s = powerOfTwo(saved[channels + c]);
      const at = (b: number) => b * channels + c;
      const near = (b: number) => powerOfTwo(x[at(b)] - saved[c]);
      const batch = Array.from({ length: rows }, (_, b) => b);
      const mean = (f: (b: number) => number) => batch.reduce((sum, b) => sum + f(b), 0) / rows;
      const g = mean((b) => dy[at(b)]);
      const product = mean((b) => near(b) * dy[at(b)]);
      for (const b of batch) {
        const d = (dy[at(b)] - g - near(b) * product * s * s) * s * powerOfTwo(gamma[c]);
        dx[at(b)] = (accumulate[0] ? dx[at(b)] : 0) + d;
      }
      const dg = rows * mean((b) => dy[at(b)] * powerOfTwo((x[at(b)] - saved[c]) * s));
      dgamma[c] = (accumulate[1] ? dgamma[c] : 0) + dg;
      dbeta[c] = (accumulate[2] ? dbeta[c] : 0) + rows * g;
    }
  },

  embedding({ rows, columns }, table, indices, y) {
    for (let b = 0; b < rows; b++) y.set(table.subarray(indices[b] * columns, (indices[b] + 1) * columns), b * columns);
  },
  embeddingBackward({ rows, columns, accumulate }, indices, dy, dtable) {
    if (!accumulate) dtable.fill(0);
    for (let i = 0; i < rows * columns; i++)
      dtable[indices[Math.floor(i / columns)] * columns + (i % columns)] += dy[i];
  },
  lstmCell({ rows, hidden }, gates, previous, state) {
    eachCell(rows, hidden, (b, j) => {
      const [i, f, g, o] = lstmGates(gates, b * 4 * hidden + j, hidden);
      const c = f * previous[(2 * b + 1) * hidden + j] + i * g;
      state[2 * b * hidden + j] = o * Math.tanh(c);
      state[(2 * b + 1) * hidden + j] = c;
    });
  },
  lstmCellBackward({ rows, hidden, accumulate }, gates, previous, state, dstate, dgates, dprevious) {
    if (!accumulate[0]) dgates.fill(0);
    if (!accumulate[1]) dprevious.fill(0);
    eachCell(rows, hidden, (b, j) => {
      const [i, f, g, o] = lstmGates(gates, b * 4 * hidden + j, hidden);
      const [h, cell] = [2 * b * hidden + j, (2 * b + 1) * hidden + j];
      const t = Math.tanh(state[cell]);
      const dc = dstate[cell] + dstate[h] * o * (1 - t * t);
      const parts = [dc * g * i * (1 - i), dc * previous[cell] * f * (1 - f), dc * i * (1 - g * g)];
      [...parts, dstate[h] * t * o * (1 - o)].forEach((d, k) => (dgates[(4 * b + k) * hidden + j] += d));
      dprevious[cell] += dc * f;
    });
  },
  tableTanh({ size, step }, x, tables, y) {
    for (let i = 0; i < size; i++) y[i] = look(tables.subarray(256), round(x[i] / step)) / 32768;
  },
  tableTanhBackward({ size, accumulate }, y, dy, dx) {
    for (let i = 0; i < size; i++) dx[i] = (accumulate ? dx[i] : 0) + dy[i] * (1 - y[i] ** 2);
  },
  tableLstmCell(params, gates, previous, tables, state) {
    const { rows, hidden, cellShift, indexShift } = params;
    eachCell(rows, hidden, (b, j) => {
      const [i, f, g, o] = tableGates(gates, tables, params, b, j);
      const before = previous[(2 * b + 1) * hidden + j] * 2 ** (15 - cellShift);
      const c = clamp(q15(f, before) + roundShift(q15(i, g), cellShift), -32768, 32767);
      const t = look(tables.subarray(256), roundShift(roundShift(c, indexShift), 8));
      state[2 * b * hidden + j] = q15(o, t) / 32768;
      state[(2 * b + 1) * hidden + j] = c * 2 ** (cellShift - 15);
    });
  },
  tableLstmCellBackward(params, gates, previous, tables, state, dstate, dgates, dprevious) {
    const { rows, hidden, cellShift, indexShift, accumulate } = params;
    if (!accumulate[0]) dgates.fill(0);
    if (!accumulate[1]) dprevious.fill(0);
    eachCell(rows, hidden, (b, j) => {
      const [i, f, g, o] = tableGates(gates, tables, params, b, j).map((entry) => entry / 32768) as [
        number,
        number,
        number,
        number,
      ];
      const [h, cell] = [2 * b * hidden + j, (2 * b + 1) * hidden + j];
      const c = state[cell] * 2 ** (15 - cellShift);
      const t = look(tables.subarray(256), roundShift(roundShift(c, indexShift), 8)) / 32768;
      const dc = c > -32768 && c < 32767 ? dstate[cell] + dstate[h] * o * (1 - t * t) : 0;
      const parts = [dc * g * i * (1 - i), dc * previous[cell] * f * (1 - f), dc * i * (1 - g * g)];
      [...parts, dstate[h] * t * o * (1 - o)].forEach((d, k) => (dgates[(4 * b + k) * hidden + j] += d));
      dprevious[cell] += dc * f;
    });
  },
  gruCell({ rows, hidden }, fromInput, fromState, previous, state) {
    eachCell(rows, hidden, (b, j) => {
      const [, z, n] = gruGates(fromInput, fromState, b, j, hidden);
      state[b * hidden + j] = (1 - z) * n + z * previous[b * hidden + j];
    });
  },
  gruCellBackward({ rows, hidden, accumulate }, fromInput, fromState, previous, dstate, dinput, dfromState, dprevious) {
    [dinput, dfromState, dprevious].forEach((d, k) => accumulate[k] || d.fill(0));
    eachCell(rows, hidden, (b, j) => {
      const [r, z, n] = gruGates(fromInput, fromState, b, j, hidden);
      const at = (gate: number) => (3 * b + gate) * hidden + j;
      const d = dstate[b * hidden + j];
      const dn = d * (1 - z) * (1 - n * n);
      const dz = d * (previous[b * hidden + j] - n) * z * (1 - z);
      const dr = dn * fromState[at(2)] * r * (1 - r);
      [dr, dz, dn].forEach((part, gate) => (dinput[at(gate)] += part));
      [dr, dz, dn * r].forEach((part, gate) => (dfromState[at(gate)] += part));
      dprevious[b * hidden + j] += d * z;
    });
  },

  crossEntropyRows({ rows, channels }, scores, labels, parts) {
    for (let b = 0; b < rows; b++) {
      const row = scores.subarray(b * channels, (b + 1) * channels);
      const total = logSumExp(row);
      parts.set([total - row[labels[b]], row.indexOf(Math.max(...row)) === labels[b] ? 1 : 0, total, 0], 4 * b);
    }
  },
  crossEntropyBackward({ rows, channels, accumulate }, scores, labels, parts, dloss, dscores) {
    for (let i = 0; i < rows * channels; i++) {
      const b = Math.floor(i / channels);
      const d = Math.exp(scores[i] - parts[4 * b + 2]) - (i % channels === labels[b] ? 1 : 0);
      dscores[i] = (accumulate ? dscores[i] : 0) + (dloss[0] * d) / rows;
    }
  },
  distillationRows({ rows, channels, temperature }, scores, teacher, parts) {
    for (let b = 0; b < rows; b++) {
      const [p, q] = [scores, teacher].map((x) =>
        x.slice(b * channels, (b + 1) * channels).map((v) => v / temperature),
      );
      const [totalP, totalQ] = [logSumExp(p), logSumExp(q)];
      const divergence = q.reduce((sum, v, c) => sum + Math.exp(v - totalQ) * (v - totalQ - p[c] + totalP), 0);
      parts.set([temperature ** 2 * divergence, 0, totalP, totalQ], 4 * b);
    }
  },
  distillationBackward({ rows, channels, temperature, accumulate }, scores, teacher, parts, dloss, dscores) {
    for (let i = 0; i < rows * channels; i++) {
      const b = Math.floor(i / channels);
      const p = Math.exp(scores[i] / temperature - parts[4 * b + 2]);
      const q = Math.exp(teacher[i] / temperature - parts[4 * b + 3]);
      dscores[i] = (accumulate ? dscores[i] : 0) + (dloss[0] * temperature * (p - q)) / rows;
    }
  },
  meanLoss({ rows }, parts, loss, totals) {
    const column = (c: number) =>
      Array.from({ length: rows }, (_, b) => parts[4 * b + c]).reduce((sum, v) => sum + v, 0);
    loss[0] = column(0) / rows;
    totals[0] += loss[0];
    totals[1] += column(1);
  },
  squaredDistance({ size }, a, b, loss) {
    loss[0] = a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / (2 * size);
  },
  squaredDistanceBackward({ size, accumulate }, a, b, dloss, da) {
    for (let i = 0; i < size; i++) da[i] = (accumulate ? da[i] : 0) + (dloss[0] * (a[i] - b[i])) / size;
  },

  rowStatistic({ rows, columns, statistic }, x, s) {
    for (let b = 0; b < rows; b++) {
      const row = [...x.subarray(b * columns, (b + 1) * columns)];
      const largest = row.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      if (statistic === 'range')
        s.set([row.reduce((m, v) => Math.min(m, v)), row.reduce((m, v) => Math.max(m, v))], 2 * b);
      else if (statistic === 'meanAbs') s[b] = row.reduce((sum, v) => sum + Math.abs(v), 0) / columns;
      else s[b] = statistic === 'maxAbs' ? largest : Math.tanh(largest);
    }
  },
  scaledSign({ rows, columns }, x, s, y) {
    for (let i = 0; i < rows * columns; i++) y[i] = s[Math.floor(i / columns)] * sign(x[i]);
  },
  scaledSignBackward({ rows, columns, masked, accumulate }, x, s, dy, dx) {
    for (let i = 0; i < rows * columns; i++) {
      const slope = masked ? 1 / columns + s[Math.floor(i / columns)] * straight(x[i]) : 1;
      dx[i] = (accumulate ? dx[i] : 0) + dy[i] * slope;
    }
  },
  tanhWeights({ size, steps }, x, maximum, y) {
    for (let i = 0; i < size; i++) y[i] = (2 * round((Math.tanh(x[i]) / (2 * maximum[0]) + 0.5) * steps)) / steps - 1;
  },
  tanhWeightsBackward({ size, accumulate }, x, maximum, dy, dx) {
    for (let i = 0; i < size; i++) {
      dx[i] = (accumulate ? dx[i] : 0) + (dy[i] * (1 - Math.tanh(x[i]) ** 2)) / maximum[0];
    }
  },
  quantizeGradient({ rows, columns, scheme, steps, whole, stream }, dy, s, key, out) {
    for (let i = 0; i < rows * columns; i++) {
      const b = whole ? 0 : Math.floor(i / columns);
      const u = noise(key[0], stream, i);
      if (scheme === 'dorefa') {
        const unit = clamp(dy[i] / (2 * s[b]) + 0.5 + (u - 0.5) / steps, 0, 1);
        out[i] = s[b] === 0 ? 0 : 2 * s[b] * (round(unit * steps) / steps - 0.5);
      } else if (scheme === 'log') {
        const smallest = 2 ** Math.ceil(Math.log2(s[b])) * steps;
        const low = Math.abs(dy[i]) < smallest ? 0 : 2 ** Math.floor(Math.log2(Math.abs(dy[i])));
        const high = low === 0 ? smallest : 2 * low;
        out[i] = Math.sign(dy[i]) * (u < (Math.abs(dy[i]) - low) / (high - low) ? high : low);
      } else {
        let [low, high] = [s[2 * b], s[2 * b + 1]];
        if (whole) {
          low = Math.min(low, 0);
          const top = Math.max(high, 0);
          const zero = Math.floor((-low * steps) / (top - low));
          high = zero > 0 ? ((zero - steps) * low) / zero : top;
        } else low -= 1e-8;
        const scale = steps / (high - low);
        out[i] = clamp(Math.floor((dy[i] - low) * scale + u), 0, steps) / scale + low;
      }
    }
  },
  householderPlan({ rows }, range, plan) {
    const span = (b: number) => range[2 * b + 1] - range[2 * b] + 1e-8;
    const order = Array.from({ length: rows }, (_, b) => b).sort((a, b) => span(b) - span(a));
    const sum = (ranks: readonly number[]) => ranks.reduce((total, b) => total + span(b), 0);
    for (let b = 0; b < rows; b++) plan.set([b, 1, 1, 1], 4 * b);
    const counts = Array.from({ length: rows - 1 }, (_, n) => n + 1);
    const small = counts.find((n) => (n * span(order[rows - n - 1])) / sum(order.slice(0, rows - n)) > 1);
    if (small === undefined) return;
    const leaders = order.slice(0, rows - small);
    const others = order.slice(rows - small);
    leaders.forEach((leader, i) => {
      const end = (k: number) => Math.round((small * sum(leaders.slice(0, k))) / sum(leaders));
      const group = others.slice(end(i), end(i + 1));
      const g = group.length + 1;
      const entries = householderMatrix(g).flat().map(Math.abs);
      const s1 = (span(leader) / Math.sqrt(g)) ** (-1 / 3);
      const s2 = ((span(group[0]) * Math.max(...entries)) / (g - 1)) ** (-1 / 3);
      const both = Math.sqrt(s1 ** -2 + s2 ** -2);
      plan.set([leader, g, s1 * both, 1], 4 * leader);
      for (const b of group) plan.set([leader, g, s2 * both, 0], 4 * b);
    });
  },
  householder({ rows, columns, inverse }, x, plan, y) {
    for (let b = 0; b < rows; b++) {
      const all = Array.from({ length: rows }, (_, other) => other);
      // The leader stands first in its group.
      const group = all
        .filter((other) => plan[4 * other] === plan[4 * b])
        .sort((p, q) => plan[4 * q + 3] - plan[4 * p + 3]);
      const row = householderMatrix(group.length)[group.indexOf(b)];
      for (let c = 0; c < columns; c++) {
        const turned = group.reduce(
          (sum, other, j) => sum + row[j] * x[other * columns + c] * (inverse ? 1 : plan[4 * other + 2]),
          0,
        );
        y[b * columns + c] = turned / (inverse ? plan[4 * b + 2] : 1);
      }
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

  adam({ size, beta1, beta2, epsilon, stepScale, clip, decay }, dw, rates, w, m, v) {
    for (let i = 0; i < size; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * dw[i];
      v[i] = beta2 * v[i] + (1 - beta2) * dw[i] ** 2;
      const kept = (1 - stepScale * decay * rates[2]) * w[i];
      const moved = kept - (stepScale * rates[0] * m[i]) / (Math.sqrt(v[i] * rates[1]) + epsilon);
      w[i] = clip === null ? moved : Math.max(-clip, Math.min(clip, moved));
    }
  },
  sgd({ size, momentum, decay, stepScale, clip }, dw, rates, w, m) {
    for (let i = 0; i < size; i++) {
      m[i] = momentum * m[i] + dw[i] + decay * w[i];
      const moved = w[i] - stepScale * rates[0] * m[i];
      w[i] = clip === null ? moved : clamp(moved, -clip, clip);
    }
  },
  adaMax({ size, variant, beta1, beta2, epsilon, stepScale, clip }, dw, rates, w, m, v) {
    for (let i = 0; i < size; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * dw[i];
      v[i] = Math.max(beta2 * v[i], Math.abs(dw[i]));
      if (variant === 'shift-torch') v[i] = powerOfTwo(v[i]) + epsilon;
      const inverse = {
        plain: 1 / (v[i] + epsilon),
        'shift-paper': v[i] === 0 ? 0 : powerOfTwo(1 / v[i]),
        'shift-torch': 1 / v[i],
      }[variant];
      const moved = w[i] - stepScale * rates[0] * m[i] * inverse;
      w[i] = clip === null ? moved : clamp(moved, -clip, clip);
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
