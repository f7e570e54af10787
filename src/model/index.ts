// `bitlane/model`: model files as data. Build a graph in code or read one from a file, look at it, change it, write it.
export { GraphError, ModelFormatError } from '../errors.js';
export { type BatchNorm } from '../numerics/batchnorm.js';
export { gateTable, sigmoid } from '../numerics/tables.js';
export {
  type Built,
  type CellOptions,
  type ConvOptions,
  type ConvTransposeOptions,
  type DenseOptions,
  GraphBuilder,
  type OutputOptions,
  type PoolOptions,
} from './builder.js';
export { addDigests, verifyDigests } from './digests.js';
export * from './graph.js';
export { readModel } from './read.js';
export {
  batchNorm,
  centered,
  type Clamp,
  float32,
  floatAffine,
  int16,
  int32,
  int8,
  integerAffine,
  levels,
  multiThreshold,
  type Padding,
  type Pair,
  type PerChannel,
  requantize,
  roundingShift,
  shiftNorm,
  signs,
  threshold,
  type TransformSpec,
  type WeightSpec,
} from './specs.js';
export { DEFAULT_LIMITS, type Limits, type Report, validate, workOf } from './validate.js';
export { packConstant, packPlain, type Packing, unpackConstant, unpackPlain, type Values } from './values.js';
export { writeModel } from './write.js';
