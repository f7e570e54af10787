// What becomes of an accumulator: types and rules of the transforms, fused to a product or on their own. schema/qnn.fbs has
// the formulas. Numbers named after a role are indices of constants with one value for each output channel.
import type { TensorType } from '../graph.js';
import {
  BITS,
  describeType,
  expectClamp,
  expectConstant,
  expectInteger,
  expectRange,
  FLOAT32,
  INT16,
  INT32,
  INT8,
  listed,
  misfit,
  sameShape,
  type Scope,
} from './rules.js';

/** Bit n = accumulator n >= thresholds[n]. */
export interface Threshold {
  readonly kind: 'threshold';
  /** (N), int32, or float32 for float accumulators. */
  readonly thresholds: number;
}

/** accumulator n * multipliers[n] + biases[n], 32 bits. */
export interface IntegerAffine {
  readonly kind: 'integerAffine';
  readonly multipliers: number;
  readonly biases: number;
}

/** Level n = how many of the thresholds of channel n the accumulator reaches. */
export interface MultiThreshold {
  readonly kind: 'multiThreshold';
  /** (2^k - 1, N), in any order, int32, or float32 for float accumulators. */
  readonly thresholds: number;
}

/** ((accumulator + biases[n]) * multipliers[n] + residual * residualMultiplier) / 2^shift, rounded half up, clamped. */
export interface Requantize {
  readonly kind: 'requantize';
  /** (N), int32. */
  readonly biases: number | undefined;
  /** (N), int32, 0 .. 2^31 - 1; with shift 30 at most 2^30. */
  readonly multipliers: number;
  /** 30 .. 62. */
  readonly shift: number;
  /** In integers of the output. A ReLU has minimum 0. */
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  /** Defined: the node's second input is joined before the rounding. */
  readonly residualMultiplier: number | undefined;
}

/** float32(accumulator) * multipliers[n] + biases[n], clamped. */
export interface FloatAffine {
  readonly kind: 'floatAffine';
  readonly multipliers: number;
  readonly biases: number | undefined;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
}

/** Shift-based batch normalization: signs[n] * ((a - mean) << exponents[n]) + biases[n] in fixed point. */
export interface ShiftNorm {
  readonly kind: 'shiftNorm';
  /** (N), int32, times 2^fraction. */
  readonly means: number;
  /** (N), int8, -62 .. 31. */
  readonly exponents: number;
  /** (N), int8, -1, 0 or +1. */
  readonly signs: number;
  /** (N), int32, times 2^fraction. */
  readonly biases: number;
  /** 0 .. 16. */
  readonly fraction: number;
}

/** What becomes of the accumulators of a product; the numbers are indices of constants. */
export type Transform = Threshold | IntegerAffine | MultiThreshold | Requantize | FloatAffine | ShiftNorm;

/** Whether the transform joins a second input. */
export function hasResidual(transform: Transform | undefined): boolean {
  return transform?.kind === 'requantize' && transform.residualMultiplier !== undefined;
}

/**
 * Checks a transform over `channels` channels and says which types its output may have.
 *
 * @param accumulators int32 or float32
 * @param field where the transform stands in its operator
 */
export function transformTypes(
  transform: Transform | undefined,
  accumulators: TensorType,
  channels: number,
  shape: readonly number[],
  scope: Scope,
  field = 'transform',
): readonly TensorType[] {
  if (transform === undefined) return [accumulators];
  const float = accumulators.encoding === 'float32';
  const perChannel = (role: string, index: number, type: TensorType): ReturnType<typeof expectConstant> =>
    expectConstant(scope, `${field}.${role}`, index, type, [channels]);
  switch (transform.kind) {
    case 'threshold':
      perChannel('thresholds', transform.thresholds, float ? FLOAT32 : INT32);
      return [BITS];
    case 'multiThreshold':
      return multiThresholdTypes(transform, float ? FLOAT32 : INT32, channels, scope, field);
    case 'floatAffine':
      perChannel('multipliers', transform.multipliers, FLOAT32);
      if (transform.biases !== undefined) perChannel('biases', transform.biases, FLOAT32);
      expectClamp(scope, field, transform, false);
      return [FLOAT32];
    default:
  }
  if (float) misfit(scope, `operator.${field}`, 'a transform of float32 numbers', transform.kind);
  if (transform.kind === 'integerAffine') {
    perChannel('multipliers', transform.multipliers, INT32);
    perChannel('biases', transform.biases, INT32);
    return [INT32];
  }
  if (transform.kind === 'shiftNorm') {
    perChannel('means', transform.means, INT32);
    perChannel('biases', transform.biases, INT32);
    expectRange(scope, `${field}.exponents`, perChannel('exponents', transform.exponents, INT8), -62, 31);
    expectRange(scope, `${field}.signs`, perChannel('signs', transform.signs, INT8), -1, 1);
    expectInteger(scope, `${field}.fraction`, transform.fraction, 0, 16);
    return [INT32];
  }
  checkRequantize(transform, channels, shape, scope, field);
  return [INT8, INT16];
}

function checkRequantize(
  transform: Requantize,
  channels: number,
  shape: readonly number[],
  scope: Scope,
  field: string,
): void {
  if (transform.biases !== undefined) {
    expectConstant(scope, `${field}.biases`, transform.biases, INT32, [channels]);
  }
  const multipliers = expectConstant(scope, `${field}.multipliers`, transform.multipliers, INT32, [channels]);
  expectInteger(scope, `${field}.shift`, transform.shift, 30, 62);
  expectRange(scope, `${field}.multipliers`, multipliers, 0, transform.shift === 30 ? 2 ** 30 : 2 ** 31 - 1);
  expectClamp(scope, field, transform, true);
  if (transform.residualMultiplier === undefined) return;
  expectInteger(scope, `${field}.residualMultiplier`, transform.residualMultiplier, -(2 ** 31), 2 ** 31 - 1);
  const residual = scope.inputs[1];
  if ((residual.encoding !== 'int8' && residual.encoding !== 'int16') || !sameShape(residual.shape, shape)) {
    misfit(scope, 'inputs[1]', `a residual of int8 or int16 ${listed(shape)}`, residual);
  }
}

function multiThresholdTypes(
  transform: MultiThreshold,
  type: TensorType,
  channels: number,
  scope: Scope,
  field: string,
): readonly TensorType[] {
  const constant = scope.constant(`${field}.thresholds`, transform.thresholds);
  const { shape, encoding, layout } = constant;
  const bits = Math.log2(shape[0] + 1);
  const fits = encoding === type.encoding && layout === 'plain' && shape.length === 2 && shape[1] === channels;
  if (!fits || !Number.isInteger(bits) || bits > 8) {
    const expected = `${describeType(type)} values of shape [2^k - 1, ${channels}], k = 1 to 8`;
    misfit(scope, `operator.${field}.thresholds`, expected, constant);
  }
  const levels: TensorType = { encoding: 'levels', bits };
  return bits === 1 ? [levels] : [levels, { encoding: 'centered', bits }];
}
