// Recurrent cells: one step of the kernel `cell`, which calls the kernels of its two products.
import type { TensorType } from '../../model/graph.js';
import { INT16 } from '../../model/operators/rules.js';
import { denseGeometry } from '../../numerics/geometry.js';
import { CELL_KERNELS, type CellParams } from '../fields.js';
import { planFinish } from '../finish.js';
import type { Layout, NodeOf, Placed, Scratch } from '../layout.js';
import { rowBytes } from '../rows.js';
import { planCall } from './products.js';

type CellNode = NodeOf<'rnn' | 'lstm' | 'gru'>;

const GATES = { rnn: 1, gru: 3, lstm: 4 } as const;

/** A product whose input and sums are rows of scratch. */
function planRow(layout: Layout, type: TensorType, input: number, weights: number, scratch: Scratch) {
  const [n, k] = layout.graph.constants[weights].shape as [number, number];
  const sums = scratch.take(4 * n);
  const product = { geometry: denseGeometry(k, n), type, input, weights, padValue: 0 };
  const { kernel, block } = planCall(layout, product, sums, 1, scratch);
  return { kernel: CELL_KERNELS[kernel], block, sums };
}

export function planCell(layout: Layout, node: CellNode): void {
  const { operator } = node;
  const sequence = layout.input(node);
  const output = layout.output(node);
  const gates = GATES[operator.kind];
  const [steps, width] = output.tensor.shape as [number, number];
  const hiddenType = output.tensor;
  const scratch = layout.scratch();
  const sequenceBytes = rowBytes(sequence.tensor, sequence.tensor.shape[1]);
  const hiddenBytes = rowBytes(hiddenType, width);
  const row = scratch.take(sequenceBytes);
  const hidden = scratch.take(hiddenBytes);
  const input = planRow(layout, sequence.tensor, row, operator.inputWeights, scratch);
  const recurrent = planRow(layout, hiddenType, hidden, operator.recurrentWeights, scratch);
  const gateBytes = 2 * gates * width;
  const inputGates = scratch.take(gateBytes);
  const recurrentGates = scratch.take(gateBytes);
  const toGates = (transform: CellNode['operator']['input'], address: number): number =>
    planFinish(layout, transform, { float: false, n: gates * width }, { type: INT16, address }, scratch);
  const lstm = operator.kind === 'lstm';
  const sigmoid = operator.kind === 'rnn' ? undefined : operator.sigmoid;
  const at = (placed: Placed | false): number => (placed === false ? 0 : placed.place.address);
  // Gru carries its state, Lstm its cell beside the hidden state, Rnn nothing but the hidden state.
  const carried = operator.kind === 'gru' ? 1 : lstm ? 2 : 0;
  const params: CellParams = {
    gates,
    steps,
    width,
    sequence: sequence.place.address,
    sequenceBytes,
    row,
    inputKernel: input.kernel,
    inputBlock: input.block,
    inputSums: input.sums,
    recurrentKernel: recurrent.kernel,
    recurrentBlock: recurrent.block,
    recurrentSums: recurrent.sums,
    inputFinish: toGates(operator.input, inputGates),
    recurrentFinish: toGates(operator.recurrent, recurrentGates),
    inputGates,
    recurrentGates,
    activation: layout.constant(operator.activation),
    sigmoid: layout.constant(sigmoid),
    cellShift: lstm ? operator.cellShift : 0,
    indexShift: lstm ? operator.indexShift : 0,
    stateFinish: planFinish(
      layout,
      operator.state,
      { float: false, n: width },
      { type: hiddenType, address: hidden },
      scratch,
    ),
    state: scratch.take(4 * width),
    hidden,
    hiddenBytes,
    hiddenInput: at(gates !== 3 && layout.input(node, 1)),
    hiddenOutput: at(gates !== 3 && layout.output(node, 1)),
    carryInput: at(carried > 0 && layout.input(node, carried)),
    carryOutput: at(carried > 0 && layout.output(node, carried)),
    carry: scratch.take(2 * width),
    output: output.place.address,
  };
  layout.step(node, 'cell', params);
}
