// The contract between the tape and a backend: every kernel by name, with its parameters, the order of its buffers and
// what it computes. A tape is a list of such calls, plain data; a backend is one way to carry them out (WGSL in wgsl/, WebAssembly
// in cpu/).
//
// Letters: B rows of a batch, C channels, I and O inputs and outputs of a layer, m x n x k a matrix product.
// Gradients are named d<tensor>. With `accumulate` a gradient is added to what its buffer holds, else it replaces it.
// No buffer may appear twice in one call: WebGPU forbids a buffer that is read and written in the same dispatch. What a
// call writes no other call of the program writes, unless it accumulates.
import type { MapSpec } from './maps.js';
import type { Tensor } from './tensor.js';

export interface KernelParams {
  /** data, indices, out: out[b, i] = 2 * byte(data, indices[b] * features + i) - 255. data is bytes, four to a u32. */
  gatherBytes: { readonly rows: number; readonly features: number };

  /**
   * a, b, c: c (m, n) = op(a) op(b), where op(a) is (m, k), stored (k, m) if transposeA; op(b) (k, n), stored (n, k).
   */
  matmul: {
    readonly m: number;
    readonly n: number;
    readonly k: number;
    readonly transposeA: boolean;
    readonly transposeB: boolean;
    readonly accumulate: boolean;
  };

  /** x, y: y = alpha h(x) + (1 - alpha) x, for the map h of maps.ts. */
  map: MapSpec & { readonly size: number; readonly alpha: number };
  /** x, dy, dx: dx = factor * dy * slope(x), 0 where the slope is 0. */
  mapBackward: MapSpec & { readonly size: number; readonly factor: number; readonly accumulate: boolean };

  /**
   * x, gamma, beta, y, saved, running: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over rows of (B, C).
   * saved (2, C) takes mean and 1/sqrt(variance + epsilon); running (2, C) moves to mean and variance by `momentum`.
   */
  batchNorm: { readonly rows: number; readonly channels: number; readonly epsilon: number; readonly momentum: number };
  /** x, gamma, saved, dy, dx, dgamma, dbeta; `accumulate` is for dx, dgamma, dbeta in this order. */
  batchNormBackward: {
    readonly rows: number;
    readonly channels: number;
    readonly accumulate: readonly [boolean, boolean, boolean];
  };
  /** s, affine, y: y[b, c] = +1 if scale[c] * s[b, c] >= -shift[c] else -1; affine (2, C) is scale, then shift. */
  affineSign: { readonly rows: number; readonly channels: number };
  /**
   * s, table, values, y: y[b, c] = values[number of t with direction * s[b, c] >= table[1 + t, c]], direction = table[0, c].
   * table is (steps + 1, C), values (steps + 1).
   */
  staircase: { readonly rows: number; readonly channels: number; readonly steps: number };

  /** x, y: y = factor * x, or y += factor * x. */
  scale: { readonly size: number; readonly factor: number; readonly accumulate: boolean };
  /** x, bias, y: y[b, c] = x[b, c] + bias[c]. */
  addBias: { readonly rows: number; readonly channels: number };
  /** x, sums: sums[c] = sum over b of x[b, c]. */
  sumRows: { readonly rows: number; readonly channels: number; readonly accumulate: boolean };
  /** x (B, columns), y (B, width): y[b, j] = x[b, from + j]. */
  slice: SliceParams;
  /** dy (B, width), dx (B, columns): the reverse, 0 outside. */
  sliceBackward: SliceParams & { readonly accumulate: boolean };
  /**
   * x, key, y: y = 0 with probability `rate`, else x / (1 - rate), by noise(key[0], stream, i) of numerics/random.ts.
   * The same call on dy, with the same key, is the gradient.
   */
  dropout: { readonly size: number; readonly rate: number; readonly stream: number; readonly accumulate: boolean };
  /** x, key, y: y = +1 with probability clip((x + 1) / 2, 0, 1), else -1. */
  stochasticSign: { readonly size: number; readonly stream: number };

  /** x (B * H * W, C), patches (B * OH * OW, K * K * C): the inputs of every output pixel, 0 outside the image. */
  im2col: PatchParams;
  /** dpatches, dx: the reverse, sums over all patches that an input is in. */
  col2im: PatchParams & { readonly accumulate: boolean };
  /** x (B * H * W, C), y: the maximum or the average of windows of size * size that do not overlap. */
  pool: PoolParams;
  /** x, y, dy, dx: dy to the first maximum of its window, or its share to every pixel. */
  poolBackward: PoolParams & { readonly accumulate: boolean };

  /**
   * x, gamma, beta, y, saved, running: d = x - mean, r = 1/sqrt(mean(d AP2(d)) + epsilon), y = AP2(gamma) AP2(r) d + beta.
   * saved (2, C) takes mean and r; running (2, C) moves to them by `momentum`.
   */
  shiftNorm: { readonly rows: number; readonly channels: number; readonly epsilon: number; readonly momentum: number };
  /** As batchNormBackward, by the formulas of layers.ts. */
  shiftNormBackward: {
    readonly rows: number;
    readonly channels: number;
    readonly accumulate: readonly [boolean, boolean, boolean];
  };

  /** table (V, columns), indices (B) u32, y (B, columns): y[b] = table[indices[b]]. */
  embedding: { readonly rows: number; readonly columns: number };
  /** indices, dy, dtable. */
  embeddingBackward: {
    readonly rows: number;
    readonly columns: number;
    readonly vocabulary: number;
    readonly accumulate: boolean;
  };
  /** gates (B, 4H), previous (B, 2H), state (B, 2H): formulas in recurrent.ts. */
  lstmCell: { readonly rows: number; readonly hidden: number };
  /** gates, previous, state, dstate, dgates, dprevious; `accumulate` is for the last two. */
  lstmCellBackward: {
    readonly rows: number;
    readonly hidden: number;
    readonly accumulate: readonly [boolean, boolean];
  };
  /** x, tables (512), y: y = tanh of the table at x / step. Tables: see GateTables in recurrent.ts. */
  tableTanh: { readonly size: number; readonly step: number };
  /** y, dy, dx: dx = dy (1 - y^2). */
  tableTanhBackward: { readonly size: number; readonly accumulate: boolean };
  /** gates (B, 4H), previous (B, 2H), tables (512), state (B, 2H): the cell of schema/qnn.fbs, in its integers. */
  tableLstmCell: TableCellParams;
  /** gates, previous, tables, state, dstate, dgates, dprevious; `accumulate` is for the last two. */
  tableLstmCellBackward: TableCellParams & { readonly accumulate: readonly [boolean, boolean] };
  /** fromInput (B, 3H), fromState (B, 3H), previous (B, H), state (B, H): formulas in recurrent.ts. */
  gruCell: { readonly rows: number; readonly hidden: number };
  /** fromInput, fromState, previous, dstate, dfromInput, dfromState, dprevious; `accumulate` is for the last three. */
  gruCellBackward: {
    readonly rows: number;
    readonly hidden: number;
    readonly accumulate: readonly [boolean, boolean, boolean];
  };

  /**
   * scores, labels, parts (B, 4): parts[b] = [log(sum(exp(o))) - o[label], 1 if right else 0, log(sum(exp(o))), 0].
   */
  crossEntropyRows: { readonly rows: number; readonly channels: number };
  /** scores, labels, parts, dloss, dscores: dscores = dloss (softmax(o) - 1[c = label]) / B. */
  crossEntropyBackward: { readonly rows: number; readonly channels: number; readonly accumulate: boolean };
  /** scores, teacher, parts (B, 4): T^2 KL(softmax(teacher / T) || softmax(scores / T)), 0, both log-sum-exps. */
  distillationRows: { readonly rows: number; readonly channels: number; readonly temperature: number };
  /** scores, teacher, parts, dloss, dscores: dscores = dloss T (softmax(scores / T) - softmax(teacher / T)) / B. */
  distillationBackward: {
    readonly rows: number;
    readonly channels: number;
    readonly temperature: number;
    readonly accumulate: boolean;
  };
  /** parts (B, 4), loss, totals: loss = mean of column 0; totals += [loss, sum of column 1]. */
  meanLoss: { readonly rows: number };
  /** a, b, loss: loss = mean((a - b)^2) / 2. */
  squaredDistance: { readonly size: number };
  /** a, b, dloss, da: da = dloss (a - b) / size. */
  squaredDistanceBackward: { readonly size: number; readonly accumulate: boolean };

  /** x (B, C), s: one number per row, or two: [min, max] for `range`. maxTanh is max |tanh x|. */
  rowStatistic: { readonly rows: number; readonly columns: number; readonly statistic: Statistic };
  /** x (B, C), s (B), y: y[b, c] = s[b] sign(x[b, c]). */
  scaledSign: { readonly rows: number; readonly columns: number };
  /** x, s, dy, dx: dx = dy (1/C + s 1[|x| <= 1]) if masked (XNOR-Net), else dx = dy (DoReFa). */
  scaledSignBackward: {
    readonly rows: number;
    readonly columns: number;
    readonly masked: boolean;
    readonly accumulate: boolean;
  };
  /** x, maximum (1), y: y = 2 round(steps (tanh(x) / (2 maximum) + 1/2)) / steps - 1. */
  tanhWeights: { readonly size: number; readonly steps: number };
  /** x, maximum, dy, dx: dx = dy (1 - tanh(x)^2) / maximum. */
  tanhWeightsBackward: { readonly size: number; readonly accumulate: boolean };
  /**
   * dy (B, C), s, key, out: dy rounded by chance, formulas in quantizers.ts; s is one statistic for all rows if `whole`,
   * else one per row. `steps` is the number of steps, for `log` the smallest level over the largest.
   */
  quantizeGradient: {
    readonly rows: number;
    readonly columns: number;
    readonly scheme: GradientScheme;
    readonly steps: number;
    readonly whole: boolean;
    readonly stream: number;
  };
  /** range (B, 2), plan (B, 4): plan[b] = [leading row of b's group, rows in the group, scale, 1 for the leader]. */
  householderPlan: { readonly rows: number };
  /** x (B, C), plan, y: y = Q diag(scale) x, or diag(1 / scale) Q x if inverse, Q = I - 2 v v^T in every group. */
  householder: { readonly rows: number; readonly columns: number; readonly inverse: boolean };

  /** scores, labels, loss, totals: loss = mean(max(0, 1 - t * o)^2); totals += [loss, number of right answers]. */
  squaredHinge: { readonly rows: number; readonly channels: number };
  /** scores, labels, dloss, dscores: dscores = dloss * -2t * max(0, 1 - t * o) / (B * C). */
  squaredHingeBackward: { readonly rows: number; readonly channels: number; readonly accumulate: boolean };

  /**
   * dw, rates, w, m, v: Adam; rates is [learning rate / (1 - beta1^t), 1 / (1 - beta2^t), learning rate]. The step, and what
   * `decay` takes off w, are multiplied by `stepScale`; w is then clipped to [-clip, clip], unless clip is null.
   */
  adam: {
    readonly size: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly stepScale: number;
    readonly clip: number | null;
    readonly decay: number;
  };
  /** dw, rates, w, m: m <- momentum m + dw + decay w, w <- clip(w - stepScale rates[0] m). */
  sgd: {
    readonly size: number;
    readonly momentum: number;
    readonly decay: number;
    readonly stepScale: number;
    readonly clip: number | null;
  };
  /** dw, rates, w, m, v: AdaMax, plain or by shifts; formulas in optimizers.ts. */
  adaMax: {
    readonly size: number;
    readonly variant: AdaMaxVariant;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly stepScale: number;
    readonly clip: number | null;
  };
}

export const ADA_MAX_VARIANTS = ['plain', 'shift-paper', 'shift-torch'] as const;
export type AdaMaxVariant = (typeof ADA_MAX_VARIANTS)[number];

export const STATISTICS = ['meanAbs', 'maxAbs', 'maxTanh', 'range'] as const;
export type Statistic = (typeof STATISTICS)[number];

export const GRADIENT_SCHEMES = ['dorefa', 'log', 'affine'] as const;
export type GradientScheme = (typeof GRADIENT_SCHEMES)[number];

/** `step` is that of the tables; the others are fields of Lstm in schema/qnn.fbs. */
export interface TableCellParams {
  readonly rows: number;
  readonly hidden: number;
  readonly step: number;
  readonly cellShift: number;
  readonly indexShift: number;
}

interface SliceParams {
  readonly rows: number;
  readonly columns: number;
  readonly from: number;
  readonly width: number;
}

/** A square kernel over images of H * W; outputs of OH * OW. */
export interface PatchParams {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/** Windows of size * size; rows and columns that fill no window are left out. */
export interface PoolParams {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly size: number;
  readonly average: boolean;
}

export type KernelName = keyof KernelParams;

/** One kernel on given tensors, in the order that KernelParams states. */
export type Call = {
  [N in KernelName]: { readonly kernel: N; readonly params: KernelParams[N]; readonly tensors: readonly Tensor[] };
}[KernelName];

/** A list of calls made ready for a device. */
export interface Program {
  /** Starts the calls in order. Returns at once on an asynchronous device; reading a tensor waits. */
  run(): void;
}

/** Storage and execution for tensors. */
export interface Backend {
  /** What computes, for the training record. */
  readonly description: string;
  /** Whether programs run beside the host, which may prepare the next step meanwhile. Default: run() returns when it is done. */
  readonly concurrent?: boolean;
  compile(calls: readonly Call[]): Promise<Program>;
  /** Overwrites the first data.length elements of `t`. */
  write(t: Tensor, data: Float32Array | Uint32Array): void;
  /**
   * The contents of an f32 tensor after everything that was started. A program may leave out signs and patches that nothing but
   * its own products reads, and keep them in a form of its own. @throws TrainError when the device failed
   */
  read(t: Tensor): Promise<Float32Array>;
  /** Frees the storage. The device stays open. */
  dispose(): void;
}
