// Recurrent cells: a sequence row by row. Both products are calls of product kernels on blocks of their own, whose inputs
// and sums lie in scratch; schema/qnn.fbs has the formulas of the gates.
import { FinishParams, finishRow } from './finish';
import { conv_i8 } from './i8conv';
import { product_any } from './anyproduct';
import { product_bits, product_values } from './product';

export const CELL_BITS: i32 = 0;
export const CELL_VALUES: i32 = 1;
export const CELL_INT8: i32 = 2;
export const CELL_ANY: i32 = 3;

@unmanaged
export class CellParams {
  /** 1: Rnn, 3: Gru, 4: Lstm. */
  gates: i32;
  /** Rows of the sequence. */
  steps: i32;
  /** H. */
  width: i32;
  /** (samples, steps) rows. */
  sequence: usize;
  sequenceBytes: usize;
  /** Scratch: the row that the input product reads. */
  row: usize;
  /** Kernels of the products, one of CELL_*, their blocks, and their sums: (gates * H) i32. */
  inputKernel: i32;
  inputBlock: usize;
  inputSums: usize;
  recurrentKernel: i32;
  recurrentBlock: usize;
  recurrentSums: usize;
  /** FinishParams, from sums to (gates * H) i16. */
  inputFinish: usize;
  recurrentFinish: usize;
  /** Scratch: what they give. */
  inputGates: usize;
  recurrentGates: usize;
  /** (256) i16 each. */
  activation: usize;
  sigmoid: usize;
  cellShift: i32;
  indexShift: i32;
  /** FinishParams, from a row of i32 to what the recurrent product reads. */
  stateFinish: usize;
  /** Scratch: (H) i32, the numbers that `stateFinish` gets. */
  state: usize;
  /** Scratch: the row that the recurrent product reads, and its bytes. */
  hidden: usize;
  hiddenBytes: usize;
  /** Rnn, Lstm: (samples) rows of the hidden state, before and after. */
  hiddenInput: usize;
  hiddenOutput: usize;
  /** Lstm: the cell, Gru: the state, (samples, H) i16 before and after. */
  carryInput: usize;
  carryOutput: usize;
  /** Scratch: (H) i16. */
  carry: usize;
  /** (samples, steps) rows of the hidden state. */
  output: usize;
}

export function cell(params: usize, samples: i32): void {
  const p = changetype<CellParams>(params);
  const carryBytes = <usize>p.width << 1;
  let sequence = p.sequence;
  let output = p.output;
  for (let s: usize = 0; s < <usize>samples; s++) {
    if (p.gates != 1) memory.copy(p.carry, p.carryInput + s * carryBytes, carryBytes);
    if (p.gates != 3) {
      memory.copy(p.hidden, p.hiddenInput + s * p.hiddenBytes, p.hiddenBytes);
    } else {
      for (let j: usize = 0; j < <usize>p.width; j++) store<i32>(p.state + (j << 2), load<i16>(p.carry + (j << 1)));
      finish(p.stateFinish, p.state, p.hidden);
    }
    for (let t = 0; t < p.steps; t++) {
      memory.copy(p.row, sequence, p.sequenceBytes);
      sequence += p.sequenceBytes;
      multiply(p.inputKernel, p.inputBlock);
      multiply(p.recurrentKernel, p.recurrentBlock);
      finish(p.inputFinish, p.inputSums, p.inputGates);
      finish(p.recurrentFinish, p.recurrentSums, p.recurrentGates);
      for (let j = 0; j < p.width; j++) store<i32>(p.state + (<usize>j << 2), advance(p, j));
      finish(p.stateFinish, p.state, p.hidden);
      memory.copy(output, p.hidden, p.hiddenBytes);
      output += p.hiddenBytes;
    }
    if (p.gates != 1) memory.copy(p.carryOutput + s * carryBytes, p.carry, carryBytes);
    if (p.gates != 3) memory.copy(p.hiddenOutput + s * p.hiddenBytes, p.hidden, p.hiddenBytes);
  }
}

function finish(params: usize, row: usize, output: usize): void {
  finishRow(changetype<FinishParams>(params), row, output);
}

function multiply(kernel: i32, block: usize): void {
  if (kernel == CELL_BITS) product_bits(block, 1);
  else if (kernel == CELL_VALUES) product_values(block, 1);
  else if (kernel == CELL_INT8) conv_i8(block, 1);
  else product_any(block, 1);
}

/** Number j of the state, from the gates and what is carried. */
function advance(p: CellParams, j: i32): i32 {
  const carried = p.carry + (<usize>j << 1);
  const first = preactivation(p, 0, j);
  if (p.gates == 1) return look(p.activation, first);
  const second = look(p.sigmoid, preactivation(p, 1, j));
  const before: i32 = load<i16>(carried);
  if (p.gates == 3) {
    const u: i32 = load<i16>(p.recurrentGates + (<usize>(2 * p.width + j) << 1));
    const w: i32 = load<i16>(p.inputGates + (<usize>(2 * p.width + j) << 1));
    const candidate = look(p.activation, w + q15(look(p.sigmoid, first), u));
    const after = saturate(q15(32767 - second, candidate) + q15(second, before));
    store<i16>(carried, <i16>after);
    return after;
  }
  const added = q15(look(p.sigmoid, first), look(p.activation, preactivation(p, 2, j)));
  const after = saturate(q15(second, before) + roundShift(added, p.cellShift));
  store<i16>(carried, <i16>after);
  return q15(look(p.sigmoid, preactivation(p, 3, j)), look(p.activation, roundShift(after, p.indexShift)));
}

function preactivation(p: CellParams, gate: i32, j: i32): i32 {
  const at = <usize>(gate * p.width + j) << 1;
  return <i32>load<i16>(p.inputGates + at) + <i32>load<i16>(p.recurrentGates + at);
}

/** The table's value for a pre-activation in 1/256 of a step. */
function look(table: usize, x: i32): i32 {
  const index = min(max((x + 128) >> 8, -128), 127) & 255;
  return <i32>load<i16>(table + (<usize>index << 1));
}

function q15(a: i32, b: i32): i32 {
  return saturate((a * b + 16384) >> 15);
}

function saturate(x: i32): i32 {
  return min(max(x, -32768), 32767);
}

function roundShift(x: i32, shift: i32): i32 {
  return shift > 0 ? (x + (1 << (shift - 1))) >> shift : x << -shift;
}
