// Losses. Sums over a batch are taken by one workgroup, one thread per sample in turn, joined by a tree. Formulas in
// losses.ts and kernels.ts.
import type { KernelParams } from '../kernels.js';
import { assign, bindings, f32, flatShader, type Shader } from './shader.js';

const THREADS = 64;

export function squaredHinge({ rows, channels }: KernelParams['squaredHinge']): Shader {
  const code = /* wgsl */ `${bindings('scores:f32', 'labels:u32', 'loss!:f32', 'totals!:f32')}
var<workgroup> partial: array<vec2f, ${THREADS}>;
@compute @workgroup_size(${THREADS}) fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec2f();
  for (var b = local; b < ${rows}u; b += ${THREADS}u) {
    let label = labels[b];
    var best = 0u;
    for (var c = 0u; c < ${channels}u; c++) {
      let o = scores[b * ${channels}u + c];
      let slack = 1.0 - select(-o, o, c == label);
      let margin = select(slack, 0.0, slack < 0.0); // not max(), which may turn a NaN into 0 and so hide it
      sum.x += margin * margin;
      if (o > scores[b * ${channels}u + best]) { best = c; }
    }
    sum.y += select(0.0, 1.0, best == label);
  }
  partial[local] = sum;
  workgroupBarrier();
  for (var stride = ${THREADS / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride) { partial[local] += partial[local + stride]; }
    workgroupBarrier();
  }
  if (local == 0u) {
    let mean = partial[0].x / ${f32(rows * channels)};
    loss[0] = mean;
    totals[0] += mean;
    totals[1] += partial[0].y;
  }
}`;
  return { code, workgroups: [1, 1, 1] };
}

export function squaredHingeBackward({ rows, channels, accumulate }: KernelParams['squaredHingeBackward']): Shader {
  const body = `let t = select(-1.0, 1.0, i % ${channels}u == labels[i / ${channels}u]);
  dscores[i] ${assign(accumulate)} dloss[0] * -2.0 * t * max(0.0, 1.0 - t * scores[i]) / ${f32(rows * channels)};`;
  return flatShader(bindings('scores:f32', 'labels:u32', 'dloss:f32', 'dscores!:f32'), rows * channels, body);
}

/** log(sum(exp(x / temperature))) over a row of `values`; NaN if one of them is. */
function logSumExp(values: string, channels: number, temperature: number): string {
  return /* wgsl */ `
fn logSumExp_${values}(row: u32) -> f32 {
  var highest = ${values}[row * ${channels}u];
  var check = 0.0;
  for (var c = 0u; c < ${channels}u; c++) {
    let value = ${values}[row * ${channels}u + c];
    highest = max(highest, value);
    check += 0.0 * value;
  }
  var sum = 0.0;
  for (var c = 0u; c < ${channels}u; c++) {
    sum += exp((${values}[row * ${channels}u + c] - highest) / ${f32(temperature)});
  }
  return highest / ${f32(temperature)} + log(sum) + check;
}`;
}

export function crossEntropyRows({ rows, channels }: KernelParams['crossEntropyRows']): Shader {
  const body = `let total = logSumExp_scores(i);
  var best = 0u;
  for (var c = 1u; c < ${channels}u; c++) {
    if (scores[i * ${channels}u + c] > scores[i * ${channels}u + best]) { best = c; }
  }
  parts[i] = vec4f(total - scores[i * ${channels}u + labels[i]], select(0.0, 1.0, best == labels[i]), total, 0.0);`;
  const declarations = bindings('scores:f32', 'labels:u32') + PARTS_OUT(2) + logSumExp('scores', channels, 1);
  return flatShader(declarations, rows, body);
}

const PARTS_OUT = (binding: number): string =>
  `\n@group(0) @binding(${binding}) var<storage, read_write> parts: array<vec4f>;`;

export function crossEntropyBackward({ rows, channels, accumulate }: KernelParams['crossEntropyBackward']): Shader {
  const body = `let b = i / ${channels}u;
  let share = exp(scores[i] - parts[4u * b + 2u]) - select(0.0, 1.0, i % ${channels}u == labels[b]);
  dscores[i] ${assign(accumulate)} dloss[0] * share / ${f32(rows)};`;
  const declarations = bindings('scores:f32', 'labels:u32', 'parts:f32', 'dloss:f32', 'dscores!:f32');
  return flatShader(declarations, rows * channels, body);
}

export function distillationRows({ rows, channels, temperature }: KernelParams['distillationRows']): Shader {
  const t = f32(temperature);
  const body = `let own = logSumExp_scores(i);
  let other = logSumExp_teacher(i);
  var sum = 0.0;
  for (var c = 0u; c < ${channels}u; c++) {
    let log = teacher[i * ${channels}u + c] / ${t} - other;
    sum += exp(log) * (log - scores[i * ${channels}u + c] / ${t} + own);
  }
  parts[i] = vec4f(sum * ${t} * ${t}, 0.0, own, other);`;
  const declarations =
    bindings('scores:f32', 'teacher:f32') +
    PARTS_OUT(2) +
    logSumExp('scores', channels, temperature) +
    logSumExp('teacher', channels, temperature);
  return flatShader(declarations, rows, body);
}

export function distillationBackward(params: KernelParams['distillationBackward']): Shader {
  const { rows, channels, temperature, accumulate } = params;
  const t = f32(temperature);
  const body = `let b = i / ${channels}u;
  let p = exp(scores[i] / ${t} - parts[4u * b + 2u]);
  let q = exp(teacher[i] / ${t} - parts[4u * b + 3u]);
  dscores[i] ${assign(accumulate)} dloss[0] * ${t} * (p - q) / ${f32(rows)};`;
  const declarations = bindings('scores:f32', 'teacher:f32', 'parts:f32', 'dloss:f32', 'dscores!:f32');
  return flatShader(declarations, rows * channels, body);
}

/** One workgroup that adds `term` (vec2f, of index b) up over `count` and then runs `finish` with the total. */
function reduction(declarations: string, count: number, term: string, finish: string): Shader {
  const code = /* wgsl */ `${declarations}
var<workgroup> partial: array<vec2f, ${THREADS}>;
@compute @workgroup_size(${THREADS}) fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec2f();
  for (var b = local; b < ${count}u; b += ${THREADS}u) { sum += ${term}; }
  partial[local] = sum;
  workgroupBarrier();
  for (var stride = ${THREADS / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride) { partial[local] += partial[local + stride]; }
    workgroupBarrier();
  }
  if (local == 0u) { ${finish} }
}`;
  return { code, workgroups: [1, 1, 1] };
}

export function meanLoss({ rows }: KernelParams['meanLoss']): Shader {
  const declarations = bindings('parts:f32', 'loss!:f32', 'totals!:f32');
  const finish = `let mean = partial[0].x / ${f32(rows)};
    loss[0] = mean;
    totals[0] += mean;
    totals[1] += partial[0].y;`;
  return reduction(declarations, rows, 'vec2f(parts[4u * b], parts[4u * b + 1u])', finish);
}

export function squaredDistance({ size }: KernelParams['squaredDistance']): Shader {
  const finish = `loss[0] = partial[0].x / ${f32(2 * size)};`;
  return reduction(
    bindings('a:f32', 'b_:f32', 'loss!:f32'),
    size,
    'vec2f((a[b] - b_[b]) * (a[b] - b_[b]), 0.0)',
    finish,
  );
}

export function squaredDistanceBackward({ size, accumulate }: KernelParams['squaredDistanceBackward']): Shader {
  const body = `da[i] ${assign(accumulate)} dloss[0] * (a[i] - b[i]) / ${f32(size)};`;
  return flatShader(bindings('a:f32', 'b:f32', 'dloss:f32', 'da!:f32'), size, body);
}
