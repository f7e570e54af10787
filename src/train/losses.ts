// Losses on a tape. Each yields a scalar and keeps running totals on the device, so that the host reads them only as
// often as it reports.
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
