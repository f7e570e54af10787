// Embedding and the cells of recurrent nets, one thread per value. Formulas in recurrent.ts of the folder above.
import type { KernelParams } from '../kernels.js';
import { assign, bindings, flatShader, type Shader } from './shader.js';

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
