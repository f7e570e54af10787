// Batch normalization at inference, folded. The trainer evaluates with these float32 pairs and export derives its integer
// thresholds from the very same pairs, so that both answer alike: y = scale * s + shift, for an accumulator s.

/** Per-channel parameters and running statistics of a batch normalization over C channels; each array is (C). */
export interface BatchNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  readonly epsilon: number;
}

/** y = scale[c] * s + shift[c], each (C), float32. */
export interface Affine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/** gamma * (s - mean) / sqrt(variance + epsilon) + beta as scale and shift: computed in float64, rounded once. */
export function foldBatchNorm(bn: BatchNorm): Affine {
  const channels = bn.gamma.length;
  const scale = new Float32Array(channels);
  const shift = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const k = bn.gamma[c] / Math.sqrt(bn.variance[c] + bn.epsilon);
    scale[c] = k;
    shift[c] = bn.beta[c] - bn.mean[c] * k;
  }
  return { scale, shift };
}
