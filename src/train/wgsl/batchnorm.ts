// Batch normalization over the rows of (B, C). A workgroup owns 16 columns; 16 threads share a column, each adds up
// every 16th row, and a tree of four barriers joins them. Neighbouring threads read neighbouring columns. The variance
// is taken around the mean in a second pass: sums of a first layer reach 2e5, whose squares would cancel in float32.
//
// Convolutions have few columns and some 100,000 rows, pixels of a batch. There rows are cut into parts, which workgroups add up
// side by side; every workgroup of the next pass joins the parts' sums of its columns, in one order.
import type { KernelParams } from '../kernels.js';
import { POWER_OF_TWO } from './elementwise.js';
import { assign, bindings, cpuLanes, ENOUGH_WORKGROUPS, f32, type GpuTraits, type Shader } from './shader.js';

const COLUMNS = 16;
const LANES = 16;

/** reduce(value): the sum of `value` over the threads of a column, to all of them. Call it in uniform control flow. */
const REDUCE = /* wgsl */ `
var<workgroup> partial: array<f32, ${COLUMNS * LANES}>;
fn reduce(value: f32, local: u32) -> f32 {
  partial[local] = value;
  workgroupBarrier();
  for (var stride = ${LANES / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride * ${COLUMNS}u) { partial[local] += partial[local + stride * ${COLUMNS}u]; }
    workgroupBarrier();
  }
  let sum = partial[local % ${COLUMNS}u];
  workgroupBarrier();
  return sum;
}`;

/**
 * The entry point: `c` is the thread's column, clamped so that surplus threads work on a copy; `store` says if it
 * counts; `group.y` is the part where rows are cut.
 */
function entry(channels: number, body: string): string {
  return /* wgsl */ `${REDUCE}
@compute @workgroup_size(${COLUMNS * LANES}) fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * ${COLUMNS}u + local % ${COLUMNS}u;
  let c = min(column, ${channels - 1}u);
  let store = column < ${channels}u;
  let first = local / ${COLUMNS}u;
  ${body}
}`;
}

export function batchNorm({ rows, channels, epsilon, momentum }: KernelParams['batchNorm']): Shader {
  const declarations = bindings('x:f32', 'gamma:f32', 'beta:f32', 'y!:f32', 'saved!:f32', 'running!:f32');
  const body = /* wgsl */ `var sum = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) { sum += x[b * ${channels}u + c]; }
  let mean = reduce(sum, local) / ${f32(rows)};
  var squares = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let d = x[b * ${channels}u + c] - mean;
    squares += d * d;
  }
  let variance = reduce(squares, local) / ${f32(rows)};
  let r = 1.0 / sqrt(variance + ${f32(epsilon)});
  if (!store) { return; }
  let scale = gamma[c] * r;
  let shift = beta[c];
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    y[b * ${channels}u + c] = (x[b * ${channels}u + c] - mean) * scale + shift;
  }
  if (first == 0u) {
    saved[c] = mean;
    saved[${channels}u + c] = r;
    running[c] += ${f32(momentum)} * (mean - running[c]);
    running[${channels}u + c] += ${f32(momentum)} * (variance - running[${channels}u + c]);
  }`;
  return { code: declarations + entry(channels, body), workgroups: [Math.ceil(channels / COLUMNS), 1, 1] };
}

export function batchNormBackward({ rows, channels, accumulate }: KernelParams['batchNormBackward']): Shader {
  const declarations = bindings('x:f32', 'gamma:f32', 'saved:f32', 'dy:f32', 'dx!:f32', 'dgamma!:f32', 'dbeta!:f32');
  const body = /* wgsl */ `let mean = saved[c];
  let r = saved[${channels}u + c];
  var sum = 0.0;
  var product = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let d = dy[b * ${channels}u + c];
    sum += d;
    product += d * (x[b * ${channels}u + c] - mean) * r;
  }
  sum = reduce(sum, local);
  product = reduce(product, local);
  if (!store) { return; }
  let scale = gamma[c] * r;
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let h = (x[b * ${channels}u + c] - mean) * r;
    dx[b * ${channels}u + c] ${assign(accumulate[0])}
      scale * (dy[b * ${channels}u + c] - (sum + h * product) / ${f32(rows)});
  }
  if (first == 0u) {
    dgamma[c] ${assign(accumulate[1])} product;
    dbeta[c] ${assign(accumulate[2])} sum;
  }`;
  return { code: declarations + entry(channels, body), workgroups: [Math.ceil(channels / COLUMNS), 1, 1] };
}

/** The rows of the smallest part, and the most parts. */
const LEAST_ROWS = 256;
const MOST_PARTS = 64;

/** Into how many parts rows are to be cut. */
export function rowParts({ rows, channels }: Omit<Parts, 'parts'>, traits: Pick<GpuTraits, 'subgroupSize'>): number {
  if (cpuLanes(traits) !== null) return 1;
  const groups = Math.ceil(channels / COLUMNS);
  return Math.max(1, Math.min(Math.floor(rows / LEAST_ROWS), Math.ceil(ENOUGH_WORKGROUPS / groups), MOST_PARTS));
}

interface Parts {
  readonly rows: number;
  readonly channels: number;
  readonly parts: number;
}

/** A loop over the rows of the thread's part, as `b`. */
function rowsOfPart({ rows, parts }: Parts, body: string): string {
  const part = Math.ceil(rows / parts);
  return /* wgsl */ `for (var b = group.y * ${part}u + first; b < min((group.y + 1u) * ${part}u, ${rows}u); b += ${LANES}u) {
    ${body}
  }`;
}

/** The thread's column of sums (parts, of, C), joined. */
function joined({ channels, parts }: Parts, name: string, sums: string, which = 0, of = 1): string {
  return /* wgsl */ `var ${name} = 0.0;
  for (var p = first; p < ${parts}u; p += ${LANES}u) { ${name} += ${sums}[(p * ${of}u + ${which}u) * ${channels}u + c]; }
  ${name} = reduce(${name}, local);`;
}

function inParts(shape: Parts, declared: string, body: string): Shader {
  const { channels, parts } = shape;
  return { code: declared + entry(channels, body), workgroups: [Math.ceil(channels / COLUMNS), parts, 1] };
}

/**
 * batchNorm() in three passes. Tensors: x, sums; x, sums, squares; x, gamma, beta, sums, squares, y, saved, running.
 * Sums and squares are (parts, C).
 */
export function batchNormInParts(
  { rows, channels, epsilon, momentum }: KernelParams['batchNorm'],
  parts: number,
): readonly [Shader, Shader, Shader] {
  const shape = { rows, channels, parts };
  const mean = `${joined(shape, 'mean', 'sums')}
  mean /= ${f32(rows)};`;
  const put = (name: string): string => `let whole = reduce(sum, local);
  if (store && first == 0u) { ${name}[group.y * ${channels}u + c] = whole; }`;
  return [
    inParts(
      shape,
      bindings('x:f32', 'sums!:f32'),
      `var sum = 0.0;
  ${rowsOfPart(shape, `sum += x[b * ${channels}u + c];`)}
  ${put('sums')}`,
    ),
    inParts(
      shape,
      bindings('x:f32', 'sums:f32', 'squares!:f32'),
      `${mean}
  var sum = 0.0;
  ${rowsOfPart(shape, `let d = x[b * ${channels}u + c] - mean; sum += d * d;`)}
  ${put('squares')}`,
    ),
    inParts(
      shape,
      bindings('x:f32', 'gamma:f32', 'beta:f32', 'sums:f32', 'squares:f32', 'y!:f32', 'saved!:f32', 'running!:f32'),
      `${mean}
  ${joined(shape, 'variance', 'squares')}
  variance /= ${f32(rows)};
  let r = 1.0 / sqrt(variance + ${f32(epsilon)});
  if (!store) { return; }
  let scale = gamma[c] * r;
  let shift = beta[c];
  ${rowsOfPart(shape, `y[b * ${channels}u + c] = (x[b * ${channels}u + c] - mean) * scale + shift;`)}
  if (first == 0u && group.y == 0u) {
    saved[c] = mean;
    saved[${channels}u + c] = r;
    running[c] += ${f32(momentum)} * (mean - running[c]);
    running[${channels}u + c] += ${f32(momentum)} * (variance - running[${channels}u + c]);
  }`,
    ),
  ];
}

/** batchNormBackward() in two passes. Tensors: x, saved, dy, sums (parts, 2, C); x, gamma, saved, dy, sums, dx, dgamma, dbeta. */
export function batchNormBackwardInParts(
  { rows, channels, accumulate }: KernelParams['batchNormBackward'],
  parts: number,
): readonly [Shader, Shader] {
  const shape = { rows, channels, parts };
  const saved = `let mean = saved[c];
  let r = saved[${channels}u + c];`;
  return [
    inParts(
      shape,
      bindings('x:f32', 'saved:f32', 'dy:f32', 'sums!:f32'),
      `${saved}
  var sum = 0.0;
  var product = 0.0;
  ${rowsOfPart(shape, `let d = dy[b * ${channels}u + c]; sum += d; product += d * (x[b * ${channels}u + c] - mean) * r;`)}
  sum = reduce(sum, local);
  product = reduce(product, local);
  if (store && first == 0u) {
    sums[2u * group.y * ${channels}u + c] = sum;
    sums[(2u * group.y + 1u) * ${channels}u + c] = product;
  }`,
    ),
    inParts(
      shape,
      bindings('x:f32', 'gamma:f32', 'saved:f32', 'dy:f32', 'sums:f32', 'dx!:f32', 'dgamma!:f32', 'dbeta!:f32'),
      `${saved}
  ${joined(shape, 'sum', 'sums', 0, 2)}
  ${joined(shape, 'product', 'sums', 1, 2)}
  if (!store) { return; }
  let scale = gamma[c] * r;
  ${rowsOfPart(
    shape,
    `let h = (x[b * ${channels}u + c] - mean) * r;
    dx[b * ${channels}u + c] ${assign(accumulate[0])}
      scale * (dy[b * ${channels}u + c] - (sum + h * product) / ${f32(rows)});`,
  )}
  if (first == 0u && group.y == 0u) {
    dgamma[c] ${assign(accumulate[1])} product;
    dbeta[c] ${assign(accumulate[2])} sum;
  }`,
    ),
  ];
}

export function shiftNorm({ rows, channels, epsilon, momentum }: KernelParams['shiftNorm']): Shader {
  const declarations = bindings('x:f32', 'gamma:f32', 'beta:f32', 'y!:f32', 'saved!:f32', 'running!:f32');
  const body = /* wgsl */ `var sum = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) { sum += x[b * ${channels}u + c]; }
  let mean = reduce(sum, local) / ${f32(rows)};
  var squares = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let d = x[b * ${channels}u + c] - mean;
    squares += d * powerOfTwo(d);
  }
  let r = 1.0 / sqrt(reduce(squares, local) / ${f32(rows)} + ${f32(epsilon)});
  if (!store) { return; }
  let scale = powerOfTwo(gamma[c]) * powerOfTwo(r);
  let shift = beta[c];
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    y[b * ${channels}u + c] = (x[b * ${channels}u + c] - mean) * scale + shift;
  }
  if (first == 0u) {
    saved[c] = mean;
    saved[${channels}u + c] = r;
    running[c] += ${f32(momentum)} * (mean - running[c]);
    running[${channels}u + c] += ${f32(momentum)} * (r - running[${channels}u + c]);
  }`;
  return {
    code: declarations + POWER_OF_TWO + entry(channels, body),
    workgroups: [Math.ceil(channels / COLUMNS), 1, 1],
  };
}

export function shiftNormBackward({ rows, channels, accumulate }: KernelParams['shiftNormBackward']): Shader {
  const declarations = bindings('x:f32', 'gamma:f32', 'saved:f32', 'dy:f32', 'dx!:f32', 'dgamma!:f32', 'dbeta!:f32');
  const body = /* wgsl */ `let mean = saved[c];
  let s = powerOfTwo(saved[${channels}u + c]);
  var sum = 0.0;
  var product = 0.0;
  var gammaSum = 0.0;
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let d = dy[b * ${channels}u + c];
    let centred = x[b * ${channels}u + c] - mean;
    sum += d;
    product += d * powerOfTwo(centred);
    gammaSum += d * powerOfTwo(centred * s);
  }
  sum = reduce(sum, local);
  product = reduce(product, local);
  gammaSum = reduce(gammaSum, local);
  if (!store) { return; }
  let spread = product / ${f32(rows)} * s * s;
  let scale = s * powerOfTwo(gamma[c]);
  for (var b = first; b < ${rows}u; b += ${LANES}u) {
    let near = powerOfTwo(x[b * ${channels}u + c] - mean);
    dx[b * ${channels}u + c] ${assign(accumulate[0])}
      (dy[b * ${channels}u + c] - sum / ${f32(rows)} - near * spread) * scale;
  }
  if (first == 0u) {
    dgamma[c] ${assign(accumulate[1])} gammaSum;
    dbeta[c] ${assign(accumulate[2])} sum;
  }`;
  return {
    code: declarations + POWER_OF_TWO + entry(channels, body),
    workgroups: [Math.ceil(channels / COLUMNS), 1, 1],
  };
}
