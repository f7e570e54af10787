// bitlane/train: trains binarized networks on WebGPU or the CPU and hands over plain data for export.
export { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.js';
export { augment, type Augmentation } from './data/augment.js';
export { loadCifar10, loadCifar10Split, parseCifar10 } from './data/cifar10.js';
export { encodeTokens, tokenBatches, tokenize, vocabularyOf, type TokenBatch, type Vocabulary } from './data/text.js';
export { loadFashionMnist, loadMnist, loadMnistSplit } from './data/mnist.js';
export { parseIdx, type IdxArray } from './data/idx.js';
export type { Dataset, LabelledBytes } from './data/dataset.js';
export { openBackend, type DeviceChoice, type OpenBackend } from './backend.js';
export { CpuBackend, type CpuOptions } from './cpu/backend.js';
export { openDevice, type TrainDevice } from './device.js';
export type { ConvSpec, DenseSpec, LayerSpec, WeightInit } from './model.js';
export type { TrainedConv, TrainedDense, TrainedLayer, TrainedNetwork, TrainingRecord } from './network.js';
export { cifar10Convnet } from './recipes/cifar10-convnet.js';
export { mnistCnn } from './recipes/mnist-cnn.js';
export { mnistMlp } from './recipes/mnist-mlp.js';
export type { TestAnswers } from './evaluator.js';
export { train, type Recipe, type TrainOptions, type TrainProgress, type TrainResult } from './trainer.js';
