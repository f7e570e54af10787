// The operations of binarized networks on a tape: each records its forward calls and its backward calls side by side.
// Formulas: Courbariaux, Hubara, Soudry, El-Yaniv, Bengio, "Binarized Neural Networks", NIPS 2016 (BNN below);
// Ioffe and Szegedy, "Batch Normalization", ICML 2015. Letters as in kernels.ts.
import type { Call } from './kernels.js';
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

/** y = x W^T without bias: x (B, I), W (O, I), y (B, O). dx = dy W, dW = dy^T x. */
export function dense(tape: Tape, x: Tensor, weights: Tensor, label: string): Tensor {
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
        calls.push({
          kernel: 'matmul',
          params: { m: rows, n: inputs, k: outputs, transposeA: false, transposeB: false, accumulate: dx.accumulate },
          tensors: [dy, weights, dx.tensor],
        });
      }
      const dw = target(weights);
      if (dw) {
        calls.push({
          kernel: 'matmul',
          params: { m: outputs, n: inputs, k: rows, transposeA: true, transposeB: false, accumulate: dw.accumulate },
          tensors: [dy, x, dw.tensor],
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
export function batchNorm(tape: Tape, x: Tensor, norm: BatchNormTensors, label: string): Tensor {
  const [rows, channels] = matrixShape(x);
  const output = tensor(label, x.shape);
  const saved = tensor(`${label} statistics`, [2, channels]);
  const { gamma, beta, running } = norm;
  return tape.record({
    inputs: [x, gamma, beta],
    output,
    forward: [
      {
        kernel: 'batchNorm',
        params: { rows, channels, epsilon: BATCH_NORM_EPSILON, momentum: BATCH_NORM_MOMENTUM },
        tensors: [x, gamma, beta, output, saved, running],
      },
    ],
    backward: (dy, target) => {
      const part = (t: Tensor) => target(t) ?? { tensor: tensor(`unused d ${t.label}`, t.shape), accumulate: false };
      const [dx, dgamma, dbeta] = [part(x), part(gamma), part(beta)];
      return [
        {
          kernel: 'batchNormBackward',
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
