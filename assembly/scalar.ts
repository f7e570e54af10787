// The inner loops of the scalar build.
//
// Packed bits: i64.popcnt of 8 weight bytes of one channel against 8 bytes of a gathered patch. The file has 16 channels
// side by side; prepare() turns every 8 rows of 16 bytes into 16 words of 8 bytes, in place: the same bytes, no second
// copy. Two pixels x two channels share their loads. On x64 this is as fast as the SIMD popcount.
//
// Values: tables of 16 sums of u16, one for each pattern of 4 weight signs (tables.ts says what they sum), a load and an
// add per channel and 4 inputs.
import { BASES } from './header';
import { ProductParams } from './params';

/** 128 bytes: one block being turned. */
const TURNED = memory.data(128, 16);

/** Turns all planes of all blocks. Calling it twice damages them: once per constant. */
export function turnWeights(p: ProductParams): void {
  const blocks = ((p.outputs + 15) >> 4) * p.planes;
  let w = p.weights;
  for (let b = 0; b < blocks; b++) {
    for (let left = p.patchBytes; left > 0; left -= 8) {
      const rows = <usize>min(left, 8);
      for (let i: usize = 0; i < rows; i++) {
        for (let n: usize = 0; n < 16; n++) store<u8>(TURNED + n * rows + i, load<u8>(w + (i << 4) + n));
      }
      memory.copy(w, TURNED, rows << 4);
      w += rows << 4;
    }
  }
}

/** Two gathered rows against `blocks` x 16 turned channels. */
export function popcountTwo(p: ProductParams, weights: usize, blocks: i32, targets: usize, a: usize, b: usize): void {
  const whole = <usize>p.patchBytes >> 3;
  const rest = <usize>p.patchBytes & 7;
  const restMask = ((<u64>1 << (rest << 3)) - 1);
  const baseA = load<i32>(targets, BASES);
  const baseB = load<i32>(targets, BASES + 4);
  let outA = load<usize>(targets);
  let outB = load<usize>(targets, 4);
  for (; blocks > 0; blocks--) {
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      for (let n: usize = 0; n < 16; n += 2) {
        let w = weights + (n << 3);
        let x = a;
        let y = b;
        let a0: i64 = 0, a1: i64 = 0, b0: i64 = 0, b1: i64 = 0;
        for (const end = a + (whole << 3); x < end; x += 8) {
          const w0 = load<u64>(w), w1 = load<u64>(w, 8);
          const xa = load<u64>(x), xb = load<u64>(y);
          a0 += popcnt(xa ^ w0);
          a1 += popcnt(xa ^ w1);
          b0 += popcnt(xb ^ w0);
          b1 += popcnt(xb ^ w1);
          w += 128;
          y += 8;
        }
        if (rest) {
          w = weights + (whole << 7) + n * rest;
          const w0 = load<u64>(w), w1 = load<u64>(w + rest);
          const xa = load<u64>(x), xb = load<u64>(y);
          a0 += popcnt((xa ^ w0) & restMask);
          a1 += popcnt((xa ^ w1) & restMask);
          b0 += popcnt((xb ^ w0) & restMask);
          b1 += popcnt((xb ^ w1) & restMask);
        }
        const at = n << 2;
        take(outA + at, baseA, <i32>a0 << shift, plane);
        take(outA + at + 4, baseA, <i32>a1 << shift, plane);
        take(outB + at, baseB, <i32>b0 << shift, plane);
        take(outB + at + 4, baseB, <i32>b1 << shift, plane);
      }
      weights += <usize>p.patchBytes << 4;
    }
    outA += 64;
    outB += 64;
  }
}

/** One gathered row, where `mask` has bits; 0 = everywhere. */
export function popcountOne(p: ProductParams, weights: usize, blocks: i32, targets: usize, a: usize, mask: usize): void {
  const whole = <usize>p.patchBytes >> 3;
  const rest = <usize>p.patchBytes & 7;
  const restMask = ((<u64>1 << (rest << 3)) - 1);
  const base = load<i32>(targets, BASES);
  let out = load<usize>(targets);
  for (; blocks > 0; blocks--) {
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      for (let n: usize = 0; n < 16; n += 2) {
        let w = weights + (n << 3);
        let a0: i64 = 0, a1: i64 = 0;
        for (let i: usize = 0; i < whole << 3; i += 8) {
          const x = load<u64>(a + i);
          const m = mask ? load<u64>(mask + i) : -1;
          a0 += popcnt((x ^ load<u64>(w)) & m);
          a1 += popcnt((x ^ load<u64>(w, 8)) & m);
          w += 128;
        }
        if (rest) {
          w = weights + (whole << 7) + n * rest;
          const i = whole << 3;
          const x = load<u64>(a + i);
          const m = (mask ? load<u64>(mask + i) : -1) & restMask;
          a0 += popcnt((x ^ load<u64>(w)) & m);
          a1 += popcnt((x ^ load<u64>(w + rest)) & m);
        }
        take(out + (n << 2), base, <i32>a0 << shift, plane);
        take(out + (n << 2) + 4, base, <i32>a1 << shift, plane);
      }
      weights += <usize>p.patchBytes << 4;
    }
    out += 64;
  }
}

// @ts-ignore: decorator
@inline
function take(out: usize, base: i32, count: i32, plane: i32): void {
  store<i32>(out, (plane ? load<i32>(out) : base) - count);
}

/** Tables of u16 sums of a row of `count` levels, with two tables for every 8 of them; see buildValues in tables.ts. */
export function buildSums(row: usize, mask: usize, count: i32, top: i32, levels: i32, out: usize): void {
  for (let i = 0; i < ((count + 7) & ~7); i += 4) {
    store<u16>(out, 0);
    for (let j = 0; j < 4; j++) {
      const at = row + <usize>(i + j);
      const x: i32 = i + j < count ? load<u8>(at) : 0;
      const own = mask && i + j < count && !load<u8>(mask + <usize>(i + j));
      const positive: i32 = own ? x : levels ? 0 : top - x;
      const size: usize = 2 << j;
      // Entries with bit j: the sums so far plus what +1 costs; those without it: plus what -1 costs.
      for (let e: usize = 0; e < size; e += 2) {
        const sum: i32 = load<u16>(out + e);
        store<u16>(out + e + size, <u16>(sum + positive));
        store<u16>(out + e, <u16>(sum + x));
      }
    }
    out += 32;
  }
}

/** One pixel's tables of sums against `blocks` x 16 channels. */
export function sumTables(p: ProductParams, weights: usize, blocks: i32, targets: usize, tables: usize): void {
  const rows = <usize>p.patchBytes;
  const base = load<i32>(targets, BASES);
  let out = load<usize>(targets);
  for (; blocks > 0; blocks--) {
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      for (let n: usize = 0; n < 16; n++) {
        let t = tables;
        let sum = 0;
        const first = weights + n;
        for (let w = first; w < first + (rows << 4); w += 16) {
          const x = <usize>load<u8>(w);
          sum += load<u16>(t + ((x & 15) << 1)) + load<u16>(t + ((x >> 4) << 1), 32);
          t += 64;
        }
        take(out + (n << 2), base, sum << shift, plane);
      }
      weights += rows << 4;
    }
    out += 64;
  }
}
