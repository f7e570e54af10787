// Pools: windows of a map, channel by channel.
import { elements } from '../graph.js';
import {
  BITS,
  expectConstant,
  expectInputs,
  expectInteger,
  expectMap,
  type Inference,
  INT32,
  type Scope,
} from './rules.js';
import { positions, type Window } from './products.js';

interface Pool extends Window {
  readonly height: number;
  readonly width: number;
}

/** The largest v of each window. */
export interface MaxPool extends Pool {
  readonly kind: 'maxPool';
  /** (C), bits: +1 takes the smallest instead, for channels whose sign was turned before the pool. */
  readonly smallest: number | undefined;
}

/** The mean, or with an int32 output the sum, of each window's values that are inside the input. */
export interface AvgPool extends Pool {
  readonly kind: 'avgPool';
}

/** As AvgPool over the whole map: (H, W, C) to (C). */
export interface GlobalAvgPool {
  readonly kind: 'globalAvgPool';
}

function poolShape(operator: Pool, scope: Scope): number[] {
  expectInputs(scope, 1);
  const [height, width, channels] = expectMap(scope, 0);
  expectInteger(scope, 'height', operator.height, 1, 65535);
  expectInteger(scope, 'width', operator.width, 1, 65535);
  return [
    positions(scope, 'Y', height, operator.height, operator.strideY, operator.padTop, operator.padBottom),
    positions(scope, 'X', width, operator.width, operator.strideX, operator.padLeft, operator.padRight),
    channels,
  ];
}

export function inferMaxPool(operator: MaxPool, scope: Scope): Inference {
  const shape = poolShape(operator, scope);
  if (operator.smallest !== undefined) expectConstant(scope, 'smallest', operator.smallest, BITS, [shape[2]]);
  const { encoding, bits } = scope.inputs[0];
  const work = elements(shape) * operator.height * operator.width;
  return { outputs: [{ shape, types: [{ encoding, bits }], scaleOf: 0 }], work };
}

function averages(scope: Scope, shape: readonly number[], work: number): Inference {
  const { encoding, bits } = scope.inputs[0];
  // Centered numbers are odd: their mean is not one of them.
  const types = encoding === 'centered' ? [INT32] : [{ encoding, bits }, INT32];
  return { outputs: [{ shape, types: encoding === 'float32' ? [types[0]] : types }], work };
}

export function inferAvgPool(operator: AvgPool, scope: Scope): Inference {
  const shape = poolShape(operator, scope);
  return averages(scope, shape, elements(shape) * operator.height * operator.width);
}

export function inferGlobalAvgPool(_operator: GlobalAvgPool, scope: Scope): Inference {
  expectInputs(scope, 1);
  const map = expectMap(scope, 0);
  return averages(scope, [map[2]], elements(map));
}
