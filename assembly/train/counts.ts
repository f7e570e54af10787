// Products of signs by signs, counted: c (m, n) = a b^T, whose entries are k minus twice the number of places where a row of a
// and one of b differ (Courbariaux et al. 2016, eq. 8). Rows are bits (bits.ts). A task is some rows of a; it keeps 2 x 4
// counts, and each step is two loads of a, four of b, and for each pair an exclusive or, a count in each byte and an add.
// Zeros count as +1, which border.ts makes good for patches with zero padding.
import { rowBytes } from './bits';
import { storePart } from './matmul';
import { at, int } from './record';

/** Vectors whose counts a byte holds: 31 times 8. */
const MOST: usize = 31 * 16;

// a, b, c, m, n, k, accumulate, rows of a task
export function countSigns(r: usize, task: i32): void {
  const m = int(r, 3);
  const n = int(r, 4);
  const k = int(r, 5);
  const accumulate = int(r, 6) != 0;
  const bytes = rowBytes(k);
  const whole = bytes & ~15;
  const tail = i8x16.lt_u(
    i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    i8x16.splat(<i8>(bytes - whole)),
  );
  const first = task * int(r, 7);
  const last = min(m, first + int(r, 7));
  for (let row = first; row < last; row += 2) {
    const second = row + 1 < last;
    const a0 = at(r, 0) + <usize>row * bytes;
    const a1 = second ? a0 + bytes : a0;
    let to = at(r, 2) + ((<usize>row * n) << 2);
    for (let column = 0; column < n; column += 4) {
      const b0 = at(r, 1) + <usize>column * bytes;
      const b1 = column + 1 < n ? b0 + bytes : b0;
      const b2 = column + 2 < n ? b1 + bytes : b0;
      const b3 = column + 3 < n ? b2 + bytes : b0;
      let counts0 = i32x4.splat(0);
      let counts1 = counts0;
      for (let start: usize = 0; start < bytes; start += MOST) {
        const end = min(whole, start + MOST);
        let s00 = i8x16.splat(0);
        let s01 = s00;
        let s02 = s00;
        let s03 = s00;
        let s10 = s00;
        let s11 = s00;
        let s12 = s00;
        let s13 = s00;
        for (let i = start; i < end; i += 16) {
          const x = v128.load(a0 + i);
          const y = v128.load(a1 + i);
          let w = v128.load(b0 + i);
          s00 = i8x16.add(s00, i8x16.popcnt(v128.xor(x, w)));
          s10 = i8x16.add(s10, i8x16.popcnt(v128.xor(y, w)));
          w = v128.load(b1 + i);
          s01 = i8x16.add(s01, i8x16.popcnt(v128.xor(x, w)));
          s11 = i8x16.add(s11, i8x16.popcnt(v128.xor(y, w)));
          w = v128.load(b2 + i);
          s02 = i8x16.add(s02, i8x16.popcnt(v128.xor(x, w)));
          s12 = i8x16.add(s12, i8x16.popcnt(v128.xor(y, w)));
          w = v128.load(b3 + i);
          s03 = i8x16.add(s03, i8x16.popcnt(v128.xor(x, w)));
          s13 = i8x16.add(s13, i8x16.popcnt(v128.xor(y, w)));
        }
        counts0 = i32x4.add(counts0, sumOfEach(s00, s01, s02, s03));
        counts1 = i32x4.add(counts1, sumOfEach(s10, s11, s12, s13));
      }
      if (whole < bytes) {
        const x = v128.load(a0 + whole);
        const y = v128.load(a1 + whole);
        const w0 = v128.load(b0 + whole);
        const w1 = v128.load(b1 + whole);
        const w2 = v128.load(b2 + whole);
        const w3 = v128.load(b3 + whole);
        counts0 = i32x4.add(
          counts0,
          sumOfEach(differing(x, w0, tail), differing(x, w1, tail), differing(x, w2, tail), differing(x, w3, tail)),
        );
        counts1 = i32x4.add(
          counts1,
          sumOfEach(differing(y, w0, tail), differing(y, w1, tail), differing(y, w2, tail), differing(y, w3, tail)),
        );
      }
      put(to, counts0, k, n - column, accumulate);
      if (second) put(to + (<usize>n << 2), counts1, k, n - column, accumulate);
      to += 16;
    }
  }
}

/** Places of each byte where x and w differ, of the bytes that `mask` leaves. */
// @ts-ignore: decorator
@inline
function differing(x: v128, w: v128, mask: v128): v128 {
  return i8x16.popcnt(v128.and(v128.xor(x, w), mask));
}

/** The sums of the bytes of four vectors. */
// @ts-ignore: decorator
@inline
function sumOfEach(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const u0 = quarters(s0);
  const u1 = quarters(s1);
  const u2 = quarters(s2);
  const u3 = quarters(s3);
  const p = i32x4.add(v128.shuffle<i32>(u0, u1, 0, 4, 1, 5), v128.shuffle<i32>(u0, u1, 2, 6, 3, 7));
  const q = i32x4.add(v128.shuffle<i32>(u2, u3, 0, 4, 1, 5), v128.shuffle<i32>(u2, u3, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(p, q, 0, 2), v128.shuffle<i64>(p, q, 1, 3));
}

// @ts-ignore: decorator
@inline
function quarters(s: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(s));
}

/** Stores or adds k - 2 count of up to 4 neighbours. */
// @ts-ignore: decorator
@inline
function put(to: usize, counts: v128, k: i32, width: i32, accumulate: bool): void {
  const sums = f32x4.convert_i32x4_s(i32x4.sub(i32x4.splat(k), i32x4.shl(counts, 1)));
  if (width >= 4) v128.store(to, accumulate ? f32x4.add(v128.load(to), sums) : sums);
  else storePart(to, sums, width, accumulate);
}
