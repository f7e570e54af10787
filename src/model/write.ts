// Graph to bytes. Constants are written first to last, each at a multiple of 16, in the layout that the kernels read.
import { Builder, type Offset } from 'flatbuffers';
import { GraphError } from '../errors.js';
import { Constant as ConstantTable } from './generated/bitlane/fb/constant.js';
import { Dense as DenseTable } from './generated/bitlane/fb/dense.js';
import { IntegerAffine as IntegerAffineTable } from './generated/bitlane/fb/integer-affine.js';
import { KeyValue } from './generated/bitlane/fb/key-value.js';
import { Metadata as MetadataTable } from './generated/bitlane/fb/metadata.js';
import { Model as ModelTable } from './generated/bitlane/fb/model.js';
import { Node as NodeTable } from './generated/bitlane/fb/node.js';
import { Operator as OperatorType } from './generated/bitlane/fb/operator.js';
import { Tensor as TensorTable } from './generated/bitlane/fb/tensor.js';
import { Threshold as ThresholdTable } from './generated/bitlane/fb/threshold.js';
import { Transform as TransformType } from './generated/bitlane/fb/transform.js';
import type { Constant, Graph, Metadata, Node, Tensor, Transform } from './graph.js';
import { ENCODINGS, LAYOUTS } from './read.js';
import { validate } from './validate.js';
import { fileBytesField, FORMAT_VERSION } from './verify.js';

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
  ConstantTable.startConstant(b);
  ConstantTable.addName(b, name);
  ConstantTable.addShape(b, shape);
  ConstantTable.addEncoding(b, ENCODINGS.indexOf(constant.encoding));
  ConstantTable.addBits(b, constant.bits);
  ConstantTable.addLayout(b, LAYOUTS.indexOf(constant.layout));
  ConstantTable.addData(b, data);
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

function writeTransform(b: Builder, transform: Transform): [TransformType, Offset] {
  if (transform.kind === 'threshold') {
    return [TransformType.Threshold, ThresholdTable.createThreshold(b, transform.thresholds)];
  }
  const affine = IntegerAffineTable.createIntegerAffine(b, transform.multipliers, transform.biases);
  return [TransformType.IntegerAffine, affine];
}

function writeNode(b: Builder, node: Node): Offset {
  const { operator } = node;
  const transform = operator.transform && writeTransform(b, operator.transform);
  DenseTable.startDense(b);
  DenseTable.addWeights(b, operator.weights);
  if (transform) {
    DenseTable.addTransformType(b, transform[0]);
    DenseTable.addTransform(b, transform[1]);
  }
  const dense = DenseTable.endDense(b);
  const name = b.createString(node.name);
  const inputs = NodeTable.createInputsVector(b, [...node.inputs]);
  const outputs = NodeTable.createOutputsVector(b, [...node.outputs]);
  return NodeTable.createNode(b, name, OperatorType.Dense, dense, inputs, outputs);
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
