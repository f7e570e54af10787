// Embedding and the cells of recurrent nets; a task is a row, or for gradients of the table one of its rows.
// Formulas: src/train/recurrent.ts.
import { at, int } from './record';

// @ts-ignore: decorator
@inline
function sigmoid(x: f32): f32 {
  return <f32>(1.0 / (1.0 + Math.exp(-x)));
}

// @ts-ignore: decorator
@inline
function tanh(x: f32): f32 {
  return <f32>Math.tanh(x);
}

// table, indices, y, columns; a task is a row of y
export function embedding(r: usize, task: i32): void {
  const bytes = <usize>int(r, 3) << 2;
  memory.copy(at(r, 2) + <usize>task * bytes, at(r, 0) + <usize>load<u32>(at(r, 1) + (<usize>task << 2)) * bytes, bytes);
}

// indices, dy, dtable, rows, columns, accumulate; a task is a row of the table
export function embeddingBackward(r: usize, task: i32): void {
  const rows = int(r, 3);
  const columns = int(r, 4);
  const to = at(r, 2) + ((<usize>task * columns) << 2);
  if (!int(r, 5)) memory.fill(to, 0, <usize>columns << 2);
  for (let b = 0; b < rows; b++) {
    if (load<i32>(at(r, 0) + (<usize>b << 2)) != task) continue;
    const from = at(r, 1) + ((<usize>b * columns) << 2);
    for (let c: usize = 0; c < <usize>columns << 2; c += 4) {
      store<f32>(to + c, load<f32>(to + c) + load<f32>(from + c));
    }
  }
}

// gates, previous, state, hidden; a task is a row
export function lstmCell(r: usize, task: i32): void {
  const hidden = int(r, 3);
  const step = <usize>hidden << 2;
  for (let j = 0; j < hidden; j++) {
    const gate = at(r, 0) + ((<usize>task * 4 * hidden + j) << 2);
    const place = (<usize>task * 2 * hidden + j) << 2;
    const i = sigmoid(load<f32>(gate));
    const f = sigmoid(load<f32>(gate + step));
    const g = tanh(load<f32>(gate + 2 * step));
    const o = sigmoid(load<f32>(gate + 3 * step));
    const c = f * load<f32>(at(r, 1) + place + step) + i * g;
    store<f32>(at(r, 2) + place, o * tanh(c));
    store<f32>(at(r, 2) + place + step, c);
  }
}

// gates, previous, state, dstate, dgates, dprevious, hidden, accumulate dgates, dprevious; a task is a row
export function lstmCellBackward(r: usize, task: i32): void {
  const hidden = int(r, 6);
  const step = <usize>hidden << 2;
  const addGates = int(r, 7) != 0;
  const addPrevious = int(r, 8) != 0;
  for (let j = 0; j < hidden; j++) {
    const gatePlace = (<usize>task * 4 * hidden + j) << 2;
    const gate = at(r, 0) + gatePlace;
    const place = (<usize>task * 2 * hidden + j) << 2;
    const i = sigmoid(load<f32>(gate));
    const f = sigmoid(load<f32>(gate + step));
    const g = tanh(load<f32>(gate + 2 * step));
    const o = sigmoid(load<f32>(gate + 3 * step));
    const t = tanh(load<f32>(at(r, 2) + place + step));
    const dh = load<f32>(at(r, 3) + place);
    const dc = load<f32>(at(r, 3) + place + step) + dh * o * (1 - t * t);
    const to = at(r, 4) + gatePlace;
    put(to, dc * g * i * (1 - i), addGates);
    put(to + step, dc * load<f32>(at(r, 1) + place + step) * f * (1 - f), addGates);
    put(to + 2 * step, dc * i * (1 - g * g), addGates);
    put(to + 3 * step, dh * t * o * (1 - o), addGates);
    put(at(r, 5) + place, 0, addPrevious);
    put(at(r, 5) + place + step, dc * f, addPrevious);
  }
}

// fromInput, fromState, previous, state, hidden; a task is a row
export function gruCell(r: usize, task: i32): void {
  const hidden = int(r, 4);
  const step = <usize>hidden << 2;
  for (let j = 0; j < hidden; j++) {
    const gate = (<usize>task * 3 * hidden + j) << 2;
    const place = (<usize>task * hidden + j) << 2;
    const x = at(r, 0) + gate;
    const h = at(r, 1) + gate;
    const reset = sigmoid(load<f32>(x) + load<f32>(h));
    const update = sigmoid(load<f32>(x + step) + load<f32>(h + step));
    const fresh = tanh(load<f32>(x + 2 * step) + reset * load<f32>(h + 2 * step));
    store<f32>(at(r, 3) + place, (1 - update) * fresh + update * load<f32>(at(r, 2) + place));
  }
}

// fromInput, fromState, previous, dstate, dfromInput, dfromState, dprevious, hidden, accumulate of the three; a task is a
// row
export function gruCellBackward(r: usize, task: i32): void {
  const hidden = int(r, 7);
  const step = <usize>hidden << 2;
  for (let j = 0; j < hidden; j++) {
    const gate = (<usize>task * 3 * hidden + j) << 2;
    const place = (<usize>task * hidden + j) << 2;
    const x = at(r, 0) + gate;
    const h = at(r, 1) + gate;
    const reset = sigmoid(load<f32>(x) + load<f32>(h));
    const update = sigmoid(load<f32>(x + step) + load<f32>(h + step));
    const inner = load<f32>(h + 2 * step);
    const fresh = tanh(load<f32>(x + 2 * step) + reset * inner);
    const d = load<f32>(at(r, 3) + place);
    const dfresh = d * (1 - update) * (1 - fresh * fresh);
    const dupdate = d * (load<f32>(at(r, 2) + place) - fresh) * update * (1 - update);
    const dreset = dfresh * inner * reset * (1 - reset);
    const toInput = at(r, 4) + gate;
    put(toInput, dreset, int(r, 8) != 0);
    put(toInput + step, dupdate, int(r, 8) != 0);
    put(toInput + 2 * step, dfresh, int(r, 8) != 0);
    const toState = at(r, 5) + gate;
    put(toState, dreset, int(r, 9) != 0);
    put(toState + step, dupdate, int(r, 9) != 0);
    put(toState + 2 * step, dfresh * reset, int(r, 9) != 0);
    put(at(r, 6) + place, d * update, int(r, 10) != 0);
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, value: f32, accumulate: bool): void {
  store<f32>(to, accumulate ? load<f32>(to) + value : value);
}
