// Operators that move numbers and leave them as they are.
import { elements, holdsValue } from '../graph.js';
import {
  copies,
  describe,
  describeType,
  expectFloat32,
  expectInputs,
  expectInteger,
  expectMap,
  type Inference,
  listed,
  misfit,
  sameShape,
  sameType,
  type Scope,
} from './rules.js';

/** Inputs one after the other along `axis`. */
export interface Concat {
  readonly kind: 'concat';
  readonly axis: number;
}

/** output[.., i * groups + g] = input[.., g * (C / groups) + i]. */
export interface ChannelShuffle {
  readonly kind: 'channelShuffle';
  readonly groups: number;
}

/** Another shape for the same numbers in the same order. */
export interface Reshape {
  readonly kind: 'reshape';
}

/** `value` around the input. */
export interface Pad {
  readonly kind: 'pad';
  /** One number for each dimension. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

/** Every pixel becomes height x width of them. */
export interface Upsample {
  readonly kind: 'upsample';
  readonly height: number;
  readonly width: number;
}

/** Inputs of one Concat. */
const MAX_PARTS = 4096;

export function inferConcat(operator: Concat, scope: Scope): Inference {
  expectInputs(scope, 1, MAX_PARTS);
  const first = scope.inputs[0];
  const { axis } = operator;
  expectInteger(scope, 'axis', axis, 0, first.shape.length - 1);
  const shape = [...first.shape];
  scope.inputs.slice(1).forEach((input, i) => {
    const place = `inputs[${i + 1}]`;
    if (!sameType(input, first)) misfit(scope, place, `${describeType(first)} like the first`, input);
    if (input.scale !== first.scale) {
      misfit(scope, place, `the scale ${first.scale} of the first`, `"${input.name}": ${input.scale}`);
    }
    const expected = shape.map((size, d) => (d === axis ? input.shape[d] : size));
    if (!sameShape(input.shape, expected)) {
      misfit(scope, place, `${listed(first.shape)} but for dimension ${axis}`, input);
    }
    shape[axis] += input.shape[axis];
  });
  return copies(scope, shape);
}

export function inferChannelShuffle(operator: ChannelShuffle, scope: Scope): Inference {
  expectInputs(scope, 1);
  const { shape } = scope.inputs[0];
  const channels = shape.at(-1)!;
  if (!(Number.isInteger(operator.groups) && operator.groups >= 1 && channels % operator.groups === 0)) {
    misfit(scope, 'operator.groups', `a divisor of ${channels} channels`, operator.groups);
  }
  return copies(scope, shape);
}

export function inferReshape(_operator: Reshape, scope: Scope): Inference {
  expectInputs(scope, 1);
  const input = scope.inputs[0];
  const shape = scope.outputs[0]?.shape ?? [elements(input.shape)];
  if (elements(shape) !== elements(input.shape)) {
    const expected = `a shape of ${elements(input.shape)} elements, as ${describe(input)} has`;
    misfit(scope, 'outputs[0]', expected, listed(shape));
  }
  return copies(scope, shape);
}

export function inferPad(operator: Pad, scope: Scope): Inference {
  expectInputs(scope, 1);
  const input = scope.inputs[0];
  for (const field of ['before', 'after'] as const) {
    const pads = operator[field];
    const place = `operator.${field}`;
    if (pads.length !== input.shape.length) {
      misfit(scope, place, `${input.shape.length} numbers, one for each dimension`, pads.length);
    }
    for (const pad of pads) {
      if (!(Number.isInteger(pad) && pad >= 0 && pad < 2 ** 31)) misfit(scope, place, 'whole numbers from 0', pad);
    }
  }
  if (!holdsValue(input, operator.value)) {
    misfit(scope, 'operator.value', `a value of ${describeType(input)}`, operator.value);
  }
  if (input.encoding !== 'float32') expectFloat32(scope, 'value', operator.value);
  return copies(
    scope,
    input.shape.map((size, d) => operator.before[d] + size + operator.after[d]),
  );
}

export function inferUpsample(operator: Upsample, scope: Scope): Inference {
  expectInputs(scope, 1);
  const [height, width, channels] = expectMap(scope, 0);
  expectInteger(scope, 'height', operator.height, 1, 65535);
  expectInteger(scope, 'width', operator.width, 1, 65535);
  return copies(scope, [height * operator.height, width * operator.width, channels]);
}
