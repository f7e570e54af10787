// A network as plain data: what the reader makes of a file, what export and importers write, what the plan is made from.
// Everything refers to everything else by index. schema/qnn.fbs says the same in the file's own terms, and defines what
// each operator computes; the types of operators stand beside their rules in operators/.
import { CHANNEL_BLOCK, packedBytes, roundUp } from '../numerics/bits.js';
import { type ConvGeometry, denseGeometry } from '../numerics/geometry.js';
import { weightBytes } from '../numerics/quads.js';
import type { Activate, Add, ApplyTransform, Convert, LookUp } from './operators/elementwise.js';
import type { ArgMax, Softmax } from './operators/heads.js';
import type { AvgPool, GlobalAvgPool, MaxPool } from './operators/pools.js';
import type { Conv2d, ConvTranspose2d, Dense } from './operators/products.js';
import type { Embedding, Gru, Lstm, Rnn } from './operators/recurrent.js';
import type { ChannelShuffle, Concat, Pad, Reshape, Upsample } from './operators/shapes.js';

export { constantsOf, weightsOf } from './layout.js';
export type { Activate, ActivateFunction, Add, ApplyTransform, Convert, LookUp } from './operators/elementwise.js';
export type { ArgMax, Softmax } from './operators/heads.js';
export type { AvgPool, GlobalAvgPool, MaxPool } from './operators/pools.js';
export type { Conv2d, ConvTranspose2d, Dense } from './operators/products.js';
export type { Embedding, Gru, Lstm, Rnn } from './operators/recurrent.js';
export type { ChannelShuffle, Concat, Pad, Reshape, Upsample } from './operators/shapes.js';
export type {
  FloatAffine,
  IntegerAffine,
  MultiThreshold,
  Requantize,
  ShiftNorm,
  Threshold,
  Transform,
} from './operators/transforms.js';

/**
 * How integers v are stored; the real number is `scale * v`.
 *
 * - `float32`, `int32`, `int16`, `int8`: little-endian elements
 * - `levels`: k-bit level l, v = l; one byte each
 * - `centered`: k-bit level l, v = 2l - (2^k - 1); for k = 1 packed bits (-1 or +1), else one byte each
 */
export type Encoding = 'float32' | 'int32' | 'int16' | 'int8' | 'levels' | 'centered';

/**
 * Constants have two more:
 *
 * - `ternary`: -1, 0 or +1 as (s0 + s1) / 2 of two planes of -1 and +1
 * - `powerOfTwo`: k-bit codes without gaps, sign and magnitude m: v = 0 or +-2^(m - 1)
 */
export type ConstantEncoding = Encoding | 'ternary' | 'powerOfTwo';

/** An encoding and its bits: what kind of numbers a constant holds. */
export interface ValueType {
  readonly encoding: ConstantEncoding;
  /** k of `levels`, `centered` and `powerOfTwo`, 2 of `ternary`, else 0. */
  readonly bits: number;
}

/** What kind of numbers a tensor holds. */
export interface TensorType extends ValueType {
  readonly encoding: Encoding;
}

/** An activation. */
export interface Tensor extends TensorType {
  readonly name: string;
  /** Without the batch; channels last. */
  readonly shape: readonly number[];
  readonly scale: number;
}

/**
 * How bytes are arranged, with N output channels and C input channels of one of G groups:
 *
 * - `plain`: row-major elements
 * - `blocks16`: [N/16][plane][ky][kx][C/8][16] bytes, one byte = 8 input channels
 * - `quads`: int8 [G][(N/G)/8][ky][KW*C/4][8][4]; `pairs`: int8 depthwise [KH/2][KW][C][2]
 * - `lanes`: float32 [G][(N/G)/8][ky][KW*C][8]; `columns`: float32 depthwise [KH][KW][C]
 */
export type Layout = 'plain' | 'blocks16' | 'quads' | 'lanes' | 'pairs' | 'columns';

/** Weights, thresholds, multipliers. */
export interface Constant extends ValueType {
  readonly name: string;
  /** Weights: (N, C) or (N, KH, KW, C). */
  readonly shape: readonly number[];
  readonly layout: Layout;
  readonly data: Uint8Array;
  /** SHA-256 of `data`; see verifyDigests. */
  readonly sha256?: Uint8Array;
  /** G of `quads` and `lanes`; absent: 1. */
  readonly groups?: number;
}

export type Operator =
  | Dense
  | Conv2d
  | ConvTranspose2d
  | MaxPool
  | AvgPool
  | GlobalAvgPool
  | ApplyTransform
  | Activate
  | LookUp
  | Add
  | Convert
  | Concat
  | ChannelShuffle
  | Reshape
  | Pad
  | Upsample
  | Embedding
  | Rnn
  | Lstm
  | Gru
  | Softmax
  | ArgMax;

/** The operator of a kind. */
export type OperatorOf<K extends Operator['kind']> = Extract<Operator, { readonly kind: K }>;

export interface Node {
  readonly name: string;
  readonly operator: Operator;
  /** Indices of tensors. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** What a person or a program needs to use the model; nothing here changes its results. */
export interface Metadata {
  readonly task?: string;
  readonly labels?: readonly string[];
  readonly preprocessing?: string;
  readonly training?: Readonly<Record<string, string>>;
}

export interface Graph {
  readonly name: string;
  readonly tensors: readonly Tensor[];
  readonly constants: readonly Constant[];
  /** In the order of execution. */
  readonly nodes: readonly Node[];
  /** Indices of tensors. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly metadata: Metadata;
}

/** Product of the dimensions. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

interface Elements {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset?: number, length?: number): TensorData;
  from(values: ArrayLike<number>): TensorData;
}

/** Elements of a tensor or constant as an array of their width: packed bits and bytes in Uint8Array. */
export type TensorData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array;

/** The arrays that hold the elements of an encoding; codes of `powerOfTwo` are smaller than one. */
export const ARRAYS: Readonly<Record<ConstantEncoding, Elements>> = {
  float32: Float32Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  levels: Uint8Array,
  centered: Uint8Array,
  ternary: Uint8Array,
  powerOfTwo: Uint8Array,
};

/** Bits of one element of an encoding, as stored in the `plain` layout. */
export function storedBits(encoding: ConstantEncoding, bits: number): number {
  if (encoding === 'powerOfTwo') return bits;
  return encoding === 'centered' && bits === 1 ? 1 : 8 * ARRAYS[encoding].BYTES_PER_ELEMENT;
}

/** Bytes of a plain tensor of `shape`; rows of packed bits end at a byte, codes at the end of all. */
export function plainBytes(shape: readonly number[], encoding: ConstantEncoding, bits: number): number {
  const width = storedBits(encoding, bits);
  if (width > 1) return Math.ceil((elements(shape) * width) / 8);
  return elements(shape.slice(0, -1)) * packedBytes(shape.at(-1) ?? 1);
}

/** Bytes of weights in the `blocks16` layout: `bits` planes of (N, taps, C). */
export function blockedBytes(shape: readonly number[], bits: number): number {
  const taps = elements(shape.slice(1, -1));
  return roundUp(shape[0] ?? 0, CHANNEL_BLOCK) * bits * taps * packedBytes(shape.at(-1) ?? 0);
}

/** The convolution that reads weights: what the layouts of numerics/quads.ts are made for. */
export function weightGeometry({ shape, layout, groups = 1 }: Omit<Constant, 'data' | 'name'>): ConvGeometry {
  const [n, height, width, channels] = shape.length === 2 ? [shape[0], 1, 1, shape[1]] : shape;
  const parts = layout === 'pairs' || layout === 'columns' ? n : groups;
  return { ...denseGeometry(channels * parts, n), kernelHeight: height, kernelWidth: width, groups: parts };
}

/** Bytes that a constant's shape, encoding and layout ask for. */
export function constantBytes(constant: Omit<Constant, 'data' | 'name'>): number {
  const { shape, encoding, bits, layout } = constant;
  if (layout === 'plain') return plainBytes(shape, encoding, bits);
  return layout === 'blocks16' ? blockedBytes(shape, bits) : weightBytes(layout, weightGeometry(constant));
}

/** Smallest and largest v of a type. */
export function valueRange({ encoding, bits }: ValueType): readonly [number, number] {
  const levels = 2 ** bits - 1;
  switch (encoding) {
    case 'float32':
      return [-Infinity, Infinity];
    case 'levels':
      return [0, levels];
    case 'centered':
      return [-levels, levels];
    case 'ternary':
      return [-1, 1];
    case 'powerOfTwo': {
      const largest = 2 ** (2 ** (bits - 1) - 2);
      return [-largest, largest];
    }
    default: {
      const half = 2 ** (storedBits(encoding, bits) - 1);
      return [-half, half - 1];
    }
  }
}

/** What no number of the type exceeds in size. */
export function largestSize(type: ValueType): number {
  const [low, high] = valueRange(type);
  return Math.max(-low, high);
}

/** Whether v is a number of the type. */
export function holdsValue(type: ValueType, v: number): boolean {
  if (type.encoding === 'float32') return Number.isFinite(v);
  const [low, high] = valueRange(type);
  if (!Number.isInteger(v) || v < low || v > high) return false;
  if (type.encoding === 'centered') return Math.abs(v) % 2 === 1;
  return type.encoding !== 'powerOfTwo' || v === 0 || Number.isInteger(Math.log2(Math.abs(v)));
}
