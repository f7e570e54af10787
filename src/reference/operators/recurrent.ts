// Sequences: embedding, and cells that carry a state from row to row. schema/qnn.fbs has the formulas.
import type { Embedding, Gru, Lstm, Rnn, TensorType } from '../../model/graph.js';
import { roundShift } from '../../numerics/requantize.js';
import { clamp, constant, constantOf, type Run, type Values } from '../values.js';
import { matrixVector } from './products.js';
import { transformRows } from './transforms.js';

const INT16: TensorType = { encoding: 'int16', bits: 0 };

export function embedding(run: Run, operator: Embedding): Values {
  const table = constant(run, operator.table);
  const [rows, width] = constantOf(run, operator.table).shape as [number, number];
  const out = new Float64Array(run.values[0].length * width);
  run.values[0].forEach((v, i) => {
    const row = clamp(v, 0, rows - 1);
    out.set(table.subarray(row * width, (row + 1) * width), i * width);
  });
  return out;
}

const sat16 = (x: number): number => clamp(x, -32768, 32767);
/** Product of two numbers in units of 2^-15. */
const q15 = (a: number, b: number): number => sat16(roundShift(a * b, 15));
/** The table's value for a pre-activation in 1/256 of a step. */
const look = (table: Values, p: number): number => table[clamp(roundShift(p, 8), -128, 127) & 255];

/** Pre-activations w and u of one row. */
function preactivations(run: Run, cell: Rnn | Lstm | Gru, row: Values, hidden: Values): readonly [Values, Values] {
  const w = matrixVector(run, cell.inputWeights, row);
  const u = matrixVector(run, cell.recurrentWeights, hidden);
  return [transformRows(run, cell.input, w, w.length, INT16), transformRows(run, cell.recurrent, u, u.length, INT16)];
}

/** Rows of the sequence, one after the other. */
function rows(run: Run): Values[] {
  const [steps, width] = run.inputs[0].shape as [number, number];
  return Array.from({ length: steps }, (_, t) => run.values[0].subarray(t * width, (t + 1) * width));
}

function flatten(parts: readonly Values[]): Values {
  return Float64Array.from(parts.flatMap((part) => Array.from(part)));
}

export function rnn(run: Run, operator: Rnn): Values[] {
  const activation = constant(run, operator.activation);
  let hidden = run.values[1];
  const sequence = rows(run).map((row) => {
    const [w, u] = preactivations(run, operator, row, hidden);
    const gate = w.map((p, i) => look(activation, p + u[i]));
    hidden = transformRows(run, operator.state, gate, gate.length, run.outputs[1]);
    return hidden;
  });
  return [flatten(sequence), hidden];
}

export function lstm(run: Run, operator: Lstm): Values[] {
  const activation = constant(run, operator.activation);
  const sigmoid = constant(run, operator.sigmoid);
  let hidden = run.values[1];
  let cell = run.values[2];
  const width = cell.length;
  const sequence = rows(run).map((row) => {
    const [w, u] = preactivations(run, operator, row, hidden);
    const gate = (g: number, j: number): number =>
      look(g === 2 ? activation : sigmoid, w[g * width + j] + u[g * width + j]);
    cell = cell.map((c, j) => {
      const kept = q15(gate(1, j), c);
      const added = roundShift(q15(gate(0, j), gate(2, j)), operator.cellShift);
      return sat16(kept + added);
    });
    const out = cell.map((c, j) => q15(gate(3, j), look(activation, roundShift(c, operator.indexShift))));
    hidden = transformRows(run, operator.state, out, width, run.outputs[1]);
    return hidden;
  });
  return [flatten(sequence), hidden, cell];
}

export function gru(run: Run, operator: Gru): Values[] {
  const activation = constant(run, operator.activation);
  const sigmoid = constant(run, operator.sigmoid);
  let state = run.values[1];
  const width = state.length;
  const seen = (): Values => transformRows(run, operator.state, state, width, run.outputs[0]);
  const sequence = rows(run).map((row) => {
    const [w, u] = preactivations(run, operator, row, seen());
    state = state.map((s, j) => {
      const r = look(sigmoid, w[j] + u[j]);
      const z = look(sigmoid, w[width + j] + u[width + j]);
      const n = look(activation, w[2 * width + j] + q15(r, u[2 * width + j]));
      return sat16(q15(32767 - z, n) + q15(z, s));
    });
    return seen();
  });
  return [flatten(sequence), state];
}
