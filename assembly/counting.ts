// The inner loops: mismatches of a few pixels with 16 output channels at a time, summed over weight bytes [row][16].
//
// Pair tables, per 3 weight bytes of 16 channels and pair of pixels (tables.ts):
//   1. v128.load, and, shr+and   weights, split into nibbles: once for all pairs
//   2. swizzle x6, add x4        counts of 4 inputs for 2 pixels; three nibbles stay below 16
//   3. and, shr+and, add x4      split into the pixels, in u8 lanes: 24 per 3 bytes, widened after 10 of them
// One swizzle and one add serve 2 x 16 channels x 4 bits: 3.7 vector instructions per 128 bit-products.
//
// Single tables (packed bits of one pixel, 2-bit levels): two swizzles and two adds per byte of 16 channels and pixel,
// widened after as many bytes as u8 lanes hold. Wide tables (3 and 4 bits, halves of 8): widened after every 2 bytes,
// without a loop of their own, which is a third faster.
// Popcount: activation byte splat, xor, i8x16.popcnt, add. One instruction on Arm, about ten on x64, which emulates popcnt.
//
// Widening keeps two sums of u16 lanes, of the bytes as they stand and of the odd bytes; the even bytes are what remains
// (lanes.ts). The sums hold 256 flushes of at most 252; longer products are taken into the i32 accumulators in parts.
//
// Tables lie in `segments` runs (params.ts), weights without gaps. A run of pair tables is a multiple of 3 weight bytes
// long, or it is the only one and empty tables follow it: weights behind the end then count nothing.
import { BASES } from './header';
import { highChannels, highNibbles, lookup, lowChannels, NIBBLE_MASK } from './lanes';
import { ProductParams } from './params';

/** Flushes that the u16 sums hold. */
const FLUSHES: i32 = 256;

/** Accumulators, `offset` bytes into a pixel's row, = base (or themselves, once started) - (counts << shift). */
function take(target: usize, offset: usize, all: v128, odd: v128, shift: i32, started: bool): void {
  const out = load<usize>(target) + offset;
  const low = lowChannels(all, odd);
  const high = highChannels(all, odd);
  const full = v128.load32_splat(target, BASES);
  const a = started ? v128.load(out) : full;
  const b = started ? v128.load(out, 16) : full;
  const c = started ? v128.load(out, 32) : full;
  const d = started ? v128.load(out, 48) : full;
  v128.store(out, i32x4.sub(a, i32x4.shl(i32x4.extend_low_i16x8_u(low), shift)));
  v128.store(out, i32x4.sub(b, i32x4.shl(i32x4.extend_high_i16x8_u(low), shift)), 16);
  v128.store(out, i32x4.sub(c, i32x4.shl(i32x4.extend_low_i16x8_u(high), shift)), 32);
  v128.store(out, i32x4.sub(d, i32x4.shl(i32x4.extend_high_i16x8_u(high), shift)), 48);
}

/** 16 bits: counts <= limit. */
function bitsOf(all: v128, odd: v128, limits: usize): i32 {
  const low = i16x8.le_s(lowChannels(all, odd), v128.load(limits));
  const high = i16x8.le_s(highChannels(all, odd), v128.load(limits, 16));
  return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
}

/** 16 bits: 2 * count + base <= limit, without sign. */
function bitsWithin(all: v128, odd: v128, base: i32, limits: usize): i32 {
  const full = i16x8.splat(<i16>base);
  const low = i16x8.add(i16x8.shl(lowChannels(all, odd), 1), full);
  const high = i16x8.add(i16x8.shl(highChannels(all, odd), 1), full);
  return i8x16.bitmask(
    i8x16.narrow_i16x8_s(i16x8.le_u(low, v128.load(limits)), i16x8.le_u(high, v128.load(limits, 16))),
  );
}

// @ts-ignore: decorator
@inline
function putBits(out: usize, bits: i32, left: i32): void {
  // A row of 8 or fewer channels left owns one byte: the next one belongs to the following pixel.
  if (left > 8) store<u16>(out, <u16>bits);
  else store<u8>(out, <u8>bits);
}

/** What becomes of levels' sums for 16 channels: accumulators, or with `limits` bits, of which `left` channels are there. */
function settle(target: usize, offset: usize, all: v128, odd: v128, shift: i32, started: bool, limits: usize, left: i32): void {
  if (limits) putBits(load<usize>(target) + offset, bitsWithin(all, odd, load<i32>(target, BASES), limits), left);
  else take(target, offset, all, odd, shift, started);
}

/**
 * The body of the pair kernels: PAIRS (1, 2 or 4, a constant at every call) pairs against `blocks` x 16 channels.
 *
 * targets: 2 * PAIRS addresses, then from BASES as many bases. With `limits`, (N rounded up to 16) i16, the kernel
 * compares the counts itself and writes rows of N bits; else i32 accumulators.
 */
// @ts-ignore: decorator
@inline
function pairs(PAIRS: i32, p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  const mask = v128.load(NIBBLE_MASK);
  const across = p.segmentsAcross;
  const span = <usize>p.segmentBytes << 4;
  const planeBytes = <usize>(p.patchBytes << 4);
  const wrapStep = downStep - <usize>across * acrossStep;
  // With limits, the last block may have fewer than 16 channels.
  const absent = (blocks << 4) - p.outputs;
  let offset: usize = 0;
  for (let left = blocks << 4; left > 0; left -= 16) {
    let started = false;
    for (let plane = 0; plane < p.planes; plane++) {
      let w = weights;
      let end = weights;
      let ahead = p.segments;
      let turn = across;
      let from: usize = 0;
      let a0: usize = 0, a1: usize = 0, a2: usize = 0, a3: usize = 0;
      do {
        let x0 = i16x8.splat(0), x1 = i16x8.splat(0), x2 = i16x8.splat(0), x3 = i16x8.splat(0);
        let x4 = i16x8.splat(0), x5 = i16x8.splat(0), x6 = i16x8.splat(0), x7 = i16x8.splat(0);
        let y0 = i16x8.splat(0), y1 = i16x8.splat(0), y2 = i16x8.splat(0), y3 = i16x8.splat(0);
        let y4 = i16x8.splat(0), y5 = i16x8.splat(0), y6 = i16x8.splat(0), y7 = i16x8.splat(0);
        let flushes = FLUSHES;
        do {
          if (w >= end) {
            end = w + span;
            a0 = t0 + from;
            if (PAIRS > 1) a1 = t1 + from;
            if (PAIRS > 2) { a2 = t2 + from; a3 = t3 + from; }
            ahead--;
            from += acrossStep;
            if (--turn == 0) { turn = across; from += wrapStep; }
          }
          let c0 = i8x16.splat(0), c1 = i8x16.splat(0), c2 = i8x16.splat(0), c3 = i8x16.splat(0);
          let c4 = i8x16.splat(0), c5 = i8x16.splat(0), c6 = i8x16.splat(0), c7 = i8x16.splat(0);
          for (const stop = min(w + 480, end); w < stop; w += 48) {
            let n = v128.and(v128.load(w), mask);
            let p0 = lookup(v128.load(a0), n), p1 = n, p2 = n, p3 = n;
            if (PAIRS > 1) p1 = lookup(v128.load(a1), n);
            if (PAIRS > 2) { p2 = lookup(v128.load(a2), n); p3 = lookup(v128.load(a3), n); }
            n = v128.and(v128.load(w, 16), mask);
            p0 = i8x16.add(p0, lookup(v128.load(a0, 32), n));
            if (PAIRS > 1) p1 = i8x16.add(p1, lookup(v128.load(a1, 32), n));
            if (PAIRS > 2) { p2 = i8x16.add(p2, lookup(v128.load(a2, 32), n)); p3 = i8x16.add(p3, lookup(v128.load(a3, 32), n)); }
            n = v128.and(v128.load(w, 32), mask);
            p0 = i8x16.add(p0, lookup(v128.load(a0, 64), n));
            if (PAIRS > 1) p1 = i8x16.add(p1, lookup(v128.load(a1, 64), n));
            if (PAIRS > 2) { p2 = i8x16.add(p2, lookup(v128.load(a2, 64), n)); p3 = i8x16.add(p3, lookup(v128.load(a3, 64), n)); }
            c0 = i8x16.add(c0, v128.and(p0, mask));
            c1 = i8x16.add(c1, highNibbles(p0, mask));
            if (PAIRS > 1) { c2 = i8x16.add(c2, v128.and(p1, mask)); c3 = i8x16.add(c3, highNibbles(p1, mask)); }
            if (PAIRS > 2) {
              c4 = i8x16.add(c4, v128.and(p2, mask));
              c5 = i8x16.add(c5, highNibbles(p2, mask));
              c6 = i8x16.add(c6, v128.and(p3, mask));
              c7 = i8x16.add(c7, highNibbles(p3, mask));
            }
            n = highNibbles(v128.load(w), mask);
            p0 = lookup(v128.load(a0, 16), n);
            if (PAIRS > 1) p1 = lookup(v128.load(a1, 16), n);
            if (PAIRS > 2) { p2 = lookup(v128.load(a2, 16), n); p3 = lookup(v128.load(a3, 16), n); }
            n = highNibbles(v128.load(w, 16), mask);
            p0 = i8x16.add(p0, lookup(v128.load(a0, 48), n));
            if (PAIRS > 1) p1 = i8x16.add(p1, lookup(v128.load(a1, 48), n));
            if (PAIRS > 2) { p2 = i8x16.add(p2, lookup(v128.load(a2, 48), n)); p3 = i8x16.add(p3, lookup(v128.load(a3, 48), n)); }
            n = highNibbles(v128.load(w, 32), mask);
            p0 = i8x16.add(p0, lookup(v128.load(a0, 80), n));
            if (PAIRS > 1) p1 = i8x16.add(p1, lookup(v128.load(a1, 80), n));
            if (PAIRS > 2) { p2 = i8x16.add(p2, lookup(v128.load(a2, 80), n)); p3 = i8x16.add(p3, lookup(v128.load(a3, 80), n)); }
            c0 = i8x16.add(c0, v128.and(p0, mask));
            c1 = i8x16.add(c1, highNibbles(p0, mask));
            if (PAIRS > 1) { c2 = i8x16.add(c2, v128.and(p1, mask)); c3 = i8x16.add(c3, highNibbles(p1, mask)); }
            if (PAIRS > 2) {
              c4 = i8x16.add(c4, v128.and(p2, mask));
              c5 = i8x16.add(c5, highNibbles(p2, mask));
              c6 = i8x16.add(c6, v128.and(p3, mask));
              c7 = i8x16.add(c7, highNibbles(p3, mask));
            }
            a0 += 96;
            if (PAIRS > 1) a1 += 96;
            if (PAIRS > 2) { a2 += 96; a3 += 96; }
          }
          x0 = i16x8.add(x0, c0), y0 = i16x8.add(y0, i16x8.shr_u(c0, 8));
          x1 = i16x8.add(x1, c1), y1 = i16x8.add(y1, i16x8.shr_u(c1, 8));
          if (PAIRS > 1) {
            x2 = i16x8.add(x2, c2), y2 = i16x8.add(y2, i16x8.shr_u(c2, 8));
            x3 = i16x8.add(x3, c3), y3 = i16x8.add(y3, i16x8.shr_u(c3, 8));
          }
          if (PAIRS > 2) {
            x4 = i16x8.add(x4, c4), y4 = i16x8.add(y4, i16x8.shr_u(c4, 8));
            x5 = i16x8.add(x5, c5), y5 = i16x8.add(y5, i16x8.shr_u(c5, 8));
            x6 = i16x8.add(x6, c6), y6 = i16x8.add(y6, i16x8.shr_u(c6, 8));
            x7 = i16x8.add(x7, c7), y7 = i16x8.add(y7, i16x8.shr_u(c7, 8));
          }
        } while (--flushes && (w < end || ahead > 0));
        if (limits) {
          putBits(load<usize>(targets) + offset, bitsOf(x0, y0, limits), left - absent);
          putBits(load<usize>(targets, 4) + offset, bitsOf(x1, y1, limits), left - absent);
          if (PAIRS > 1) {
            putBits(load<usize>(targets, 8) + offset, bitsOf(x2, y2, limits), left - absent);
            putBits(load<usize>(targets, 12) + offset, bitsOf(x3, y3, limits), left - absent);
          }
          if (PAIRS > 2) {
            putBits(load<usize>(targets, 16) + offset, bitsOf(x4, y4, limits), left - absent);
            putBits(load<usize>(targets, 20) + offset, bitsOf(x5, y5, limits), left - absent);
            putBits(load<usize>(targets, 24) + offset, bitsOf(x6, y6, limits), left - absent);
            putBits(load<usize>(targets, 28) + offset, bitsOf(x7, y7, limits), left - absent);
          }
        } else {
          const shift = p.shift + plane * p.shiftStep;
          take(targets, offset, x0, y0, shift, started);
          take(targets + 4, offset, x1, y1, shift, started);
          if (PAIRS > 1) {
            take(targets + 8, offset, x2, y2, shift, started);
            take(targets + 12, offset, x3, y3, shift, started);
          }
          if (PAIRS > 2) {
            take(targets + 16, offset, x4, y4, shift, started);
            take(targets + 20, offset, x5, y5, shift, started);
            take(targets + 24, offset, x6, y6, shift, started);
            take(targets + 28, offset, x7, y7, shift, started);
          }
          started = true;
        }
      } while (w < end || ahead > 0);
      weights += planeBytes;
    }
    if (limits) {
      limits += 32;
      offset += 2;
    } else {
      offset += 64;
    }
  }
}

export function countPairs1(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize): void {
  pairs(1, p, weights, blocks, targets, limits, acrossStep, downStep, t0, 0, 0, 0);
}

export function countPairs2(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize): void {
  pairs(2, p, weights, blocks, targets, limits, acrossStep, downStep, t0, t1, 0, 0);
}

export function countPairs4(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  pairs(4, p, weights, blocks, targets, limits, acrossStep, downStep, t0, t1, t2, t3);
}

/**
 * One pixel's single tables against `blocks` x 16 channels, four blocks at a time, which share the loads of the tables.
 * Packed bits: 8 a weight byte, widened after 31 of them.
 */
export function countSingle(p: ProductParams, weights: usize, blocks: i32, targets: usize, tables: usize): void {
  const mask = v128.load(NIBBLE_MASK);
  const rows = <usize>p.patchBytes;
  const planeBytes = rows << 4;
  const blockBytes = planeBytes * p.planes;
  let offset: usize = 0;
  for (let left = blocks; left > 0; left -= 4) {
    // Blocks that are not there repeat the first.
    const o1 = left > 1 ? blockBytes : 0;
    const o2 = left > 2 ? blockBytes << 1 : 0;
    const o3 = left > 3 ? blockBytes * 3 : 0;
    let started = false;
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      let w = weights + <usize>plane * planeBytes;
      const end = w + planeBytes;
      let t = tables;
      do {
        let x0 = i16x8.splat(0), y0 = i16x8.splat(0), x1 = i16x8.splat(0), y1 = i16x8.splat(0);
        let x2 = i16x8.splat(0), y2 = i16x8.splat(0), x3 = i16x8.splat(0), y3 = i16x8.splat(0);
        let flushes = FLUSHES;
        do {
          let c0 = i8x16.splat(0), c1 = i8x16.splat(0), c2 = i8x16.splat(0), c3 = i8x16.splat(0);
          for (const stop = min(w + 31 * 16, end); w < stop; w += 16) {
            const low = v128.load(t);
            const high = v128.load(t, 16);
            let m = v128.load(w);
            c0 = i8x16.add(i8x16.add(c0, lookup(low, v128.and(m, mask))), lookup(high, highNibbles(m, mask)));
            m = v128.load(w + o1);
            c1 = i8x16.add(i8x16.add(c1, lookup(low, v128.and(m, mask))), lookup(high, highNibbles(m, mask)));
            m = v128.load(w + o2);
            c2 = i8x16.add(i8x16.add(c2, lookup(low, v128.and(m, mask))), lookup(high, highNibbles(m, mask)));
            m = v128.load(w + o3);
            c3 = i8x16.add(i8x16.add(c3, lookup(low, v128.and(m, mask))), lookup(high, highNibbles(m, mask)));
            t += 32;
          }
          x0 = i16x8.add(x0, c0), y0 = i16x8.add(y0, i16x8.shr_u(c0, 8));
          x1 = i16x8.add(x1, c1), y1 = i16x8.add(y1, i16x8.shr_u(c1, 8));
          x2 = i16x8.add(x2, c2), y2 = i16x8.add(y2, i16x8.shr_u(c2, 8));
          x3 = i16x8.add(x3, c3), y3 = i16x8.add(y3, i16x8.shr_u(c3, 8));
        } while (--flushes && w < end);
        take(targets, offset, x0, y0, shift, started);
        if (o1) take(targets, offset + 64, x1, y1, shift, started);
        if (o2) take(targets, offset + 128, x2, y2, shift, started);
        if (o3) take(targets, offset + 192, x3, y3, shift, started);
        started = true;
      } while (w < end);
    }
    weights += blockBytes << 2;
    offset += 256;
  }
}

/** The body of the popcount kernels: PIXELS (1 or 4, a constant) gathered rows; MASKED: one row, where `mask` has bits. */
// @ts-ignore: decorator
@inline
function popcounts(PIXELS: i32, MASKED: bool, p: ProductParams, weights: usize, blocks: i32, targets: usize, r0: usize, r1: usize, r2: usize, r3: usize, mask: usize): void {
  const rows = <usize>p.patchBytes;
  let offset: usize = 0;
  for (; blocks > 0; blocks--) {
    let started = false;
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      let i: usize = 0;
      do {
        let x0 = i16x8.splat(0), x1 = i16x8.splat(0), x2 = i16x8.splat(0), x3 = i16x8.splat(0);
        let y0 = i16x8.splat(0), y1 = i16x8.splat(0), y2 = i16x8.splat(0), y3 = i16x8.splat(0);
        let flushes = FLUSHES;
        do {
          let c0 = i8x16.splat(0), c1 = i8x16.splat(0), c2 = i8x16.splat(0), c3 = i8x16.splat(0);
          for (const stop = min(i + 31, rows); i < stop; i++) {
            const w = v128.load(weights);
            let d = v128.xor(v128.load8_splat(r0 + i), w);
            if (MASKED) d = v128.and(d, v128.load8_splat(mask + i));
            c0 = i8x16.add(c0, i8x16.popcnt(d));
            if (PIXELS > 1) {
              c1 = i8x16.add(c1, i8x16.popcnt(v128.xor(v128.load8_splat(r1 + i), w)));
              c2 = i8x16.add(c2, i8x16.popcnt(v128.xor(v128.load8_splat(r2 + i), w)));
              c3 = i8x16.add(c3, i8x16.popcnt(v128.xor(v128.load8_splat(r3 + i), w)));
            }
            weights += 16;
          }
          x0 = i16x8.add(x0, c0), y0 = i16x8.add(y0, i16x8.shr_u(c0, 8));
          if (PIXELS > 1) {
            x1 = i16x8.add(x1, c1), y1 = i16x8.add(y1, i16x8.shr_u(c1, 8));
            x2 = i16x8.add(x2, c2), y2 = i16x8.add(y2, i16x8.shr_u(c2, 8));
            x3 = i16x8.add(x3, c3), y3 = i16x8.add(y3, i16x8.shr_u(c3, 8));
          }
        } while (--flushes && i < rows);
        take(targets, offset, x0, y0, shift, started);
        if (PIXELS > 1) {
          take(targets + 4, offset, x1, y1, shift, started);
          take(targets + 8, offset, x2, y2, shift, started);
          take(targets + 12, offset, x3, y3, shift, started);
        }
        started = true;
      } while (i < rows);
    }
    offset += 64;
  }
}

export function popcount4(p: ProductParams, weights: usize, blocks: i32, targets: usize, rows: usize, r1: usize, r2: usize, r3: usize): void {
  popcounts(4, false, p, weights, blocks, targets, rows, r1, r2, r3, 0);
}

export function popcount1(p: ProductParams, weights: usize, blocks: i32, targets: usize, row: usize): void {
  popcounts(1, false, p, weights, blocks, targets, row, 0, 0, 0, 0);
}

export function popcountMasked(p: ProductParams, weights: usize, blocks: i32, targets: usize, row: usize, mask: usize): void {
  popcounts(1, true, p, weights, blocks, targets, row, 0, 0, 0, mask);
}

/**
 * The body of the value kernels: ROWS (1, 2 or 4, a constant) sets of tables against `blocks` x 16 channels. A set is a
 * pixel, or with HALVES the low or the high halves of one: targets and bases then count pixels, two sets each.
 *
 * WIDE (a constant): two weight bytes at a time, widened at once; else widened after as many as fit.
 *
 * With `limits`, (N rounded up to 16) u16, the kernel writes rows of N bits, 2 * count + base <= limit; else accumulators.
 */
// @ts-ignore: decorator
@inline
function values(ROWS: i32, WIDE: bool, p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, halves: bool, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  const mask = v128.load(NIBBLE_MASK);
  const across = p.segmentsAcross;
  const span = <usize>p.segmentBytes << 4;
  const planeBytes = <usize>(p.patchBytes << 4);
  const wrapStep = downStep - <usize>across * acrossStep;
  // A weight byte adds two entries of at most 12 (2 bits), 28 (3 bits) or 60 (4 bits) each.
  const flushBytes: usize = p.bits == 2 ? 160 : p.bits == 3 ? 64 : 32;
  const second = halves ? 0 : 4;
  const third = halves ? 4 : 8;
  const fourth = halves ? 4 : 12;
  const more = halves ? 4 : 0;
  // With limits, the last block may have fewer than 16 channels.
  let left = p.outputs;
  let offset: usize = 0;
  for (; blocks > 0; blocks--) {
    let started = false;
    for (let plane = 0; plane < p.planes; plane++) {
      const shift = p.shift + plane * p.shiftStep;
      let w = weights;
      let end = weights;
      let ahead = p.segments;
      let turn = across;
      let from: usize = 0;
      let a0: usize = 0, a1: usize = 0, a2: usize = 0, a3: usize = 0;
      do {
        let x0 = i16x8.splat(0), x1 = i16x8.splat(0), x2 = i16x8.splat(0), x3 = i16x8.splat(0);
        let y0 = i16x8.splat(0), y1 = i16x8.splat(0), y2 = i16x8.splat(0), y3 = i16x8.splat(0);
        // Wide tables: bytes of weights that the u16 sums hold.
        let room: usize = 32 * FLUSHES;
        let flushes = FLUSHES;
        do {
          if (w >= end) {
            end = w + span;
            a0 = t0 + from;
            if (ROWS > 1) a1 = t1 + from;
            if (ROWS > 2) { a2 = t2 + from; a3 = t3 + from; }
            ahead--;
            from += acrossStep;
            if (--turn == 0) { turn = across; from += wrapStep; }
          }
          if (WIDE) {
            const stop = min(w + room, end);
            room -= stop - w;
            for (; w + 32 <= stop; w += 32) {
              const m = v128.load(w);
              const n = v128.load(w, 16);
              const ml = v128.and(m, mask), mh = highNibbles(m, mask);
              const nl = v128.and(n, mask), nh = highNibbles(n, mask);
              let c = i8x16.add(
                i8x16.add(lookup(v128.load(a0), ml), lookup(v128.load(a0, 16), mh)),
                i8x16.add(lookup(v128.load(a0, 32), nl), lookup(v128.load(a0, 48), nh)),
              );
              x0 = i16x8.add(x0, c), y0 = i16x8.add(y0, i16x8.shr_u(c, 8));
              a0 += 64;
              if (ROWS > 1) {
                c = i8x16.add(
                  i8x16.add(lookup(v128.load(a1), ml), lookup(v128.load(a1, 16), mh)),
                  i8x16.add(lookup(v128.load(a1, 32), nl), lookup(v128.load(a1, 48), nh)),
                );
                x1 = i16x8.add(x1, c), y1 = i16x8.add(y1, i16x8.shr_u(c, 8));
                a1 += 64;
              }
              if (ROWS > 2) {
                c = i8x16.add(
                  i8x16.add(lookup(v128.load(a2), ml), lookup(v128.load(a2, 16), mh)),
                  i8x16.add(lookup(v128.load(a2, 32), nl), lookup(v128.load(a2, 48), nh)),
                );
                x2 = i16x8.add(x2, c), y2 = i16x8.add(y2, i16x8.shr_u(c, 8));
                c = i8x16.add(
                  i8x16.add(lookup(v128.load(a3), ml), lookup(v128.load(a3, 16), mh)),
                  i8x16.add(lookup(v128.load(a3, 32), nl), lookup(v128.load(a3, 48), nh)),
                );
                x3 = i16x8.add(x3, c), y3 = i16x8.add(y3, i16x8.shr_u(c, 8));
                a2 += 64;
                a3 += 64;
              }
            }
            if (!room) flushes = 1;
          }
          let c0 = i8x16.splat(0), c1 = i8x16.splat(0), c2 = i8x16.splat(0), c3 = i8x16.splat(0);
          // With WIDE, the odd byte at the end of a run.
          for (const stop = min(w + (WIDE ? 16 : flushBytes), end); w < stop; w += 16) {
            const n = v128.load(w);
            const low = v128.and(n, mask);
            const high = highNibbles(n, mask);
            c0 = i8x16.add(i8x16.add(c0, lookup(v128.load(a0), low)), lookup(v128.load(a0, 16), high));
            a0 += 32;
            if (ROWS > 1) {
              c1 = i8x16.add(i8x16.add(c1, lookup(v128.load(a1), low)), lookup(v128.load(a1, 16), high));
              a1 += 32;
            }
            if (ROWS > 2) {
              c2 = i8x16.add(i8x16.add(c2, lookup(v128.load(a2), low)), lookup(v128.load(a2, 16), high));
              c3 = i8x16.add(i8x16.add(c3, lookup(v128.load(a3), low)), lookup(v128.load(a3, 16), high));
              a2 += 32;
              a3 += 32;
            }
          }
          x0 = i16x8.add(x0, c0), y0 = i16x8.add(y0, i16x8.shr_u(c0, 8));
          if (ROWS > 1) x1 = i16x8.add(x1, c1), y1 = i16x8.add(y1, i16x8.shr_u(c1, 8));
          if (ROWS > 2) {
            x2 = i16x8.add(x2, c2), y2 = i16x8.add(y2, i16x8.shr_u(c2, 8));
            x3 = i16x8.add(x3, c3), y3 = i16x8.add(y3, i16x8.shr_u(c3, 8));
          }
        } while (--flushes && (w < end || ahead > 0));
        if (limits && halves) {
          x0 = i16x8.add(x0, i16x8.shl(x1, 4)), y0 = i16x8.add(y0, i16x8.shl(y1, 4));
          if (ROWS > 2) x2 = i16x8.add(x2, i16x8.shl(x3, 4)), y2 = i16x8.add(y2, i16x8.shl(y3, 4));
        }
        settle(targets, offset, x0, y0, shift, started, limits, left);
        if (ROWS > 2) settle(targets + third, offset, x2, y2, shift, started, limits, left);
        if (ROWS > 1 && !(limits && halves)) {
          settle(targets + second, offset, x1, y1, shift + more, halves || started, limits, left);
          if (ROWS > 2) settle(targets + fourth, offset, x3, y3, shift + more, halves || started, limits, left);
        }
        started = true;
      } while (w < end || ahead > 0);
      weights += planeBytes;
    }
    left -= 16;
    if (limits) {
      limits += 32;
      offset += 2;
    } else {
      offset += 64;
    }
  }
}

export function countValues1(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize): void {
  values(1, false, p, weights, blocks, targets, limits, false, acrossStep, downStep, t0, 0, 0, 0);
}

/** The two sets of one pixel of 8-bit levels. */
export function countHalves1(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize): void {
  values(2, true, p, weights, blocks, targets, limits, true, acrossStep, downStep, t0, t1, 0, 0);
}

/** Four sets of 2 bits. */
export function countValues4(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  values(4, false, p, weights, blocks, targets, limits, false, acrossStep, downStep, t0, t1, t2, t3);
}

/** Four sets of 3 or 4 bits, or the halves of two pixels of 8. */
export function countWide4(p: ProductParams, weights: usize, blocks: i32, targets: usize, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  values(4, true, p, weights, blocks, targets, limits, p.bits == 8, acrossStep, downStep, t0, t1, t2, t3);
}
