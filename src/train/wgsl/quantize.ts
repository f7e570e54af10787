// Quantizers that need a statistic of a row or a tensor, and quantizers of gradients. Formulas in quantizers.ts.
import type { KernelParams } from '../kernels.js';
import { NOISE } from './elementwise.js';
import { assign, bindings, f32, flatShader, type Shader } from './shader.js';

export function rowStatistic({ rows, columns, statistic }: KernelParams['rowStatistic']): Shader {
  const result = {
    meanAbs: `s[i] = sum / ${f32(columns)};`,
    maxAbs: 's[i] = max(abs(low), abs(high));',
    maxTanh: 's[i] = tanh(min(15.0, max(abs(low), abs(high))));',
    range: 's[2u * i] = low; s[2u * i + 1u] = high;',
  }[statistic];
  const body = `var low = x[i * ${columns}u];
  var high = low;
  var sum = 0.0;
  for (var c = 0u; c < ${columns}u; c++) {
    let value = x[i * ${columns}u + c];
    low = min(low, value);
    high = max(high, value);
    sum += abs(value);
  }
  ${result}`;
  return flatShader(bindings('x:f32', 's!:f32'), rows, body);
}

export function scaledSign({ rows, columns }: KernelParams['scaledSign']): Shader {
  const body = `let scale = s[i / ${columns}u];
  y[i] = select(-scale, scale, x[i] >= 0.0);`;
  return flatShader(bindings('x:f32', 's:f32', 'y!:f32'), rows * columns, body);
}

export function scaledSignBackward(params: KernelParams['scaledSignBackward']): Shader {
  const { rows, columns, masked, accumulate } = params;
  const slope = `(${f32(1 / columns)} + select(0.0, s[i / ${columns}u], abs(x[i]) <= 1.0))`;
  // Every binding of the call has to be used, or the layout lacks it.
  const body = `_ = &x; _ = &s;
  dx[i] ${assign(accumulate)} dy[i]${masked ? ` * ${slope}` : ''};`;
  return flatShader(bindings('x:f32', 's:f32', 'dy:f32', 'dx!:f32'), rows * columns, body);
}

export function tanhWeights({ size, steps }: KernelParams['tanhWeights']): Shader {
  const body = `let unit = tanh(clamp(x[i], -15.0, 15.0)) / (2.0 * maximum[0]) + 0.5;
  y[i] = 2.0 * floor(unit * ${f32(steps)} + 0.5) / ${f32(steps)} - 1.0;`;
  return flatShader(bindings('x:f32', 'maximum:f32', 'y!:f32'), size, body);
}

export function tanhWeightsBackward({ size, accumulate }: KernelParams['tanhWeightsBackward']): Shader {
  const body = `let t = tanh(clamp(x[i], -15.0, 15.0));
  dx[i] ${assign(accumulate)} dy[i] * (1.0 - t * t) / maximum[0];`;
  return flatShader(bindings('x:f32', 'maximum:f32', 'dy:f32', 'dx!:f32'), size, body);
}

const LOGARITHMIC = /* wgsl */ `
fn floorPower(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7f800000u); }
fn logarithmic(g: f32, maximum: f32, levels: f32, u: f32) -> f32 {
  let size = abs(g);
  if (size == 0.0 || maximum == 0.0) { return 0.0; }
  var top = floorPower(maximum);
  if (top < maximum) { top *= 2.0; }
  let smallest = top * levels;
  if (size < smallest) { return select(0.0, sign(g) * smallest, u < size / smallest); }
  let low = floorPower(size);
  return sign(g) * select(low, 2.0 * low, u < size / low - 1.0);
}`;

export function quantizeGradient(params: KernelParams['quantizeGradient']): Shader {
  const { rows, columns, scheme, steps, whole, stream } = params;
  const row = whole ? '0u' : `i / ${columns}u`;
  const n = f32(steps);
  const affineScale = whole
    ? // Zero is in the range and gets a step of its own.
      `low = min(low, 0.0);
  high = max(high, 0.0);
  var scale = ${n} / max(high - low, 1e-30);
  let zero = floor(-low * scale);
  if (zero > 0.0) { scale = -zero / low; }`
    : `low -= 1e-8;
  let scale = ${n} / (high - low);`;
  const value = {
    dorefa: `let maximum = s[${row}];
  var value = 0.0;
  if (maximum > 0.0) {
    let unit = clamp(g / (2.0 * maximum) + 0.5 + (u - 0.5) / ${n}, 0.0, 1.0);
    value = 2.0 * maximum * (floor(unit * ${n} + 0.5) / ${n} - 0.5);
  }`,
    log: `let value = logarithmic(g, s[${row}], ${n}, u);`,
    affine: `var low = s[2u * (${row})];
  var high = s[2u * (${row}) + 1u];
  ${affineScale}
  let value = clamp(floor((g - low) * scale + u), 0.0, ${n}) / scale + low;`,
  }[scheme];
  const body = `let g = dy[i];
  let u = noise(key[0], ${stream}u, i);
  ${value}
  out[i] = value;`;
  const declarations = bindings('dy:f32', 's:f32', 'key:u32', 'out!:f32') + NOISE;
  return flatShader(declarations + (scheme === 'log' ? LOGARITHMIC : ''), rows * columns, body);
}

/** One thread: some hundred ranges, once per layer and step. */
export function householderPlan({ rows }: KernelParams['householderPlan']): Shader {
  const body = /* wgsl */ `for (var a = 0u; a < ${rows}u; a++) {
    var rank = 0u;
    for (var b = 0u; b < ${rows}u; b++) {
      if (span(b) > span(a) || (span(b) == span(a) && b < a)) { rank++; }
    }
    order[rank] = a;
    put(a, a, 1.0, 1.0, 1.0);
  }
  var small = 0u;
  var total = 0.0;
  for (var n = 1u; n < ${rows}u; n++) {
    total = 0.0;
    for (var a = 0u; a < ${rows}u - n; a++) { total += span(order[a]); }
    if (f32(n) * span(order[${rows}u - n - 1u]) > total) { small = n; break; }
  }
  if (small == 0u) { return; }
  let large = ${rows}u - small;
  var running = 0.0;
  var begin = 0u;
  for (var leader = 0u; leader < large; leader++) {
    let head = order[leader];
    running += span(head);
    let end = select(u32(floor(f32(small) * running / total + 0.5)), small, leader == large - 1u);
    let size = f32(end - begin + 1u);
    if (size > 1.0) {
      let root = sqrt(size);
      let near = 1.0 / (size - root);
      var widest = max(1.0 / root, abs(1.0 - near));
      if (size > 2.0) { widest = max(widest, near); }
      let own = pow(span(head) / root, -1.0 / 3.0);
      let others = pow(span(order[large + begin]) * widest / (size - 1.0), -1.0 / 3.0);
      let both = sqrt(1.0 / (own * own) + 1.0 / (others * others));
      put(head, head, size, own * both, 1.0);
      for (var a = begin; a < end; a++) { put(order[large + a], head, size, others * both, 0.0); }
    }
    begin = end;
  }`;
  const helpers = /* wgsl */ `
var<private> order: array<u32, ${rows}>;
fn span(row: u32) -> f32 { return range[2u * row + 1u] - range[2u * row] + 1e-8; }
fn put(row: u32, leader: u32, size: f32, scale: f32, first: f32) {
  plan[4u * row] = f32(leader);
  plan[4u * row + 1u] = size;
  plan[4u * row + 2u] = scale;
  plan[4u * row + 3u] = first;
}`;
  return flatShader(bindings('range:f32', 'plan!:f32') + helpers, 1, body);
}

export function householder({ rows, columns, inverse }: KernelParams['householder']): Shader {
  const scaled = (value: string, row: string): string => (inverse ? value : `${value} * plan[4u * ${row} + 2u]`);
  const body = `let row = i / ${columns}u;
  let size = plan[4u * row + 1u];
  let root = sqrt(size);
  var product = 0.0;
  var factor = 0.0;
  if (size > 1.0) {
    factor = 2.0 * (1.0 / root - plan[4u * row + 3u]) / (2.0 - 2.0 / root);
    for (var b = 0u; b < ${rows}u; b++) {
      if (plan[4u * b] != plan[4u * row]) { continue; }
      product += (1.0 / root - plan[4u * b + 3u]) * ${scaled(`x[b * ${columns}u + i % ${columns}u]`, 'b')};
    }
  }
  y[i] = (${scaled('x[i]', 'row')} - factor * product)${inverse ? ' / plan[4u * row + 2u]' : ''};`;
  return flatShader(bindings('x:f32', 'plan:f32', 'y!:f32'), rows * columns, body);
}
