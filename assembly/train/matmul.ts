// Matrix products c (m, n) = op(a) op(b) in float32, in two steps of the program:
//
//   packColumns   op(b) to panels of 8 columns, [n/8][k][8], zeros behind the last column. One task per panel.
//   matmul        One task per 4 rows of c: packs op(a) to [k][4], then for every panel keeps 4 x 8 sums in eight v128
//                 registers; a step along k is two loads of the panel, four broadcast loads, eight multiplies and eight
//                 adds. More rows would spill: x64 has 16 registers.
//
// Every sum runs along k in order, so that results depend neither on threads nor on tiles. Rows of the stored matrices are
// `stride` values apart, so that both steps also take a slice of a longer k.
import { at, int } from './record';

const ROWS: i32 = 4;
const COLUMNS: i32 = 8;

// b, panels, k, n, transposeB, stride of b
export function packColumns(r: usize, task: i32): void {
  const b = at(r, 0);
  const k = int(r, 2);
  const n = int(r, 3);
  const column = task * COLUMNS;
  const width = min(COLUMNS, n - column);
  const stride = <usize>int(r, 5) << 2;
  let to = at(r, 1) + ((<usize>task * k) << 5);
  if (!int(r, 4) && width == COLUMNS) {
    let from = b + (<usize>column << 2);
    for (let i = 0; i < k; i++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += stride;
      to += 32;
    }
    return;
  }
  const alongK: usize = int(r, 4) ? 4 : stride;
  const alongN: usize = int(r, 4) ? stride : 4;
  for (let i = 0; i < k; i++) {
    let from = b + <usize>i * alongK + <usize>column * alongN;
    for (let j = 0; j < COLUMNS; j++) {
      store<f32>(to + (<usize>j << 2), j < width ? load<f32>(from) : 0);
      from += alongN;
    }
    to += 32;
  }
}

// a, panels, c, m, n, k, transposeA, accumulate, stride of a
export function matmul(r: usize, task: i32, scratch: usize): void {
  const c = at(r, 2);
  const m = int(r, 3);
  const n = int(r, 4);
  const k = int(r, 5);
  const row = task * ROWS;
  const height = min(ROWS, m - row);
  packRows(r, row, height, scratch);
  const accumulate = int(r, 7) != 0;
  const stride = <usize>n << 2;
  for (let column = 0; column < n; column += COLUMNS) {
    const panel = at(r, 1) + ((<usize>column * k) << 2);
    const width = min(COLUMNS, n - column);
    const to = c + ((<usize>row * n + column) << 2);
    let s00 = f32x4.splat(0);
    let s01 = s00;
    let s10 = s00;
    let s11 = s00;
    let s20 = s00;
    let s21 = s00;
    let s30 = s00;
    let s31 = s00;
    let left = scratch;
    let right = panel;
    for (let i = 0; i < k; i++) {
      const b0 = v128.load(right);
      const b1 = v128.load(right, 16);
      const a0 = v128.load32_splat(left);
      s00 = f32x4.add(s00, f32x4.mul(a0, b0));
      s01 = f32x4.add(s01, f32x4.mul(a0, b1));
      const a1 = v128.load32_splat(left, 4);
      s10 = f32x4.add(s10, f32x4.mul(a1, b0));
      s11 = f32x4.add(s11, f32x4.mul(a1, b1));
      const a2 = v128.load32_splat(left, 8);
      s20 = f32x4.add(s20, f32x4.mul(a2, b0));
      s21 = f32x4.add(s21, f32x4.mul(a2, b1));
      const a3 = v128.load32_splat(left, 12);
      s30 = f32x4.add(s30, f32x4.mul(a3, b0));
      s31 = f32x4.add(s31, f32x4.mul(a3, b1));
      left += 16;
      right += 32;
    }
    storeRow(to, s00, s01, width, accumulate);
    if (height > 1) storeRow(to + stride, s10, s11, width, accumulate);
    if (height > 2) storeRow(to + 2 * stride, s20, s21, width, accumulate);
    if (height > 3) storeRow(to + 3 * stride, s30, s31, width, accumulate);
  }
}

/** Rows row .. row + height - 1 of op(a) to [k][4], zeros for missing rows. */
function packRows(r: usize, row: i32, height: i32, scratch: usize): void {
  const a = at(r, 0);
  const k = int(r, 5);
  const transpose = int(r, 6) != 0;
  const stride = <usize>int(r, 8) << 2;
  const alongK: usize = transpose ? stride : 4;
  const alongM: usize = transpose ? 4 : stride;
  for (let j = 0; j < ROWS; j++) {
    let to = scratch + (<usize>j << 2);
    if (j < height) {
      let from = a + <usize>(row + j) * alongM;
      for (let i = 0; i < k; i++) {
        store<f32>(to, load<f32>(from));
        from += alongK;
        to += 16;
      }
    } else {
      for (let i = 0; i < k; i++) {
        store<f32>(to, 0);
        to += 16;
      }
    }
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
