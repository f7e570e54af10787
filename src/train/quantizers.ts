// Quantizers with a scale of their own, estimators, and quantizers of gradients. Maps of one element are in maps.ts.
//
// AQE: Chen, Liu, Zhang et al., "Propagating Asymptotic-Estimated Gradients for Low Bitwidth Quantized Neural Networks",
// IEEE JSTSP 2020. XNOR-Net: Rastegari et al., ECCV 2016. DoReFa-Net: Zhou et al. 2016. StatQuant: Chen et al., "A
// Statistical Framework for Low-bitwidth Training of Deep Neural Networks", NeurIPS 2020, after its published code.
import type { Call, GradientScheme, Statistic } from './kernels.js';
import type { BackwardPath, Blend, NoiseSource } from './layers.js';
import type { Tape } from './tape.js';
import { matrixShape, tensor, type Tensor } from './tensor.js';

/**
 * AQE's blend for map(): y = alpha h(x) + (1 - alpha) x, dx = 2 alpha dy 1[|x| <= 1] (eq. 18, 19). The paper names no
 * alpha; at 1/2 the gradient is the straight-through estimator's, which is the default here. `factor` 1 instead is the
 * paper's Algorithm 1. Inference uses h alone.
 */
export function aqe(alpha = 0.5, factor: 'eq18' | 'algorithm1' = 'eq18'): Blend {
  if (!(alpha > 0 && alpha <= 1)) throw new RangeError(`"alpha" expected a number in (0, 1], got ${alpha}`);
  return { alpha, factor: factor === 'eq18' ? 2 * alpha : 1 };
}

/** alpha of an epoch, rising from 1/2 to 1 so that training ends with what inference computes. This ramp is ours. */
export function alphaRamp(epochs: number): (epoch: number) => number {
  return (epoch) => Math.min(1, 0.5 + (0.5 * epoch) / Math.max(1, epochs - 1));
}

/** TWN's threshold, 0.7 times the mean size of the weights; in AQE's ternary layers it is our choice. */
export function ternaryThreshold(weights: Float32Array): number {
  return (0.7 * weights.reduce((sum, w) => sum + Math.abs(w), 0)) / weights.length;
}

/**
 * Binary weights with a scale, XNOR-Net: w (O, I), y = a sign(w), a = mean |w| of each output;
 * dw = dy (1/I + a 1[|w| <= 1]), as in the paper.
 */
export function xnorWeights(tape: Tape, w: Tensor, label: string): Tensor {
  return scaledSigns(tape, w, matrixShape(w), true, label);
}

/** DoReFa's 1-bit weights: y = E|w| sign(w) with one mean for the layer; dw = dy. */
export function dorefaSigns(tape: Tape, w: Tensor, label: string): Tensor {
  return scaledSigns(tape, w, [1, w.size], false, label);
}

function scaledSigns(
  tape: Tape,
  w: Tensor,
  [rows, columns]: readonly [number, number],
  masked: boolean,
  label: string,
): Tensor {
  const scales = tensor(`${label} scales`, [rows]);
  const output = tensor(label, w.shape);
  return tape.record({
    inputs: [w],
    output,
    forward: [
      statistic(w, scales, [rows, columns], 'meanAbs'),
      { kernel: 'scaledSign', params: { rows, columns }, tensors: [w, scales, output] },
    ],
    backward: (dy, target) => {
      const dw = target(w);
      if (!dw) return [];
      const params = { rows, columns, masked, accumulate: dw.accumulate };
      return [{ kernel: 'scaledSignBackward', params, tensors: [w, scales, dy, dw.tensor] }];
    },
  });
}

/**
 * DoReFa's weights of k > 1 bits: y = 2 q(tanh(w) / (2 M) + 1/2) - 1, M = max |tanh w| of the layer, q = rounding to
 * multiples of 1 / (2^k - 1); dw = dy (1 - tanh(w)^2) / M, with M taken as a constant.
 */
export function dorefaWeights(tape: Tape, w: Tensor, bits: number, label: string): Tensor {
  const { size } = w;
  const maximum = tensor(`${label} maximum`, [1]);
  const output = tensor(label, w.shape);
  const steps = 2 ** bits - 1;
  return tape.record({
    inputs: [w],
    output,
    forward: [
      statistic(w, maximum, [1, size], 'maxTanh'),
      { kernel: 'tanhWeights', params: { size, steps }, tensors: [w, maximum, output] },
    ],
    backward: (dy, target) => {
      const dw = target(w);
      if (!dw) return [];
      const params = { size, accumulate: dw.accumulate };
      return [{ kernel: 'tanhWeightsBackward', params, tensors: [w, maximum, dy, dw.tensor] }];
    },
  });
}

/**
 * Quantizers of gradients, for a gradient (B, C) of B samples; all without bias.
 *
 *   dorefa   2 M (q(clip(g / (2 M) + 1/2 + N)) - 1/2), M = max |g| of the sample, N uniform in +-1 / (2 (2^k - 1))
 *   log      sign(g) times one of the powers of two around |g|; k bits are a sign, zero and 2^(k-1) - 1 exponents below M.
 *            What the QNN paper uses for its 6-bit gradients could not be read; this variant is ours.
 *   ptq      SR((g - z) s) / s + z with one range for the tensor, where zero is exact
 *   psq      the same with a range for each sample
 *   bhq      psq between T and its inverse: T spreads each row of large range over a group of small ones, by a
 *            Householder matrix, and scales both so that their variances balance
 */
export type GradientQuantizer = 'dorefa' | 'log' | 'ptq' | 'psq' | 'bhq';

/**
 * The calls that quantize `gradient`, and the tensor that they fill. The rows of the gradient are samples; where a sample
 * has several, as the pixels of a convolution, `samples` says how many there are.
 */
export function quantizeGradient(
  gradient: Tensor,
  quantizer: GradientQuantizer,
  bits: number,
  { key, stream }: NoiseSource,
  samples?: number,
): { readonly calls: readonly Call[]; readonly output: Tensor } {
  if (!Number.isInteger(bits) || bits < 2 || bits > 16) {
    throw new RangeError(`"bits" expected an integer from 2 to 16, got ${bits}`);
  }
  const rows = samples ?? matrixShape(gradient)[0];
  const columns = gradient.size / rows;
  if (!Number.isInteger(columns)) {
    throw new RangeError(
      `gradient "${gradient.label}" expected whole rows of ${rows} samples, got ${gradient.size} values`,
    );
  }
  const whole = quantizer === 'ptq';
  const affine = quantizer === 'ptq' || quantizer === 'psq' || quantizer === 'bhq';
  const scheme: GradientScheme = affine ? 'affine' : quantizer;
  // The exponents of `log` are 0, -1, .. -(2^(k-1) - 2), as far as float32 goes.
  const steps = quantizer === 'log' ? 2 ** Math.max(-60, 2 - 2 ** (bits - 1)) : 2 ** bits - 1;
  const ranges: readonly [number, number] = whole ? [1, rows * columns] : [rows, columns];
  const rounded = (from: Tensor): { calls: Call[]; output: Tensor } => {
    const s = tensor(`${from.label} statistic`, affine ? [ranges[0], 2] : [ranges[0]]);
    const output = tensor(`${from.label} quantized`, gradient.shape);
    const params = { rows, columns, scheme, steps, whole, stream };
    const calls: Call[] = [
      statistic(from, s, ranges, affine ? 'range' : 'maxAbs'),
      { kernel: 'quantizeGradient', params, tensors: [from, s, key, output] },
    ];
    return { calls, output };
  };
  if (quantizer !== 'bhq') return rounded(gradient);
  const range = tensor(`${gradient.label} range`, [rows, 2]);
  const plan = tensor(`${gradient.label} groups`, [rows, 4]);
  const turned = tensor(`${gradient.label} turned`, gradient.shape);
  const output = tensor(`${gradient.label} by householder`, gradient.shape);
  const middle = rounded(turned);
  const calls: Call[] = [
    statistic(gradient, range, [rows, columns], 'range'),
    { kernel: 'householderPlan', params: { rows }, tensors: [range, plan] },
    { kernel: 'householder', params: { rows, columns, inverse: false }, tensors: [gradient, plan, turned] },
    ...middle.calls,
    { kernel: 'householder', params: { rows, columns, inverse: true }, tensors: [middle.output, plan, output] },
  ];
  return { calls, output };
}

function statistic(x: Tensor, out: Tensor, [rows, columns]: readonly [number, number], kind: Statistic): Call {
  return { kernel: 'rowStatistic', params: { rows, columns, statistic: kind }, tensors: [x, out] };
}

/**
 * y = x, whose gradient passes through a quantizer on its way back: behind a layer's products it makes both backward
 * products work on the quantized gradient, as DoReFa places it.
 */
export function gradientQuantizer(
  tape: Tape,
  x: Tensor,
  quantizer: GradientQuantizer,
  bits: number,
  noise: NoiseSource,
  label: string,
): Tensor {
  const { size } = x;
  const output = tensor(label, x.shape);
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'scale', params: { size, factor: 1, accumulate: false }, tensors: [x, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const quantized = quantizeGradient(dy, quantizer, bits, noise);
      const params = { size, factor: 1, accumulate: dx.accumulate };
      return [...quantized.calls, { kernel: 'scale', params, tensors: [quantized.output, dx.tensor] }];
    },
  });
}

/** A gradient quantizer with its number of bits. */
export interface GradientPrecision {
  readonly quantizer: GradientQuantizer;
  readonly bits: number;
}

/** StatQuant's gradient of weights. */
const WEIGHT_PATH: GradientPrecision = { quantizer: 'ptq', bits: 8 };

/**
 * StatQuant's backward pass for dense() and conv2d(): two independent quantizations of one output's gradient, `inputs` for
 * the product that goes on (4 or 5 bits of bhq, say), `weights` for the weights' gradient, 8 bits of ptq by default. Both
 * are unbiased, and so are both products. Takes two streams of noise: `stream`, and `stream` + 2^31.
 */
export function statQuant(
  { inputs, weights = WEIGHT_PATH }: { readonly inputs: GradientPrecision; readonly weights?: GradientPrecision },
  { key, stream }: NoiseSource,
  samples?: number,
): BackwardPath {
  if (!(stream >= 0 && stream < 2 ** 31)) throw new RangeError(`"stream" expected 0 to 2^31 - 1, got ${stream}`);
  return (dy, product) => {
    const { quantizer, bits } = product === 'inputs' ? inputs : weights;
    const own = product === 'inputs' ? stream : stream + 2 ** 31;
    return quantizeGradient(dy, quantizer, bits, { key, stream: own }, samples);
  };
}
