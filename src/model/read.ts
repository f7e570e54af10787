// Bytes to graph: structure is verified, then the generated accessors are used, then meaning is checked. Constants are not
// copied: their data are views of the caller's bytes. Operators and transforms are many and all alike, so they are read
// field by field as layout.ts lists them.
import { ByteBuffer } from 'flatbuffers';
import { ModelFormatError } from '../errors.js';
import { Model as ModelTable } from './generated/bitlane/fb/model.js';
import type { Constant, ConstantEncoding, Encoding, Graph, Layout, Metadata, Node, Operator, Tensor } from './graph.js';
import { type Field, kindOf, type ScalarType, TABLES } from './layout.js';
import { DEFAULT_LIMITS, type Limits, validate } from './validate.js';
import { FORMAT_VERSION, verify } from './verify.js';

/** In the order of the schema's enum. */
const TENSOR_ENCODINGS: readonly Encoding[] = ['float32', 'int32', 'int16', 'int8', 'levels', 'centered'];
/** In the order of the schema's enum. */
export const ENCODINGS: readonly ConstantEncoding[] = [...TENSOR_ENCODINGS, 'ternary', 'powerOfTwo'];
/** In the order of the schema's enum. */
export const LAYOUTS: readonly Layout[] = ['plain', 'blocks16', 'quads', 'lanes', 'pairs', 'columns'];

/**
 * Reads a model file. `bytes` may be any view; nothing outside it is read.
 *
 * @throws ModelFormatError with table path, expectation and what came, before anything is allocated for the model
 */
export function readModel(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Graph {
  verify(bytes);
  const buffer = new ByteBuffer(bytes);
  const model = ModelTable.getRootAsModel(buffer);
  if (model.version() !== FORMAT_VERSION) {
    throw new ModelFormatError('model.version', `${FORMAT_VERSION}`, `${model.version()}: made by another bitlane`);
  }
  for (const [key, count] of Object.entries({
    tensors: model.tensorsLength(),
    constants: model.constantsLength(),
    nodes: model.nodesLength(),
  })) {
    if (count > limits.count) throw new ModelFormatError(`model.${key}`, `at most ${limits.count}`, `${count}`);
  }
  const graph: Graph = {
    name: model.name(),
    tensors: list(model.tensorsLength(), (i) => readTensor(model, i)),
    constants: list(model.constantsLength(), (i) => readConstant(model, i, bytes)),
    nodes: list(model.nodesLength(), (i) => readNode(model, i, buffer)),
    inputs: list(model.inputsLength(), (i) => model.inputs(i)!),
    outputs: list(model.outputsLength(), (i) => model.outputs(i)!),
    metadata: readMetadata(model),
  };
  validate(
    graph,
    (path, expected, got) => {
      throw new ModelFormatError(path, expected, got);
    },
    limits,
  );
  return graph;
}

function list<T>(count: number, item: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => item(i));
}

function enumValue<T>(values: readonly T[], value: number, path: string): T {
  const found = values[value];
  if (found === undefined) throw new ModelFormatError(path, `0 to ${values.length - 1}`, `${value}`);
  return found;
}

function readTensor(model: ModelTable, i: number): Tensor {
  const table = model.tensors(i)!;
  return {
    name: table.name(),
    shape: list(table.shapeLength(), (d) => table.shape(d)!),
    encoding: enumValue(TENSOR_ENCODINGS, table.encoding(), `model.tensors[${i}].encoding`),
    bits: table.bits(),
    scale: table.scale(),
  };
}

function readConstant(model: ModelTable, i: number, bytes: Uint8Array): Constant {
  const table = model.constants(i)!;
  const data = table.dataArray() ?? bytes.subarray(0, 0);
  const sha256 = table.sha256Array();
  const groups = table.groups();
  return {
    name: table.name(),
    shape: list(table.shapeLength(), (d) => table.shape(d)!),
    encoding: enumValue(ENCODINGS, table.encoding(), `model.constants[${i}].encoding`),
    bits: table.bits(),
    layout: enumValue(LAYOUTS, table.layout(), `model.constants[${i}].layout`),
    data,
    ...(sha256 !== null && { sha256 }),
    ...(groups !== 1 && { groups }),
  };
}

function readNode(model: ModelTable, i: number, buffer: ByteBuffer): Node {
  const table = model.nodes(i)!;
  const operator = readUnion(buffer, table.bb_pos, 1, TABLES.Node.operator, `model.nodes[${i}].operator`);
  return {
    name: table.name(),
    // The keys of layout.ts are those of the operators' types: the compiler checks that there.
    operator: operator as unknown as Operator,
    inputs: list(table.inputsLength(), (n) => table.inputs(n)!),
    outputs: list(table.outputsLength(), (n) => table.outputs(n)!),
  };
}

/** Number, numbers, name of an enum value, table, or undefined where an optional field is absent. */
type Value = number | string | readonly number[] | { readonly kind: string } | undefined;

/** The operator or transform in a union whose type stands in slot `slot`. */
function readUnion(buffer: ByteBuffer, at: number, slot: number, field: Field, path: string): Value {
  const type = buffer.__offset(at, 4 + 2 * slot);
  const index = type === 0 ? 0 : buffer.readUint8(at + type);
  if (index === 0 || field.kind !== 'union') return undefined;
  return readTable(buffer, target(buffer, at, slot + 1), field.members[index - 1], path);
}

/** Address that the offset in slot `slot` leads to. */
function target(buffer: ByteBuffer, at: number, slot: number): number {
  return buffer.__indirect(at + buffer.__offset(at, 4 + 2 * slot));
}

function readTable(buffer: ByteBuffer, at: number, name: string, path: string): { readonly kind: string } {
  const result: Record<string, Value> & { kind: string } = { kind: kindOf(name) };
  let slot = 0;
  for (const [key, field] of Object.entries(TABLES[name])) {
    const place = `${path}.${key}`;
    if (field.kind === 'union') {
      result[key] = readUnion(buffer, at, slot, field, place);
      slot += 2;
      continue;
    }
    if (field.kind === 'table') result[key] = readTable(buffer, target(buffer, at, slot), field.table, place);
    else if (field.kind === 'vector') {
      const vector = target(buffer, at, slot);
      result[key] = list(buffer.readUint32(vector), (i) => buffer.readUint32(vector + 4 + 4 * i));
    } else if (field.kind === 'scalar') {
      const offset = buffer.__offset(at, 4 + 2 * slot);
      const value = offset === 0 ? field.default : readScalar(buffer, field.type, at + offset);
      result[key] = field.names === undefined || value === undefined ? value : enumValue(field.names, value, place);
    }
    slot++;
  }
  return result;
}

function readScalar(buffer: ByteBuffer, type: ScalarType, at: number): number {
  switch (type) {
    case 'u8':
      return buffer.readUint8(at);
    case 'i8':
      return buffer.readInt8(at);
    case 'u16':
      return buffer.readUint16(at);
    case 'u32':
      return buffer.readUint32(at);
    case 'i32':
      return buffer.readInt32(at);
    case 'f32':
      return buffer.readFloat32(at);
  }
}

function readMetadata(model: ModelTable): Metadata {
  const table = model.metadata();
  if (table === null) return {};
  const task = table.task();
  const preprocessing = table.preprocessing();
  const labels = list(table.labelsLength(), (i) => table.labels(i));
  const training = list(table.trainingLength(), (i) => table.training(i)!);
  return {
    ...(task !== null && { task }),
    ...(labels.length > 0 && { labels }),
    ...(preprocessing !== null && { preprocessing }),
    ...(training.length > 0 && { training: Object.fromEntries(training.map((kv) => [kv.key(), kv.value()])) }),
  };
}
