// Graph to bytes. Constants are written first to last, each at a multiple of 16, in the layout that the kernels read.
import { Builder, type Offset } from 'flatbuffers';
import { GraphError } from '../errors.js';
import { fileBytesField } from './decode.js';
import { Constant as ConstantTable } from './generated/bitlane/fb/constant.js';
import { KeyValue } from './generated/bitlane/fb/key-value.js';
import { Metadata as MetadataTable } from './generated/bitlane/fb/metadata.js';
import { Model as ModelTable } from './generated/bitlane/fb/model.js';
import { Node as NodeTable } from './generated/bitlane/fb/node.js';
import { Pad as PadTable } from './generated/bitlane/fb/pad.js';
import { Tensor as TensorTable } from './generated/bitlane/fb/tensor.js';
import type { Constant, Graph, Metadata, Node, Tensor } from './graph.js';
import { ENCODINGS, type Field, FORMAT_VERSION, LAYOUTS, TABLES } from './layout.js';
import { validate } from './validate.js';

/**
 * Writes a model file. The same graph gives the same bytes.
 *
 * @throws GraphError naming what does not fit, before anything is written
 */
export function writeModel(graph: Graph): Uint8Array {
  validate(graph, (path, expected, got) => {
    throw new GraphError(`graph: "${path}" expected ${expected}, got ${got}`);
  });
  const size = graph.constants.reduce((sum, constant) => sum + constant.data.length, 4096);
  const b = new Builder(size);
  // FlatBuffers are built back to front: what is created last stands first in the file.
  const metadata = writeMetadata(b, graph.metadata);
  const constants = [...graph.constants].reverse().map((constant) => writeConstant(b, constant));
  const tensors = graph.tensors.map((tensor) => writeTensor(b, tensor));
  const nodes = graph.nodes.map((node) => writeNode(b, node));
  const fields = {
    name: b.createString(graph.name),
    tensors: ModelTable.createTensorsVector(b, tensors),
    constants: ModelTable.createConstantsVector(b, constants.reverse()),
    nodes: ModelTable.createNodesVector(b, nodes),
    inputs: ModelTable.createInputsVector(b, [...graph.inputs]),
    outputs: ModelTable.createOutputsVector(b, [...graph.outputs]),
  };
  ModelTable.startModel(b);
  ModelTable.addVersion(b, FORMAT_VERSION);
  // Any value but the default, so that the field gets its place; the size is known when all is written.
  ModelTable.addFileBytes(b, 1);
  ModelTable.addName(b, fields.name);
  ModelTable.addTensors(b, fields.tensors);
  ModelTable.addConstants(b, fields.constants);
  ModelTable.addNodes(b, fields.nodes);
  ModelTable.addInputs(b, fields.inputs);
  ModelTable.addOutputs(b, fields.outputs);
  ModelTable.addMetadata(b, metadata);
  ModelTable.finishModelBuffer(b, ModelTable.endModel(b));
  const bytes = b.asUint8Array().slice();
  new DataView(bytes.buffer).setUint32(fileBytesField(bytes), bytes.length, true);
  return bytes;
}

function writeConstant(b: Builder, constant: Constant): Offset {
  b.prep(16, constant.data.length);
  const data = b.createByteVector(constant.data);
  const name = b.createString(constant.name);
  const shape = ConstantTable.createShapeVector(b, [...constant.shape]);
  const sha256 = constant.sha256 && ConstantTable.createSha256Vector(b, constant.sha256);
  ConstantTable.startConstant(b);
  ConstantTable.addName(b, name);
  ConstantTable.addShape(b, shape);
  ConstantTable.addEncoding(b, ENCODINGS.indexOf(constant.encoding));
  ConstantTable.addBits(b, constant.bits);
  ConstantTable.addLayout(b, LAYOUTS.indexOf(constant.layout));
  ConstantTable.addData(b, data);
  if (sha256 !== undefined) ConstantTable.addSha256(b, sha256);
  ConstantTable.addGroups(b, constant.groups ?? 1);
  return ConstantTable.endConstant(b);
}

function writeTensor(b: Builder, tensor: Tensor): Offset {
  const name = b.createString(tensor.name);
  const shape = TensorTable.createShapeVector(b, [...tensor.shape]);
  TensorTable.startTensor(b);
  TensorTable.addName(b, name);
  TensorTable.addShape(b, shape);
  TensorTable.addEncoding(b, ENCODINGS.indexOf(tensor.encoding));
  TensorTable.addBits(b, tensor.bits);
  TensorTable.addScale(b, tensor.scale);
  return TensorTable.endTensor(b);
}

function writeNode(b: Builder, node: Node): Offset {
  const [type, operator] = writeMember(b, TABLES.Node.operator, node.operator);
  const name = b.createString(node.name);
  const inputs = NodeTable.createInputsVector(b, [...node.inputs]);
  const outputs = NodeTable.createOutputsVector(b, [...node.outputs]);
  return NodeTable.createNode(b, name, type, operator, inputs, outputs);
}

/** Type and table of a member of a union. */
function writeMember(b: Builder, field: Field, value: { readonly kind: string }): [number, Offset] {
  if (field.kind !== 'union') throw new Error(`internal: "${value.kind}" stands where no union is`);
  return [field.members.indexOf(value.kind) + 1, writeTable(b, value.kind, value)];
}

/** An operator or transform, field by field as layout.ts lists them. */
function writeTable(b: Builder, name: string, value: object): Offset {
  const values = value as Readonly<Record<string, unknown>>;
  const fields = Object.entries(TABLES[name]);
  // Tables cannot be nested while they are built: what the fields point at comes first.
  const targets = fields.map(([key, field]): readonly [number, Offset] => {
    const given = values[key];
    if (given === undefined) return [0, 0];
    if (field.kind === 'union') return writeMember(b, field, given as { readonly kind: string });
    if (field.kind === 'table') return [0, writeTable(b, field.table, given as object)];
    if (field.kind === 'vector') return [0, PadTable.createBeforeVector(b, [...(given as readonly number[])])];
    return [0, 0];
  });
  b.startObject(fields.reduce((slots, [, field]) => slots + (field.kind === 'union' ? 2 : 1), 0));
  let slot = 0;
  fields.forEach(([key, field], i) => {
    const [type, offset] = targets[i];
    if (field.kind === 'scalar') writeScalar(b, slot, field, values[key] as number | string | undefined);
    else if (field.kind === 'union') {
      b.addFieldInt8(slot++, type, 0);
      b.addFieldOffset(slot, offset, 0);
    } else b.addFieldOffset(slot, offset, 0);
    slot++;
  });
  return b.endObject();
}

function writeScalar(
  b: Builder,
  slot: number,
  field: Field & { readonly kind: 'scalar' },
  given: number | string | undefined,
): void {
  if (given === undefined) return;
  const value = typeof given === 'string' ? field.names!.indexOf(given) : given;
  const byDefault = field.default ?? null;
  if (field.type === 'Float32') b.addFieldFloat32(slot, value, byDefault);
  else if (field.type === 'Uint8' || field.type === 'Int8') b.addFieldInt8(slot, value, byDefault);
  else if (field.type === 'Uint16') b.addFieldInt16(slot, value, byDefault);
  else b.addFieldInt32(slot, value, byDefault);
}

function writeMetadata(b: Builder, metadata: Metadata): Offset {
  const task = metadata.task === undefined ? 0 : b.createString(metadata.task);
  const labels = metadata.labels?.map((label) => b.createString(label));
  const labelVector = labels === undefined ? 0 : MetadataTable.createLabelsVector(b, labels);
  const preprocessing = metadata.preprocessing === undefined ? 0 : b.createString(metadata.preprocessing);
  const training = Object.entries(metadata.training ?? {}).map(([key, value]) =>
    KeyValue.createKeyValue(b, b.createString(key), b.createString(value)),
  );
  const trainingVector = training.length === 0 ? 0 : MetadataTable.createTrainingVector(b, training);
  return MetadataTable.createMetadata(b, task, labelVector, preprocessing, trainingVector);
}
