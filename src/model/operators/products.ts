// Products of activations with weights: dense layers, convolutions, transposed convolutions.
import {
  type Constant,
  elements,
  type ConstantEncoding,
  type Layout,
  type Tensor,
  type TensorType,
  type ValueType,
  valueRange,
} from '../graph.js';
import {
  describeType,
  expectInputs,
  expectInteger,
  expectMap,
  expectRank,
  FLOAT32,
  type Inference,
  INT32,
  misfit,
  type Scope,
} from './rules.js';
import { hasResidual, type Transform, transformTypes } from './transforms.js';

/** Fully connected: every element of the input meets every output channel. */
export interface Dense {
  readonly kind: 'dense';
  /** (N, K). */
  readonly weights: number;
  /** Absent: the accumulators are the output. */
  readonly transform: Transform | undefined;
}

/** Where a window stands: steps between outputs, and what is added around the input. */
export interface Window {
  readonly strideY: number;
  readonly strideX: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly padBottom: number;
  readonly padRight: number;
}

/** (H, W, C) to (H', W', N). */
export interface Conv2d extends Window {
  readonly kind: 'conv2d';
  /** (N, KH, KW, C / groups). */
  readonly weights: number;
  readonly dilationY: number;
  readonly dilationX: number;
  /** v outside the picture. 0 adds nothing, also where the encoding has no 0. */
  readonly padValue: number;
  /** Output channel n reads the channels of group n / (N / groups). C groups: depthwise. */
  readonly groups: number;
  readonly transform: Transform | undefined;
}

/** Every input pixel adds a filter to the output. */
export interface ConvTranspose2d extends Window {
  readonly kind: 'convTranspose2d';
  /** (N, KH, KW, C). */
  readonly weights: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly extraBottom: number;
  readonly extraRight: number;
  readonly transform: Transform | undefined;
}

/** Kernels on bit planes hold twice an accumulator in 32 bits. */
const PLANE_BOUND = 2 ** 30;
const BOUND = 2 ** 31 - 1;

/** Whether every channel has a filter of its own. */
export function isDepthwise(channels: number, n: number, groups: number): boolean {
  return groups > 1 && groups === channels && n === channels;
}

/** The layouts in which weights of an encoding are read. */
function layoutsOf(encoding: ConstantEncoding, depthwise: boolean): readonly Layout[] {
  switch (encoding) {
    case 'centered':
    case 'ternary':
      return ['blocks16'];
    case 'int8':
      return [depthwise ? 'pairs' : 'quads'];
    case 'float32':
      return [depthwise ? 'columns' : 'lanes'];
    case 'powerOfTwo':
      return ['plain'];
    default:
      return [];
  }
}

/**
 * Accumulators of input and weights: int32 or float32. Reports types and layouts that do not go together, and sums that
 * may overflow.
 *
 * @param depth products in one sum
 */
export function accumulators(
  input: Tensor,
  place: string,
  weights: Constant,
  field: string,
  depth: number,
  scope: Scope,
  groups = 1,
  depthwise = false,
): TensorType {
  const weightsPlace = `operator.${field}`;
  const float = input.encoding === 'float32';
  if (input.encoding === 'int32') misfit(scope, place, 'levels, centered, int8, int16 or float32', input);
  const layouts = layoutsOf(weights.encoding, depthwise);
  if (layouts.length === 0 || float !== (weights.encoding === 'float32')) {
    const expected = float ? 'float32 weights' : 'centered, ternary, int8 or powerOfTwo weights';
    misfit(scope, weightsPlace, `${expected} for an input of ${describeType(input)}`, weights);
  }
  if (!layouts.includes(weights.layout)) {
    misfit(scope, weightsPlace, `${layouts.join(' or ')} with ${weights.encoding}`, weights.layout);
  }
  if ((weights.layout === 'quads' || weights.layout === 'lanes') && (weights.groups ?? 1) !== groups) {
    misfit(scope, weightsPlace, `weights laid out for ${groups} groups`, weights.groups ?? 1);
  }
  if (float) return FLOAT32;
  const largest = (type: ValueType): number => Math.max(...valueRange(type).map(Math.abs));
  const bound = weights.layout === 'blocks16' ? PLANE_BOUND : BOUND;
  const sum = largest(input) * largest(weights) * depth;
  if (sum > bound) {
    const most = Math.floor(bound / (largest(input) * largest(weights)));
    const types = `${describeType(input)} and ${describeType(weights)}`;
    misfit(scope, weightsPlace, `at most ${most} products of ${types} in a sum`, depth);
  }
  return INT32;
}

export function inferDense(operator: Dense, scope: Scope): Inference {
  expectInputs(scope, hasResidual(operator.transform) ? 2 : 1);
  const input = scope.inputs[0];
  const place = 'inputs[0]';
  const weights = scope.constant('weights', operator.weights);
  const [n, k] = expectRank(scope, 'operator.weights', weights, 'weights of shape (N, K)');
  if (elements(input.shape) !== k) misfit(scope, place, `${k} elements, as the weights have`, input);
  if (input.encoding === 'centered' && input.bits === 1 && input.shape.length > 1 && input.shape.at(-1)! % 8 !== 0) {
    misfit(scope, place, 'rows of bits that fill whole bytes, or one row', input);
  }
  const sums = accumulators(input, place, weights, 'weights', k, scope);
  const shape = [n];
  return { outputs: [{ shape, types: transformTypes(operator.transform, sums, n, shape, scope) }], work: n * k };
}

/** Reports a stride that does not move, and padding that a window would see alone. */
function expectSteps(scope: Scope, field: 'Y' | 'X', reach: number, stride: number, pads: readonly number[]): void {
  expectInteger(scope, `stride${field}`, stride, 1, 65535);
  for (const pad of pads) {
    if (!(Number.isInteger(pad) && pad >= 0 && pad < reach)) {
      misfit(scope, 'operator', `padding from 0 to ${reach - 1}, less than the window's reach`, pad);
    }
  }
}

/** Number of window positions along one dimension; reports where there is none, or where a window sees padding only. */
export function positions(
  scope: Scope,
  field: 'Y' | 'X',
  size: number,
  reach: number,
  stride: number,
  before: number,
  after: number,
): number {
  expectSteps(scope, field, reach, stride, [before, after]);
  const room = size + before + after - reach;
  if (room < 0) {
    misfit(scope, 'inputs[0]', `at least ${reach - before - after} in dimension ${field}`, size);
  }
  return Math.floor(room / stride) + 1;
}

function filterShape(operator: Conv2d | ConvTranspose2d, scope: Scope): readonly [Constant, number, number, number] {
  const weights = scope.constant('weights', operator.weights);
  const [n, height, width] = expectRank(scope, 'operator.weights', weights, 'weights of shape (N, KH, KW, C)');
  expectInteger(scope, 'dilationY', operator.dilationY, 1, 65535);
  expectInteger(scope, 'dilationX', operator.dilationX, 1, 65535);
  return [weights, n, operator.dilationY * (height - 1) + 1, operator.dilationX * (width - 1) + 1];
}

export function inferConv2d(operator: Conv2d, scope: Scope): Inference {
  expectInputs(scope, hasResidual(operator.transform) ? 2 : 1);
  const [height, width, channels] = expectMap(scope, 0);
  const input = scope.inputs[0];
  const [weights, n, reachY, reachX] = filterShape(operator, scope);
  const { groups, padValue } = operator;
  expectInteger(scope, 'groups', groups, 1, 2 ** 31 - 1);
  if (channels % groups !== 0 || n % groups !== 0) {
    const expected = `a divisor of ${channels} input and ${n} output channels`;
    misfit(scope, 'operator.groups', expected, groups);
  }
  if (weights.shape[3] !== channels / groups) {
    const expected = `filters over ${channels / groups} channels, as the input has in each of ${groups} groups`;
    misfit(scope, 'operator.weights', expected, weights);
  }
  const [low, high] = valueRange(input);
  if (padValue !== 0 && !(Number.isInteger(padValue) && padValue >= low && padValue <= high)) {
    misfit(scope, 'operator.padValue', `0 or a value of ${describeType(input)}`, padValue);
  }
  const depth = elements(weights.shape.slice(1));
  const depthwise = isDepthwise(channels, n, groups);
  const sums = accumulators(input, 'inputs[0]', weights, 'weights', depth, scope, groups, depthwise);
  const shape = [
    positions(scope, 'Y', height, reachY, operator.strideY, operator.padTop, operator.padBottom),
    positions(scope, 'X', width, reachX, operator.strideX, operator.padLeft, operator.padRight),
    n,
  ];
  const types = transformTypes(operator.transform, sums, n, shape, scope);
  return { outputs: [{ shape, types }], work: elements(shape) * depth };
}

export function inferConvTranspose2d(operator: ConvTranspose2d, scope: Scope): Inference {
  expectInputs(scope, hasResidual(operator.transform) ? 2 : 1);
  const [height, width, channels] = expectMap(scope, 0);
  const input = scope.inputs[0];
  const [weights, n, reachY, reachX] = filterShape(operator, scope);
  if (weights.shape[3] !== channels) {
    const expected = `filters over ${channels} channels, as the input has`;
    misfit(scope, 'operator.weights', expected, weights);
  }
  const length = (
    field: 'Y' | 'X',
    size: number,
    reach: number,
    stride: number,
    pads: readonly [number, number],
    extra: number,
  ): number => {
    expectSteps(scope, field, reach, stride, pads);
    expectInteger(scope, field === 'Y' ? 'extraBottom' : 'extraRight', extra, 0, stride - 1);
    const result = (size - 1) * stride + reach + extra - pads[0] - pads[1];
    if (result < 1) misfit(scope, 'operator', 'an output of at least 1', result);
    return result;
  };
  const depth = elements(weights.shape.slice(1));
  const sums = accumulators(input, 'inputs[0]', weights, 'weights', depth, scope);
  const { padTop, padBottom, padLeft, padRight } = operator;
  const shape = [
    length('Y', height, reachY, operator.strideY, [padTop, padBottom], operator.extraBottom),
    length('X', width, reachX, operator.strideX, [padLeft, padRight], operator.extraRight),
    n,
  ];
  const types = transformTypes(operator.transform, sums, n, shape, scope);
  return { outputs: [{ shape, types }], work: Math.max(height * width * n * depth, elements(shape)) };
}
