// Recurrent layers on a tape, one step of time per call: the caller unrolls them, and sharing the weights adds their
// gradients up (back-propagation through time). Embedding; Elman's RNN is dense() + map(); LSTM: Hochreiter and
// Schmidhuber 1997, with forget gates (Gers et al. 2000); GRU: Cho et al. 2014, in the form whose reset gate acts behind
// the product, so that one product serves all three gates.
import { joinOf, sliceOf } from './layers.js';
import type { Tape } from './tape.js';
import { matrixShape, tensor, type Tensor } from './tensor.js';

/** y[b] = table[indices[b]]: table (V, C), indices (B) u32, y (B, C). dtable[v] = sum of dy[b] where indices[b] = v. */
export function embedding(tape: Tape, table: Tensor, indices: Tensor, label: string): Tensor {
  const [vocabulary, columns] = matrixShape(table);
  const rows = indices.size;
  const output = tensor(label, [rows, columns]);
  return tape.record({
    inputs: [table],
    output,
    forward: [{ kernel: 'embedding', params: { rows, columns }, tensors: [table, indices, output] }],
    backward: (dy, target) => {
      const dtable = target(table);
      if (!dtable) return [];
      const params = { rows, columns, vocabulary, accumulate: dtable.accumulate };
      return [{ kernel: 'embeddingBackward', params, tensors: [indices, dy, dtable.tensor] }];
    },
  });
}

/**
 * One LSTM step: gates (B, 4H) are the sums [i, f, g, o] before their functions, states (B, 2H) are [h, c].
 * c = sigmoid(f) c' + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c); h' enters by way of the gates.
 * With dc = dc_out + dh o (1 - tanh(c)^2): di = dc g i (1 - i), df = dc c' f (1 - f), dg = dc i (1 - g^2),
 * do = dh tanh(c) o (1 - o), dc' = dc f.
 */
export function lstmCell(tape: Tape, gates: Tensor, previous: Tensor, label: string): Tensor {
  const [rows, width] = matrixShape(gates);
  const hidden = width / 4;
  const output = tensor(label, [rows, 2 * hidden]);
  checkWidths(label, previous, 2 * hidden);
  return tape.record({
    inputs: [gates, previous],
    output,
    forward: [{ kernel: 'lstmCell', params: { rows, hidden }, tensors: [gates, previous, output] }],
    backward: (dstate, target) => {
      const part = (t: Tensor) => target(t) ?? { tensor: tensor(`unused d ${t.label}`, t.shape), accumulate: false };
      const [dgates, dprevious] = [part(gates), part(previous)];
      return [
        {
          kernel: 'lstmCellBackward',
          params: { rows, hidden, accumulate: [dgates.accumulate, dprevious.accumulate] },
          tensors: [gates, previous, output, dstate, dgates.tensor, dprevious.tensor],
        },
      ];
    },
  });
}

/**
 * The functions of a cell's gates as the model format has them, (512): 256 entries of sigmoid, then 256 of tanh, integers in
 * units of 2^-15 by the byte of the index i = -128 .. 127; entry i is the function at i * step.
 */
export interface GateTables {
  readonly values: Tensor;
  /** A power of two. */
  readonly step: number;
}

/** y = tanh(x) by the table, for multiples x of its step up to 127 of them; dx = dy (1 - y^2), as if there were no steps. */
export function tableTanh(tape: Tape, x: Tensor, { values, step }: GateTables, label: string): Tensor {
  const { size } = x;
  const output = tensor(label, x.shape);
  return tape.record({
    inputs: [x],
    output,
    forward: [{ kernel: 'tableTanh', params: { size, step }, tensors: [x, values, output] }],
    backward: (dy, target) => {
      const dx = target(x);
      if (!dx) return [];
      const params = { size, accumulate: dx.accumulate };
      return [{ kernel: 'tableTanhBackward', params, tensors: [output, dy, dx.tensor] }];
    },
  });
}

/**
 * lstmCell() as the model format computes it: gates are multiples of the tables' step, functions come from the tables,
 * products and the cell are 16-bit integers, rounded as schema/qnn.fbs says. states (B, 2H) are [h, c] as real numbers, h
 * before its quantizer. Gradients are lstmCell()'s at the values that the tables gave: roundings pass them through, a cell at
 * the end of its range stops them.
 */
export function tableLstmCell(
  tape: Tape,
  gates: Tensor,
  previous: Tensor,
  { values, step }: GateTables,
  { cellShift, indexShift }: { readonly cellShift: number; readonly indexShift: number },
  label: string,
): Tensor {
  const [rows, width] = matrixShape(gates);
  const hidden = width / 4;
  const output = tensor(label, [rows, 2 * hidden]);
  checkWidths(label, previous, 2 * hidden);
  const params = { rows, hidden, step, cellShift, indexShift };
  return tape.record({
    inputs: [gates, previous],
    output,
    forward: [{ kernel: 'tableLstmCell', params, tensors: [gates, previous, values, output] }],
    backward: (dstate, target) => {
      const part = (t: Tensor) => target(t) ?? { tensor: tensor(`unused d ${t.label}`, t.shape), accumulate: false };
      const [dgates, dprevious] = [part(gates), part(previous)];
      return [
        {
          kernel: 'tableLstmCellBackward',
          params: { ...params, accumulate: [dgates.accumulate, dprevious.accumulate] },
          tensors: [gates, previous, values, output, dstate, dgates.tensor, dprevious.tensor],
        },
      ];
    },
  });
}

/** Rows from .. from + rows - 1 of x (N, C): one step of time of what was computed for all of them at once. */
export function takeRows(tape: Tape, x: Tensor, from: number, rows: number, label: string): Tensor {
  const [, columns] = matrixShape(x);
  const params = { rows: 1, columns: x.size, from: from * columns, width: rows * columns };
  return sliceOf(tape, x, params, tensor(label, [rows, columns]));
}

/** Tensors (B, C) below each other, (N * B, C): steps of time for what is computed for all of them at once. */
export function stackRows(tape: Tape, parts: readonly Tensor[], label: string): Tensor {
  const [rows, columns] = matrixShape(parts[0]);
  const width = rows * columns;
  const output = tensor(label, [parts.length * rows, columns]);
  const place = (part: Tensor, i: number) => {
    return { part, params: { rows: 1, columns: output.size, from: i * width, width } };
  };
  return joinOf(tape, parts.map(place), output);
}

/**
 * One GRU step: fromInput and fromState (B, 3H) are the sums [r, z, n] of the input and of the state h' before their
 * functions. r = sigmoid(xr + hr), z = sigmoid(xz + hz), n = tanh(xn + r hn), h = (1 - z) n + z h'.
 * dn = dh (1 - z) (1 - n^2), dz = dh (h' - n) z (1 - z), dr = dn hn r (1 - r), dhn = dn r, dh' = dh z.
 */
export function gruCell(tape: Tape, fromInput: Tensor, fromState: Tensor, previous: Tensor, label: string): Tensor {
  const [rows, width] = matrixShape(fromInput);
  const hidden = width / 3;
  const output = tensor(label, [rows, hidden]);
  checkWidths(label, fromState, 3 * hidden);
  checkWidths(label, previous, hidden);
  return tape.record({
    inputs: [fromInput, fromState, previous],
    output,
    forward: [{ kernel: 'gruCell', params: { rows, hidden }, tensors: [fromInput, fromState, previous, output] }],
    backward: (dstate, target) => {
      const part = (t: Tensor) => target(t) ?? { tensor: tensor(`unused d ${t.label}`, t.shape), accumulate: false };
      const [dinput, dfromState, dprevious] = [part(fromInput), part(fromState), part(previous)];
      return [
        {
          kernel: 'gruCellBackward',
          params: { rows, hidden, accumulate: [dinput.accumulate, dfromState.accumulate, dprevious.accumulate] },
          tensors: [fromInput, fromState, previous, dstate, dinput.tensor, dfromState.tensor, dprevious.tensor],
        },
      ];
    },
  });
}

function checkWidths(label: string, t: Tensor, expected: number): void {
  const [, got] = matrixShape(t);
  if (got !== expected)
    throw new RangeError(`cell "${label}" expected "${t.label}" of ${expected} columns, got ${got}`);
}
