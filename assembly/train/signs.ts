// Products with a matrix of signs by table lookup: c (m, n) = op(a) s, a real, s (k, n) of -1 and +1. Forward sums,
// input gradients and weight gradients of binary layers all have this form, and most of a step is spent here.
//
//   packSigns     Cuts s along k into groups of GROUP. The signs of a group in one column are an index of GROUP bits;
//                 stored is the byte offset of its table entry, 16 bits: [k/(8 GROUP)][n][8].
//   matmulSigns   One task per 16 rows of c and a share of its columns. For 8 groups at a time:
//     1. table    [8][2^GROUP][16 rows]: all signed sums of the group's values, each from an earlier one with one add
//                 (the entry whose highest set bit is cleared, plus twice that bit's value): 16 KB, which stay in L1
//     2. columns  16 sums of a column, kept between blocks in [n][16], take 8 entries each: a 16-bit load, four loads
//                 and four adds stand for 16 * GROUP multiply-adds
//     and at the end the sums are transposed into c, or copied where c is stored (n, m).
//
// Zeros count as +1, which border.ts makes good for patches with zero padding. Sums of integers below 2^24 are exact, as they
// are in matmul. Others are rounded in another order than there.
import { at, int } from './record';
import { storePart } from './matmul';

export const GROUP: i32 = 5;
export const ENTRIES: i32 = 1 << GROUP;
export const GROUPS: i32 = 8;
const ROWS: i32 = 16;
/** Bytes of a table entry, and of the tables of 8 groups. */
export const ENTRY: i32 = ROWS * 4;
const TABLE: i32 = GROUPS * ENTRIES * ENTRY;
export const BLOCK: i32 = GROUPS * GROUP;
/** Bytes of the values that a block's tables are made of, [BLOCK][16 rows]. */
const VALUES: i32 = BLOCK * ENTRY;

// s, offsets, k, n, transposeS (stored (n, k)), columns of a task, tasks along n; the others are blocks of 8 groups
export function packSigns(r: usize, task: i32): void {
  const s = at(r, 0);
  const k = int(r, 2);
  const n = int(r, 3);
  const across = int(r, 6);
  const block = task / across;
  const column = (task % across) * int(r, 5);
  const width = min(int(r, 5), n - column);
  const first = block * BLOCK;
  const to = at(r, 1) + ((<usize>block * n + column) << 4);
  const rows = min(BLOCK, k - first);
  if (int(r, 4)) packAlongRows(s + ((<usize>column * k + first) << 2), to, width, rows, <usize>k << 2);
  else packAlongColumns(s + ((<usize>first * n + column) << 2), to, width, rows, <usize>n << 2);
}

/** Offsets of one block where neighbours along k lie side by side; `stride` bytes from one column to the next. */
function packAlongRows(from: usize, to: usize, n: i32, rows: i32, stride: usize): void {
  const zero = f32x4.splat(0);
  for (let column = 0; column < n; column++) {
    let bits: u64 = 0;
    let i = 0;
    for (; i + 4 <= rows; i += 4) {
      bits |= <u64>i32x4.bitmask(f32x4.ge(v128.load(from + (<usize>i << 2)), zero)) << i;
    }
    for (; i < rows; i++) bits |= <u64>select<i32>(1, 0, load<f32>(from + (<usize>i << 2)) >= 0) << i;
    for (let g = 0; g < GROUPS; g++) {
      store<u16>(to, <u16>((g * ENTRIES + (<i32>(bits >> (g * GROUP)) & (ENTRIES - 1))) * ENTRY));
      to += 2;
    }
    from += stride;
  }
}

/** Offsets of one block where neighbours along n lie side by side; `stride` bytes from one k to the next. */
function packAlongColumns(from: usize, to: usize, n: i32, rows: i32, stride: usize): void {
  const zero = f32x4.splat(0);
  for (let g = 0; g < GROUPS; g++) {
    // Behind the last row of s the table has zeros, so that any index will do.
    const bits = min(GROUP, max(0, rows - g * GROUP));
    const base = i32x4.splat(g * ENTRIES * ENTRY);
    let line = from;
    let target = to + (<usize>g << 1);
    let column = 0;
    for (; column + 4 <= n; column += 4) {
      let index = base;
      let value = line;
      for (let bit = 0; bit < bits; bit++) {
        index = v128.or(index, v128.and(f32x4.ge(v128.load(value), zero), i32x4.splat(ENTRY << bit)));
        value += stride;
      }
      store<u16>(target, <u16>i32x4.extract_lane(index, 0));
      store<u16>(target, <u16>i32x4.extract_lane(index, 1), 16);
      store<u16>(target, <u16>i32x4.extract_lane(index, 2), 32);
      store<u16>(target, <u16>i32x4.extract_lane(index, 3), 48);
      line += 16;
      target += 64;
    }
    for (; column < n; column++) {
      let index = g * ENTRIES * ENTRY;
      for (let bit = 0; bit < bits; bit++) {
        if (load<f32>(line + <usize>bit * stride) >= 0) index |= ENTRY << bit;
      }
      store<u16>(target, <u16>index);
      line += 4;
      target += 16;
    }
    from += <usize>GROUP * stride;
  }
}

// a, offsets, c, m, n, k, transposeA, accumulate, columns of a task, tasks along n, whether c is stored (n, m)
export function matmulSigns(r: usize, task: i32, scratch: usize): void {
  const n = int(r, 4);
  const k = int(r, 5);
  const share = int(r, 8);
  const across = int(r, 9);
  const row = (task / across) * ROWS;
  const column = (task % across) * share;
  const width = min(share, n - column);
  const table = scratch;
  const values = table + TABLE;
  const sums = values + VALUES;
  memory.fill(sums, 0, <usize>width * ENTRY);
  for (let i = 0, block = 0; i < k; i += BLOCK, block++) {
    buildTables(r, row, i, table, values);
    let offsets = at(r, 1) + ((<usize>block * n + column) << 4);
    const end = sums + <usize>width * ENTRY;
    for (let to = sums; to < end; to += ENTRY) {
      let s0 = v128.load(to);
      let s1 = v128.load(to, 16);
      let s2 = v128.load(to, 32);
      let s3 = v128.load(to, 48);
      for (let g = 0; g < GROUPS; g++) {
        const entry = table + <usize>load<u16>(offsets + (g << 1));
        s0 = f32x4.add(s0, v128.load(entry));
        s1 = f32x4.add(s1, v128.load(entry, 16));
        s2 = f32x4.add(s2, v128.load(entry, 32));
        s3 = f32x4.add(s3, v128.load(entry, 48));
      }
      v128.store(to, s0);
      v128.store(to, s1, 16);
      v128.store(to, s2, 32);
      v128.store(to, s3, 48);
      offsets += 16;
    }
  }
  if (int(r, 10)) storeColumns(r, row, column, width, sums);
  else storeTransposed(r, row, column, width, sums);
}

/** The tables of rows first .. first + BLOCK - 1 along k, for 16 rows of op(a) from `row` on. */
function buildTables(r: usize, row: i32, first: i32, table: usize, values: usize): void {
  const m = int(r, 3);
  const k = int(r, 5);
  const whole = first + BLOCK <= k && row + ROWS <= m;
  const a = at(r, 0);
  let line = values;
  let step: usize = ENTRY;
  if (!whole) {
    gatherPart(r, row, first, values);
  } else if (int(r, 6)) {
    line = a + ((<usize>first * m + row) << 2);
    step = <usize>m << 2;
  } else {
    gather(a + ((<usize>row * k + first) << 2), <usize>k << 2, values);
  }
  let to = table;
  for (let g = 0; g < GROUPS; g++) {
    // Entry 0: minus the sum of all values; entry 2^bit, for now: twice value `bit`.
    let z0 = f32x4.splat(0);
    let z1 = z0;
    let z2 = z0;
    let z3 = z0;
    for (let bit = 0; bit < GROUP; bit++) {
      const a0 = v128.load(line);
      const a1 = v128.load(line, 16);
      const a2 = v128.load(line, 32);
      const a3 = v128.load(line, 48);
      z0 = f32x4.sub(z0, a0);
      z1 = f32x4.sub(z1, a1);
      z2 = f32x4.sub(z2, a2);
      z3 = f32x4.sub(z3, a3);
      const twice = to + (<usize>ENTRY << bit);
      v128.store(twice, f32x4.add(a0, a0));
      v128.store(twice, f32x4.add(a1, a1), 16);
      v128.store(twice, f32x4.add(a2, a2), 32);
      v128.store(twice, f32x4.add(a3, a3), 48);
      line += step;
    }
    v128.store(to, z0);
    v128.store(to, z1, 16);
    v128.store(to, z2, 32);
    v128.store(to, z3, 48);
    for (let bit = 0; bit < GROUP; bit++) {
      const high = to + (<usize>ENTRY << bit);
      const d0 = v128.load(high);
      const d1 = v128.load(high, 16);
      const d2 = v128.load(high, 32);
      const d3 = v128.load(high, 48);
      for (let low = to; low < high; low += ENTRY) {
        const sum = low + (<usize>ENTRY << bit);
        v128.store(sum, f32x4.add(v128.load(low), d0));
        v128.store(sum, f32x4.add(v128.load(low, 16), d1), 16);
        v128.store(sum, f32x4.add(v128.load(low, 32), d2), 32);
        v128.store(sum, f32x4.add(v128.load(low, 48), d3), 48);
      }
    }
    to += ENTRIES * ENTRY;
  }
}

/** 16 rows of BLOCK values, `stride` bytes apart, to [BLOCK][16]. */
function gather(from: usize, stride: usize, values: usize): void {
  for (let j = 0; j < ROWS; j += 4) {
    const second = from + stride;
    const third = second + stride;
    const fourth = third + stride;
    let to = values + (<usize>j << 2);
    for (let i: usize = 0; i < <usize>BLOCK << 2; i += 16) {
      const x0 = v128.load(from + i);
      const x1 = v128.load(second + i);
      const x2 = v128.load(third + i);
      const x3 = v128.load(fourth + i);
      const y0 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const y1 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const y2 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const y3 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f32>(y0, y1, 0, 1, 4, 5));
      v128.store(to, v128.shuffle<f32>(y0, y1, 2, 3, 6, 7), ENTRY);
      v128.store(to, v128.shuffle<f32>(y2, y3, 0, 1, 4, 5), 2 * ENTRY);
      v128.store(to, v128.shuffle<f32>(y2, y3, 2, 3, 6, 7), 3 * ENTRY);
      to += 4 * ENTRY;
    }
    from = fourth + stride;
  }
}

/** The same at the ends of k and of the rows, with zeros behind both. */
function gatherPart(r: usize, row: i32, first: i32, values: usize): void {
  const m = int(r, 3);
  const k = int(r, 5);
  const transpose = int(r, 6) != 0;
  const alongK: usize = transpose ? <usize>m << 2 : 4;
  const alongM: usize = transpose ? 4 : <usize>k << 2;
  const height = min(ROWS, m - row);
  const depth = min(BLOCK, k - first);
  memory.fill(values, 0, VALUES);
  let line = at(r, 0) + <usize>row * alongM + <usize>first * alongK;
  for (let i = 0; i < depth; i++) {
    let from = line;
    for (let j = 0; j < height; j++) {
      store<f32>(values + (<usize>j << 2), load<f32>(from));
      from += alongM;
    }
    values += ENTRY;
    line += alongK;
  }
}

/** sums [width][16] to columns row .. of a c stored (n, m), from its row `column` on. */
function storeColumns(r: usize, row: i32, column: i32, width: i32, sums: usize): void {
  const m = int(r, 3);
  const accumulate = int(r, 7) != 0;
  const height = min(ROWS, m - row);
  let to = at(r, 2) + ((<usize>column * m + row) << 2);
  for (const end = sums + <usize>width * ENTRY; sums < end; sums += ENTRY) {
    for (let j = 0; j < height; j += 4) {
      const place = <usize>j << 2;
      put(to + place, v128.load(sums + place), min(4, height - j), accumulate);
    }
    to += <usize>m << 2;
  }
}

/** sums [width][16] to rows row .. of c, from `column` on. */
function storeTransposed(r: usize, row: i32, column: i32, width: i32, sums: usize): void {
  const m = int(r, 3);
  const n = int(r, 4);
  const accumulate = int(r, 7) != 0;
  const height = min(ROWS, m - row);
  const stride = <usize>n << 2;
  const c = at(r, 2) + ((<usize>row * n + column) << 2);
  for (let j = 0; j < height; j += 4) {
    const from = sums + (<usize>j << 2);
    const to = c + <usize>j * stride;
    const rows = min(4, height - j);
    for (let i = 0; i < width; i += 4) {
      const entry = from + <usize>i * ENTRY;
      // Columns behind the last one hold what the scratch memory held; they are not stored.
      const x0 = v128.load(entry);
      const x1 = v128.load(entry, ENTRY);
      const x2 = v128.load(entry, 2 * ENTRY);
      const x3 = v128.load(entry, 3 * ENTRY);
      const y0 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const y1 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const y2 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const y3 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const target = to + (<usize>i << 2);
      const count = min(4, width - i);
      put(target, v128.shuffle<f32>(y0, y1, 0, 1, 4, 5), count, accumulate);
      if (rows > 1) put(target + stride, v128.shuffle<f32>(y0, y1, 2, 3, 6, 7), count, accumulate);
      if (rows > 2) put(target + 2 * stride, v128.shuffle<f32>(y2, y3, 0, 1, 4, 5), count, accumulate);
      if (rows > 3) put(target + 3 * stride, v128.shuffle<f32>(y2, y3, 2, 3, 6, 7), count, accumulate);
    }
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, values: v128, count: i32, accumulate: bool): void {
  if (count == 4) v128.store(to, accumulate ? f32x4.add(v128.load(to), values) : values);
  else storePart(to, values, count, accumulate);
}
