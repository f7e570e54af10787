// Bytes to graph: structure is verified, then the generated accessors are used, then meaning is checked. Constants are not
// copied: their data are views of the caller's bytes.
import { ByteBuffer } from 'flatbuffers';
import { ModelFormatError } from '../errors.js';
import { Dense as DenseTable } from './generated/bitlane/fb/dense.js';
import { IntegerAffine as IntegerAffineTable } from './generated/bitlane/fb/integer-affine.js';
import { Model as ModelTable } from './generated/bitlane/fb/model.js';
import type { Node as NodeTable } from './generated/bitlane/fb/node.js';
import { Threshold as ThresholdTable } from './generated/bitlane/fb/threshold.js';
import { Transform as TransformType } from './generated/bitlane/fb/transform.js';
import type { Constant, Dense, Encoding, Graph, Layout, Metadata, Node, Tensor, Transform } from './graph.js';
import { DEFAULT_LIMITS, type Limits, validate } from './validate.js';
import { FORMAT_VERSION, verify } from './verify.js';

/** In the order of the schema's enum. */
export const ENCODINGS: readonly Encoding[] = ['float32', 'int32', 'int16', 'int8', 'levels', 'centered'];
/** In the order of the schema's enum. */
export const LAYOUTS: readonly Layout[] = ['plain', 'blocks16'];

/**
 * Reads a model file. `bytes` may be any view; nothing outside it is read.
 *
 * @throws ModelFormatError with table path, expectation and what came, before anything is allocated for the model
 */
export function readModel(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Graph {
  verify(bytes);
  const model = ModelTable.getRootAsModel(new ByteBuffer(bytes));
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
    nodes: list(model.nodesLength(), (i) => readNode(model.nodes(i)!)),
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
    encoding: enumValue(ENCODINGS, table.encoding(), `model.tensors[${i}].encoding`),
    bits: table.bits(),
    scale: table.scale(),
  };
}

function readConstant(model: ModelTable, i: number, bytes: Uint8Array): Constant {
  const table = model.constants(i)!;
  const data = table.dataArray() ?? bytes.subarray(0, 0);
  return {
    name: table.name(),
    shape: list(table.shapeLength(), (d) => table.shape(d)!),
    encoding: enumValue(ENCODINGS, table.encoding(), `model.constants[${i}].encoding`),
    bits: table.bits(),
    layout: enumValue(LAYOUTS, table.layout(), `model.constants[${i}].layout`),
    data,
  };
}

function readNode(table: NodeTable): Node {
  return {
    name: table.name(),
    operator: readDense(table.operator(new DenseTable()) as DenseTable),
    inputs: list(table.inputsLength(), (i) => table.inputs(i)!),
    outputs: list(table.outputsLength(), (i) => table.outputs(i)!),
  };
}

function readDense(table: DenseTable): Dense {
  return { kind: 'dense', weights: table.weights(), transform: readTransform(table) };
}

function readTransform(table: DenseTable): Transform | undefined {
  if (table.transformType() === TransformType.Threshold) {
    const threshold = table.transform(new ThresholdTable()) as ThresholdTable;
    return { kind: 'threshold', thresholds: threshold.thresholds() };
  }
  if (table.transformType() === TransformType.IntegerAffine) {
    const affine = table.transform(new IntegerAffineTable()) as IntegerAffineTable;
    return { kind: 'integerAffine', multipliers: affine.multipliers(), biases: affine.biases() };
  }
  return undefined;
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
