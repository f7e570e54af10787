// Squared hinge loss of a batch: one workgroup, one thread per sample in turn, joined by a tree. Formulas in losses.ts.
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
