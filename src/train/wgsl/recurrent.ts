// Embedding and the cells of recurrent nets, one thread per value. Formulas in recurrent.ts of the folder above.
import type { KernelParams } from '../kernels.js';
import { assign, bindings, f32, flatShader, type Shader } from './shader.js';

export function embedding({ rows, columns }: KernelParams['embedding']): Shader {
  const body = `y[i] = table[indices[i / ${columns}u] * ${columns}u + i % ${columns}u];`;
  return flatShader(bindings('table:f32', 'indices:u32', 'y!:f32'), rows * columns, body);
}

/** A thread looks through all rows for its entry: no atomics, so that sums have one order. */
export function embeddingBackward(params: KernelParams['embeddingBackward']): Shader {
  const { rows, columns, vocabulary, accumulate } = params;
  const body = `let entry = i / ${columns}u;
  var sum = 0.0;
  for (var b = 0u; b < ${rows}u; b++) {
    if (indices[b] == entry) { sum += dy[b * ${columns}u + i % ${columns}u]; }
  }
  dtable[i] ${assign(accumulate)} sum;`;
  return flatShader(bindings('indices:u32', 'dy:f32', 'dtable!:f32'), vocabulary * columns, body);
}

const FUNCTIONS = /* wgsl */ `
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }
fn hyperbolic(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }`;

/** The four gates of cell (b, j) as ig, fg, gg, og. */
const lstmGates = (hidden: number): string => `let b = i / ${hidden}u;
  let j = i % ${hidden}u;
  let at = b * ${4 * hidden}u + j;
  let h = b * ${2 * hidden}u + j;
  let c = h + ${hidden}u;
  let ig = sigmoid(gates[at]);
  let fg = sigmoid(gates[at + ${hidden}u]);
  let gg = hyperbolic(gates[at + ${2 * hidden}u]);
  let og = sigmoid(gates[at + ${3 * hidden}u]);`;

export function lstmCell({ rows, hidden }: KernelParams['lstmCell']): Shader {
  const body = `${lstmGates(hidden)}
  let cell = fg * previous[c] + ig * gg;
  state[h] = og * hyperbolic(cell);
  state[c] = cell;`;
  return flatShader(bindings('gates:f32', 'previous:f32', 'state!:f32') + FUNCTIONS, rows * hidden, body);
}

export function lstmCellBackward({ rows, hidden, accumulate }: KernelParams['lstmCellBackward']): Shader {
  const [gates, previous] = accumulate.map(assign) as [string, string];
  const body = `${lstmGates(hidden)}
  let t = hyperbolic(state[c]);
  let dc = dstate[c] + dstate[h] * og * (1.0 - t * t);
  dgates[at] ${gates} dc * gg * ig * (1.0 - ig);
  dgates[at + ${hidden}u] ${gates} dc * previous[c] * fg * (1.0 - fg);
  dgates[at + ${2 * hidden}u] ${gates} dc * ig * (1.0 - gg * gg);
  dgates[at + ${3 * hidden}u] ${gates} dstate[h] * t * og * (1.0 - og);
  dprevious[h] ${previous} 0.0;
  dprevious[c] ${previous} dc * fg;`;
  const declarations = bindings(
    'gates:f32',
    'previous:f32',
    'state:f32',
    'dstate:f32',
    'dgates!:f32',
    'dprevious!:f32',
  );
  return flatShader(declarations + FUNCTIONS, rows * hidden, body);
}

/** Entry of table 0 (sigmoid) or 256 (tanh) at the index i, an int16 in units of 2^-15. */
const LOOK = /* wgsl */ `
fn look(table: u32, i: i32) -> i32 { return i32(tables[table + (u32(clamp(i, -127, 127)) & 255u)]); }`;

export function tableTanh({ size, step }: KernelParams['tableTanh']): Shader {
  const body = `y[i] = f32(look(256u, i32(floor(x[i] * ${f32(1 / step)} + 0.5)))) * ${f32(UNIT)};`;
  return flatShader(bindings('x:f32', 'tables:f32', 'y!:f32') + LOOK, size, body);
}

export function tableTanhBackward({ size, accumulate }: KernelParams['tableTanhBackward']): Shader {
  const body = `dx[i] ${assign(accumulate)} dy[i] * (1.0 - y[i] * y[i]);`;
  return flatShader(bindings('y:f32', 'dy:f32', 'dx!:f32'), size, body);
}

/** Of 2^-15. */
const UNIT = 2 ** -15;

/** rs() and q15() of schema/qnn.fbs. Products of two int16 stay below 2^31. */
const FIXED_POINT = /* wgsl */ `
fn saturate16(x: i32) -> i32 { return clamp(x, -32768, 32767); }
fn q15(a: i32, b: i32) -> i32 { return saturate16((a * b + 16384) >> 15u); }`;

const roundShift = (x: string, shift: number): string => {
  if (shift <= 0) return `(${x} << ${-shift}u)`;
  return `((${x} + ${2 ** (shift - 1)}) >> ${shift}u)`;
};

/** The gates of cell (b, j) as integers ig, fg, gg, og. */
const tableGates = (hidden: number, step: number): string => {
  const gate = (k: number): string =>
    `look(${k === 2 ? 256 : 0}u, i32(floor(gates[at + ${k * hidden}u] * ${f32(1 / step)} + 0.5)))`;
  return `let b = i / ${hidden}u;
  let j = i % ${hidden}u;
  let at = b * ${4 * hidden}u + j;
  let h = b * ${2 * hidden}u + j;
  let c = h + ${hidden}u;
  let ig = ${gate(0)};
  let fg = ${gate(1)};
  let gg = ${gate(2)};
  let og = ${gate(3)};`;
};

/** tanh of the cell as an integer. */
const cellTanh = (cell: string, indexShift: number): string =>
  `look(256u, ${roundShift(roundShift(cell, indexShift), 8)})`;

export function tableLstmCell(params: KernelParams['tableLstmCell']): Shader {
  const { rows, hidden, step, cellShift, indexShift } = params;
  const unit = 2 ** (cellShift - 15);
  const body = `${tableGates(hidden, step)}
  let before = i32(previous[c] * ${f32(1 / unit)});
  let cell = saturate16(q15(fg, before) + ${roundShift('q15(ig, gg)', cellShift)});
  state[h] = f32(q15(og, ${cellTanh('cell', indexShift)})) * ${f32(UNIT)};
  state[c] = f32(cell) * ${f32(unit)};`;
  const declarations = bindings('gates:f32', 'previous:f32', 'tables:f32', 'state!:f32');
  return flatShader(declarations + LOOK + FIXED_POINT, rows * hidden, body);
}

export function tableLstmCellBackward(params: KernelParams['tableLstmCellBackward']): Shader {
  const { rows, hidden, step, cellShift, indexShift, accumulate } = params;
  const [gates, previous] = accumulate.map(assign) as [string, string];
  const unit = 2 ** (cellShift - 15);
  const body = `${tableGates(hidden, step)}
  let cell = i32(state[c] * ${f32(1 / unit)});
  let t = f32(${cellTanh('cell', indexShift)}) * ${f32(UNIT)};
  let ri = f32(ig) * ${f32(UNIT)};
  let rf = f32(fg) * ${f32(UNIT)};
  let rg = f32(gg) * ${f32(UNIT)};
  let ro = f32(og) * ${f32(UNIT)};
  let inside = cell > -32768 && cell < 32767;
  let dc = select(0.0, dstate[c] + dstate[h] * ro * (1.0 - t * t), inside);
  dgates[at] ${gates} dc * rg * ri * (1.0 - ri);
  dgates[at + ${hidden}u] ${gates} dc * previous[c] * rf * (1.0 - rf);
  dgates[at + ${2 * hidden}u] ${gates} dc * ri * (1.0 - rg * rg);
  dgates[at + ${3 * hidden}u] ${gates} dstate[h] * t * ro * (1.0 - ro);
  dprevious[h] ${previous} 0.0;
  dprevious[c] ${previous} dc * rf;`;
  const declarations = bindings(
    'gates:f32',
    'previous:f32',
    'tables:f32',
    'state:f32',
    'dstate:f32',
    'dgates!:f32',
    'dprevious!:f32',
  );
  return flatShader(declarations + LOOK, rows * hidden, body);
}

const gruGates = (hidden: number): string => `let b = i / ${hidden}u;
  let j = i % ${hidden}u;
  let at = b * ${3 * hidden}u + j;
  let inner = fromState[at + ${2 * hidden}u];
  let reset = sigmoid(fromInput[at] + fromState[at]);
  let update = sigmoid(fromInput[at + ${hidden}u] + fromState[at + ${hidden}u]);
  let fresh = hyperbolic(fromInput[at + ${2 * hidden}u] + reset * inner);`;

export function gruCell({ rows, hidden }: KernelParams['gruCell']): Shader {
  const body = `${gruGates(hidden)}
  state[i] = (1.0 - update) * fresh + update * previous[i];`;
  const declarations = bindings('fromInput:f32', 'fromState:f32', 'previous:f32', 'state!:f32');
  return flatShader(declarations + FUNCTIONS, rows * hidden, body);
}

export function gruCellBackward({ rows, hidden, accumulate }: KernelParams['gruCellBackward']): Shader {
  const [input, state, before] = accumulate.map(assign) as [string, string, string];
  const body = `${gruGates(hidden)}
  let d = dstate[i];
  let dfresh = d * (1.0 - update) * (1.0 - fresh * fresh);
  let dupdate = d * (previous[i] - fresh) * update * (1.0 - update);
  let dreset = dfresh * inner * reset * (1.0 - reset);
  dfromInput[at] ${input} dreset;
  dfromInput[at + ${hidden}u] ${input} dupdate;
  dfromInput[at + ${2 * hidden}u] ${input} dfresh;
  dfromState[at] ${state} dreset;
  dfromState[at + ${hidden}u] ${state} dupdate;
  dfromState[at + ${2 * hidden}u] ${state} dfresh * reset;
  dprevious[i] ${before} d * update;`;
  const declarations = bindings(
    'fromInput:f32',
    'fromState:f32',
    'previous:f32',
    'dstate:f32',
    'dfromInput!:f32',
    'dfromState!:f32',
    'dprevious!:f32',
  );
  return flatShader(declarations + FUNCTIONS, rows * hidden, body);
}
