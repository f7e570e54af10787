// The operations of binarized networks on a tape: each records its forward calls and its backward calls side by side.
// Formulas: Courbariaux, Hubara, Soudry, El-Yaniv, Bengio, "Binarized Neural Networks", NIPS 2016 (BNN below);
// Ioffe and Szegedy, "Batch Normalization", ICML 2015. Letters as in kernels.ts.
import type { Call, KernelParams, PatchParams, PoolParams } from './kernels.js';
import { SIGN, type MapSpec } from './maps.js';
import type { Tape } from './tape.js';
import { matrixShape, tensor, type Tensor } from './tensor.js';

/** Epsilon and momentum of batch normalization in BNN's MNIST and CIFAR-10 nets. */
export const BATCH_NORM_EPSILON = 1e-4;
export const BATCH_NORM_MOMENTUM = 0.1;

/** Bytes of the samples `indices` (B) of a data set as odd integers: x (B, features), x = 2 * byte - 255. */
export function gatherBytes(tape: Tape, data: Tensor, indices: Tensor, features: number): Tensor {
  const rows = indices.size;
  const output = tensor('inputs', [rows, features]);
  return tape.record({
    inputs: [],
    output,
    forward: [{ kernel: 'gatherBytes', params: { rows, features }, tensors: [data, indices, output] }],
  });
}

/**
 * What one of the two backward products of a layer takes for the output's gradient dy, and the calls that make it:
 * quantizers may differ between the product that goes on to the inputs and the one that is the weights' gradient.
 */
export type BackwardPath = (
  dy: Tensor,
  product: 'inputs' | 'weights',
) => { readonly calls: readonly Call[]; readonly output: Tensor };

const UNQUANTIZED: BackwardPath = (dy) => ({ calls: [], output: dy });

/** y = x W^T without bias: x (B, I), W (O, I), y (B, O). dx = dy W, dW = dy^T x, each with its path's dy. */
export function dense(tape: Tape, x: Tensor, weights: Tensor, label: string, path = UNQUANTIZED): Tensor {
  const [rows, inputs] = matrixShape(x);
  const [outputs, columns] = matrixShape(weights);
  if (columns !== inputs) throw new RangeError(`dense "${label}" expected weights of ${inputs} inputs, got ${columns}`);
  const output = tensor(label, [rows, outputs]);
  return tape.record({
    inputs: [x, weights],
    output,
    forward: [
      {
        kernel: 'matmul',
        params: { m: rows, n: outputs, k: inputs, transposeA: false, transposeB: true, accumulate: false },
        tensors: [x, weights, output],
      },
    ],
    backward: (dy, target) => {
      const calls: Call[] = [];
      const dx = target(x);
      if (dx) {
        const from = path(dy, 'inputs');
        calls.push(...from.calls, {
          kernel: 'matmul',
          params: { m: rows, n: inputs, k: outputs, transposeA: false, transposeB: false, accumulate: dx.accumulate },
          tensors: [from.output, weights, dx.tensor],
        });
      }
      const dw = target(weights);
      if (dw) {
        const from = path(dy, 'weights');
        calls.push(...from.calls, {
          kernel: 'matmul',
          params: { m: outputs, n: inputs, k: rows, transposeA: true, transposeB: false, accumulate: dw.accumulate },
          tensors: [from.output, x, dw.tensor],
        });
      }
      return calls;
    },
  });
}

/** Binarization: y = +1 if x >= 0 else -1 (BNN eq. 1); straight-through estimator dx = dy * 1[|x| <= 1] (BNN eq. 4). */
export function sign(tape: Tape, x: Tensor, label: string): Tensor {
  return map(tape, x, SIGN, label);
}

/** How a quantizer's output is mixed with its input, and what its gradient is multiplied by. */
export interface Blend {
  readonly alpha: number;
  readonly factor: number;
}

const UNBLENDED: Blend = { alpha: 1, factor: 1 };

/** y = alpha h(x) + (1 - alpha) x for a map h of maps.ts, dx = factor * dy * slope(x). */
export function map(tape: Tape, x: Tensor, spec: MapSpec, label: string, blend: Blend = UNBLENDED): Tensor {
  const { size } = x;
  const { alpha, factor } = blend;
  const output = tensor(label, x.shape);
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'map', params: { ...spec, size, alpha }, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const params = { ...spec, size, factor, accumulate: dx.accumulate };
      return [{ kernel: 'mapBackward', params, tensors: [x, dy, dx.tensor] }];
    },
  });
}

/** y = factor * x; dx = factor * dy. */
export function scaled(tape: Tape, x: Tensor, factor: number, label: string): Tensor {
  return weightedSum(tape, [[x, factor]], label);
}

/** y = sum of factor * x over the given tensors of one shape: residual connections, weighted losses. dx = factor * dy. */
export function weightedSum(tape: Tape, parts: readonly (readonly [Tensor, number])[], label: string): Tensor {
  const output = tensor(label, parts[0][0].shape);
  const { size } = output;
  for (const [x] of parts) {
    if (x.size !== size) throw new RangeError(`sum "${label}" expected ${size} values, got ${x.size} in "${x.label}"`);
  }
  return tape.record({
    inputs: parts.map(([x]) => x),
    output,
    forward: parts.map(([x, factor], i) => {
      return { kernel: 'scale', params: { size, factor, accumulate: i > 0 }, tensors: [x, output] };
    }),
    backward: (dy, target) =>
      parts.flatMap(([x, factor]): Call[] => {
        const dx = target(x);
        if (!dx) return [];
        return [{ kernel: 'scale', params: { size, factor, accumulate: dx.accumulate }, tensors: [dy, dx.tensor] }];
      }),
  });
}

/** y = x + bias: x (B, C), bias (C). dx = dy, dbias = sum of dy over B. */
export function addBias(tape: Tape, x: Tensor, bias: Tensor, label: string): Tensor {
  const [rows, channels] = matrixShape(x);
  const output = tensor(label, x.shape);
  return tape.record({
    inputs: [x, bias],
    output,
    forward: [{ kernel: 'addBias', params: { rows, channels }, tensors: [x, bias, output] }],
    backward: (dy, target) => {
      const calls: Call[] = [];
      const dx = target(x);
      if (dx) {
        const params = { size: x.size, factor: 1, accumulate: dx.accumulate };
        calls.push({ kernel: 'scale', params, tensors: [dy, dx.tensor] });
      }
      const dbias = target(bias);
      if (dbias) {
        const params = { rows, channels, accumulate: dbias.accumulate };
        calls.push({ kernel: 'sumRows', params, tensors: [dy, dbias.tensor] });
      }
      return calls;
    },
  });
}

/** y (B, width) = columns from .. from + width - 1 of x (B, C). */
export function slice(tape: Tape, x: Tensor, from: number, width: number, label: string): Tensor {
  const [rows, columns] = matrixShape(x);
  return sliceOf(tape, x, { rows, columns, from, width }, tensor(label, [rows, width]));
}

/** `output` is what `params` cut out of x, whatever shapes the two have. */
export function sliceOf(tape: Tape, x: Tensor, params: KernelParams['slice'], output: Tensor): Tensor {
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'slice', params, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      return [{ kernel: 'sliceBackward', params: { ...params, accumulate: dx.accumulate }, tensors: [dy, dx.tensor] }];
    },
  });
}

/** y (B, sum of C) = the columns of all parts (B, C) one behind the other; a part may occur more than once. */
export function concat(tape: Tape, parts: readonly Tensor[], label: string): Tensor {
  const [rows] = matrixShape(parts[0]);
  const columns = parts.reduce((sum, part) => sum + matrixShape(part)[1], 0);
  const output = tensor(label, [rows, columns]);
  let next = 0;
  const places = parts.map((part) => {
    const [height, width] = matrixShape(part);
    if (height !== rows) throw new RangeError(`concat "${label}" expected ${rows} rows, got ${height}`);
    const from = next;
    next += width;
    return { part, params: { rows, columns, from, width } };
  });
  return joinOf(tape, places, output);
}

/** Places parts in `output`, which they fill; a part may occur more than once. */
export function joinOf(
  tape: Tape,
  places: readonly { readonly part: Tensor; readonly params: KernelParams['slice'] }[],
  output: Tensor,
): Tensor {
  return tape.record({
    inputs: [...new Set(places.map(({ part }) => part))],
    output,
    forward: places.map(({ part, params }, i) => {
      return { kernel: 'sliceBackward', params: { ...params, accumulate: i > 0 }, tensors: [part, output] };
    }),
    backward: (dy, target) =>
      places.flatMap(({ part, params }): Call[] => {
        const dx = target(part);
        if (!dx) return [];
        if (!dx.accumulate) return [{ kernel: 'slice', params, tensors: [dy, dx.tensor] }];
        const share = tensor(`${output.label} d at ${params.from}`, part.shape);
        return [
          { kernel: 'slice', params, tensors: [dy, share] },
          { kernel: 'scale', params: { size: part.size, factor: 1, accumulate: true }, tensors: [share, dx.tensor] },
        ];
      }),
  });
}

/** A place where noise is drawn: `key` (1) u32 is written before every step, `stream` tells places apart. */
export interface NoiseSource {
  readonly key: Tensor;
  readonly stream: number;
}

/** y = x / (1 - rate), or 0 with probability `rate`; dx likewise, for the same elements (Srivastava et al. 2014). */
export function dropout(tape: Tape, x: Tensor, rate: number, { key, stream }: NoiseSource, label: string): Tensor {
  const output = tensor(label, x.shape);
  const params = { size: x.size, rate, stream };
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'dropout', params: { ...params, accumulate: false }, tensors: [x, key, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      return [{ kernel: 'dropout', params: { ...params, accumulate: dx.accumulate }, tensors: [dy, key, dx.tensor] }];
    },
  });
}

/**
 * y = +1 with probability clip((x + 1) / 2, 0, 1), else -1 (BNN eq. 2, 3); dx = dy * 1[|x| <= 1] as for sign().
 */
export function stochasticSign(tape: Tape, x: Tensor, { key, stream }: NoiseSource, label: string): Tensor {
  const output = tensor(label, x.shape);
  const { size } = x;
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'stochasticSign', params: { size, stream }, tensors: [x, key, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const params = { ...SIGN, size, factor: 1, accumulate: dx.accumulate };
      return [{ kernel: 'mapBackward', params, tensors: [x, dy, dx.tensor] }];
    },
  });
}

/** Images of an activation (images * height * width, channels). */
export interface ImageShape {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * The inputs of every output pixel side by side: x (B * H * W, C) -> (B * OH * OW, K * K * C), 0 outside the image, with
 * OH = floor((H + 2 padding - K) / stride) + 1. dx sums over the patches that an input is in.
 */
export function patches(
  tape: Tape,
  x: Tensor,
  shape: ImageShape,
  { kernel, stride, padding }: { readonly kernel: number; readonly stride: number; readonly padding: number },
  label: string,
): Tensor {
  const { images, height, width, channels } = shape;
  const outHeight = outputSide(height, kernel, stride, padding);
  const outWidth = outputSide(width, kernel, stride, padding);
  const params: PatchParams = { images, height, width, channels, kernel, stride, padding, outHeight, outWidth };
  const output = tensor(label, [images * outHeight * outWidth, kernel * kernel * channels]);
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'im2col', params, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      return [{ kernel: 'col2im', params: { ...params, accumulate: dx.accumulate }, tensors: [dy, dx.tensor] }];
    },
  });
}

/** Pixels along one side of a convolution's output. */
export function outputSide(side: number, kernel: number, stride: number, padding: number): number {
  return Math.floor((side + 2 * padding - kernel) / stride) + 1;
}

/** Convolution without bias: x (B * H * W, C), weights (O, K * K * C), y (B * OH * OW, O): dense() over patches(). */
export function conv2d(
  tape: Tape,
  x: Tensor,
  weights: Tensor,
  shape: ImageShape,
  window: { readonly kernel: number; readonly stride: number; readonly padding: number },
  label: string,
  path = UNQUANTIZED,
): Tensor {
  return dense(tape, patches(tape, x, shape, window, `${label} patches`), weights, label, path);
}

/**
 * Maximum or average of windows of size * size that do not overlap: x (B * H * W, C), y (B * (H/size) * (W/size), C).
 * dx = dy at the first maximum of its window, or dy / size^2 everywhere.
 */
export function pool(
  tape: Tape,
  x: Tensor,
  shape: ImageShape,
  { size, average = false }: { readonly size: number; readonly average?: boolean },
  label: string,
): Tensor {
  const { images, height, width, channels } = shape;
  const params: PoolParams = { images, height, width, channels, size, average };
  const output = tensor(label, [images * Math.floor(height / size) * Math.floor(width / size), channels]);
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'pool', params, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const accumulated = { ...params, accumulate: dx.accumulate };
      return [{ kernel: 'poolBackward', params: accumulated, tensors: [x, output, dy, dx.tensor] }];
    },
  });
}

/** The same values under another shape of as many: (B * H * W, C) as (B, H * W * C) before a dense layer, say. */
export function reshape(tape: Tape, x: Tensor, shape: readonly number[], label: string): Tensor {
  const output = tensor(label, shape);
  if (output.size !== x.size) throw new RangeError(`reshape "${label}" expected ${x.size} values, got ${output.size}`);
  const { size } = x;
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'scale', params: { size, factor: 1, accumulate: false }, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const params = { size, factor: 1, accumulate: dx.accumulate };
      return [{ kernel: 'scale', params, tensors: [dy, dx.tensor] }];
    },
  });
}

/** Parameters and running statistics of a batch normalization: gamma and beta (C), running (2, C) mean and variance. */
export interface BatchNormTensors {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly running: Tensor;
}

/**
 * Batch normalization with the statistics of the batch:
 * h = (x - mean) r with r = 1/sqrt(variance + epsilon), y = gamma h + beta;
 * dbeta = sum(dy), dgamma = sum(dy h), dx = gamma r (dy - dbeta/B - h dgamma/B).
 * Means, sums and the (biased) variance are over the B rows.
 */
export function batchNorm(
  tape: Tape,
  x: Tensor,
  norm: BatchNormTensors,
  label: string,
  epsilon = BATCH_NORM_EPSILON,
): Tensor {
  return normalization(tape, x, norm, label, {
    forward: 'batchNorm',
    backward: 'batchNormBackward',
    epsilon,
    momentum: BATCH_NORM_MOMENTUM,
  });
}

/** Epsilon and momentum of shift-based batch normalization in BNN's Torch7 code. */
export const SHIFT_NORM_EPSILON = 1e-5;
export const SHIFT_NORM_MOMENTUM = 0.125;

/**
 * Shift-based batch normalization (BNN, Algorithm 3), with d = x - mean, r = 1/sqrt(mean(d AP2(d)) + epsilon), s = AP2(r):
 * y = AP2(gamma) s d + beta; as in the Torch7 code
 * dx = (dy - mean(dy) - AP2(d) mean(AP2(d) dy) s^2) s AP2(gamma), dgamma = sum(dy AP2(s d)), dbeta = sum(dy).
 * running (2, C) is mean and the average of r itself, not of the variance.
 */
export function shiftNorm(tape: Tape, x: Tensor, norm: BatchNormTensors, label: string): Tensor {
  return normalization(tape, x, norm, label, {
    forward: 'shiftNorm',
    backward: 'shiftNormBackward',
    epsilon: SHIFT_NORM_EPSILON,
    momentum: SHIFT_NORM_MOMENTUM,
  });
}

interface NormKind {
  readonly forward: 'batchNorm' | 'shiftNorm';
  readonly backward: 'batchNormBackward' | 'shiftNormBackward';
  readonly epsilon: number;
  readonly momentum: number;
}

function normalization(tape: Tape, x: Tensor, norm: BatchNormTensors, label: string, kind: NormKind): Tensor {
  const [rows, channels] = matrixShape(x);
  const output = tensor(label, x.shape);
  const saved = tensor(`${label} statistics`, [2, channels]);
  const { gamma, beta, running } = norm;
  return tape.record({
    inputs: [x, gamma, beta],
    output,
    forward: [
      {
        kernel: kind.forward,
        params: { rows, channels, epsilon: kind.epsilon, momentum: kind.momentum },
        tensors: [x, gamma, beta, output, saved, running],
      },
    ],
    backward: (dy, target) => {
      const part = (t: Tensor) => target(t) ?? { tensor: tensor(`unused d ${t.label}`, t.shape), accumulate: false };
      const [dx, dgamma, dbeta] = [part(x), part(gamma), part(beta)];
      return [
        {
          kernel: kind.backward,
          params: { rows, channels, accumulate: [dx.accumulate, dgamma.accumulate, dbeta.accumulate] },
          tensors: [x, gamma, saved, dy, dx.tensor, dgamma.tensor, dbeta.tensor],
        },
      ];
    },
  });
}

/**
 * Evaluation of batch normalization and sign by folded scale and shift: affine (2, C) -> y = sign(scale * s + shift).
 */
export function affineSign(tape: Tape, sums: Tensor, affine: Tensor, label: string): Tensor {
  const [rows, channels] = matrixShape(sums);
  const output = tensor(label, sums.shape);
  return tape.record({
    inputs: [sums, affine],
    output,
    forward: [{ kernel: 'affineSign', params: { rows, channels }, tensors: [sums, affine, output] }],
  });
}

/**
 * Evaluation of a quantized activation by integer thresholds: y = values[number of thresholds that direction * s reaches].
 * table (T + 1, C): directions, then the thresholds; values (T + 1).
 */
export function staircase(tape: Tape, sums: Tensor, table: Tensor, values: Tensor, label: string): Tensor {
  const [rows, channels] = matrixShape(sums);
  const output = tensor(label, sums.shape);
  const params = { rows, channels, steps: values.size - 1 };
  return tape.record({
    inputs: [sums, table, values],
    output,
    forward: [{ kernel: 'staircase', params, tensors: [sums, table, values, output] }],
  });
}
