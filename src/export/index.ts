// `bitlane/export`: trained networks to model files.
export { writeModel } from '../model/write.js';
export { argmax, checkAgreement, checkLosses, LOSS_TOLERANCE } from './agreement.js';
export { exportNetwork } from './export.js';
export { exportLanguageModel } from './language.js';
export { type ModuleScales, quantizeDataflow, type QuantizedDataflow } from './dataflow.js';
export { evaluateFloat, type FloatModule, type FloatNetwork, type FloatPool, type FloatProduct } from './floatnet.js';
export { foldToScores, foldToThresholds, type IntegerScores, type Thresholds } from './fold.js';
