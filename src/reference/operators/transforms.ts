// What becomes of accumulators, as schema/qnn.fbs defines it.
import { type Requantize, type ShiftNorm, type TensorType, type Transform, valueRange } from '../../model/graph.js';
import { roundShift } from '../../numerics/requantize.js';
import { clamp, clampBig, constant, constantOf, roundShiftBig, type Run, type Values } from '../values.js';

/**
 * Transforms rows of N accumulators.
 *
 * @param type type of the result
 * @param residual the second input, where the transform joins one
 */
export function transformRows(
  run: Run,
  transform: Transform | undefined,
  sums: Values,
  n: number,
  type: TensorType,
  residual?: Values,
): Values {
  if (transform === undefined) return type.encoding === 'float32' ? sums.map(Math.fround) : sums;
  switch (transform.kind) {
    case 'threshold': {
      const thresholds = constant(run, transform.thresholds);
      return sums.map((a, i) => (a >= thresholds[i % n] ? 1 : -1));
    }
    case 'multiThreshold': {
      const thresholds = constant(run, transform.thresholds);
      const [count] = constantOf(run, transform.thresholds).shape;
      return sums.map((a, i) => {
        let level = 0;
        for (let t = 0; t < count; t++) if (a >= thresholds[t * n + (i % n)]) level++;
        return type.encoding === 'centered' ? 2 * level - count : level;
      });
    }
    case 'integerAffine': {
      const multipliers = constant(run, transform.multipliers);
      const biases = constant(run, transform.biases);
      return sums.map((a, i) => (Math.imul(a, multipliers[i % n]) + biases[i % n]) | 0);
    }
    case 'floatAffine': {
      const multipliers = constant(run, transform.multipliers);
      const biases = transform.biases === undefined ? undefined : constant(run, transform.biases);
      return sums.map((a, i) => {
        const scaled = Math.fround(Math.fround(a) * multipliers[i % n]);
        const y = biases === undefined ? scaled : Math.fround(scaled + biases[i % n]);
        return Math.fround(clamp(y, transform.minimum, transform.maximum));
      });
    }
    case 'shiftNorm':
      return shiftNorm(run, transform, sums, n);
    case 'requantize':
      return requantize(run, transform, sums, n, type, residual);
  }
}

function requantize(
  run: Run,
  transform: Requantize,
  sums: Values,
  n: number,
  type: TensorType,
  residual: Values | undefined,
): Values {
  const { biases: biasIndex, shift, residualMultiplier } = transform;
  const biases = biasIndex === undefined ? undefined : constant(run, biasIndex);
  const multipliers = constant(run, transform.multipliers);
  const [low, high] = valueRange(type);
  const joined = BigInt(residualMultiplier ?? 0);
  return sums.map((sum, i) => {
    const a = (sum + (biases?.[i % n] ?? 0)) | 0;
    const exact = BigInt(a) * BigInt(multipliers[i % n]) + BigInt(residual?.[i] ?? 0) * joined;
    const y = clampBig(roundShiftBig(exact, shift), -(2 ** 31), 2 ** 31 - 1);
    return clamp(clamp(y, transform.minimum, transform.maximum), low, high);
  });
}

function shiftNorm(run: Run, transform: ShiftNorm, sums: Values, n: number): Values {
  const [means, exponents, signs, biases] = (['means', 'exponents', 'signs', 'biases'] as const).map((role) =>
    constant(run, transform[role]),
  );
  return sums.map((a, i) => {
    const c = i % n;
    // |a * 2^fraction - mean| < 2^48: float64 is exact up to the shift, and saturation hides what a shift left may lose.
    const centred = a * 2 ** transform.fraction - means[c];
    const y = signs[c] * roundShift(centred, -exponents[c]) + biases[c];
    return clamp(y, -(2 ** 31), 2 ** 31 - 1);
  });
}
