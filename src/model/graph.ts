// A network as plain data: what the reader makes of a file, what export and importers write, what the plan is made from.
// Everything refers to everything else by index. schema/qnn.fbs says the same in the file's own terms.
import { CHANNEL_BLOCK, packedBytes, roundUp } from '../numerics/bits.js';

/**
 * How integers v are stored; the real number is `scale * v`.
 *
 * - `float32`, `int32`, `int16`, `int8`: little-endian elements
 * - `levels`: k-bit level l, v = l; one byte each
 * - `centered`: k-bit level l, v = 2l - (2^k - 1); for k = 1 packed bits (-1 or +1), else one byte each
 */
export type Encoding = 'float32' | 'int32' | 'int16' | 'int8' | 'levels' | 'centered';

/** An activation. */
export interface Tensor {
  readonly name: string;
  /** Without the batch; channels last. */
  readonly shape: readonly number[];
  readonly encoding: Encoding;
  /** k of `levels` and `centered`, else 0. */
  readonly bits: number;
  readonly scale: number;
}

/** `plain`: row-major elements. `blocks16`: [N/16][plane][ky][kx][C/8][16] bytes, one byte = 8 input channels. */
export type Layout = 'plain' | 'blocks16';

/** Weights, thresholds, multipliers. */
export interface Constant {
  readonly name: string;
  /** `blocks16`: (N, C) or (N, ky, kx, C). */
  readonly shape: readonly number[];
  readonly encoding: Encoding;
  readonly bits: number;
  readonly layout: Layout;
  readonly data: Uint8Array;
}

/** Bit n = accumulator n >= thresholds[n]. */
export interface Threshold {
  readonly kind: 'threshold';
  readonly thresholds: number;
}

/** accumulator n * multipliers[n] + biases[n], 32 bits. */
export interface IntegerAffine {
  readonly kind: 'integerAffine';
  readonly multipliers: number;
  readonly biases: number;
}

/** What becomes of the accumulators of a product; the numbers are indices of constants. */
export type Transform = Threshold | IntegerAffine;

/** Fully connected: every element of the input meets every output channel. */
export interface Dense {
  readonly kind: 'dense';
  /** Index of a constant, `blocks16`, (N, K). */
  readonly weights: number;
  /** Absent: the int32 accumulators are the output. */
  readonly transform: Transform | undefined;
}

export type Operator = Dense;

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

/** Bits of one element of an encoding, as stored. */
export function storedBits(encoding: Encoding, bits: number): number {
  if (encoding === 'float32' || encoding === 'int32') return 32;
  if (encoding === 'int16') return 16;
  return encoding === 'centered' && bits === 1 ? 1 : 8;
}

/** Bytes of a plain tensor of `shape`; rows of packed bits end at a byte. */
export function plainBytes(shape: readonly number[], encoding: Encoding, bits: number): number {
  const width = storedBits(encoding, bits);
  if (width > 1) return (elements(shape) * width) / 8;
  return elements(shape.slice(0, -1)) * packedBytes(shape.at(-1) ?? 1);
}

/** Bytes of weights in the `blocks16` layout: `bits` planes of (N, taps, C). */
export function blockedBytes(shape: readonly number[], bits: number): number {
  const taps = elements(shape.slice(1, -1));
  return roundUp(shape[0] ?? 0, CHANNEL_BLOCK) * bits * taps * packedBytes(shape.at(-1) ?? 0);
}

/** Bytes that a constant's shape, encoding and layout ask for. */
export function constantBytes(constant: Omit<Constant, 'data' | 'name'>): number {
  return constant.layout === 'blocks16'
    ? blockedBytes(constant.shape, constant.bits)
    : plainBytes(constant.shape, constant.encoding, constant.bits);
}

/** Which constants an operator reads. */
export function constantsOf(operator: Operator): number[] {
  const { transform } = operator;
  if (transform === undefined) return [operator.weights];
  return transform.kind === 'threshold'
    ? [operator.weights, transform.thresholds]
    : [operator.weights, transform.multipliers, transform.biases];
}
