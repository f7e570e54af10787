// schema/qnn.fbs as data: what a file is verified, read and written by. Fields stand in the order of the schema, because that
// order is what numbers the slots of a vtable; the compiler holds the fields to the types of graph.ts, and a test holds
// everything to the schema and to flatc's own code.
import type {
  ActivateFunction,
  Constant,
  ConstantEncoding,
  Encoding,
  Layout,
  Node,
  Operator,
  Tensor,
  Transform,
} from './graph.js';

/** How the bytes of a scalar are read: the ending of the name of DataView's method. */
export type ScalarType = 'Uint8' | 'Int8' | 'Uint16' | 'Uint32' | 'Int32' | 'Float32';

/** The version of the format that is read and written. */
export const FORMAT_VERSION = 1;

/** A number that lies in the table itself. Without a default it may be absent (`undefined`). */
interface Scalar {
  readonly kind: 'scalar';
  readonly type: ScalarType;
  readonly default: number | undefined;
  /** The number is the index of a constant. */
  readonly constant: boolean;
  /** The number stands for one of these. */
  readonly names?: readonly string[];
  /** The one number that this version of bitlane understands. */
  readonly only?: number;
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
const optional = (type: ScalarType): Scalar => ({ ...scalar(type), default: undefined });
const constant: Scalar = { ...scalar('Uint32'), constant: true };
const optionalConstant: Scalar = { ...constant, default: undefined };
const one = scalar('Uint16', 1);
const size = scalar('Uint16');
const byte = scalar('Uint8');
const text = (required = true): Text => ({ kind: 'string', required });
const indices: ScalarVector = { kind: 'vector', bytes: 4, align: 4, required: true };
const table = (name: string, required = true): TableField => ({ kind: 'table', table: name, required });
const tables = (name: string, required = true): TableVector => ({ kind: 'tables', table: name, required });

/** In the order of the schema's enum. */
export const FUNCTIONS: readonly ActivateFunction[] = ['sign', 'relu', 'clip', 'floor'];
/** In the order of the schema's enum. */
const TENSOR_ENCODINGS: readonly Encoding[] = ['float32', 'int32', 'int16', 'int8', 'levels', 'centered'];
/** In the order of the schema's enum. */
export const ENCODINGS: readonly ConstantEncoding[] = [...TENSOR_ENCODINGS, 'ternary', 'powerOfTwo'];
/** In the order of the schema's enum. */
export const LAYOUTS: readonly Layout[] = ['plain', 'blocks16', 'quads', 'lanes', 'pairs', 'columns'];

type Slots<T> = { readonly [K in Exclude<keyof T, 'kind'>]-?: Field };
type Members<U extends { readonly kind: string }> = {
  readonly [K in U['kind']]: Slots<Extract<U, { readonly kind: K }>>;
};

/** In the order of the schema's union. */
const TRANSFORMS: Members<Transform> = {
  threshold: { thresholds: constant },
  integerAffine: { multipliers: constant, biases: constant },
  multiThreshold: { thresholds: constant },
  requantize: {
    biases: optionalConstant,
    multipliers: constant,
    shift: scalar('Uint8', 30),
    minimum: optional('Int32'),
    maximum: optional('Int32'),
    residualMultiplier: optional('Int32'),
  },
  floatAffine: {
    multipliers: constant,
    biases: optionalConstant,
    minimum: optional('Float32'),
    maximum: optional('Float32'),
  },
  shiftNorm: {
    means: constant,
    exponents: constant,
    signs: constant,
    biases: constant,
    fraction: byte,
  },
};

const transform: Union = { kind: 'union', members: Object.keys(TRANSFORMS), required: false };
const steps = { strideY: one, strideX: one };
const dilations = { dilationY: one, dilationX: one };
const pads = { padTop: size, padLeft: size, padBottom: size, padRight: size };
const products = {
  inputWeights: constant,
  recurrentWeights: constant,
  input: table('requantize'),
  recurrent: table('requantize'),
};
const state: Union = { ...transform, required: true };

/** In the order of the schema's union. */
const OPERATORS: Members<Operator> = {
  dense: { weights: constant, transform },
  conv2d: {
    weights: constant,
    ...steps,
    ...dilations,
    ...pads,
    padValue: scalar('Int32'),
    groups: scalar('Uint32', 1),
    transform,
  },
  convTranspose2d: {
    weights: constant,
    ...steps,
    ...dilations,
    ...pads,
    extraBottom: size,
    extraRight: size,
    transform,
  },
  maxPool: { height: size, width: size, ...steps, ...pads, smallest: optionalConstant },
  avgPool: { height: size, width: size, ...steps, ...pads },
  globalAvgPool: {},
  applyTransform: { transform: state },
  activate: {
    function: { ...byte, names: FUNCTIONS },
    minimum: scalar('Float32', -1),
    maximum: scalar('Float32', 1),
  },
  lookUp: { table: constant },
  add: {
    leftMultiplier: scalar('Int32', 1),
    rightMultiplier: scalar('Int32', 1),
    shift: byte,
    minimum: optional('Float32'),
    maximum: optional('Float32'),
  },
  convert: {},
  concat: { axis: byte },
  channelShuffle: { groups: scalar('Uint32') },
  reshape: {},
  pad: { before: indices, after: indices, value: scalar('Float32') },
  upsample: { height: size, width: size },
  embedding: { table: constant },
  rnn: { ...products, activation: constant, state },
  lstm: {
    ...products,
    sigmoid: constant,
    activation: constant,
    cellShift: scalar('Uint8', 3),
    indexShift: scalar('Int8'),
    state,
  },
  gru: { ...products, sigmoid: constant, activation: constant, state },
  softmax: {},
  argMax: {},
};

const TENSOR: Slots<Tensor> = {
  name: text(),
  shape: indices,
  encoding: { ...byte, names: TENSOR_ENCODINGS },
  bits: byte,
  scale: scalar('Float32', 1),
};
const CONSTANT: Slots<Constant> = {
  name: text(),
  shape: indices,
  encoding: { ...byte, names: ENCODINGS },
  bits: byte,
  layout: { ...byte, names: LAYOUTS },
  data: { kind: 'vector', bytes: 1, align: 16, required: true },
  sha256: { kind: 'vector', bytes: 1, align: 1, required: false },
  groups: scalar('Uint32', 1),
};
const NODE: Slots<Node> = {
  name: text(),
  operator: { kind: 'union', members: Object.keys(OPERATORS), required: true },
  inputs: indices,
  outputs: indices,
};

/** The tables that unions choose from, by their kind in graph.ts: Conv2d of the schema is conv2d here. */
export const MEMBERS: Readonly<Record<string, Fields>> = { ...TRANSFORMS, ...OPERATORS };

/** Every table of the schema: field name to what stands there, in slot order. */
export const TABLES: Readonly<Record<string, Fields>> = {
  Tensor: TENSOR,
  Constant: CONSTANT,
  ...MEMBERS,
  Node: NODE,
  KeyValue: { key: text(), value: text() },
  Metadata: {
    task: text(false),
    labels: { kind: 'strings', required: false },
    preprocessing: text(false),
    training: tables('KeyValue', false),
  },
  Model: {
    version: { ...size, only: FORMAT_VERSION },
    fileBytes: scalar('Uint32'),
    name: text(),
    tensors: tables('Tensor'),
    constants: tables('Constant'),
    nodes: tables('Node'),
    inputs: indices,
    outputs: indices,
    metadata: table('Metadata', false),
  },
};

/** Bytes of a scalar. */
export const SCALAR_BYTES: Readonly<Record<ScalarType, 1 | 2 | 4>> = {
  Uint8: 1,
  Int8: 1,
  Uint16: 2,
  Uint32: 4,
  Int32: 4,
  Float32: 4,
};

/** Indices of the constants that an operator or transform reads, in the order of its fields. */
export function constantsOf(operator: Operator | Transform): number[] {
  return Object.entries(operator).flatMap(([key, value]: [string, unknown]): number[] => {
    const field = MEMBERS[operator.kind][key];
    if (typeof value === 'number') return field?.kind === 'scalar' && field.constant ? [value] : [];
    const nested = typeof value === 'object' && value !== null && 'kind' in value;
    return nested ? constantsOf(value as Transform) : [];
  });
}

/** Indices of the constants among them that are multiplied with, or looked up, and not parameters of a transform. */
export function weightsOf(operator: Operator): number[] {
  if ('inputWeights' in operator) return [operator.inputWeights, operator.recurrentWeights];
  if (operator.kind === 'embedding') return [operator.table];
  return 'weights' in operator ? [operator.weights] : [];
}
