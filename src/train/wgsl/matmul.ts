// Matrix products c (m, n) = op(a) op(b), float32, in two shapes for two kinds of machine. Sizes are constants of the
// shader; every size is served.
//
// tiled: a 64 x 64 tile per workgroup of 16 x 16 threads, 4 x 4 sums per thread, slices of 16 along k in shared memory.
// subgroup: no shared memory and no barrier. A thread owns one column and 8 rows; the lanes of a subgroup load 8 (their
// number) values of a row of op(a) side by side along k and broadcast them, so that per slice a thread loads 8 values
// of each operand for 64 multiply-adds. Software Vulkan pays some 40 cycles per load, whatever the address, and more
// per barrier. Lavapipe of Mesa 25.0.7 on 2 cores of an AMD EPYC, 128 x 1024 x 1024: 7 GFLOP/s, against 4.4 for 4 x 4
// sums per thread without broadcasts and 1 to 3 with shared memory.
import type { KernelParams } from '../kernels.js';
import { assign, bindings, type GpuTraits, type Shader } from './shader.js';

type MatmulParams = KernelParams['matmul'];

/** Subgroups up to this size take the subgroup shape: they are those of CPUs. Hardware GPUs have 16 lanes and more. */
const LARGEST_CPU_SUBGROUP = 8;

export function matmul(params: MatmulParams, { subgroupSize }: GpuTraits): Shader {
  return subgroupSize !== null && subgroupSize <= LARGEST_CPU_SUBGROUP
    ? matmulSubgroup(params, subgroupSize)
    : matmulTiled(params);
}

const DECLARATIONS = bindings('a:f32', 'b:f32', 'c!:f32');

/** WGSL for the element (row, k) of op(a) and (k, column) of op(b). */
function operands({ m, n, k, transposeA, transposeB }: MatmulParams) {
  return {
    a: (row: string, at: string) => (transposeA ? `a[(${at}) * ${m}u + ${row}]` : `a[(${row}) * ${k}u + ${at}]`),
    b: (at: string, column: string) =>
      transposeB ? `b[(${column}) * ${k}u + ${at}]` : `b[(${at}) * ${n}u + ${column}]`,
  };
}

const TILE = 64;
const SLICE = 16;

/** Shared-memory tiles. Threads load along the dimension that is contiguous in memory. */
export function matmulTiled(params: MatmulParams): Shader {
  const { m, n, k, transposeA, transposeB, accumulate } = params;
  const { a, b } = operands(params);
  const code = /* wgsl */ `${DECLARATIONS}
var<workgroup> tileA: array<f32, ${TILE * SLICE}>;  // [k][row]
var<workgroup> tileB: array<vec4f, ${(TILE * SLICE) / 4}>;  // [k][column / 4]
@compute @workgroup_size(16, 16) fn main(@builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let row0 = group.y * ${TILE}u;
  let column0 = group.x * ${TILE}u;
  var sums: array<vec4f, 4>;
  for (var k0 = 0u; k0 < ${k}u; k0 += ${SLICE}u) {
    for (var e = local; e < ${TILE * SLICE}u; e += 256u) {
      let r = ${transposeA ? `e % ${TILE}u` : `e / ${SLICE}u`};
      let s = ${transposeA ? `e / ${TILE}u` : `e % ${SLICE}u`};
      var value = 0.0;
      if (row0 + r < ${m}u && k0 + s < ${k}u) { value = ${a('(row0 + r)', '(k0 + s)')}; }
      tileA[s * ${TILE}u + r] = value;
    }
    for (var e = local; e < ${TILE * SLICE}u; e += 256u) {
      let q = ${transposeB ? `e / ${SLICE}u` : `e % ${TILE}u`};
      let s = ${transposeB ? `e % ${SLICE}u` : `e / ${TILE}u`};
      var value = 0.0;
      if (column0 + q < ${n}u && k0 + s < ${k}u) { value = ${b('(k0 + s)', '(column0 + q)')}; }
      tileB[s * ${TILE / 4}u + q / 4u][q % 4u] = value;
    }
    workgroupBarrier();
    for (var s = 0u; s < ${SLICE}u; s++) {
      let right = tileB[s * ${TILE / 4}u + id.x];
      let left = s * ${TILE}u + id.y * 4u;
      for (var r = 0u; r < 4u; r++) { sums[r] = fma(vec4f(tileA[left + r]), right, sums[r]); }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    for (var q = 0u; q < 4u; q++) {
      let row = row0 + id.y * 4u + r;
      let column = column0 + id.x * 4u + q;
      if (row < ${m}u && column < ${n}u) { c[row * ${n}u + column] ${assign(accumulate)} sums[r][q]; }
    }
  }
}`;
  return { code, workgroups: [Math.ceil(n / TILE), Math.ceil(m / TILE), 1] };
}

const ROWS = 8;
const COLUMNS = 32;

/**
 * Subgroup broadcasts. Rows and columns past the edge repeat the last one and are not stored; k past the edge adds 0.
 */
export function matmulSubgroup(params: MatmulParams, lanes: number): Shader {
  const { m, n, k, accumulate } = params;
  const { a, b } = operands(params);
  const rows = Array.from({ length: ROWS }, (_, r) => r);
  const whole = k - (k % lanes);
  /** One slice of `count` values along k, from k0 on. */
  const slice = (count: number) => `
    ${rows.map((r) => `let a${r} = ${loadA(r, count)};`).join('\n    ')}
    ${Array.from({ length: count }, (_, s) => step(s)).join('\n    ')}`;
  const loadA = (r: number, count: number) =>
    count === lanes ? a(`row${r}`, '(k0 + lane)') : a(`row${r}`, `min(k0 + lane, ${k - 1}u)`);
  const step = (s: number) => `{ let right = ${b(`(k0 + ${s}u)`, 'column')};
      ${rows.map((r) => `sum${r} = fma(subgroupBroadcast(a${r}, ${s}u), right, sum${r});`).join('\n      ')} }`;
  const code = /* wgsl */ `enable subgroups;
${DECLARATIONS}
@compute @workgroup_size(${COLUMNS}) fn main(@builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * ${ROWS}u;
  let column = min(group.x * ${COLUMNS}u + local, ${n - 1}u);
  ${rows.map((r) => `let row${r} = min(row + ${r}u, ${m - 1}u); var sum${r} = 0.0;`).join('\n  ')}
  for (var k0 = 0u; k0 < ${whole}u; k0 += ${lanes}u) { ${slice(lanes)}
  }
  ${whole < k ? `{ let k0 = ${whole}u; ${slice(k - whole)} }` : ''}
  if (group.x * ${COLUMNS}u + local >= ${n}u) { return; }
  ${rows.map((r) => `if (row + ${r}u < ${m}u) { c[(row + ${r}u) * ${n}u + column] ${assign(accumulate)} sum${r}; }`).join('\n  ')}
}`;
  return { code, workgroups: [Math.ceil(n / COLUMNS), Math.ceil(m / ROWS), 1] };
}
