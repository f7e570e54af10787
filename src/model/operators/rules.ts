// What the rules of all operators share. A rule looks at an operator, the tensors that come in and the constants it names,
// reports what does not fit, and says what comes out: so that a reader can compare and a builder can derive.
import { type Constant, elements, type Encoding, type Tensor, type TensorType, type ValueType } from '../graph.js';

/** Reports a violation; must throw. */
export type Report = (path: string, expected: string, got: string | number) => never;

/** What a rule may look at. */
export interface Scope {
  /** Path of the node, such as `model.nodes[3]`. */
  readonly path: string;
  readonly inputs: readonly Tensor[];
  /** What the node says its outputs are; a builder gives what it was asked for, or nothing. */
  readonly outputs: readonly (Partial<Pick<Tensor, 'shape' | 'encoding' | 'bits'>> | undefined)[];
  /** The constant that a field of the operator names; reports an index that points at nothing. */
  readonly constant: (field: string, index: number) => Constant;
  readonly report: Report;
}

/** What one output must be. */
export interface OutputRule {
  readonly shape: readonly number[];
  /** It has one of these types; the first is what a builder takes unless told otherwise. */
  readonly types: readonly TensorType[];
  /** Input whose scale it has to have, where v is copied. */
  readonly scaleOf?: number;
}

export interface Inference {
  readonly outputs: readonly OutputRule[];
  /** Steps of one run for one sample: multiply-accumulates, or elements touched. */
  readonly work: number;
}

/** Checks one kind of operator. */
export type Rule<T> = (operator: T, scope: Scope) => Inference;

export const FLOAT32: TensorType = { encoding: 'float32', bits: 0 };
export const INT32: TensorType = { encoding: 'int32', bits: 0 };
export const INT16: TensorType = { encoding: 'int16', bits: 0 };
export const INT8: TensorType = { encoding: 'int8', bits: 0 };
export const BITS: TensorType = { encoding: 'centered', bits: 1 };

/**
 * Reports what stands at a place of the node.
 *
 * @param place such as `inputs[0]` or `operator.weights`
 */
export function misfit(scope: Scope, place: string, expected: string, got: Tensor | Constant | string | number): never {
  return scope.report(`${scope.path}.${place}`, expected, typeof got === 'object' ? describe(got) : got);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, d) => size === b[d]);
}

/** `[3, 3]`. */
export function listed(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

export function sameType(a: ValueType, b: ValueType): boolean {
  return a.encoding === b.encoding && a.bits === b.bits;
}

/**
 * The type of the numbers of a constant that an output takes over, plain or in blocks16; ternary and powerOfTwo are
 * refused.
 */
export function outputType(scope: Scope, field: string, constant: Constant): TensorType {
  const { encoding, bits, layout } = constant;
  if (encoding === 'ternary' || encoding === 'powerOfTwo' || (layout !== 'plain' && layout !== 'blocks16')) {
    misfit(scope, `operator.${field}`, 'plain values of an encoding that tensors have', constant);
  }
  return { encoding, bits };
}

/** `int8`, `centered 4-bit`. */
export function describeType({ encoding, bits }: ValueType): string {
  return bits > 0 ? `${encoding} ${bits}-bit` : encoding;
}

/** `"name": centered 1-bit [3, 3]`. */
export function describe(item: Tensor | Constant): string {
  return `"${item.name}": ${describeType(item)} ${listed(item.shape)}`;
}

/** Reports unless the node has from `least` to `most` inputs. */
export function expectInputs(scope: Scope, least: number, most = least): void {
  const { length } = scope.inputs;
  if (length < least || length > most) {
    const count = least === most ? `${least}` : `${least} to ${most}`;
    misfit(scope, 'inputs', `${count} tensor${most === 1 ? '' : 's'}`, length);
  }
}

/** Reports unless input `i` has one of the encodings. */
export function expectEncoding(scope: Scope, i: number, encodings: readonly Encoding[]): Tensor {
  const input = scope.inputs[i];
  if (!encodings.includes(input.encoding)) {
    misfit(scope, `inputs[${i}]`, encodings.join(' or '), input);
  }
  return input;
}

/** The shape of what stands at a place; reports unless it has as many dimensions as `expected` names between brackets. */
export function expectRank(scope: Scope, place: string, item: Tensor | Constant, expected: string): readonly number[] {
  if (item.shape.length !== expected.split(',').length) misfit(scope, place, expected, item);
  return item.shape;
}

/** Input `i` as height, width, channels. */
export function expectMap(scope: Scope, i: number): readonly [number, number, number] {
  const shape = expectRank(scope, `inputs[${i}]`, scope.inputs[i], 'a shape of height, width, channels');
  return shape as readonly [number, number, number];
}

/** Reports unless the constant is plain, of this type and shape. */
export function expectConstant(
  scope: Scope,
  field: string,
  index: number,
  type: ValueType,
  shape: readonly number[],
): Constant {
  const constant = scope.constant(field, index);
  if (!(constant.layout === 'plain' && sameType(constant, type) && sameShape(constant.shape, shape))) {
    misfit(scope, `operator.${field}`, `${describeType(type)} values of shape ${listed(shape)}`, constant);
  }
  return constant;
}

/** Reports unless a number of the operator is a whole number from `low` to `high`. */
export function expectInteger(scope: Scope, field: string, value: number, low: number, high: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high)) {
    misfit(scope, `operator.${field}`, `a whole number from ${low} to ${high}`, value);
  }
}

/** Reports every whole number of a constant outside low..high. */
export function expectRange(scope: Scope, field: string, constant: Constant, low: number, high: number): void {
  const { data, encoding } = constant;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = encoding === 'int32' ? 4 : 1;
  for (let at = 0; at < data.length; at += size) {
    const value = size === 4 ? view.getInt32(at, true) : view.getInt8(at);
    if (value < low || value > high) {
      misfit(scope, `operator.${field}`, `values from ${low} to ${high}`, `${value} at ${at / size}`);
    }
  }
}

/** Reports unless minimum <= maximum, both finite and, for integers, whole. */
export function expectClamp(
  scope: Scope,
  field: string,
  { minimum, maximum }: { readonly minimum: number | undefined; readonly maximum: number | undefined },
  whole: boolean,
): void {
  for (const value of [minimum, maximum]) {
    if (value !== undefined && !(whole ? Number.isInteger(value) : Number.isFinite(value))) {
      misfit(scope, `operator.${field}`, `${whole ? 'whole' : 'finite'} bounds`, value);
    }
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    misfit(scope, `operator.${field}`, 'minimum <= maximum', `${minimum} > ${maximum}`);
  }
}

/** Reports numbers that the file, which keeps them as float32, cannot hold. */
export function expectFloat32(scope: Scope, field: string, ...values: readonly (number | undefined)[]): void {
  for (const value of values) {
    if (value !== undefined && Math.fround(value) !== value) {
      misfit(scope, `operator.${field}`, 'whole numbers that float32 holds', value);
    }
  }
}

/** One output of the input's type and scale. */
export function copies(scope: Scope, shape: readonly number[]): Inference {
  const { encoding, bits } = scope.inputs[0];
  return { outputs: [{ shape, types: [{ encoding, bits }], scaleOf: 0 }], work: elements(shape) };
}
