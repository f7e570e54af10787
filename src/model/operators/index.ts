// Every kind of operator with its rule. A new operator: a table in schema/qnn.fbs, its fields in layout.ts, its type and
// rule in a file beside this one, a line here, and a function in reference/; schema/README.md has the whole list.
import type { Operator, OperatorOf } from '../graph.js';
import { inferActivate, inferAdd, inferApplyTransform, inferConvert, inferLookUp } from './elementwise.js';
import { inferArgMax, inferSoftmax } from './heads.js';
import { inferAvgPool, inferGlobalAvgPool, inferMaxPool } from './pools.js';
import { inferConv2d, inferConvTranspose2d, inferDense } from './products.js';
import { inferEmbedding, inferGru, inferLstm, inferRnn } from './recurrent.js';
import type { Inference, Rule, Scope } from './rules.js';
import { inferChannelShuffle, inferConcat, inferPad, inferReshape, inferUpsample } from './shapes.js';

const RULES: { readonly [K in Operator['kind']]: Rule<OperatorOf<K>> } = {
  dense: inferDense,
  conv2d: inferConv2d,
  convTranspose2d: inferConvTranspose2d,
  maxPool: inferMaxPool,
  avgPool: inferAvgPool,
  globalAvgPool: inferGlobalAvgPool,
  applyTransform: inferApplyTransform,
  activate: inferActivate,
  lookUp: inferLookUp,
  add: inferAdd,
  convert: inferConvert,
  concat: inferConcat,
  channelShuffle: inferChannelShuffle,
  reshape: inferReshape,
  pad: inferPad,
  upsample: inferUpsample,
  embedding: inferEmbedding,
  rnn: inferRnn,
  lstm: inferLstm,
  gru: inferGru,
  softmax: inferSoftmax,
  argMax: inferArgMax,
};

/** Checks an operator against its inputs and constants, and says what its outputs must be. */
export function infer(operator: Operator, scope: Scope): Inference {
  const rule = RULES[operator.kind] as Rule<Operator>;
  return rule(operator, scope);
}
