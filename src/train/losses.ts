// Losses on a tape. Each yields a scalar and keeps running totals on the device, so that the host reads them only as
// often as it reports.
import type { Call } from './kernels.js';
import type { Tape } from './tape.js';
import { matrixShape, tensor, type Tensor } from './tensor.js';

/**
 * Squared hinge loss, one class against the rest (L2-SVM, as in Courbariaux et al. 2016): scores o (B, C), labels (B)
 * u32, t = +1 for the label and -1 else; loss = mean(max(0, 1 - t o)^2) over B * C, do = -2 t max(0, 1 - t o) / (B C).
 * Every forward run adds [loss, right answers] to `totals` (2).
 */
export function squaredHinge(tape: Tape, scores: Tensor, labels: Tensor, totals: Tensor): Tensor {
  const [rows, channels] = matrixShape(scores);
  const loss = tensor('loss', [1]);
  return tape.record({
    inputs: [scores],
    output: loss,
    forward: [{ kernel: 'squaredHinge', params: { rows, channels }, tensors: [scores, labels, loss, totals] }],
    backward: (dloss, target) => {
      const dscores = target(scores);
      if (!dscores) return [];
      const params = { rows, channels, accumulate: dscores.accumulate };
      return [{ kernel: 'squaredHingeBackward', params, tensors: [scores, labels, dloss, dscores.tensor] }];
    },
  });
}

/**
 * Softmax cross-entropy: scores o (B, C), labels (B) u32; loss = mean over B of log(sum(exp(o))) - o[label],
 * do = (softmax(o) - 1[c = label]) / B. Every forward run adds [loss, right answers] to `totals` (2).
 */
export function crossEntropy(tape: Tape, scores: Tensor, labels: Tensor, totals: Tensor): Tensor {
  const [rows, channels] = matrixShape(scores);
  const parts = tensor('loss by sample', [rows, 4]);
  const loss = tensor('loss', [1]);
  return tape.record({
    inputs: [scores],
    output: loss,
    forward: [
      { kernel: 'crossEntropyRows', params: { rows, channels }, tensors: [scores, labels, parts] },
      { kernel: 'meanLoss', params: { rows }, tensors: [parts, loss, totals] },
    ],
    backward: (dloss, target) => {
      const d = target(scores);
      if (!d) return [];
      const params = { rows, channels, accumulate: d.accumulate };
      return [{ kernel: 'crossEntropyBackward', params, tensors: [scores, labels, parts, dloss, d.tensor] }];
    },
  });
}

/**
 * Distillation (Hinton, Vinyals, Dean 2015): loss = mean over B of T^2 KL(softmax(t / T) || softmax(o / T)) for scores o
 * and a teacher's scores t, do = T (softmax(o / T) - softmax(t / T)) / B. The teacher gets no gradient.
 */
export function distillation(tape: Tape, scores: Tensor, teacher: Tensor, temperature: number): Tensor {
  const [rows, channels] = matrixShape(scores);
  const parts = tensor('distillation by sample', [rows, 4]);
  const loss = tensor('distillation loss', [1]);
  const shape = { rows, channels, temperature };
  return tape.record({
    inputs: [scores],
    output: loss,
    forward: [
      { kernel: 'distillationRows', params: shape, tensors: [scores, teacher, parts] },
      { kernel: 'meanLoss', params: { rows }, tensors: [parts, loss, tensor('unused totals', [2])] },
    ],
    backward: (dloss, target) => {
      const d = target(scores);
      if (!d) return [];
      const params = { ...shape, accumulate: d.accumulate };
      return [{ kernel: 'distillationBackward', params, tensors: [scores, teacher, parts, dloss, d.tensor] }];
    },
  });
}

/** Half the mean squared difference of a and b: da = (a - b) / size, db = -da. The pull of guided training. */
export function squaredDistance(tape: Tape, a: Tensor, b: Tensor, label: string): Tensor {
  const { size } = a;
  if (b.size !== size) throw new RangeError(`distance "${label}" expected ${size} values, got ${b.size}`);
  const loss = tensor(label, [1]);
  return tape.record({
    inputs: [a, b],
    output: loss,
    forward: [{ kernel: 'squaredDistance', params: { size }, tensors: [a, b, loss] }],
    backward: (dloss, target) =>
      [
        [a, b],
        [b, a],
      ].flatMap(([own, other]): Call[] => {
        const d = target(own);
        if (!d) return [];
        const params = { size, accumulate: d.accumulate };
        return [{ kernel: 'squaredDistanceBackward', params, tensors: [own, other, dloss, d.tensor] }];
      }),
  });
}
