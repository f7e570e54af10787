// How weights, transforms and windows are written down in code, with plain numbers: what GraphBuilder takes. The builder
// packs the numbers into the layouts of the file.
import { GraphError } from '../errors.js';
import { type BatchNorm, foldBatchNorm } from '../numerics/batchnorm.js';
import { shiftMultiplier } from '../numerics/requantize.js';
import { type ConstantEncoding, elements, holdsValue, type TensorType, type ValueType } from './graph.js';
import { describeType } from './operators/rules.js';
import type { Packing } from './values.js';

export const float32: TensorType = { encoding: 'float32', bits: 0 };
export const int32: TensorType = { encoding: 'int32', bits: 0 };
export const int16: TensorType = { encoding: 'int16', bits: 0 };
export const int8: TensorType = { encoding: 'int8', bits: 0 };
/** -1 and +1, eight to a byte. */
export const signs: TensorType = { encoding: 'centered', bits: 1 };
/** v = 2l - (2^k - 1) of k-bit levels l: odd numbers around 0. */
export const centered = (bits: number): TensorType => ({ encoding: 'centered', bits });
/** v = 0 .. 2^k - 1. */
export const levels = (bits: number): TensorType => ({ encoding: 'levels', bits });

/** One number for all channels, or one for each. */
export type PerChannel = number | ArrayLike<number>;

/** Weights as plain numbers v, row-major in `shape`. */
export interface WeightSpec {
  /** `binary`: -1 and +1, by the sign of each value (0 counts as +1). The others take the numbers as they are. */
  readonly encoding: 'binary' | 'ternary' | 'centered' | 'powerOfTwo' | 'int8' | 'float32';
  /** Of `centered` (1..8) and `powerOfTwo` (2..4). */
  readonly bits?: number;
  /** (N, K), or OHWI (N, KH, KW, C / groups). */
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** A transform with its numbers; see the functions below. */
export interface TransformSpec {
  readonly kind: 'threshold' | 'multiThreshold' | 'integerAffine' | 'requantize' | 'floatAffine' | 'shiftNorm';
  /** Constants by role. `rows`: how many values of each channel. */
  readonly constants: Readonly<
    Record<string, { readonly values: PerChannel; readonly type: ValueType; rows?: number }>
  >;
  /** Numbers that stand in the transform itself. */
  readonly fields: Readonly<Record<string, number | undefined>>;
}

/** Range of the result, in its own integers; a ReLU is `{ minimum: 0 }`. */
export interface Clamp {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Bits: accumulator >= threshold. */
export function threshold(values: PerChannel, type: TensorType = int32): TransformSpec {
  return { kind: 'threshold', constants: { thresholds: { values, type } }, fields: {} };
}

/**
 * k-bit levels: how many thresholds the accumulator reaches.
 *
 * @param values (2^k - 1, N): the first threshold of all channels, then the second, ...
 */
export function multiThreshold(values: ArrayLike<number>, bits: number, type: TensorType = int32): TransformSpec {
  return { kind: 'multiThreshold', constants: { thresholds: { values, type, rows: 2 ** bits - 1 } }, fields: {} };
}

/** int32: accumulator * multiplier + bias. */
export function integerAffine(multipliers: PerChannel, biases: PerChannel = 0): TransformSpec {
  return {
    kind: 'integerAffine',
    constants: { multipliers: { values: multipliers, type: int32 }, biases: { values: biases, type: int32 } },
    fields: {},
  };
}

/**
 * int8 or int16: ((accumulator + bias) * multiplier + residual * residualMultiplier) / 2^shift, rounded half up, clamped.
 * `residualMultiplier` makes the product take a second input.
 */
export function requantize(
  multipliers: PerChannel,
  shift: number,
  options: Clamp & { readonly biases?: PerChannel; readonly residualMultiplier?: number } = {},
): TransformSpec {
  const { biases, minimum, maximum, residualMultiplier } = options;
  return {
    kind: 'requantize',
    constants: {
      ...(biases !== undefined && { biases: { values: biases, type: int32 } }),
      multipliers: { values: multipliers, type: int32 },
    },
    fields: { shift, minimum, maximum, residualMultiplier },
  };
}

/** int8 or int16: (accumulator + bias) / 2^shift, rounded half up, clamped; shifts 0 .. 30. */
export function roundingShift(
  shifts: PerChannel,
  options: Clamp & { readonly biases?: PerChannel; readonly residualMultiplier?: number } = {},
): TransformSpec {
  const multipliers = typeof shifts === 'number' ? shiftMultiplier(shifts) : Array.from(shifts, shiftMultiplier);
  return requantize(multipliers, 30, options);
}

/** float32: accumulator * multiplier + bias, clamped. */
export function floatAffine(multipliers: PerChannel, biases?: PerChannel, clamp: Clamp = {}): TransformSpec {
  return {
    kind: 'floatAffine',
    constants: {
      multipliers: { values: multipliers, type: float32 },
      ...(biases !== undefined && { biases: { values: biases, type: float32 } }),
    },
    fields: { minimum: clamp.minimum, maximum: clamp.maximum },
  };
}

/** float32: batch normalization with running statistics, folded to one multiplication and one addition. */
export function batchNorm(parameters: BatchNorm, clamp: Clamp = {}): TransformSpec {
  const { scale, shift } = foldBatchNorm(parameters);
  return floatAffine(scale, shift, clamp);
}

/** int32 with `fraction` bits behind the point: sign * (accumulator - mean) * 2^exponent + bias. See shiftNormOf. */
export function shiftNorm(parameters: {
  readonly means: PerChannel;
  readonly exponents: PerChannel;
  readonly signs: PerChannel;
  readonly biases: PerChannel;
  readonly fraction: number;
}): TransformSpec {
  const { means, exponents, biases, fraction } = parameters;
  return {
    kind: 'shiftNorm',
    constants: {
      means: { values: means, type: int32 },
      exponents: { values: exponents, type: int8 },
      signs: { values: parameters.signs, type: int8 },
      biases: { values: biases, type: int32 },
    },
    fields: { fraction },
  };
}

/** `valid`: none; `same-zero`: output size ceil(input / stride), real zeros, the odd one behind; or rows and columns. */
export type Padding =
  | 'valid'
  | 'same-zero'
  | number
  | {
      readonly top?: number;
      readonly left?: number;
      readonly bottom?: number;
      readonly right?: number;
      /** v outside the picture; 0 adds nothing. */
      readonly value?: number;
    };

/** One number for both, or rows and columns. */
export type Pair = number | readonly [number, number];

export function pairOf(pair: Pair | undefined, fallback: Pair = 1): readonly [number, number] {
  const value = pair ?? fallback;
  return typeof value === 'number' ? [value, value] : value;
}

/** Rows and columns around an input of this size. */
export function paddingOf(
  padding: Padding | undefined,
  size: readonly [number, number],
  reach: readonly [number, number],
  strides: readonly [number, number],
): { padTop: number; padLeft: number; padBottom: number; padRight: number } {
  if (padding === undefined || padding === 'valid') return paddingOf(0, size, reach, strides);
  if (typeof padding === 'number') {
    return { padTop: padding, padLeft: padding, padBottom: padding, padRight: padding };
  }
  if (padding === 'same-zero') {
    const [y, x] = [0, 1].map((d) => {
      const outputs = Math.ceil(size[d] / strides[d]);
      return Math.max((outputs - 1) * strides[d] + reach[d] - size[d], 0);
    });
    const [padTop, padLeft] = [Math.floor(y / 2), Math.floor(x / 2)];
    return { padTop, padLeft, padBottom: y - padTop, padRight: x - padLeft };
  }
  const { top = 0, left = 0, bottom = 0, right = 0 } = padding;
  return { padTop: top, padLeft: left, padBottom: bottom, padRight: right };
}

const WEIGHT_TYPES: Readonly<Record<WeightSpec['encoding'], readonly [ConstantEncoding, number]>> = {
  binary: ['centered', 1],
  ternary: ['ternary', 2],
  centered: ['centered', 1],
  powerOfTwo: ['powerOfTwo', 4],
  int8: ['int8', 0],
  float32: ['float32', 0],
};

/** The layout that kernels read weights in, and the numbers to pack. Depthwise: every channel has a filter of its own. */
export function weightPacking(
  spec: WeightSpec,
  groups: number,
  depthwise: boolean,
): { readonly packing: Packing; readonly values: ArrayLike<number> } {
  const [encoding, defaultBits] = WEIGHT_TYPES[spec.encoding];
  const chosen = spec.encoding === 'centered' || spec.encoding === 'powerOfTwo';
  const bits = (chosen ? spec.bits : undefined) ?? defaultBits;
  const layouts = {
    centered: 'blocks16',
    ternary: 'blocks16',
    powerOfTwo: 'plain',
    int8: depthwise ? 'pairs' : 'quads',
    float32: depthwise ? 'columns' : 'lanes',
  } as const;
  const layout = layouts[encoding as keyof typeof layouts];
  const grouped = (layout === 'quads' || layout === 'lanes') && groups > 1;
  const values = spec.encoding === 'binary' ? signsOf(spec.values) : spec.values;
  return { packing: { shape: spec.shape, encoding, bits, layout, ...(grouped && { groups }) }, values };
}

/** -1 and +1; a loop, because networks have tens of millions of them. */
function signsOf(values: ArrayLike<number>): Int8Array {
  const out = new Int8Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i] >= 0 ? 1 : -1;
  return out;
}

/** @throws GraphError naming the first number that the type does not hold */
export function checkValues(what: string, values: ArrayLike<number>, shape: readonly number[], type: ValueType): void {
  const count = elements(shape);
  if (values.length !== count) {
    throw new GraphError(`${what} expected ${count} values of shape [${shape.join(', ')}], got ${values.length}`);
  }
  for (let i = 0; i < count; i++) {
    if (!holdsValue(type, values[i])) {
      throw new GraphError(`${what} expected values of ${describeType(type)}, got ${values[i]} at ${i}`);
    }
  }
}
