// Matrix products c (m, n) = op(a) op(b) in float32, in two steps of the program:
//
//   packColumns   op(b) to panels of 8 columns, [n/8][k][8], zeros behind the last column. One task per panel.
//   matmul        One task per block of rows and of panels: packs the rows of op(a) to tiles of 4, [rows/4][k][4]. For
//                 every panel and DEPTH steps along k, which stay in L1, it goes through the tiles, which stay in L2, and
//                 adds to 4 x 8 sums in eight v128 registers: a step along k is two loads of the panel, four broadcast
//                 loads, eight multiplies and eight adds. More rows would spill: x64 has 16 registers. Between two
//                 parts of k the sums lie in scratch memory.
//
// The panels should be of the smaller matrix, for they are written to memory and the tiles are not: c^T = op(b)^T op(a)^T
// is the same product with the places changed and c stored turned. Every sum runs along k in order, so that results
// depend neither on threads nor on tiles. Rows of the stored matrices are `stride` values apart, so that both steps also
// take a slice of a longer k.
import { at, int } from './record';

const ROWS: i32 = 4;
const COLUMNS: i32 = 8;
/** Steps along k that use 16 KB of a panel and 8 KB of a tile. */
const DEPTH: i32 = 512;
/** Bytes of a tile's sums. */
const SUMS: usize = 128;

// b, panels, k, n, transposeB, stride of b
export function packColumns(r: usize, task: i32): void {
  const b = at(r, 0);
  const k = int(r, 2);
  const n = int(r, 3);
  const column = task * COLUMNS;
  const width = min(COLUMNS, n - column);
  const stride = <usize>int(r, 5) << 2;
  let to = at(r, 1) + ((<usize>task * k) << 5);
  if (int(r, 4)) {
    const from = b + <usize>column * stride;
    packTransposed(from, to, k, min(4, width), stride, 32);
    packTransposed(from + 4 * stride, to + 16, k, width - 4, stride, 32);
    return;
  }
  let from = b + (<usize>column << 2);
  if (width < COLUMNS) {
    packStraight(from, to, k, min(4, width), stride, 32);
    packStraight(from + 16, to + 16, k, width - 4, stride, 32);
    return;
  }
  for (let i = 0; i < k; i++) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    from += stride;
    to += 32;
  }
}

// a, panels, c, m, n, k, transposeA, accumulate, stride of a, rows and columns of a task, tasks along n, whether c is stored
// (n, m)
export function matmul(r: usize, task: i32, scratch: usize): void {
  const m = int(r, 3);
  const n = int(r, 4);
  const k = int(r, 5);
  const across = int(r, 11);
  const firstRow = (task / across) * int(r, 9);
  const firstColumn = (task % across) * int(r, 10);
  const rows = min(int(r, 9), m - firstRow);
  const lastColumn = min(n, firstColumn + int(r, 10));
  const accumulate = int(r, 7) != 0;
  const turned = int(r, 12) != 0;
  const stride = <usize>(turned ? m : n) << 2;
  // Bytes from a row of the product to the next one.
  const down: usize = turned ? 4 : stride;
  const tile = <usize>k << 4;
  const sums = scratch + <usize>((rows + ROWS - 1) / ROWS) * tile;
  packTiles(r, firstRow, rows, scratch);
  for (let column = firstColumn; column < lastColumn; column += COLUMNS) {
    const panel = at(r, 1) + ((<usize>column * k) << 2);
    const width = min(COLUMNS, n - column);
    for (let first = 0; first < k; first += DEPTH) {
      const steps = min(DEPTH, k - first);
      let left = scratch + (<usize>first << 4);
      let to = at(r, 2) + <usize>firstRow * down + <usize>column * (turned ? stride : 4);
      let kept = sums;
      for (let row = 0; row < rows; row += ROWS) {
        let s00 = f32x4.splat(0);
        let s01 = s00;
        let s10 = s00;
        let s11 = s00;
        let s20 = s00;
        let s21 = s00;
        let s30 = s00;
        let s31 = s00;
        if (first > 0) {
          s00 = v128.load(kept);
          s01 = v128.load(kept, 16);
          s10 = v128.load(kept, 32);
          s11 = v128.load(kept, 48);
          s20 = v128.load(kept, 64);
          s21 = v128.load(kept, 80);
          s30 = v128.load(kept, 96);
          s31 = v128.load(kept, 112);
        }
        let a = left;
        let b = panel + (<usize>first << 5);
        for (let i = 0; i < steps; i++) {
          const b0 = v128.load(b);
          const b1 = v128.load(b, 16);
          const a0 = v128.load32_splat(a);
          s00 = f32x4.add(s00, f32x4.mul(a0, b0));
          s01 = f32x4.add(s01, f32x4.mul(a0, b1));
          const a1 = v128.load32_splat(a, 4);
          s10 = f32x4.add(s10, f32x4.mul(a1, b0));
          s11 = f32x4.add(s11, f32x4.mul(a1, b1));
          const a2 = v128.load32_splat(a, 8);
          s20 = f32x4.add(s20, f32x4.mul(a2, b0));
          s21 = f32x4.add(s21, f32x4.mul(a2, b1));
          const a3 = v128.load32_splat(a, 12);
          s30 = f32x4.add(s30, f32x4.mul(a3, b0));
          s31 = f32x4.add(s31, f32x4.mul(a3, b1));
          a += 16;
          b += 32;
        }
        if (first + steps < k) {
          v128.store(kept, s00);
          v128.store(kept, s01, 16);
          v128.store(kept, s10, 32);
          v128.store(kept, s11, 48);
          v128.store(kept, s20, 64);
          v128.store(kept, s21, 80);
          v128.store(kept, s30, 96);
          v128.store(kept, s31, 112);
        } else {
          const height = rows - row;
          if (turned) {
            storeTurned(to, s00, s10, s20, s30, min(4, width), height, stride, accumulate);
            storeTurned(to + 4 * stride, s01, s11, s21, s31, width - 4, height, stride, accumulate);
          } else {
            storeRow(to, s00, s01, width, accumulate);
            if (height > 1) storeRow(to + stride, s10, s11, width, accumulate);
            if (height > 2) storeRow(to + 2 * stride, s20, s21, width, accumulate);
            if (height > 3) storeRow(to + 3 * stride, s30, s31, width, accumulate);
          }
        }
        left += tile;
        kept += SUMS;
        to += <usize>ROWS * down;
      }
    }
  }
}

/** Rows first .. first + rows - 1 of op(a) to [rows/4][k][4]. */
function packTiles(r: usize, first: i32, rows: i32, scratch: usize): void {
  const k = int(r, 5);
  const stride = <usize>int(r, 8) << 2;
  const tile = <usize>k << 4;
  if (int(r, 6)) {
    const whole = rows & ~(ROWS - 1);
    let from = at(r, 0) + (<usize>first << 2);
    if (rows > whole) packStraight(from + (<usize>whole << 2), scratch + ((<usize>whole * k) << 2), k, rows - whole, stride, 16);
    // Neighbours are read together: every line of the cache once.
    for (let i = 0; i < k; i++) {
      let to = scratch + (<usize>i << 4);
      for (let row: usize = 0; row < <usize>whole << 2; row += 16) {
        v128.store(to, v128.load(from + row));
        to += tile;
      }
      from += stride;
    }
    return;
  }
  let from = at(r, 0) + <usize>first * stride;
  let to = scratch;
  for (let row = 0; row < rows; row += ROWS) {
    packTransposed(from, to, k, min(ROWS, rows - row), stride, 16);
    from += <usize>ROWS * stride;
    to += tile;
  }
}

/** Up to 4 neighbours, `stride` bytes from one step along k to the next, to 4 of every `apart` bytes. Others are zeros. */
function packStraight(from: usize, to: usize, k: i32, width: i32, stride: usize, apart: usize): void {
  if (width >= 4) {
    for (let i = 0; i < k; i++) {
      v128.store(to, v128.load(from));
      from += stride;
      to += apart;
    }
    return;
  }
  for (let i = 0; i < k; i++) {
    v128.store(to, f32x4.splat(0));
    for (let j = 0; j < width; j++) store<f32>(to + (<usize>j << 2), load<f32>(from + (<usize>j << 2)));
    from += stride;
    to += apart;
  }
}

/** Up to 4 rows of k neighbours, `stride` bytes apart, to 4 of every `apart` bytes. Missing rows are zeros. */
function packTransposed(from: usize, to: usize, k: i32, height: i32, stride: usize, apart: usize): void {
  const zero = f32x4.splat(0);
  const from1 = from + stride;
  const from2 = from1 + stride;
  const from3 = from2 + stride;
  const end = <usize>k << 2;
  let i: usize = 0;
  for (; i + 16 <= end; i += 16) {
    const a = height > 0 ? v128.load(from + i) : zero;
    const b = height > 1 ? v128.load(from1 + i) : zero;
    const c = height > 2 ? v128.load(from2 + i) : zero;
    const d = height > 3 ? v128.load(from3 + i) : zero;
    const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const abBehind = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cdBehind = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
    v128.store(to + apart, v128.shuffle<i64>(ab, cd, 1, 3));
    to += 2 * apart;
    v128.store(to, v128.shuffle<i64>(abBehind, cdBehind, 0, 2));
    v128.store(to + apart, v128.shuffle<i64>(abBehind, cdBehind, 1, 3));
    to += 2 * apart;
  }
  for (; i < end; i += 4) {
    v128.store(to, zero);
    if (height > 0) store<f32>(to, load<f32>(from + i));
    if (height > 1) store<f32>(to, load<f32>(from1 + i), 4);
    if (height > 2) store<f32>(to, load<f32>(from2 + i), 8);
    if (height > 3) store<f32>(to, load<f32>(from3 + i), 12);
    to += apart;
  }
}

/** Stores or adds `width` of the 8 values s0, s1. */
// @ts-ignore: decorator
@inline
function storeRow(to: usize, s0: v128, s1: v128, width: i32, accumulate: bool): void {
  if (width == COLUMNS) {
    if (accumulate) {
      v128.store(to, f32x4.add(v128.load(to), s0));
      v128.store(to, f32x4.add(v128.load(to, 16), s1), 16);
    } else {
      v128.store(to, s0);
      v128.store(to, s1, 16);
    }
  } else {
    storePart(to, s0, min(width, 4), accumulate);
    if (width > 4) storePart(to + 16, s1, width - 4, accumulate);
  }
}

/** Stores or adds the first `count` (1 to 4) of four values. */
export function storePart(to: usize, s: v128, count: i32, accumulate: bool): void {
  let value = f32x4.extract_lane(s, 0);
  store<f32>(to, accumulate ? load<f32>(to) + value : value);
  if (count > 1) {
    value = f32x4.extract_lane(s, 1);
    store<f32>(to, accumulate ? load<f32>(to, 4) + value : value, 4);
  }
  if (count > 2) {
    value = f32x4.extract_lane(s, 2);
    store<f32>(to, accumulate ? load<f32>(to, 8) + value : value, 8);
  }
  if (count > 3) {
    value = f32x4.extract_lane(s, 3);
    store<f32>(to, accumulate ? load<f32>(to, 12) + value : value, 12);
  }
}

/** Stores or adds columns of four rows of 4 sums, `height` (1 or more) values of each of `width` columns. */
// @ts-ignore: decorator
@inline
function storeTurned(
  to: usize,
  s0: v128,
  s1: v128,
  s2: v128,
  s3: v128,
  width: i32,
  height: i32,
  stride: usize,
  accumulate: bool,
): void {
  const first = v128.shuffle<f32>(s0, s1, 0, 4, 1, 5);
  const second = v128.shuffle<f32>(s2, s3, 0, 4, 1, 5);
  const third = v128.shuffle<f32>(s0, s1, 2, 6, 3, 7);
  const fourth = v128.shuffle<f32>(s2, s3, 2, 6, 3, 7);
  if (width > 0) storeColumn(to, v128.shuffle<i64>(first, second, 0, 2), height, accumulate);
  if (width > 1) storeColumn(to + stride, v128.shuffle<i64>(first, second, 1, 3), height, accumulate);
  if (width > 2) storeColumn(to + 2 * stride, v128.shuffle<i64>(third, fourth, 0, 2), height, accumulate);
  if (width > 3) storeColumn(to + 3 * stride, v128.shuffle<i64>(third, fourth, 1, 3), height, accumulate);
}

function storeColumn(to: usize, s: v128, height: i32, accumulate: bool): void {
  if (height < ROWS) storePart(to, s, height, accumulate);
  else v128.store(to, accumulate ? f32x4.add(v128.load(to), s) : s);
}
