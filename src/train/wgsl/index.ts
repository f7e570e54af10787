// Every kernel of the contract in kernels.ts as a WGSL shader for given sizes.
import type { Call, KernelName, KernelParams } from '../kernels.js';
import { batchNorm, batchNormBackward, shiftNorm, shiftNormBackward } from './batchnorm.js';
import { col2im, im2col, pool, poolBackward } from './conv.js';
import * as elementwise from './elementwise.js';
import * as loss from './loss.js';
import { matmul } from './matmul.js';
import { adam, adaMax, sgd } from './optimizer.js';
import * as quantize from './quantize.js';
import * as recurrent from './recurrent.js';
import type { GpuTraits, Shader } from './shader.js';

const SHADERS: { readonly [N in KernelName]: (params: KernelParams[N], traits: GpuTraits) => Shader } = {
  matmul,
  gatherBytes: elementwise.gatherBytes,
  map: elementwise.map,
  mapBackward: elementwise.mapBackward,
  scale: elementwise.scale,
  addBias: elementwise.addBias,
  sumRows: elementwise.sumRows,
  slice: elementwise.slice,
  sliceBackward: elementwise.sliceBackward,
  dropout: elementwise.dropout,
  stochasticSign: elementwise.stochasticSign,
  affineSign: elementwise.affineSign,
  staircase: elementwise.staircase,
  squaredHinge: loss.squaredHinge,
  squaredHingeBackward: loss.squaredHingeBackward,
  crossEntropyRows: loss.crossEntropyRows,
  crossEntropyBackward: loss.crossEntropyBackward,
  distillationRows: loss.distillationRows,
  distillationBackward: loss.distillationBackward,
  meanLoss: loss.meanLoss,
  squaredDistance: loss.squaredDistance,
  squaredDistanceBackward: loss.squaredDistanceBackward,
  embedding: recurrent.embedding,
  embeddingBackward: recurrent.embeddingBackward,
  lstmCell: recurrent.lstmCell,
  lstmCellBackward: recurrent.lstmCellBackward,
  tableTanh: recurrent.tableTanh,
  tableTanhBackward: recurrent.tableTanhBackward,
  tableLstmCell: recurrent.tableLstmCell,
  tableLstmCellBackward: recurrent.tableLstmCellBackward,
  gruCell: recurrent.gruCell,
  gruCellBackward: recurrent.gruCellBackward,
  rowStatistic: quantize.rowStatistic,
  scaledSign: quantize.scaledSign,
  scaledSignBackward: quantize.scaledSignBackward,
  tanhWeights: quantize.tanhWeights,
  tanhWeightsBackward: quantize.tanhWeightsBackward,
  quantizeGradient: quantize.quantizeGradient,
  householderPlan: quantize.householderPlan,
  householder: quantize.householder,
  im2col,
  col2im,
  pool,
  poolBackward,
  batchNorm,
  batchNormBackward,
  shiftNorm,
  shiftNormBackward,
  sgd,
  adam,
  adaMax,
};

export function shaderOf<N extends KernelName>(call: Call & { readonly kernel: N }, traits: GpuTraits): Shader {
  return SHADERS[call.kernel](call.params as KernelParams[N], traits);
}
