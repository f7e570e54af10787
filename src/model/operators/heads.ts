// What stands at the end of a classifier.
import { elements } from '../graph.js';
import { expectInputs, FLOAT32, type Inference, INT32, type Scope } from './rules.js';

/** exp(x - max) / sum over the last dimension, of real numbers x = scale * v. */
export interface Softmax {
  readonly kind: 'softmax';
}

/** Index of the largest v of the last dimension, the first of equals. */
export interface ArgMax {
  readonly kind: 'argMax';
}

export function inferSoftmax(_operator: Softmax, scope: Scope): Inference {
  expectInputs(scope, 1);
  const { shape } = scope.inputs[0];
  return { outputs: [{ shape, types: [FLOAT32] }], work: 4 * elements(shape) };
}

export function inferArgMax(_operator: ArgMax, scope: Scope): Inference {
  expectInputs(scope, 1);
  const { shape } = scope.inputs[0];
  const rest = shape.slice(0, -1);
  return { outputs: [{ shape: rest.length > 0 ? rest : [1], types: [INT32] }], work: elements(shape) };
}
