// Binary product: bits by bits. dot = K - 2 * popcount(a xor w); the kernels count mismatches and turn the count into the
// dot product at the end. Weights are [N/16][K/8][16] bytes: one byte is 8 input channels of one output channel, and 16
// output channels lie side by side, which is one v128.
//
// SIMD, one sample (M = 1), per weight byte row of 16 channels:
//   1. v128.load           16 channels' weights
//   2. and, shr+and        split into nibbles
//   3. swizzle x2          popcount(a xor w) of each nibble, from the XOR4 row of the activation's nibble
//   4. add x2              in u8 lanes: 8 per byte, so 31 bytes before they are widened
// SIMD, four samples: two samples share one table ("pair table": low nibble counts the first, high nibble the second), so
// one swizzle and one add serve 2 x 16 channels x 4 bits. Counts reach 4 a nibble: three tables are added, then split.
// Scalar: 8 channels in a u64, counted by the SWAR popcount of each byte.
import { CHANNELS_PER_BLOCK, finishCounts, spread } from './counts';
import { highNibbles, lookup, NIBBLE_MASK, XOR4 } from './lanes';
import { DenseParams } from './params';
import { transformRow } from './transform';

/** Rows of weight bytes whose counts (8 each) fit u8 lanes. */
const BYTES_PER_FLUSH: usize = 31;
/** Triples of weight bytes whose pair counts (24 each) fit u8 lanes. */
const TRIPLES_PER_FLUSH: usize = 10;

/**
 * input (M, K/8 bytes) x weights (N, K) -> transform. K up to 2^27.
 *
 * tables: (K/8 rounded up) * 64 bytes, used where M > 1 and SIMD is there.
 */
export function dense_bits(params: usize, samples: i32): void {
  const p = changetype<DenseParams>(params);
  let input = p.input;
  let output = p.output;
  const rows = <usize>((p.n + 15) & ~15) << 2;
  if (ASC_FEATURE_SIMD) {
    for (; samples >= 4; samples -= 4) {
      buildPairTables(p, input);
      countFour(p);
      for (let i = 0; i < 4; i++) {
        transformRow(p, p.accumulators + <usize>i * rows, output);
        output += p.outputStride;
      }
      input += p.inputStride << 2;
    }
  }
  for (; samples > 0; samples--) {
    if (ASC_FEATURE_SIMD) countOne(p, input);
    else countOneScalar(p, input);
    transformRow(p, p.accumulators, output);
    input += p.inputStride;
    output += p.outputStride;
  }
}

function countOne(p: DenseParams, input: usize): void {
  const bytes = <usize>((p.k + 7) >> 3);
  const mask = v128.load(NIBBLE_MASK);
  let w = p.weights;
  let out = p.accumulators;
  for (let n = 0; n < p.n; n += CHANNELS_PER_BLOCK) {
    let a = input;
    const end = a + bytes;
    let s0 = i32x4.splat(0);
    let s1 = i32x4.splat(0);
    let s2 = i32x4.splat(0);
    let s3 = i32x4.splat(0);
    while (a < end) {
      let count = i8x16.splat(0);
      for (const flush = min(a + BYTES_PER_FLUSH, end); a < flush; a++) {
        const x = <usize>load<u8>(a);
        const y = v128.load(w);
        count = i8x16.add(count, lookup(v128.load(XOR4 + ((x & 15) << 4)), v128.and(y, mask)));
        count = i8x16.add(count, lookup(v128.load(XOR4 + (x & 240)), highNibbles(y, mask)));
        w += 16;
      }
      const low = i16x8.extend_low_i8x16_u(count);
      const high = i16x8.extend_high_i8x16_u(count);
      s0 = i32x4.add(s0, i32x4.extend_low_i16x8_u(low));
      s1 = i32x4.add(s1, i32x4.extend_high_i16x8_u(low));
      s2 = i32x4.add(s2, i32x4.extend_low_i16x8_u(high));
      s3 = i32x4.add(s3, i32x4.extend_high_i16x8_u(high));
    }
    finishCounts(out, p.k, s0, s1, s2, s3);
    out += 64;
  }
}

/** tables: for samples 0,1 then samples 2,3: [K/4][16] bytes, low nibble counts the first sample, high the second. */
function buildPairTables(p: DenseParams, input: usize): void {
  const bytes = <usize>((p.k + 7) >> 3);
  let out = p.tables;
  for (let pair = 0; pair < 2; pair++) {
    const other = input + p.inputStride;
    for (let i: usize = 0; i < bytes; i++) {
      const x = <usize>load<u8>(input + i);
      const y = <usize>load<u8>(other + i);
      v128.store(out, pairTable(x & 15, y & 15));
      v128.store(out, pairTable(x >> 4, y >> 4), 16);
      out += 32;
    }
    input = other + p.inputStride;
  }
}

// @ts-ignore: decorator
@inline
function pairTable(x: usize, y: usize): v128 {
  // Entries are at most 4, so the 16-bit shift carries nothing into the neighbour.
  return v128.or(v128.load(XOR4 + (x << 4)), i16x8.shl(v128.load(XOR4 + (y << 4)), 4));
}

/** Four samples against all channels, from p.tables into p.accumulators (4, N rounded up to 16). */
function countFour(p: DenseParams): void {
  const bytes = <usize>((p.k + 7) >> 3);
  const mask = v128.load(NIBBLE_MASK);
  const rows = <usize>((p.n + 15) & ~15) << 2;
  let w = p.weights;
  let out = p.accumulators;
  for (let n = 0; n < p.n; n += CHANNELS_PER_BLOCK) {
    let t = p.tables;
    let u = t + (bytes << 5);
    const blockEnd = w + (bytes << 4);
    const tripleEnd = w + bytes / 3 * 48;
    let a0 = i16x8.splat(0), a1 = i16x8.splat(0), b0 = i16x8.splat(0), b1 = i16x8.splat(0);
    let c0 = i16x8.splat(0), c1 = i16x8.splat(0), d0 = i16x8.splat(0), d1 = i16x8.splat(0);
    let spilled = false;
    let sinceSpill = 0;
    while (w < blockEnd) {
      let a = i8x16.splat(0), b = i8x16.splat(0), c = i8x16.splat(0), d = i8x16.splat(0);
      if (w < tripleEnd) {
        for (const flush = min(w + 48 * TRIPLES_PER_FLUSH, tripleEnd); w < flush; w += 48) {
          const x = v128.load(w);
          const y = v128.load(w, 16);
          const z = v128.load(w, 32);
          let lx = v128.and(x, mask), ly = v128.and(y, mask), lz = v128.and(z, mask);
          let p0 = lookup(v128.load(t), lx);
          let p1 = lookup(v128.load(u), lx);
          p0 = i8x16.add(p0, lookup(v128.load(t, 32), ly));
          p1 = i8x16.add(p1, lookup(v128.load(u, 32), ly));
          p0 = i8x16.add(p0, lookup(v128.load(t, 64), lz));
          p1 = i8x16.add(p1, lookup(v128.load(u, 64), lz));
          a = i8x16.add(a, v128.and(p0, mask));
          b = i8x16.add(b, highNibbles(p0, mask));
          c = i8x16.add(c, v128.and(p1, mask));
          d = i8x16.add(d, highNibbles(p1, mask));
          lx = highNibbles(x, mask);
          ly = highNibbles(y, mask);
          lz = highNibbles(z, mask);
          p0 = lookup(v128.load(t, 16), lx);
          p1 = lookup(v128.load(u, 16), lx);
          p0 = i8x16.add(p0, lookup(v128.load(t, 48), ly));
          p1 = i8x16.add(p1, lookup(v128.load(u, 48), ly));
          p0 = i8x16.add(p0, lookup(v128.load(t, 80), lz));
          p1 = i8x16.add(p1, lookup(v128.load(u, 80), lz));
          a = i8x16.add(a, v128.and(p0, mask));
          b = i8x16.add(b, highNibbles(p0, mask));
          c = i8x16.add(c, v128.and(p1, mask));
          d = i8x16.add(d, highNibbles(p1, mask));
          t += 96;
          u += 96;
        }
      } else {
        // The one or two bytes that are no triple.
        for (; w < blockEnd; w += 16) {
          const x = v128.load(w);
          const lx = v128.and(x, mask), hx = highNibbles(x, mask);
          const p0 = lookup(v128.load(t), lx), q0 = lookup(v128.load(t, 16), hx);
          const p1 = lookup(v128.load(u), lx), q1 = lookup(v128.load(u, 16), hx);
          a = i8x16.add(a, i8x16.add(v128.and(p0, mask), v128.and(q0, mask)));
          b = i8x16.add(b, i8x16.add(highNibbles(p0, mask), highNibbles(q0, mask)));
          c = i8x16.add(c, i8x16.add(v128.and(p1, mask), v128.and(q1, mask)));
          d = i8x16.add(d, i8x16.add(highNibbles(p1, mask), highNibbles(q1, mask)));
          t += 32;
          u += 32;
        }
      }
      a0 = i16x8.add(a0, i16x8.extend_low_i8x16_u(a));
      a1 = i16x8.add(a1, i16x8.extend_high_i8x16_u(a));
      b0 = i16x8.add(b0, i16x8.extend_low_i8x16_u(b));
      b1 = i16x8.add(b1, i16x8.extend_high_i8x16_u(b));
      c0 = i16x8.add(c0, i16x8.extend_low_i8x16_u(c));
      c1 = i16x8.add(c1, i16x8.extend_high_i8x16_u(c));
      d0 = i16x8.add(d0, i16x8.extend_low_i8x16_u(d));
      d1 = i16x8.add(d1, i16x8.extend_high_i8x16_u(d));
      // 240 a flush: u16 lanes hold 273 of them. Spill after 256.
      if (++sinceSpill == 256) {
        spill(out, a0, a1, spilled);
        spill(out + rows, b0, b1, spilled);
        spill(out + 2 * rows, c0, c1, spilled);
        spill(out + 3 * rows, d0, d1, spilled);
        a0 = i16x8.splat(0), a1 = i16x8.splat(0), b0 = i16x8.splat(0), b1 = i16x8.splat(0);
        c0 = i16x8.splat(0), c1 = i16x8.splat(0), d0 = i16x8.splat(0), d1 = i16x8.splat(0);
        spilled = true;
        sinceSpill = 0;
      }
    }
    spill(out, a0, a1, spilled);
    spill(out + rows, b0, b1, spilled);
    spill(out + 2 * rows, c0, c1, spilled);
    spill(out + 3 * rows, d0, d1, spilled);
    for (let i: usize = 0; i < 4; i++) {
      const row = out + i * rows;
      finishCounts(row, p.k, v128.load(row), v128.load(row, 16), v128.load(row, 32), v128.load(row, 48));
    }
    out += 64;
  }
}

/** Adds 16 u16 counts to the 16 u32 counts at `out` (or starts them). */
function spill(out: usize, low: v128, high: v128, add: bool): void {
  let s0 = i32x4.extend_low_i16x8_u(low);
  let s1 = i32x4.extend_high_i16x8_u(low);
  let s2 = i32x4.extend_low_i16x8_u(high);
  let s3 = i32x4.extend_high_i16x8_u(high);
  if (add) {
    s0 = i32x4.add(s0, v128.load(out));
    s1 = i32x4.add(s1, v128.load(out, 16));
    s2 = i32x4.add(s2, v128.load(out, 32));
    s3 = i32x4.add(s3, v128.load(out, 48));
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
}

function countOneScalar(p: DenseParams, input: usize): void {
  const bytes = <usize>((p.k + 7) >> 3);
  let w = p.weights;
  let out = p.accumulators;
  for (let n = 0; n < p.n; n += CHANNELS_PER_BLOCK) {
    for (let half: usize = 0; half < 2; half++) {
      let a = input;
      const end = a + bytes;
      let b = w + (half << 3);
      memory.fill(out, 0, 32);
      while (a < end) {
        let count: u64 = 0;
        for (const flush = min(a + BYTES_PER_FLUSH, end); a < flush; a++) {
          let x = load<u64>(b) ^ (<u64>load<u8>(a) * 0x0101010101010101);
          x -= (x >> 1) & 0x5555555555555555;
          x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
          count += (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
          b += 16;
        }
        spread(out, count);
      }
      for (let i: usize = 0; i < 32; i += 4) store<i32>(out + i, p.k - (load<i32>(out + i) << 1));
      out += 32;
    }
    w += bytes << 4;
  }
}
