// One thread per element: the maps of maps.ts and their gradients, folded batch normalization with sign, and the inputs.
import type { KernelParams } from '../kernels.js';
import type { MapName } from '../maps.js';
import { assign, bindings, f32, flatShader, type Shader } from './shader.js';

/**
 * WGSL of a map h and its slope at `x`; formulas in maps.ts. Not a division by a step count: WGSL lets it be off by 2.5 ulp,
 * and the inverse of a power of two is exact.
 */
const MAP_TEXT: {
  readonly [N in MapName]: (a: string, b: string) => { readonly value: string; readonly slope: string };
} = {
  sign: () => ({ value: SIGN, slope: STRAIGHT }),
  clip: (a, b) => ({ value: `clamp(x, ${a}, ${b})`, slope: `select(0.0, 1.0, x >= ${a} && x <= ${b})` }),
  relu: () => ({ value: 'max(x, 0.0)', slope: 'select(0.0, 1.0, x > 0.0)' }),
  ternary: (a) => ({ value: `select(${SIGN}, 0.0, abs(x) <= ${a})`, slope: STRAIGHT }),
  linear: (a, b) => ({
    value: `clamp(floor(x * ${a} + 0.5) * (1.0 / ${a}), -${b}, ${b})`,
    slope: `select(0.0, 1.0, abs(x) <= ${b})`,
  }),
  centered: (a) => ({
    value: `clamp(floor(x * ${a}) + 0.5, 0.5 - ${a}, ${a} - 0.5) * (1.0 / ${a})`,
    slope: STRAIGHT,
  }),
  log: (a, b) => ({
    value: `select(${SIGN} * min(powerOfTwo(abs(x)), ${b}), 0.0, powerOfTwo(abs(x)) < ${a})`,
    slope: STRAIGHT,
  }),
  power: (a) => ({ value: `power(x, ${a})`, slope: STRAIGHT }),
  approximateSign: () => ({ value: SIGN, slope: 'max(0.0, 2.0 - 2.0 * abs(x))' }),
  unit: (a) => ({
    value: `floor(clamp(x, 0.0, 1.0) * ${a} + 0.5) / ${a}`,
    slope: 'select(0.0, 1.0, x >= 0.0 && x <= 1.0)',
  }),
  // tanh() of some drivers is infinity / infinity far out.
  tanh: () => ({ value: 'tanh(clamp(x, -15.0, 15.0))', slope: '(1.0 - h * h)' }),
  sigmoid: () => ({ value: '(1.0 / (1.0 + exp(-x)))', slope: '(h * (1.0 - h))' }),
};
const SIGN = 'select(-1.0, 1.0, x >= 0.0)';
const STRAIGHT = 'select(0.0, 1.0, abs(x) <= 1.0)';

/** AP2 by the bits of a float: rounding at sqrt(2) is an addition. */
export const POWER_OF_TWO = /* wgsl */ `
fn powerOfTwo(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits & 0x80000000u) | (((bits & 0x7fffffffu) + 0x004afb0cu) & 0x7f800000u));
}`;
const POWER = /* wgsl */ `
fn power(x: f32, smallest: f32) -> f32 {
  let u = abs(x);
  if (u <= 0.5 * smallest) { return 0.0; }
  var value = smallest;
  while (value < 1.0 && u > 1.5 * value) { value *= 2.0; }
  return select(-value, value, x >= 0.0);
}`;
const HELPERS: Partial<Record<MapName, string>> = { log: POWER_OF_TWO, power: POWER };

export function map({ op, a, b, size, alpha }: KernelParams['map']): Shader {
  const { value } = MAP_TEXT[op](f32(a), f32(b));
  const blended = alpha === 1 ? 'h' : `${f32(alpha)} * h + ${f32(1 - alpha)} * x`;
  const declarations = bindings('xs:f32', 'y!:f32') + (HELPERS[op] ?? '');
  return flatShader(declarations, size, `let x = xs[i];\n  let h = ${value};\n  y[i] = ${blended};`);
}

export function mapBackward({ op, a, b, size, factor, accumulate }: KernelParams['mapBackward']): Shader {
  const { value, slope } = MAP_TEXT[op](f32(a), f32(b));
  const body = `let x = xs[i];
  ${slope.includes('h *') ? `let h = ${value};` : ''}
  let slope = ${slope};
  // A slope of 0 stops infinite gradients too.
  dx[i] ${assign(accumulate)} select(${f32(factor)} * dy[i] * slope, 0.0, slope == 0.0);`;
  return flatShader(bindings('xs:f32', 'dy:f32', 'dx!:f32'), size, body);
}

/**
 * sign(scale * s + shift) as a comparison: a sum could be contracted with the product to a fused multiply-add on some
 * devices, which decides differently when the rounded product meets -shift exactly; a comparison cannot.
 */
export function affineSign({ rows, channels }: KernelParams['affineSign']): Shader {
  const body = `let c = i % ${channels}u;
  y[i] = select(-1.0, 1.0, affine[c] * s[i] >= -affine[${channels}u + c]);`;
  return flatShader(bindings('s:f32', 'affine:f32', 'y!:f32'), rows * channels, body);
}

export function staircase({ rows, channels, steps }: KernelParams['staircase']): Shader {
  const body = `let c = i % ${channels}u;
  let a = table[c] * s[i];
  var level = 0u;
  for (var t = 1u; t <= ${steps}u; t++) { level += select(0u, 1u, a >= table[t * ${channels}u + c]); }
  y[i] = values[level];`;
  return flatShader(bindings('s:f32', 'table:f32', 'values:f32', 'y!:f32'), rows * channels, body);
}

export function gatherBytes({ rows, features }: KernelParams['gatherBytes']): Shader {
  const body = `let at = indices[i / ${features}u] * ${features}u + i % ${features}u;
  let byte = (data[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
  out[i] = f32(2i * i32(byte) - 255i);`;
  return flatShader(bindings('data:u32', 'indices:u32', 'out!:f32'), rows * features, body);
}

export function scale({ size, factor, accumulate }: KernelParams['scale']): Shader {
  return flatShader(bindings('x:f32', 'y!:f32'), size, `y[i] ${assign(accumulate)} ${f32(factor)} * x[i];`);
}

export function addBias({ rows, channels }: KernelParams['addBias']): Shader {
  const declarations = bindings('x:f32', 'bias:f32', 'y!:f32');
  return flatShader(declarations, rows * channels, `y[i] = x[i] + bias[i % ${channels}u];`);
}

export function sumRows({ rows, channels, accumulate }: KernelParams['sumRows']): Shader {
  const body = `var sum = 0.0;
  for (var b = 0u; b < ${rows}u; b++) { sum += x[b * ${channels}u + i]; }
  sums[i] ${assign(accumulate)} sum;`;
  return flatShader(bindings('x:f32', 'sums!:f32'), channels, body);
}

export function slice({ rows, columns, from, width }: KernelParams['slice']): Shader {
  const body = `y[i] = x[i / ${width}u * ${columns}u + ${from}u + i % ${width}u];`;
  return flatShader(bindings('x:f32', 'y!:f32'), rows * width, body);
}

export function sliceBackward({ rows, columns, from, width, accumulate }: KernelParams['sliceBackward']): Shader {
  const body = `let c = i % ${columns}u;
  var d = 0.0;
  if (c >= ${from}u && c < ${from + width}u) { d = dy[i / ${columns}u * ${width}u + c - ${from}u]; }
  dx[i] ${assign(accumulate)} d;`;
  return flatShader(bindings('dy:f32', 'dx!:f32'), rows * columns, body);
}

/** noise() of numerics/random.ts. */
export const NOISE = /* wgsl */ `
fn hash(x: u32) -> u32 {
  let state = x * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}
fn noise(key: u32, stream: u32, i: u32) -> f32 {
  return f32(hash(hash(key + hash(stream)) + hash(i)) >> 8u) * 5.9604644775390625e-8;
}`;

export function dropout({ size, rate, stream, accumulate }: KernelParams['dropout']): Shader {
  const body = `let dropped = noise(key[0], ${stream}u, i) < ${f32(rate)};
  y[i] ${assign(accumulate)} select(x[i] / ${f32(1 - rate)}, 0.0, dropped);`;
  return flatShader(bindings('x:f32', 'key:u32', 'y!:f32') + NOISE, size, body);
}

export function stochasticSign({ size, stream }: KernelParams['stochasticSign']): Shader {
  const body = `y[i] = select(-1.0, 1.0, (x[i] + 1.0) * 0.5 > noise(key[0], ${stream}u, i));`;
  return flatShader(bindings('x:f32', 'key:u32', 'y!:f32') + NOISE, size, body);
}
