// schema/qnn.fbs as data, for the structural verifier and for reading and writing operators. Fields stand in the order of
// the schema, because that order is what numbers the slots of a vtable; the compiler holds the operators' fields to the
// types of graph.ts, and a test holds everything to the schema and to flatc's own code.
import type { ActivateFunction, Operator, Transform } from './graph.js';

/** How the bytes of a scalar are read. */
export type ScalarType = 'u8' | 'i8' | 'u16' | 'u32' | 'i32' | 'f32';

/** A number that lies in the table itself. Without a default it may be absent (`undefined`). */
interface Scalar {
  readonly kind: 'scalar';
  readonly type: ScalarType;
  readonly default: number | undefined;
  /** The number is the index of a constant. */
  readonly constant: boolean;
  /** The number stands for one of these. */
  readonly names?: readonly string[];
}
interface Text {
  readonly kind: 'string';
  readonly required: boolean;
}
interface ScalarVector {
  readonly kind: 'vector';
  readonly bytes: number;
  readonly align: number;
  readonly required: boolean;
}
interface StringVector {
  readonly kind: 'strings';
  readonly required: boolean;
}
interface TableField {
  readonly kind: 'table';
  readonly table: string;
  readonly required: boolean;
}
interface TableVector {
  readonly kind: 'tables';
  readonly table: string;
  readonly required: boolean;
}
/** Takes two slots: the type (one byte, 1 = first member) and the table. */
interface Union {
  readonly kind: 'union';
  readonly members: readonly string[];
  readonly required: boolean;
}

export type Field = Scalar | Text | ScalarVector | StringVector | TableField | TableVector | Union;
export type Fields = Readonly<Record<string, Field>>;

const scalar = (type: ScalarType, value = 0): Scalar => ({
  kind: 'scalar',
  type,
  default: value,
  constant: false,
});
const optional = (type: ScalarType): Scalar => ({ kind: 'scalar', type, default: undefined, constant: false });
const constant: Scalar = { kind: 'scalar', type: 'u32', default: 0, constant: true };
const optionalConstant: Scalar = { kind: 'scalar', type: 'u32', default: undefined, constant: true };
const one = scalar('u16', 1);
const size = scalar('u16');
const text = (required = true): Text => ({ kind: 'string', required });
const indices: ScalarVector = { kind: 'vector', bytes: 4, align: 4, required: true };
const table = (name: string, required = true): TableField => ({ kind: 'table', table: name, required });

/** In the order of the schema's enum. */
export const FUNCTIONS: readonly ActivateFunction[] = ['sign', 'relu', 'clip', 'floor'];

/** In the order of the schema's union. */
const TRANSFORM_MEMBERS = ['Threshold', 'IntegerAffine', 'MultiThreshold', 'Requantize', 'FloatAffine', 'ShiftNorm'];
/** In the order of the schema's union. */
const OPERATOR_MEMBERS = [
  'Dense',
  'Conv2d',
  'ConvTranspose2d',
  'MaxPool',
  'AvgPool',
  'GlobalAvgPool',
  'ApplyTransform',
  'Activate',
  'LookUp',
  'Add',
  'Convert',
  'Concat',
  'ChannelShuffle',
  'Reshape',
  'Pad',
  'Upsample',
  'Embedding',
  'Rnn',
  'Lstm',
  'Gru',
  'Softmax',
  'ArgMax',
];
const transform: Union = { kind: 'union', members: TRANSFORM_MEMBERS, required: false };

/** The kind in graph.ts of a member of a union: Conv2d -> conv2d. */
export function kindOf(member: string): string {
  return member[0].toLowerCase() + member.slice(1);
}

type Slots<T> = { readonly [K in Exclude<keyof T, 'kind'>]: Field };
type Members<U extends { readonly kind: string }> = {
  readonly [K in U['kind'] as Capitalize<K>]: Slots<Extract<U, { readonly kind: K }>>;
};

const TRANSFORMS: Members<Transform> = {
  Threshold: { thresholds: constant },
  IntegerAffine: { multipliers: constant, biases: constant },
  MultiThreshold: { thresholds: constant },
  Requantize: {
    biases: optionalConstant,
    multipliers: constant,
    shift: scalar('u8', 30),
    minimum: optional('i32'),
    maximum: optional('i32'),
    residualMultiplier: optional('i32'),
  },
  FloatAffine: {
    multipliers: constant,
    biases: optionalConstant,
    minimum: optional('f32'),
    maximum: optional('f32'),
  },
  ShiftNorm: {
    means: constant,
    exponents: constant,
    signs: constant,
    biases: constant,
    fraction: scalar('u8'),
  },
};

const steps = { strideY: one, strideX: one };
const dilations = { dilationY: one, dilationX: one };
const pads = { padTop: size, padLeft: size, padBottom: size, padRight: size };
const products = {
  inputWeights: constant,
  recurrentWeights: constant,
  input: table('Requantize'),
  recurrent: table('Requantize'),
};
const state: Union = { ...transform, required: true };

const OPERATORS: Members<Operator> = {
  Dense: { weights: constant, transform },
  Conv2d: {
    weights: constant,
    ...steps,
    ...dilations,
    ...pads,
    padValue: scalar('i32'),
    groups: scalar('u32', 1),
    transform,
  },
  ConvTranspose2d: {
    weights: constant,
    ...steps,
    ...dilations,
    ...pads,
    extraBottom: size,
    extraRight: size,
    transform,
  },
  MaxPool: { height: size, width: size, ...steps, ...pads, smallest: optionalConstant },
  AvgPool: { height: size, width: size, ...steps, ...pads },
  GlobalAvgPool: {},
  ApplyTransform: { transform: state },
  Activate: {
    function: { ...scalar('u8'), names: FUNCTIONS },
    minimum: scalar('f32', -1),
    maximum: scalar('f32', 1),
  },
  LookUp: { table: constant },
  Add: {
    leftMultiplier: scalar('i32', 1),
    rightMultiplier: scalar('i32', 1),
    shift: scalar('u8'),
    minimum: optional('f32'),
    maximum: optional('f32'),
  },
  Convert: {},
  Concat: { axis: scalar('u8') },
  ChannelShuffle: { groups: scalar('u32') },
  Reshape: {},
  Pad: { before: indices, after: indices, value: scalar('f32') },
  Upsample: { height: size, width: size },
  Embedding: { table: constant },
  Rnn: { ...products, activation: constant, state },
  Lstm: {
    ...products,
    sigmoid: constant,
    activation: constant,
    cellShift: scalar('u8', 3),
    indexShift: scalar('i8'),
    state,
  },
  Gru: { ...products, sigmoid: constant, activation: constant, state },
  Softmax: {},
  ArgMax: {},
};

/** Every table of the schema: field name to what stands there, in slot order. */
export const TABLES: Readonly<Record<string, Fields>> = {
  Tensor: { name: text(), shape: indices, encoding: scalar('u8'), bits: scalar('u8'), scale: scalar('f32', 1) },
  Constant: {
    name: text(),
    shape: indices,
    encoding: scalar('u8'),
    bits: scalar('u8'),
    layout: scalar('u8'),
    data: { kind: 'vector', bytes: 1, align: 16, required: true },
    sha256: { kind: 'vector', bytes: 1, align: 1, required: false },
    groups: scalar('u32', 1),
  },
  ...TRANSFORMS,
  ...OPERATORS,
  Node: {
    name: text(),
    operator: { kind: 'union', members: OPERATOR_MEMBERS, required: true },
    inputs: indices,
    outputs: indices,
  },
  KeyValue: { key: text(), value: text() },
  Metadata: {
    task: text(false),
    labels: { kind: 'strings', required: false },
    preprocessing: text(false),
    training: { kind: 'tables', table: 'KeyValue', required: false },
  },
  Model: {
    version: scalar('u16'),
    fileBytes: scalar('u32'),
    name: text(),
    tensors: { kind: 'tables', table: 'Tensor', required: true },
    constants: { kind: 'tables', table: 'Constant', required: true },
    nodes: { kind: 'tables', table: 'Node', required: true },
    inputs: indices,
    outputs: indices,
    metadata: { kind: 'table', table: 'Metadata', required: false },
  },
};

/** Bytes of a scalar. */
export const SCALAR_BYTES: Readonly<Record<ScalarType, 1 | 2 | 4>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
};

/** Indices of the constants that an operator or transform reads, in the order of its fields. */
export function constantsOf(operator: Operator | Transform): number[] {
  const found: number[] = [];
  for (const value of Object.entries(operator)) collect(operator.kind, value, found);
  return found;
}

function collect(kind: string, [key, value]: [string, unknown], found: number[]): void {
  const field = TABLES[tableOf(kind)][key];
  if (field?.kind === 'scalar' && field.constant && typeof value === 'number') found.push(value);
  if (typeof value === 'object' && value !== null && 'kind' in value) {
    for (const entry of Object.entries(value)) collect(String(value.kind), entry, found);
  }
}

/** Indices of the constants among them that are multiplied with, or looked up, and not parameters of a transform. */
export function weightsOf(operator: Operator): number[] {
  if (operator.kind === 'rnn' || operator.kind === 'lstm' || operator.kind === 'gru') {
    return [operator.inputWeights, operator.recurrentWeights];
  }
  if (operator.kind === 'embedding') return [operator.table];
  return 'weights' in operator ? [operator.weights] : [];
}

/** The table of a kind: conv2d -> Conv2d. */
export function tableOf(kind: string): string {
  return kind[0].toUpperCase() + kind.slice(1);
}
