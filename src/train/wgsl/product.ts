// Matrix products c (m, n) = op(a) op(b) in two shapes for two kinds of machine, for any pair of an element type and its
// multiply-and-add: float32 numbers (matmul.ts), or words of 32 signs (bits.ts). Sizes are constants of the shader; every
// size is served. Sums may be cut along k into parts that run side by side, where results are too few to fill a GPU.
//
// tiled: workgroups of 16 x 16 threads copy slices of op(a) and op(b) to shared memory, four elements a load where rows
// allow it; a thread keeps 8 x 8 sums of a 128 x 128 tile in registers, or 4 x 4 of 64 x 64 where large tiles are too few to
// fill a GPU. Per step along k a thread loads 16 elements, as four vectors, for 64 multiply-adds.
// subgroup: no shared memory and no barrier. A thread owns one column and 8 rows; the lanes of a subgroup load 8 (their
// number) elements of a row of op(a) side by side along k and broadcast them, so that per slice a thread loads 8 elements
// of each operand for 64 multiply-adds. For processors that play a GPU (measurements in matmul.ts).
import {
  assign,
  bindings,
  cpuLanes,
  ENOUGH_WORKGROUPS,
  flatShader,
  type Binding,
  type GpuTraits,
  type Shader,
} from './shader.js';

/** op(a) is (m, k), stored (k, m) if transposeA; op(b) (k, n), stored (n, k) if transposeB. k counts elements. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Which operands are stored as f16. */
export interface HalfOperands {
  readonly a: boolean;
  readonly b: boolean;
}

/** What a product does with its elements. Elements past the edge are 0 and must add nothing. */
export interface Arithmetic {
  readonly element: 'f32' | 'u32';
  /** Operands of f32 that are f16 in memory, and converted as they are loaded. */
  readonly half?: HalfOperands;
  /** WGSL of sum + a b for scalars, or vectors of four. */
  readonly step: (sum: string, a: string, b: string) => string;
  /** WGSL that stores a sum, or a vector of four if `wide`, to `place`, which is c's at `row` and `column`. */
  readonly store: (place: string, sum: string, wide: boolean, row: string, column: string) => string;
  /** What `store` reads besides: binding 3, and functions. */
  readonly more?: (wide: boolean) => { readonly binding: Binding; readonly code: string };
}

/** @param parts what partsOf() gave, or 1; c is (parts, m, n): every sum is cut along k, and sumParts() adds up the parts */
export function product(shape: ProductShape, arithmetic: Arithmetic, traits: GpuTraits, parts = 1): Shader {
  const lanes = cpuLanes(traits);
  return lanes === null ? byTiles(shape, arithmetic, parts) : bySubgroups(shape, arithmetic, lanes);
}

/** Threads along each side of a workgroup. */
const SIDE = 16;
/** Fewer large tiles than this leave multiprocessors of a large GPU idle. */
const LEAST_LARGE_TILES = 128;
/** Steps along k below which a part is not worth its share of the addition, and the most parts. */
const LEAST_PART = 256;
const MOST_PARTS = 64;

const isLarge = ({ m, n }: ProductShape): boolean => Math.ceil(m / 128) * Math.ceil(n / 128) >= LEAST_LARGE_TILES;

/**
 * Into how many parts a product is to be cut: weight gradients of convolutions have few results (m and n are channels) that
 * are sums over all pixels of a batch.
 */
export function partsOf(shape: ProductShape, traits: Pick<GpuTraits, 'subgroupSize'>): number {
  if (cpuLanes(traits) !== null || isLarge(shape)) return 1;
  const { m, n, k } = shape;
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64);
  return Math.max(1, Math.min(Math.floor(k / LEAST_PART), Math.ceil(ENOUGH_WORKGROUPS / tiles), MOST_PARTS));
}

/** partial (parts, size), c (size): c = the sum of its parts, added up pairwise in one order, or c += it. */
export function sumParts(parts: number, size: number, accumulate: boolean): Shader {
  const sum = (from: number, to: number): string => {
    if (to - from === 1) return `partial[${from * size}u + i]`;
    const middle = (from + to) >> 1;
    return `(${sum(from, middle)} + ${sum(middle, to)})`;
  };
  return flatShader(bindings('partial:f32', 'c!:f32'), size, `c[i] ${assign(accumulate)} ${sum(0, parts)};`);
}

const list = (length: number): number[] => Array.from({ length }, (_, i) => i);

function byTiles(shape: ProductShape, { element, half, step, store, more }: Arithmetic, cuts: number): Shader {
  const { m, n, k, transposeA, transposeB } = shape;
  const large = isLarge(shape);
  // Sums of a thread along each side, elements of a tile's side, steps along k in shared memory.
  const own = large ? 8 : 4;
  const tile = SIDE * own;
  const depth = large ? 8 : 16;
  const parts = own / 4;
  const quad = element === 'f32' ? 'vec4f' : 'vec4u';
  const byFours = { a: (transposeA ? m : k) % 4 === 0, b: (transposeB ? k : n) % 4 === 0, c: n % 4 === 0 };
  const type = (wide: boolean) => (wide ? quad : element);
  const stored = (name: 'a' | 'b') => (half?.[name] ? (byFours[name] ? 'vec4h' : 'f16') : type(byFours[name]));

  /** Copies a tile of one operand to shared memory [k][line / 4]: lines are rows of op(a) or columns of op(b). */
  const copy = (name: 'a' | 'b', lines: number, first: string, alongLines: boolean): string => {
    const wide = byFours[name];
    const across = (alongLines ? tile : depth) / (wide ? 4 : 1);
    const inner = `at % ${across}u${wide ? ' * 4u' : ''}`;
    const [line, s] = alongLines ? [inner, `at / ${across}u`] : [`at / ${across}u`, inner];
    const place = alongLines ? `(k0 + s) * ${lines}u + ${first} + line` : `(${first} + line) * ${k}u + k0 + s`;
    const put = (value: string, i: number): string =>
      `${name}Tile[(s + ${i}u) * ${tile / 4}u + line / 4u][line % 4u] = ${value};`;
    const save = !wide
      ? put('value', 0)
      : alongLines
        ? `${name}Tile[s * ${tile / 4}u + line / 4u] = value;`
        : list(4)
            .map((i) => put(`value[${i}]`, i))
            .join(' ');
    return `for (var at = local; at < ${(tile * depth) / (wide ? 4 : 1)}u; at += ${SIDE * SIDE}u) {
      let line = ${line};
      let s = ${s};
      var value = ${type(wide)}();
      if (${first} + line < ${lines}u && k0 + s < ${k}u) { value = ${type(wide)}(${name}[${wide ? `(${place}) / 4u` : place}]); }
      ${save}
    }`;
  };

  const sums = list(own).flatMap((r) => list(parts).map((v) => ({ r, v, name: `sum${r}${v}` })));
  const multiply = [
    ...list(parts).map((v) => `let left${v} = aTile[s * ${tile / 4}u + id.y * ${parts}u + ${v}u];`),
    ...list(parts).map((v) => `let right${v} = bTile[s * ${tile / 4}u + id.x + ${v * SIDE}u];`),
    ...sums.map(({ r, v, name }) => {
      return `${name} = ${step(name, `${quad}(left${Math.floor(r / 4)}[${r % 4}])`, `right${v}`)};`;
    }),
  ];
  const finish = sums.map(({ r, v, name }) => {
    const row = `row0 + id.y * ${own}u + ${r}u`;
    const column = `column0 + (id.x + ${v * SIDE}u) * 4u`;
    const at = `${cuts > 1 ? `group.z * ${m * n}u + ` : ''}(${row}) * ${n}u + ${column}`;
    const inside = `${row} < ${m}u && ${column}`;
    if (byFours.c) return `if (${inside} < ${n}u) { ${store(`c[(${at}) / 4u]`, name, true, row, column)} }`;
    return list(4)
      .map((q) => {
        const put = store(`c[${at} + ${q}u]`, `${name}[${q}]`, false, row, `${column} + ${q}u`);
        return `if (${inside} + ${q}u < ${n}u) { ${put} }`;
      })
      .join('\n  ');
  });

  const part = Math.ceil(k / cuts / depth) * depth;
  const [start, end] = cuts > 1 ? [`group.z * ${part}u`, `min((group.z + 1u) * ${part}u, ${k}u)`] : ['0u', `${k}u`];
  const declared = declarations(
    [`a:${stored('a')}`, `b:${stored('b')}`, `c!:${byFours.c ? 'vec4f' : 'f32'}`],
    more?.(byFours.c),
  );
  const code = /* wgsl */ `${declared}
var<workgroup> aTile: array<${quad}, ${(tile * depth) / 4}>;
var<workgroup> bTile: array<${quad}, ${(tile * depth) / 4}>;
@compute @workgroup_size(${SIDE}, ${SIDE}) fn main(@builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let row0 = group.y * ${tile}u;
  let column0 = group.x * ${tile}u;
  ${sums.map(({ name }) => `var ${name} = ${quad}();`).join(' ')}
  for (var k0 = ${start}; k0 < ${end}; k0 += ${depth}u) {
    ${copy('a', m, 'row0', transposeA)}
    ${copy('b', n, 'column0', !transposeB)}
    workgroupBarrier();
    for (var s = 0u; s < ${depth}u; s++) {
      ${multiply.join('\n      ')}
    }
    workgroupBarrier();
  }
  ${finish.join('\n  ')}
}`;
  return { code, workgroups: [Math.ceil(n / tile), Math.ceil(m / tile), cuts] };
}

function declarations(operands: readonly Binding[], more: { binding: Binding; code: string } | undefined): string {
  return more ? `${bindings(...operands, more.binding)}\n${more.code}` : bindings(...operands);
}

const ROWS = 8;
const COLUMNS = 32;

/** Rows and columns past the edge repeat the last one and are not stored; k past the edge is not multiplied. */
function bySubgroups(shape: ProductShape, { element, half, step, store, more }: Arithmetic, lanes: number): Shader {
  const { m, n, k, transposeA, transposeB } = shape;
  const rows = list(ROWS);
  const whole = k - (k % lanes);
  const stored = (name: 'a' | 'b') => (half?.[name] ? 'f16' : element);
  const left = (r: number, at: string): string =>
    `${element}(a[${transposeA ? `(${at}) * ${m}u + row${r}` : `row${r} * ${k}u + ${at}`}])`;
  const right = (at: string): string =>
    `${element}(b[${transposeB ? `column * ${k}u + ${at}` : `(${at}) * ${n}u + column`}])`;
  /** One slice of `count` elements along k, from k0 on. */
  const slice = (count: number) => `
    ${rows.map((r) => `let a${r} = ${left(r, count === lanes ? 'k0 + lane' : `min(k0 + lane, ${k - 1}u)`)};`).join('\n    ')}
    ${list(count)
      .map(
        (s) => `{ let right = ${right(`k0 + ${s}u`)};
      ${rows.map((r) => `sum${r} = ${step(`sum${r}`, `subgroupBroadcast(a${r}, ${s}u)`, 'right')};`).join('\n      ')} }`,
      )
      .join('\n    ')}`;
  const code = /* wgsl */ `enable subgroups;
${declarations([`a:${stored('a')}`, `b:${stored('b')}`, 'c!:f32'], more?.(false))}
@compute @workgroup_size(${COLUMNS}) fn main(@builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * ${ROWS}u;
  let column = min(group.x * ${COLUMNS}u + local, ${n - 1}u);
  ${rows.map((r) => `let row${r} = min(row + ${r}u, ${m - 1}u); var sum${r} = ${element}();`).join('\n  ')}
  for (var k0 = 0u; k0 < ${whole}u; k0 += ${lanes}u) { ${slice(lanes)}
  }
  ${whole < k ? `{ let k0 = ${whole}u; ${slice(k - whole)} }` : ''}
  if (group.x * ${COLUMNS}u + local >= ${n}u) { return; }
  ${rows
    .map((r) => {
      const put = store(`c[(row + ${r}u) * ${n}u + column]`, `sum${r}`, false, `row + ${r}u`, 'column');
      return `if (row + ${r}u < ${m}u) { ${put} }`;
    })
    .join('\n  ')}
}`;
  return { code, workgroups: [Math.ceil(n / COLUMNS), Math.ceil(m / ROWS), 1] };
}
