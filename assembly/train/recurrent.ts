// Embedding and the cells of recurrent nets; a task is a row, or for gradients of the table one of its rows.
// Formulas: src/train/recurrent.ts.
import { at, float, int } from './record';

const CHUNK: i32 = 8192;
/** What an int16 of the tables counts in. */
const UNIT: f32 = 1.0 / 32768;
const SIGMOID: usize = 0;
const TANH: usize = 1024;

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

/** Entry of a table at the index i; a table is 256 float32 by the byte of the index. */
// @ts-ignore: decorator
@inline
function look(table: usize, i: i32): i32 {
  return <i32>load<f32>(table + ((<usize>(max(-127, min(127, i)) & 255)) << 2));
}

// @ts-ignore: decorator
@inline
function lookNear(table: usize, x: f32): i32 {
  return look(table, <i32>floor(x + 0.5));
}

// @ts-ignore: decorator
@inline
function saturate16(x: i32): i32 {
  return max(-32768, min(32767, x));
}

// @ts-ignore: decorator
@inline
function q15(a: i32, b: i32): i32 {
  return saturate16((a * b + 16384) >> 15);
}

// @ts-ignore: decorator
@inline
function roundShift(x: i32, shift: i32): i32 {
  return shift <= 0 ? x << -shift : (x + (1 << (shift - 1))) >> shift;
}

// x, tables, y, size; 1 / step; a task is CHUNK elements
export function tableTanh(r: usize, task: i32): void {
  const end = min(task * CHUNK + CHUNK, int(r, 3));
  const table = at(r, 1) + TANH;
  for (let i = task * CHUNK; i < end; i++) {
    const place = <usize>i << 2;
    store<f32>(at(r, 2) + place, <f32>lookNear(table, load<f32>(at(r, 0) + place) * float(r, 0)) * UNIT);
  }
}

// y, dy, dx, size, accumulate; a task is CHUNK elements
export function tableTanhBackward(r: usize, task: i32): void {
  const end = min(task * CHUNK + CHUNK, int(r, 3));
  for (let i = task * CHUNK; i < end; i++) {
    const place = <usize>i << 2;
    const y = load<f32>(at(r, 0) + place);
    put(at(r, 2) + place, load<f32>(at(r, 1) + place) * (1 - y * y), int(r, 4) != 0);
  }
}

// gates, previous, tables, state, hidden, cellShift, indexShift; 1 / step; a task is a row
export function tableLstmCell(r: usize, task: i32): void {
  const hidden = int(r, 4);
  const cellShift = int(r, 5);
  const indexShift = int(r, 6);
  const steps = float(r, 0);
  const table = at(r, 2);
  const next = <usize>hidden << 2;
  const cells = <f32>(1 << (15 - cellShift));
  for (let j = 0; j < hidden; j++) {
    const gate = at(r, 0) + ((<usize>task * 4 * hidden + j) << 2);
    const place = (<usize>task * 2 * hidden + j) << 2;
    const i = lookNear(table + SIGMOID, load<f32>(gate) * steps);
    const f = lookNear(table + SIGMOID, load<f32>(gate + next) * steps);
    const g = lookNear(table + TANH, load<f32>(gate + 2 * next) * steps);
    const o = lookNear(table + SIGMOID, load<f32>(gate + 3 * next) * steps);
    const kept = q15(f, <i32>(load<f32>(at(r, 1) + place + next) * cells));
    const c = saturate16(kept + roundShift(q15(i, g), cellShift));
    const t = look(table + TANH, roundShift(roundShift(c, indexShift), 8));
    store<f32>(at(r, 3) + place, <f32>q15(o, t) * UNIT);
    store<f32>(at(r, 3) + place + next, <f32>c / cells);
  }
}

// gates, previous, tables, state, dstate, dgates, dprevious, hidden, cellShift, indexShift, accumulate dgates, dprevious;
// 1 / step; a task is a row
export function tableLstmCellBackward(r: usize, task: i32): void {
  const hidden = int(r, 7);
  const indexShift = int(r, 9);
  const addGates = int(r, 10) != 0;
  const addPrevious = int(r, 11) != 0;
  const steps = float(r, 0);
  const table = at(r, 2);
  const next = <usize>hidden << 2;
  const cells = <f32>(1 << (15 - int(r, 8)));
  for (let j = 0; j < hidden; j++) {
    const gatePlace = (<usize>task * 4 * hidden + j) << 2;
    const gate = at(r, 0) + gatePlace;
    const place = (<usize>task * 2 * hidden + j) << 2;
    const i = <f32>lookNear(table + SIGMOID, load<f32>(gate) * steps) * UNIT;
    const f = <f32>lookNear(table + SIGMOID, load<f32>(gate + next) * steps) * UNIT;
    const g = <f32>lookNear(table + TANH, load<f32>(gate + 2 * next) * steps) * UNIT;
    const o = <f32>lookNear(table + SIGMOID, load<f32>(gate + 3 * next) * steps) * UNIT;
    const c = <i32>(load<f32>(at(r, 3) + place + next) * cells);
    const t = <f32>look(table + TANH, roundShift(roundShift(c, indexShift), 8)) * UNIT;
    const dh = load<f32>(at(r, 4) + place);
    const inside = c > -32768 && c < 32767;
    const dc: f32 = inside ? load<f32>(at(r, 4) + place + next) + dh * o * (1 - t * t) : 0;
    const to = at(r, 5) + gatePlace;
    put(to, dc * g * i * (1 - i), addGates);
    put(to + next, dc * load<f32>(at(r, 1) + place + next) * f * (1 - f), addGates);
    put(to + 2 * next, dc * i * (1 - g * g), addGates);
    put(to + 3 * next, dh * t * o * (1 - o), addGates);
    put(at(r, 6) + place, 0, addPrevious);
    put(at(r, 6) + place + next, dc * f, addPrevious);
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
