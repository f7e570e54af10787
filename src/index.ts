// The public API without load(), which each host's entry (index.node.ts, index.workerd.ts, ...) adds.
export {
  DataError,
  ExportError,
  GraphError,
  InputError,
  ModelFormatError,
  TrainError,
  UnsupportedError,
} from './errors.js';
export type { LoadOptions } from './load.js';
export type { Encoding, Metadata } from './model/graph.js';
export type { Limits } from './model/validate.js';
export {
  type MemoryReport,
  Model,
  type TensorData,
  type TensorInfo,
  type TensorMap,
  type TensorMemory,
} from './runtime/model.js';
export type { ModelSource } from './sources.js';
export type { LayerSummary, Summary } from './runtime/summary.js';
export { type Build, BUILDS, bestBuild, supports } from './wasm/builds.js';
export type { ModuleSource } from './wasm/instantiate.js';
