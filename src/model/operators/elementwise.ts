// Operators that look at one number at a time, or at one of each of two inputs.
import { elements, type Encoding, type TensorType } from '../graph.js';
import {
  BITS,
  expectClamp,
  expectEncoding,
  expectFloat32,
  expectInputs,
  expectInteger,
  FLOAT32,
  type Inference,
  INT16,
  INT32,
  INT8,
  listed,
  misfit,
  outputType,
  sameShape,
  sameType,
  type Scope,
} from './rules.js';
import { hasResidual, type Transform, transformTypes } from './transforms.js';

/** A transform on its own: thresholds, batch normalization or requantization of any tensor, channel by channel. */
export interface ApplyTransform {
  readonly kind: 'applyTransform';
  readonly transform: Transform;
}

/** `sign`: bits; `relu`; `clip` to minimum..maximum (hard tanh: -1 and 1); `floor` of float32. */
export type ActivateFunction = 'sign' | 'relu' | 'clip' | 'floor';

/** A function of every v. */
export interface Activate {
  readonly kind: 'activate';
  readonly function: ActivateFunction;
  /** Bounds of `clip`. */
  readonly minimum: number;
  readonly maximum: number;
}

/** Any function of an 8-bit number, by a table of its 256 values. */
export interface LookUp {
  readonly kind: 'lookUp';
  /** (256), in the type of the output, in the order of the stored byte: int8 counts 0..127, -128..-1. */
  readonly table: number;
}

/** (a * leftMultiplier + b * rightMultiplier) / 2^shift, rounded half up, clamped; float32: a + b, clamped. */
export interface Add {
  readonly kind: 'add';
  readonly leftMultiplier: number;
  readonly rightMultiplier: number;
  /** 0 .. 31. */
  readonly shift: number;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
}

/** Real numbers to integers and back, by the scales of the tensors. */
export interface Convert {
  readonly kind: 'convert';
}

const INTEGERS: readonly Encoding[] = ['int32', 'int16', 'int8', 'levels', 'centered'];

export function inferApplyTransform(operator: ApplyTransform, scope: Scope): Inference {
  expectInputs(scope, hasResidual(operator.transform) ? 2 : 1);
  const { shape, encoding } = scope.inputs[0];
  const sums = encoding === 'float32' ? FLOAT32 : INT32;
  const types = transformTypes(operator.transform, sums, shape.at(-1)!, shape, scope);
  return { outputs: [{ shape, types }], work: elements(shape) };
}

export function inferActivate(operator: Activate, scope: Scope): Inference {
  expectInputs(scope, 1);
  const input = scope.inputs[0];
  const { shape, encoding, bits } = input;
  const work = elements(shape);
  if (operator.function === 'sign') return { outputs: [{ shape, types: [BITS] }], work };
  if (operator.function === 'floor') expectEncoding(scope, 0, ['float32']);
  else expectEncoding(scope, 0, ['float32', 'int32', 'int16', 'int8', 'levels']);
  if (operator.function === 'clip') {
    expectClamp(scope, 'minimum', operator, encoding !== 'float32');
    if (encoding !== 'float32') expectFloat32(scope, 'minimum', operator.minimum, operator.maximum);
  }
  return { outputs: [{ shape, types: [{ encoding, bits }], scaleOf: 0 }], work };
}

export function inferLookUp(operator: LookUp, scope: Scope): Inference {
  expectInputs(scope, 1);
  const input = expectEncoding(scope, 0, ['int8', 'levels', 'centered']);
  if (sameType(input, BITS)) misfit(scope, 'inputs[0]', 'one byte for each value', input);
  const table = scope.constant('table', operator.table);
  const type = outputType(scope, 'table', table);
  if (table.shape.length !== 1 || table.shape[0] !== 256 || sameType(type, BITS)) {
    misfit(scope, 'operator.table', '256 values of a byte or more each', table);
  }
  return { outputs: [{ shape: input.shape, types: [type] }], work: elements(input.shape) };
}

export function inferAdd(operator: Add, scope: Scope): Inference {
  expectInputs(scope, 2);
  const [left, right] = scope.inputs;
  const float = left.encoding === 'float32';
  if (!sameShape(left.shape, right.shape)) {
    misfit(scope, 'inputs[1]', `the shape ${listed(left.shape)} of the other`, right);
  }
  expectEncoding(scope, 1, float ? ['float32'] : INTEGERS);
  expectClamp(scope, 'minimum', operator, !float);
  if (!float) expectFloat32(scope, 'minimum', operator.minimum, operator.maximum);
  expectInteger(scope, 'shift', operator.shift, 0, 31);
  expectInteger(scope, 'leftMultiplier', operator.leftMultiplier, -(2 ** 31), 2 ** 31 - 1);
  expectInteger(scope, 'rightMultiplier', operator.rightMultiplier, -(2 ** 31), 2 ** 31 - 1);
  const types = float ? [FLOAT32] : [INT8, INT16, INT32];
  return { outputs: [{ shape: left.shape, types }], work: elements(left.shape) };
}

export function inferConvert(_operator: Convert, scope: Scope): Inference {
  expectInputs(scope, 1);
  const { shape, encoding } = scope.inputs[0];
  const work = elements(shape);
  if (encoding !== 'float32') return { outputs: [{ shape, types: [FLOAT32] }], work };
  const leveled = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((bits): TensorType[] => [
    { encoding: 'levels', bits },
    { encoding: 'centered', bits },
  ]);
  return { outputs: [{ shape, types: [INT8, INT16, INT32, ...leveled] }], work };
}
