// schema/qnn.fbs as data, for the structural verifier. Fields stand in the order of the schema, because that order is what
// numbers the slots of a vtable. A test reads the schema and compares.

/** A field that lies in the table itself, by its size in bytes. */
type Scalar = { readonly kind: 'scalar'; readonly bytes: 1 | 2 | 4 | 8 };
type Text = { readonly kind: 'string'; readonly required: boolean };
type ScalarVector = {
  readonly kind: 'vector';
  readonly bytes: number;
  readonly align: number;
  readonly required: boolean;
};
type StringVector = { readonly kind: 'strings'; readonly required: boolean };
type TableField = { readonly kind: 'table'; readonly table: string; readonly required: boolean };
type TableVector = { readonly kind: 'tables'; readonly table: string; readonly required: boolean };
/** Takes two slots: the type (one byte, 1 = first member) and the table. */
type Union = { readonly kind: 'union'; readonly members: readonly string[]; readonly required: boolean };

export type Field = Scalar | Text | ScalarVector | StringVector | TableField | TableVector | Union;

const scalar = (bytes: 1 | 2 | 4 | 8): Scalar => ({ kind: 'scalar', bytes });
const text = (required = true): Text => ({ kind: 'string', required });
const indices: ScalarVector = { kind: 'vector', bytes: 4, align: 4, required: true };

/** Every table of the schema: field name to what stands there, in slot order. */
export const TABLES: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  Tensor: { name: text(), shape: indices, encoding: scalar(1), bits: scalar(1), scale: scalar(4) },
  Constant: {
    name: text(),
    shape: indices,
    encoding: scalar(1),
    bits: scalar(1),
    layout: scalar(1),
    data: { kind: 'vector', bytes: 1, align: 16, required: true },
  },
  Threshold: { thresholds: scalar(4) },
  IntegerAffine: { multipliers: scalar(4), biases: scalar(4) },
  Dense: {
    weights: scalar(4),
    transform: { kind: 'union', members: ['Threshold', 'IntegerAffine'], required: false },
  },
  Node: {
    name: text(),
    operator: { kind: 'union', members: ['Dense'], required: true },
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
    version: scalar(2),
    file_bytes: scalar(4),
    name: text(),
    tensors: { kind: 'tables', table: 'Tensor', required: true },
    constants: { kind: 'tables', table: 'Constant', required: true },
    nodes: { kind: 'tables', table: 'Node', required: true },
    inputs: indices,
    outputs: indices,
    metadata: { kind: 'table', table: 'Metadata', required: false },
  },
};
