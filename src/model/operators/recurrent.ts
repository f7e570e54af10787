// Sequences: embedding of tokens, and cells that carry a state from row to row. The caller keeps the state: it is an input
// and an output of the node, and of the model.
import { elements, type Tensor, type TensorType } from '../graph.js';
import { accumulators } from './products.js';
import {
  describeType,
  expectConstant,
  expectEncoding,
  expectInputs,
  expectInteger,
  expectRank,
  type Inference,
  INT16,
  INT32,
  listed,
  misfit,
  outputType,
  sameShape,
  sameType,
  type Scope,
} from './rules.js';
import { hasResidual, type Requantize, type Transform, transformTypes } from './transforms.js';

/** Row v of the table for every v. */
export interface Embedding {
  readonly kind: 'embedding';
  /** (V, E) in the type of the output: plain, or centered in blocks16, where a dense layer may read it too. */
  readonly table: number;
}

/** What all cells have: two products whose sums become int16 pre-activations, 1/256 of a table step each. */
interface Cell {
  /** (gates * H, I). */
  readonly inputWeights: number;
  /** (gates * H, H). */
  readonly recurrentWeights: number;
  readonly input: Requantize;
  readonly recurrent: Requantize;
  /** Int16 (256): tanh, as a rule. */
  readonly activation: number;
  /** From int16 in units of 2^-15 to what the weights and the output see. */
  readonly state: Transform;
}

/** (sequence, h) to (sequence, h). */
export interface Rnn extends Cell {
  readonly kind: 'rnn';
}

/** Gates i, f, g, o. (sequence, h, c) to (sequence, h, c). */
export interface Lstm extends Cell {
  readonly kind: 'lstm';
  /** Int16 (256). */
  readonly sigmoid: number;
  /** The cell counts in 2^(cellShift - 15). 0 .. 8. */
  readonly cellShift: number;
  /** Rounding shift from the cell to 1/256 of a table step. -8 .. 8. */
  readonly indexShift: number;
}

/** Gates r, z, n. (sequence, s) to (sequence, s); the state s is int16. */
export interface Gru extends Cell {
  readonly kind: 'gru';
  readonly sigmoid: number;
}

export function inferEmbedding(operator: Embedding, scope: Scope): Inference {
  expectInputs(scope, 1);
  const input = expectEncoding(scope, 0, ['int32', 'int16', 'levels']);
  const table = scope.constant('table', operator.table);
  const type = outputType(scope, 'table', table);
  const [, width] = expectRank(scope, 'operator.table', table, 'a table of shape (V, E)');
  const shape = [...input.shape, width];
  return { outputs: [{ shape, types: [type] }], work: elements(shape) };
}

/** Checks what cells share. `hidden` is what the recurrent weights read. */
function checkCell(
  operator: Rnn | Lstm | Gru,
  gates: number,
  width: number,
  hidden: Tensor,
  scope: Scope,
): { readonly steps: number; readonly types: readonly TensorType[]; readonly work: number } {
  const [sequence] = scope.inputs;
  const [steps, inputs] = expectRank(scope, 'inputs[0]', sequence, 'a sequence of shape (T, I)');
  const rows = gates * width;
  const product = (field: 'inputWeights' | 'recurrentWeights', depth: number, input: Tensor, place: string): void => {
    const weights = scope.constant(field, operator[field]);
    const shape = [rows, depth];
    if (!sameShape(weights.shape, shape))
      misfit(scope, `operator.${field}`, `weights of shape ${listed(shape)}`, weights);
    if (!sameType(accumulators(input, place, weights, field, depth, scope), INT32)) {
      misfit(scope, place, 'integers', input);
    }
  };
  product('inputWeights', inputs, sequence, 'inputs[0]');
  product('recurrentWeights', width, hidden, 'inputs[1]');
  for (const field of ['input', 'recurrent'] as const) {
    if (hasResidual(operator[field])) {
      misfit(scope, `operator.${field}`, 'a requantization without residual', 'one');
    }
    transformTypes(operator[field], INT32, rows, [rows], scope, field);
  }
  expectConstant(scope, 'activation', operator.activation, INT16, [256]);
  if (operator.kind !== 'rnn') expectConstant(scope, 'sigmoid', operator.sigmoid, INT16, [256]);
  const kind = operator.state.kind;
  if ((kind !== 'threshold' && kind !== 'multiThreshold' && kind !== 'requantize') || hasResidual(operator.state)) {
    const expected = 'a threshold, multiThreshold or requantize without residual';
    misfit(scope, 'operator.state', expected, hasResidual(operator.state) ? 'a residual' : kind);
  }
  const types = transformTypes(operator.state, INT32, width, [width], scope, 'state');
  return { steps, types, work: steps * rows * (inputs + width) };
}

/** Width of the state that input `i` carries. */
function stateWidth(scope: Scope, i: number): number {
  return expectRank(scope, `inputs[${i}]`, scope.inputs[i], 'a state of shape (H)')[0];
}

/** Input `i` is an int16 state of this width. */
function expectInt16State(scope: Scope, i: number, width: number): void {
  const state = scope.inputs[i];
  if (!sameType(state, INT16) || !sameShape(state.shape, [width])) {
    misfit(scope, `inputs[${i}]`, `an int16 state of shape [${width}]`, state);
  }
}

/** h of the input: one of the types that `state` makes. */
function hiddenType(scope: Scope, types: readonly TensorType[]): TensorType {
  const hidden = scope.inputs[1];
  const type = types.find((candidate) => sameType(candidate, hidden));
  return (
    type ?? misfit(scope, 'inputs[1]', `${types.map(describeType).join(' or ')}, as operator.state makes it`, hidden)
  );
}

export function inferRnn(operator: Rnn, scope: Scope): Inference {
  expectInputs(scope, 2);
  const width = stateWidth(scope, 1);
  const { steps, types, work } = checkCell(operator, 1, width, scope.inputs[1], scope);
  const type = hiddenType(scope, types);
  return {
    outputs: [
      { shape: [steps, width], types: [type], scaleOf: 1 },
      { shape: [width], types: [type], scaleOf: 1 },
    ],
    work,
  };
}

export function inferLstm(operator: Lstm, scope: Scope): Inference {
  expectInputs(scope, 3);
  const width = stateWidth(scope, 1);
  expectInt16State(scope, 2, width);
  expectInteger(scope, 'cellShift', operator.cellShift, 0, 8);
  expectInteger(scope, 'indexShift', operator.indexShift, -8, 8);
  const { steps, types, work } = checkCell(operator, 4, width, scope.inputs[1], scope);
  const type = hiddenType(scope, types);
  return {
    outputs: [
      { shape: [steps, width], types: [type], scaleOf: 1 },
      { shape: [width], types: [type], scaleOf: 1 },
      { shape: [width], types: [INT16], scaleOf: 2 },
    ],
    work,
  };
}

export function inferGru(operator: Gru, scope: Scope): Inference {
  expectInputs(scope, 2);
  const width = stateWidth(scope, 1);
  expectInt16State(scope, 1, width);
  // The weights read what `state` makes of s: the type of the output sequence, of which `state` leaves at most two.
  const made = transformTypes(operator.state, INT32, width, [width], scope, 'state');
  const declared = scope.outputs[0];
  const type = made.find((t) => t.encoding === declared?.encoding && t.bits === declared.bits) ?? made[0];
  const hidden: Tensor = { ...type, name: 'state(s)', shape: [width], scale: 1 };
  const { steps, work } = checkCell(operator, 3, width, hidden, scope);
  return {
    outputs: [
      { shape: [steps, width], types: [type] },
      { shape: [width], types: [INT16], scaleOf: 1 },
    ],
    work,
  };
}
