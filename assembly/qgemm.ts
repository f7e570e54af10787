// 8-bit activations by bits. Activations are the odd integers v = 2p - 255 of bytes p, weights are +-1:
//   sum(v * w) = 255 * K - 2 * mismatch,   mismatch = sum over inputs of (w = +1 ? 255 - p : p)
// which is Algorithm 4 of Courbariaux et al. 2016 (8 binary products of the bit planes, weighted by 2^n) in one sum.
//
// SIMD, per 4 inputs: two tables of 16 bytes hold the mismatch of the low and of the high halves of the four bytes for
// each of the 16 sign patterns (at most 60). Two swizzles and two adds then serve 16 channels x 4 inputs; four tables fit
// a u8 lane. The tables are built once a sample and read by all channels.
// Scalar: the same tables with u16 entries for whole bytes (at most 1020): one load and one add per channel and 4 inputs.
import { CHANNELS_PER_BLOCK, finishCounts } from './counts';
import { highNibbles, LANE_BIT, lookup, NIBBLE_MASK } from './lanes';
import { DenseParams } from './params';
import { transformRow } from './transform';

/** Pairs of weight bytes (240 for four tables of 60) whose sums fit u16 lanes: 273, rounded down. */
const PAIRS_PER_SPILL = 256;

/**
 * input (M, K bytes) x weights (N, K) -> transform. K up to 2^20.
 *
 * tables: (K/8 rounded up) * 64 bytes. Reads up to 7 bytes past an input row and takes them as absent.
 */
export function dense_u8(params: usize, samples: i32): void {
  const p = changetype<DenseParams>(params);
  let input = p.input;
  let output = p.output;
  for (; samples > 0; samples--) {
    if (ASC_FEATURE_SIMD) {
      buildTables(p, input);
      sumOne(p);
    } else {
      buildTablesScalar(p, input);
      sumOneScalar(p);
    }
    transformRow(p, p.accumulators, output);
    input += p.inputStride;
    output += p.outputStride;
  }
}

/** tables: per 4 inputs 32 bytes: [16] sums of low halves, [16] sums of high halves. */
function buildTables(p: DenseParams, input: usize): void {
  const bit0 = v128.load(LANE_BIT);
  const bit1 = v128.load(LANE_BIT, 16);
  const bit2 = v128.load(LANE_BIT, 32);
  const bit3 = v128.load(LANE_BIT, 48);
  let out = p.tables;
  const groups = (p.k + 7) >> 3 << 1;
  for (let g = 0; g < groups; g++) {
    const left = p.k - (g << 2);
    // Inputs behind K meet weight bits of 0: as zeros they add nothing.
    const x = left >= 4 ? load<u32>(input) : left > 0 ? load<u32>(input) & ((1 << (left << 3)) - 1) : 0;
    for (let half: u32 = 0; half < 2; half++) {
      const y = (x >> (half << 2)) & 0x0f0f0f0f;
      const a = y & 15;
      const b = (y >> 8) & 15;
      const c = (y >> 16) & 15;
      const d = y >> 24;
      // Pattern 0 (all weights -1) mismatches by a + b + c + d; turning weight i on changes that by 15 - 2 * input i.
      let t = i8x16.splat(<i8>(a + b + c + d));
      t = i8x16.add(t, v128.and(bit0, i8x16.splat(<i8>(15 - (a << 1)))));
      t = i8x16.add(t, v128.and(bit1, i8x16.splat(<i8>(15 - (b << 1)))));
      t = i8x16.add(t, v128.and(bit2, i8x16.splat(<i8>(15 - (c << 1)))));
      t = i8x16.add(t, v128.and(bit3, i8x16.splat(<i8>(15 - (d << 1)))));
      v128.store(out, t);
      out += 16;
    }
    input += 4;
  }
}

function sumOne(p: DenseParams): void {
  const bytes = <usize>((p.k + 7) >> 3);
  const mask = v128.load(NIBBLE_MASK);
  let w = p.weights;
  let out = p.accumulators;
  for (let n = 0; n < p.n; n += CHANNELS_PER_BLOCK) {
    let t = p.tables;
    const end = w + (bytes << 4);
    let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
    while (w < end) {
      let l0 = i16x8.splat(0), l1 = i16x8.splat(0), h0 = i16x8.splat(0), h1 = i16x8.splat(0);
      for (const stop = min(w + 32 * PAIRS_PER_SPILL, end); w < stop; ) {
        let x = v128.load(w);
        let lo = v128.and(x, mask), hi = highNibbles(x, mask);
        let low = i8x16.add(lookup(v128.load(t), lo), lookup(v128.load(t, 32), hi));
        let high = i8x16.add(lookup(v128.load(t, 16), lo), lookup(v128.load(t, 48), hi));
        w += 16;
        t += 64;
        if (w < stop) {
          x = v128.load(w);
          lo = v128.and(x, mask), hi = highNibbles(x, mask);
          low = i8x16.add(low, i8x16.add(lookup(v128.load(t), lo), lookup(v128.load(t, 32), hi)));
          high = i8x16.add(high, i8x16.add(lookup(v128.load(t, 16), lo), lookup(v128.load(t, 48), hi)));
          w += 16;
          t += 64;
        }
        l0 = i16x8.add(l0, i16x8.extend_low_i8x16_u(low));
        l1 = i16x8.add(l1, i16x8.extend_high_i8x16_u(low));
        h0 = i16x8.add(h0, i16x8.extend_low_i8x16_u(high));
        h1 = i16x8.add(h1, i16x8.extend_high_i8x16_u(high));
      }
      s0 = i32x4.add(s0, weigh(i32x4.extend_low_i16x8_u(l0), i32x4.extend_low_i16x8_u(h0)));
      s1 = i32x4.add(s1, weigh(i32x4.extend_high_i16x8_u(l0), i32x4.extend_high_i16x8_u(h0)));
      s2 = i32x4.add(s2, weigh(i32x4.extend_low_i16x8_u(l1), i32x4.extend_low_i16x8_u(h1)));
      s3 = i32x4.add(s3, weigh(i32x4.extend_high_i16x8_u(l1), i32x4.extend_high_i16x8_u(h1)));
    }
    finishCounts(out, 255 * p.k, s0, s1, s2, s3);
    out += 64;
  }
}

// @ts-ignore: decorator
@inline
function weigh(low: v128, high: v128): v128 {
  return i32x4.add(low, i32x4.shl(high, 4));
}

/** tables: per 4 inputs [16] u16 sums of whole bytes. */
function buildTablesScalar(p: DenseParams, input: usize): void {
  let out = p.tables;
  const groups = (p.k + 7) >> 3 << 1;
  for (let g = 0; g < groups; g++) {
    store<u16>(out, 0);
    for (let i = 0; i < 4; i++) {
      const present = (g << 2) + i < p.k;
      const x: i32 = present ? load<u8>(input) : 0;
      const size = 1 << i;
      // Entries with bit i: the sums so far plus 255 - x; those without it: plus x.
      for (let e = 0; e < size; e++) {
        const at = out + (<usize>e << 1);
        const sum: i32 = load<u16>(at);
        store<u16>(at + (<usize>size << 1), <u16>(sum + 255 - x));
        store<u16>(at, <u16>(sum + x));
      }
      input++;
    }
    out += 32;
  }
}

function sumOneScalar(p: DenseParams): void {
  const bytes = <usize>((p.k + 7) >> 3);
  const full = 255 * p.k;
  let w = p.weights;
  let out = p.accumulators;
  for (let n = 0; n < p.n; n += CHANNELS_PER_BLOCK) {
    for (let i = 0; i < CHANNELS_PER_BLOCK; i++) {
      let t = p.tables;
      let sum = 0;
      const first = w + <usize>i;
      for (let b = first; b < first + (bytes << 4); b += 16) {
        const x = <usize>load<u8>(b);
        sum += load<u16>(t + ((x & 15) << 1)) + load<u16>(t + ((x >> 4) << 1), 32);
        t += 64;
      }
      store<i32>(out, full - (sum << 1));
      out += 4;
    }
    w += bytes << 4;
  }
}
