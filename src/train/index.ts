// bitlane/train: trains binarized and quantized networks on WebGPU or the CPU and hands over plain data for export. `train`
// takes a recipe; the tape and what is recorded on it are for training that no recipe describes.
export { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.js';
export {
  conntraScores,
  trainConntra,
  type ConntraOptions,
  type ConntraResult,
  type ConntraSweep,
  type IntegerSamples,
} from './conntra.js';
export { augment, type Augmentation } from './data/augment.js';
export { writeBatch, type BatchRequest, type BatchSource } from './data/batches.js';
export { loadCifar10, loadCifar10Split, parseCifar10 } from './data/cifar10.js';
export { dataFolder, type DataFolderOptions } from './data/download.js';
export {
  encodeTokens,
  textData,
  tokenBatch,
  tokenBatchCount,
  tokenize,
  vocabularyOf,
  type TextData,
  type TextUnit,
  type TokenBatch,
  type Vocabulary,
} from './data/text.js';
export { loadPennTreebank, loadPennTreebankPart } from './data/ptb.js';
export { loadFashionMnist, loadMnist, loadMnistSplit } from './data/mnist.js';
export { parseIdx, type IdxArray } from './data/idx.js';
export { Prefetcher, type Batch } from './data/prefetch.js';
export { DATA_SOURCES, type DatasetName, type DataSource, type SourceFile } from './data/sources.js';
export type { Dataset, LabelledBytes } from './data/dataset.js';
export type { LanguageRecord, Quantization, TrainedLanguageModel } from './language/network.js';
export {
  trainLanguageModel,
  type LanguageOptions,
  type LanguageProgress,
  type LanguageRate,
  type LanguageRecipe,
  type LanguageResult,
} from './language/trainer.js';
export { openBackend, type DeviceChoice, type OpenBackend } from './backend.js';
export { CpuBackend, type CpuOptions } from './cpu/backend.js';
export { openDevice, type TrainDevice } from './device.js';
export type { LatentState, WeightInit } from './model.js';
export type { ActivationQuantizer, Asymptotic, FloatActivation, FloatWeights, WeightQuantizer } from './precision.js';
export {
  floatLayers,
  lowBits,
  withPrecision,
  type ConvSpec,
  type DenseSpec,
  type LayerSpec,
  type Precision,
  type ResidualSpec,
} from './spec.js';
export type {
  IntegerWeights,
  Staircase,
  TrainedConv,
  TrainedDense,
  TrainedLayer,
  TrainedResidual,
  TrainedNetwork,
  TrainingRecord,
} from './network.js';
export { cifar10Convnet, cifar10ConvnetBetter } from './recipes/cifar10-convnet.js';
export { cifar10Resnet, cifar10ResnetBetter } from './recipes/cifar10-resnet.js';
export { cifar10Tiny } from './recipes/cifar10-tiny.js';
export { mnistCnn, mnistCnnBetter } from './recipes/mnist-cnn.js';
export { ptbCharRnn } from './recipes/ptb-char-rnn.js';
export { ptbLstm } from './recipes/ptb-lstm.js';
export { mnistMlp, mnistMlpBetter, mnistMlpPaper } from './recipes/mnist-mlp.js';
export type { TestAnswers } from './evaluator.js';
export { atPrecision, progressive, trainStages, twoStage } from './stages.js';
export {
  floatTwin,
  train,
  trainFloat,
  type FloatResult,
  type Recipe,
  type Schedule,
  type Teacher,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
} from './trainer.js';
export {
  compileStep,
  runEpochs,
  type LoopOptions,
  type LoopProgress,
  type Moving,
  type Step,
  type TrainTask,
} from './loop.js';
export type { Backend, Call, Program } from './kernels.js';
export * from './layers.js';
export * from './losses.js';
export * from './maps.js';
export * from './optimizers.js';
export * from './quantizers.js';
export * from './recurrent.js';
export { Tape, type Gradients, type GradientTarget, type Operation } from './tape.js';
export { tensor, type ElementType, type Tensor } from './tensor.js';
