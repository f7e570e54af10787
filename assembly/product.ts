// Convolutions and dense products: which pixels meet which tables. A block of pixels is counted against all output channels,
// then its accumulators, which stay in the L1 cache, go through the output transform.
//
//   SHARED    tables for every two neighbouring columns (packed bits) or every pixel (values) of a band of input rows, read
//             by all taps and output pixels that see them. Packed bits: stride 1. One group, and runs of weights that fit
//             the kernel's step (counting.ts).
//   PATCHES   tables of what each block of output pixels sees, gathered: every stride, dilation and group.
//   POPCOUNT  no tables: gathered patches of packed bits. The scalar build has nothing else for bits.
//
// An output pixel's accumulator is base - 2 * mismatches (times the coefficient of each plane of weights). The base is what
// inputs that fit all weights would give: coefficients * (2^k - 1) * K, or for v = l the sum of the levels.
import {
  countPairs1,
  countPairs2,
  countPairs4,
  countSingle,
  countHalves1,
  countValues1,
  countValues4,
  countWide4,
  popcount1,
  popcount4,
  popcountMasked,
} from './counting';
import { BASES, HEADER } from './header';
import { METHOD_POPCOUNT, METHOD_SHARED, ProductParams, TRANSFORM_BITS } from './params';
import { gather, gatherValues, plainRow, settleOutside } from './patches';
import { buildSums, popcountOne, popcountTwo, sumTables, turnWeights } from './scalar';
import { buildEdgePair, buildPairRows, buildPairs, buildSingles, buildValues, PAIR_ROWS, sumBytes } from './tables';
import { transformRow } from './transform';

/** Packed bits x signs, ternary or k-bit planes of weights. */
export function product_bits(params: usize, samples: i32): void {
  const p = changetype<ProductParams>(params);
  if (!ASC_FEATURE_SIMD || p.method == METHOD_POPCOUNT) {
    bitsByPopcount(p, samples);
  } else if (samples * p.outHeight * p.outWidth == 1 && p.groups == 1 && plainRow(p, 0)) {
    bitsOfOne(p);
  } else {
    const limits = buildLimits(p);
    buildPairRows(p.tables);
    if (p.method == METHOD_SHARED) bitsShared(p, samples, limits);
    else bitsByPatches(p, samples, limits);
  }
}

/** Brings the weights into the order of the scalar kernels, in place; once per constant. */
export function prepare_bits(params: usize): void {
  if (!ASC_FEATURE_SIMD) turnWeights(changetype<ProductParams>(params));
}

/** Levels of 2, 3, 4 or 8 bits x signs, ternary or k-bit planes of weights. */
export function product_values(params: usize, samples: i32): void {
  const p = changetype<ProductParams>(params);
  const limits = ASC_FEATURE_SIMD ? buildLimits(p) : 0;
  if (ASC_FEATURE_SIMD && p.method == METHOD_SHARED) valuesShared(p, samples, limits);
  else valuesByPatches(p, samples, limits);
}

/** Packs the weights of patches without the bits that pad each tap to a byte, into memory of their own. */
export function prepare_values(params: usize): void {
  const p = changetype<ProductParams>(params);
  const tapBytes = (p.channels + 7) >> 3;
  const taps = p.kernelHeight * p.kernelWidth;
  const runs = ((p.outputs + 15) >> 4) * p.planes;
  let from = p.fileWeights;
  let to = p.weights;
  memory.fill(to, 0, <usize>(runs * p.patchBytes) << 4);
  for (let run = 0; run < runs; run++) {
    let k = 0;
    for (let tap = 0; tap < taps; tap++) {
      for (let c = 0; c < p.channels; c++, k++) {
        for (let n: usize = 0; n < 16; n++) {
          const bit = (<i32>load<u8>(from + (<usize>(c >> 3) << 4) + n) >> (c & 7)) & 1;
          const at = to + (<usize>(k >> 3) << 4) + n;
          store<u8>(at, <u8>(<i32>load<u8>(at) | (bit << (k & 7))));
        }
      }
      from += <usize>tapBytes << 4;
    }
    to += <usize>p.patchBytes << 4;
  }
}

/** A dense product of one sample: tables of its own, as there is no second pixel to pair it with. */
function bitsOfOne(p: ProductParams): void {
  const tables = tablesOf(p);
  buildSingles(p.input, <usize>p.patchBytes, tables);
  setTarget(p, 0, accumulatorRow(p, 0), bitsBase(p, 0));
  countSingle(p, p.weights, (p.outputs + 15) >> 4, p.accumulators, tables);
  transformRow(p, accumulatorRow(p, 0), p.output);
}

// ---------------------------------------------------------------------------------------------------------- accumulators

// @ts-ignore: decorator
@inline
function accumulatorRow(p: ProductParams, i: i32): usize {
  return p.accumulators + HEADER + <usize>(i * ((p.outputs + 15) & ~15)) * 4;
}

// @ts-ignore: decorator
@inline
function setTarget(p: ProductParams, i: i32, address: usize, base: i32): void {
  const at = p.accumulators + (<usize>i << 2);
  store<u32>(at, <u32>address);
  store<i32>(at, base, BASES);
}

// Groups whose channels are not whole blocks of weights are counted beside the accumulators, which they then join.

// @ts-ignore: decorator
@inline
function wholeBlocks(p: ProductParams): bool {
  return p.groups == 1 || !(p.outputs / p.groups & 15);
}

// @ts-ignore: decorator
@inline
function groupWeights(p: ProductParams, g: i32): usize {
  return p.weights + <usize>((g * (p.outputs / p.groups) >> 4) * p.planes * p.patchBytes) * 16;
}

// @ts-ignore: decorator
@inline
function groupBlocks(p: ProductParams, g: i32): i32 {
  const perGroup = p.outputs / p.groups;
  return ((g * perGroup + perGroup + 15) >> 4) - (g * perGroup >> 4);
}

/** Where the accumulators of group `g` of the first `pixels` pixels go. */
function setGroupTargets(p: ProductParams, pixels: i32, g: i32): void {
  const from = <usize>(g * (p.outputs / p.groups)) << 2;
  const whole = wholeBlocks(p);
  for (let i = 0; i < pixels; i++) {
    store<usize>(p.accumulators + (<usize>i << 2), whole ? accumulatorRow(p, i) + from : accumulatorRow(p, 8 + i));
  }
}

function joinGroup(p: ProductParams, pixels: i32, g: i32): void {
  if (wholeBlocks(p)) return;
  const perGroup = p.outputs / p.groups;
  const from = g * perGroup;
  for (let i = 0; i < pixels; i++) {
    const source = accumulatorRow(p, 8 + i) + (<usize>(from & 15) << 2);
    memory.copy(accumulatorRow(p, i) + (<usize>from << 2), source, <usize>perGroup << 2);
  }
}

/** Address of output pixel m, counted over samples, rows and columns. */
// @ts-ignore: decorator
@inline
function outputOf(p: ProductParams, m: i32): usize {
  return p.output + <usize>m * p.outputStride;
}

/** The base of a pixel with `outside` taps of zeros outside the map: an odd channel there leaves 1 over. */
// @ts-ignore: decorator
@inline
function bitsBase(p: ProductParams, outside: i32): i32 {
  const lost = p.padValue ? 0 : outside * (p.channels & 1);
  return p.coefficients * (p.kernelHeight * p.kernelWidth * p.channels - lost);
}

/**
 * Thresholds as limits of counts, where the bits of all pixels can be had from the u16 counts alone: one plane, one group.
 * Returns 0 where that does not hold.
 *
 * Packed bits, one base: a >= t is base - 2 * count >= t, so count <= floor((base - t) / 2), with sign.
 * Centered levels, `lost` being what taps outside take from the base: 2 * count + lost + 1 <= base - t + 1, without sign. A
 * tap outside takes at most 17 for every 4 of its channels, which is less than they add.
 */
function buildLimits(p: ProductParams): usize {
  const packed = p.bits == 1;
  const base = packed ? bitsBase(p, 0) : valuesFull(p);
  const oneBase = packed ? p.padValue || !(p.channels & 1) || p.padTop + p.padLeft == 0 : !p.levels;
  if (p.transform != TRANSFORM_BITS || p.planes > 1 || base > 32000 || p.groups > 1 || !oneBase) return 0;
  const limits = packed ? p.tables + PAIR_ROWS : p.tables;
  const least: i64 = packed ? -1 : 0;
  for (let n = 0; n < ((p.outputs + 15) & ~15); n++) {
    // Channels behind N: no count is below 0, so their bits stay 0. Sums in 64 bits: thresholds may be anything.
    let limit = least;
    if (n < p.outputs) {
      const room = <i64>base - load<i32>(p.first + (<usize>n << 2));
      limit = max(min(packed ? room >> 1 : room + 1, least + (packed ? 32768 : 65535)), least);
    }
    store<i16>(limits + (<usize>n << 1), <i16>limit);
  }
  return limits;
}

// @ts-ignore: decorator
@inline
function limitBytes(p: ProductParams): usize {
  return <usize>((p.outputs + 15) & ~15) * 2;
}

/** Tables start behind the pair rows and the limits. */
// @ts-ignore: decorator
@inline
function tablesOf(p: ProductParams): usize {
  return p.tables + PAIR_ROWS + limitBytes(p);
}

// ------------------------------------------------------------------------------------------------------------ bits, shared

function bitsShared(p: ProductParams, samples: i32, limits: usize): void {
  const bytes = <usize>((p.channels + 7) >> 3);
  const reach = (p.kernelHeight - 1) * p.dilationY;
  const columns = p.outWidth - 1 + (p.kernelWidth - 1) * p.dilationX;
  const pixelTable = bytes << 5;
  const rowTable = <usize>columns * pixelTable;
  const tables = tablesOf(p);
  for (let s = 0; s < samples; s++) {
    const map = p.input + <usize>s * p.inputStride;
    for (let y = 0; y < p.outHeight; y += p.bandRows) {
      const rows = min(p.bandRows, p.outHeight - y);
      for (let r = 0; r < rows + reach; r++) {
        buildPairRow(p, map, y + r - p.padTop, columns, tables + <usize>r * rowTable);
      }
      countBand(p, s * p.outHeight + y, y - p.padTop, rows, limits, tables, rowTable, pixelTable);
    }
  }
}

/** Tables of the column pairs (-padLeft + i, -padLeft + i + 1), i < columns, of input row `y`. */
function buildPairRow(p: ProductParams, map: usize, y: i32, columns: i32, out: usize): void {
  const bytes = <usize>((p.channels + 7) >> 3);
  const inside = <u32>y < <u32>p.height;
  const row = map + <usize>(y * p.width) * bytes;
  const first = p.padLeft;
  const last = first + p.width - 1;
  const table = bytes << 5;
  if (inside && p.width > 1) {
    const count = max(min(p.width - 1, columns - first), 0);
    buildPairs(p.tables, row, row + bytes, <usize>count * bytes, out + <usize>first * table);
  }
  for (let i = 0; i < columns; i++) {
    if (inside && i == first && p.width > 1) i = last;
    if (i >= columns) break;
    const a = inside && <u32>(i - first) < <u32>p.width ? row + <usize>(i - first) * bytes : 0;
    const b = inside && <u32>(i + 1 - first) < <u32>p.width ? row + <usize>(i + 1 - first) * bytes : 0;
    buildEdgePair(a, b, p.channels, p.padValue, out + <usize>i * table);
  }
}

function countBand(p: ProductParams, firstRow: i32, y0: i32, rows: i32, limits: usize, tables: usize, rowTable: usize, pixelTable: usize): void {
  const perRow = (p.outWidth + 1) >> 1;
  const total = rows * perRow;
  const blocks = (p.outputs + 15) >> 4;
  const acrossStep = <usize>p.dilationX * pixelTable;
  const downStep = <usize>p.dilationY * rowTable;
  const most = p.block >> 1;
  for (let pair = 0; pair < total; ) {
    const left = total - pair;
    const take = most > 2 && left > 2 ? 4 : most > 1 && left > 1 ? 2 : 1;
    let t0: usize = 0, t1: usize = 0, t2: usize = 0, t3: usize = 0;
    for (let i = 0; i < take; i++) {
      // A block that is not full repeats the last pair.
      const q = min(pair + i, total - 1);
      const r = q / perRow;
      const x = min((q - r * perRow) << 1, p.outWidth - 2);
      const t = tables + <usize>r * rowTable + <usize>x * pixelTable;
      if (i == 0) t0 = t;
      else if (i == 1) t1 = t;
      else if (i == 2) t2 = t;
      else t3 = t;
      const m = (firstRow + r) * p.outWidth + x;
      for (let j = 0; j < 2; j++) {
        const at = (i << 1) + j;
        if (limits) setTarget(p, at, outputOf(p, m + j), 0);
        else setTarget(p, at, accumulatorRow(p, at), bitsBase(p, p.channels & 1 ? outsideTaps(p, y0 + r, x + j - p.padLeft) : 0));
      }
    }
    if (take == 4) countPairs4(p, p.weights, blocks, p.accumulators, limits, acrossStep, downStep, t0, t1, t2, t3);
    else if (take == 2) countPairs2(p, p.weights, blocks, p.accumulators, limits, acrossStep, downStep, t0, t1);
    else countPairs1(p, p.weights, blocks, p.accumulators, limits, acrossStep, downStep, t0);
    if (!limits) {
      for (let i = 0; i < min(take, left); i++) {
        const q = pair + i;
        const r = q / perRow;
        const m = (firstRow + r) * p.outWidth + min((q - r * perRow) << 1, p.outWidth - 2);
        transformRow(p, accumulatorRow(p, i << 1), outputOf(p, m));
        transformRow(p, accumulatorRow(p, (i << 1) + 1), outputOf(p, m + 1));
      }
    }
    pair += take;
  }
}

/** Taps outside the map of the patch with its corner at (y0, x0). */
function outsideTaps(p: ProductParams, y0: i32, x0: i32): i32 {
  let rows = 0;
  let columns = 0;
  for (let ky = 0; ky < p.kernelHeight; ky++) rows += i32(<u32>(y0 + ky * p.dilationY) < <u32>p.height);
  for (let kx = 0; kx < p.kernelWidth; kx++) columns += i32(<u32>(x0 + kx * p.dilationX) < <u32>p.width);
  return p.kernelHeight * p.kernelWidth - rows * columns;
}

// ----------------------------------------------------------------------------------------------------------- bits, patches

function bitsByPatches(p: ProductParams, samples: i32, limits: usize): void {
  const total = samples * p.outHeight * p.outWidth;
  const most = p.block;
  for (let m = 0; m < total; ) {
    const left = total - m;
    const pixels = most > 4 && left > 4 ? 8 : most > 2 && left > 2 ? 4 : 2;
    for (let g = 0; g < p.groups; g++) patchGroup(p, m, total, pixels, g, limits);
    if (!limits) for (let i = 0; i < min(pixels, left); i++) transformRow(p, accumulatorRow(p, i), outputOf(p, m + i));
    m += pixels;
  }
}

/** Group `g` of the pixels m .. m + pixels - 1; those behind the last repeat it. */
function patchGroup(p: ProductParams, m: i32, total: i32, pixels: i32, g: i32, limits: usize): void {
  const tables = tablesOf(p);
  const step = (<usize>p.segmentBytes + 16) << 5;
  for (let i = 0; i < pixels; i += 2) {
    buildPatchPair(p, min(m + i, total - 1), min(m + i + 1, total - 1), i, g, limits, tables + <usize>(i >> 1) * step);
  }
  if (!limits) setGroupTargets(p, pixels, g);
  const weights = groupWeights(p, g);
  const blocks = groupBlocks(p, g);
  if (pixels == 8) countPairs4(p, weights, blocks, p.accumulators, limits, 0, 0, tables, tables + step, tables + 2 * step, tables + 3 * step);
  else if (pixels == 4) countPairs2(p, weights, blocks, p.accumulators, limits, 0, 0, tables, tables + step);
  else countPairs1(p, weights, blocks, p.accumulators, limits, 0, 0, tables);
  joinGroup(p, pixels, g);
}

/** Pair tables of what the output pixels m0 and m1 see, and the bases of pixels i and i + 1 of the block. */
function buildPatchPair(p: ProductParams, m0: i32, m1: i32, i: i32, g: i32, limits: usize, out: usize): void {
  const bytes = <usize>p.patchBytes;
  let a = plainRow(p, m0);
  let b = plainRow(p, m1);
  let edge = false;
  if (a) {
    if (!limits) setTarget(p, i, 0, bitsBase(p, 0)), setTarget(p, i + 1, 0, bitsBase(p, 0));
  } else {
    a = p.rows;
    b = a + p.rowStride;
    const maskA = b + p.rowStride;
    const maskB = maskA + p.rowStride;
    const outsideA = gather(p, m0, g, a, maskA);
    const outsideB = gather(p, m1, g, b, maskB);
    if (!limits) setTarget(p, i, 0, bitsBase(p, outsideA)), setTarget(p, i + 1, 0, bitsBase(p, outsideB));
    edge = !p.padValue && outsideA + outsideB > 0;
    if (edge) {
      const tap = <usize>((p.channels + 7) >> 3);
      for (let j: usize = 0; j < bytes; j += tap) {
        const x = outsideA && !load<u8>(maskA + j) ? <usize>0 : a + j;
        const y = outsideB && !load<u8>(maskB + j) ? <usize>0 : b + j;
        buildEdgePair(x, y, p.channels, 0, out + (j << 5));
      }
    }
  }
  if (limits) setTarget(p, i, outputOf(p, m0), 0), setTarget(p, i + 1, outputOf(p, m1), 0);
  if (!edge) buildPairs(p.tables, a, b, bytes, out);
  // Empty tables up to the step of the kernel: stores, because a call of memory.fill costs more than the one or two rows.
  for (let at = out + (bytes << 5); at < out + (<usize>p.segmentBytes << 5); at += 16) v128.store(at, i32x4.splat(0));
}

// ---------------------------------------------------------------------------------------------------------- bits, popcount

function bitsByPopcount(p: ProductParams, samples: i32): void {
  const total = samples * p.outHeight * p.outWidth;
  const most = ASC_FEATURE_SIMD ? 4 : 2;
  for (let m = 0; m < total; m += most) {
    const pixels = min(most, total - m);
    for (let g = 0; g < p.groups; g++) popcountGroup(p, m, pixels, g);
    for (let i = 0; i < pixels; i++) transformRow(p, accumulatorRow(p, i), outputOf(p, m + i));
  }
}

/** Group `g` of the pixels m .. m + pixels - 1: together if all taps are inside, else one by one. */
function popcountGroup(p: ProductParams, m: i32, pixels: i32, g: i32): void {
  const most = ASC_FEATURE_SIMD ? 4 : 2;
  const taps = p.kernelHeight * p.kernelWidth;
  const weights = groupWeights(p, g);
  const blocks = groupBlocks(p, g);
  const targets = p.accumulators;
  const rows = p.rows;
  const mask = rows + 8 * p.rowStride;
  setGroupTargets(p, most, g);
  let together = pixels > 1;
  for (let i = 0; i < pixels; i++) {
    const row = rows + <usize>i * p.rowStride;
    let from = plainRow(p, m + i);
    let outside = 0;
    if (!from) {
      outside = gather(p, m + i, g, row, mask + <usize>i * p.rowStride);
      if (p.padValue) outside = 0;
      from = row;
    }
    if (outside) together = false;
    // Taps outside are masked out, so they are no part of the base either.
    store<i32>(targets + (<usize>i << 2), p.coefficients * p.channels * (taps - outside), BASES);
    store<usize>(rows + 16 * p.rowStride + (<usize>i << 2), from);
    store<i32>(rows + 16 * p.rowStride + (<usize>i << 2), outside, 16);
  }
  const list = rows + 16 * p.rowStride;
  if (together) {
    // Pixels behind the last repeat it, into rows of accumulators that nobody reads.
    for (let i = pixels; i < most; i++) store<usize>(list + (<usize>i << 2), load<usize>(list));
    if (ASC_FEATURE_SIMD) {
      popcount4(p, weights, blocks, targets, load<usize>(list), load<usize>(list, 4), load<usize>(list, 8), load<usize>(list, 12));
    } else {
      popcountTwo(p, weights, blocks, targets, load<usize>(list), load<usize>(list, 4));
    }
  } else {
    for (let i = 0; i < pixels; i++) {
      const at = <usize>i << 2;
      // The kernels for one row use the first target.
      if (i) {
        store<usize>(targets, load<usize>(targets + at));
        store<i32>(targets, load<i32>(targets + at, BASES), BASES);
      }
      const row = load<usize>(list + at);
      const hidden = load<i32>(list + at, 16) ? mask + <usize>i * p.rowStride : 0;
      if (ASC_FEATURE_SIMD) {
        if (hidden) popcountMasked(p, weights, blocks, targets, row, hidden);
        else popcount1(p, weights, blocks, targets, row);
      } else {
        popcountOne(p, weights, blocks, targets, row, hidden);
      }
    }
  }
  joinGroup(p, pixels, g);
}

// ---------------------------------------------------------------------------------------------------------- values, shared

function valuesShared(p: ProductParams, samples: i32, limits: usize): void {
  const bytes = <usize>((p.channels + 7) >> 3);
  const reach = (p.kernelHeight - 1) * p.dilationY + 1;
  const columns = (p.outWidth - 1) * p.strideX + (p.kernelWidth - 1) * p.dilationX + 1;
  const pixelTable = bytes << 5;
  const rowTable = <usize>columns * pixelTable;
  const high = p.bits == 8 ? p.halfBytes : 0;
  const top = (1 << p.bits) - 1;
  // One table serves all pixels outside; it stands before the others.
  const edge = p.tables + limitBytes(p);
  const edgeHigh = high ? pixelTable : 0;
  const tables = edge + 2 * pixelTable;
  const lost = buildEdge(p, edge, edgeHigh);
  for (let s = 0; s < samples; s++) {
    const map = p.input + <usize>s * p.inputStride;
    for (let y = 0; y < p.outHeight; y += p.bandRows) {
      const rows = min(p.bandRows, p.outHeight - y);
      const firstY = y * p.strideY - p.padTop;
      let out = tables;
      let sums = p.sums;
      for (let iy = firstY; iy < firstY + (rows - 1) * p.strideY + reach; iy++) {
        const row = map + <usize>(iy * p.width) * p.pixelBytes;
        for (let ix = -p.padLeft; ix < columns - p.padLeft; ix++) {
          const pixel = row + <usize>ix * p.pixelBytes;
          if (<u32>iy < <u32>p.height && <u32>ix < <u32>p.width) {
            buildValues(pixel, 0, p.channels, top, p.levels, out, high);
            if (p.levels) store<i32>(sums, sumBytes(pixel, p.channels));
          } else {
            memory.copy(out, edge, pixelTable);
            if (high) memory.copy(out + high, edge + edgeHigh, pixelTable);
            if (p.levels) store<i32>(sums, p.padValue ? p.channels : 0);
          }
          out += pixelTable;
          sums += 4;
        }
      }
      valuesBand(p, s * p.outHeight + y, firstY, rows, limits, tables, rowTable, pixelTable, columns, lost);
    }
  }
}

/** The tables of a pixel outside; returns what such a tap takes from the base. */
function buildEdge(p: ProductParams, out: usize, high: usize): i32 {
  const top = (1 << p.bits) - 1;
  const count = <usize>p.channels;
  const row = p.rows;
  const mask = row + p.rowStride;
  memory.fill(row, <u8>(p.padValue ? (p.levels ? 1 : (top + 1) >> 1) : 0), count);
  if (p.padValue || p.levels) {
    buildValues(row, 0, p.channels, top, p.levels, out, high);
    return 0;
  }
  memory.fill(mask, 0, count);
  const lost = settleOutside(p.bits, row, mask, row + count);
  buildValues(row, mask, p.channels, top, 0, out, high);
  return lost;
}

function valuesBand(p: ProductParams, firstRow: i32, firstY: i32, rows: i32, limits: usize, tables: usize, rowTable: usize, pixelTable: usize, columns: i32, lost: i32): void {
  const total = rows * p.outWidth;
  const blocks = (p.outputs + 15) >> 4;
  const acrossStep = <usize>p.dilationX * pixelTable;
  const downStep = <usize>p.dilationY * rowTable;
  const high = p.halfBytes;
  const halves = p.bits == 8;
  const most = halves ? 2 : 4;
  for (let m = 0; m < total; ) {
    const left = total - m;
    const pixels = left < most ? 1 : most;
    let t0: usize = 0, t1: usize = 0, t2: usize = 0, t3: usize = 0;
    for (let i = 0; i < pixels; i++) {
      const r = (m + i) / p.outWidth;
      const x = m + i - r * p.outWidth;
      const t = tables + <usize>(r * p.strideY) * rowTable + <usize>(x * p.strideX) * pixelTable;
      if (i == 0) t0 = t;
      else if (i == 1) t1 = t;
      else if (i == 2) t2 = t;
      else t3 = t;
      if (p.levels) {
        const sum = windowSum(p, p.sums + (<usize>(r * p.strideY * columns + x * p.strideX) << 2), columns);
        setTarget(p, i, accumulatorRow(p, i), p.coefficients * sum);
      } else {
        const away = lost ? lost * outsideTaps(p, firstY + r * p.strideY, x * p.strideX - p.padLeft) : 0;
        if (limits) setTarget(p, i, outputOf(p, firstRow * p.outWidth + m + i), away + 1);
        else setTarget(p, i, accumulatorRow(p, i), p.coefficients * (valuesFull(p) - away));
      }
    }
    if (pixels == 2) countFour(p, p.weights, blocks, limits, acrossStep, downStep, t0, t0 + high, t1, t1 + high);
    else if (pixels == 4) countFour(p, p.weights, blocks, limits, acrossStep, downStep, t0, t1, t2, t3);
    else countLone(p, p.weights, blocks, limits, acrossStep, downStep, t0, high);
    if (!limits) {
      for (let i = 0; i < pixels; i++) transformRow(p, accumulatorRow(p, i), outputOf(p, firstRow * p.outWidth + m + i));
    }
    m += pixels;
  }
}

/** Four sets of tables: four pixels, or the halves of two. */
function countFour(p: ProductParams, weights: usize, blocks: i32, limits: usize, acrossStep: usize, downStep: usize, t0: usize, t1: usize, t2: usize, t3: usize): void {
  if (p.bits > 2) countWide4(p, weights, blocks, p.accumulators, limits, acrossStep, downStep, t0, t1, t2, t3);
  else countValues4(p, weights, blocks, p.accumulators, limits, acrossStep, downStep, t0, t1, t2, t3);
}

/** One pixel; the tables of its high halves stand `high` behind those of the low halves. */
function countLone(p: ProductParams, weights: usize, blocks: i32, limits: usize, acrossStep: usize, downStep: usize, t: usize, high: usize): void {
  if (p.bits == 8) countHalves1(p, weights, blocks, p.accumulators, limits, acrossStep, downStep, t, t + high);
  else countValues1(p, weights, blocks, p.accumulators, limits, acrossStep, downStep, t);
}

// @ts-ignore: decorator
@inline
function valuesFull(p: ProductParams): i32 {
  return ((1 << p.bits) - 1) * p.kernelHeight * p.kernelWidth * p.channels;
}

/** Sum of the levels in a window whose corner's sum is at `sums`. */
function windowSum(p: ProductParams, sums: usize, columns: i32): i32 {
  let sum = 0;
  for (let ky = 0; ky < p.kernelHeight; ky++) {
    for (let kx = 0; kx < p.kernelWidth; kx++) {
      sum += load<i32>(sums + (<usize>(ky * p.dilationY * columns + kx * p.dilationX) << 2));
    }
  }
  return sum;
}

// --------------------------------------------------------------------------------------------------------- values, patches

function valuesByPatches(p: ProductParams, samples: i32, limits: usize): void {
  const total = samples * p.outHeight * p.outWidth;
  const halves = p.bits == 8;
  const most = !ASC_FEATURE_SIMD ? 1 : halves ? 2 : 4;
  const step = <usize>p.patchBytes << 5;
  const t = p.tables + limitBytes(p);
  for (let m = 0; m < total; ) {
    const pixels = total - m < most ? 1 : most;
    for (let g = 0; g < p.groups; g++) {
      const weights = groupWeights(p, g);
      const blocks = groupBlocks(p, g);
      for (let i = 0; i < pixels; i++) valuesPatch(p, m + i, g, i, limits, t + <usize>i * (halves ? 2 * step : step), halves ? step : 0);
      if (!limits) setGroupTargets(p, pixels, g);
      if (ASC_FEATURE_SIMD) {
        if (pixels > 1) countFour(p, weights, blocks, limits, 0, 0, t, t + step, t + 2 * step, t + 3 * step);
        else countLone(p, weights, blocks, limits, 0, 0, t, step);
      } else {
        sumTables(p, weights, blocks, p.accumulators, t);
      }
      joinGroup(p, pixels, g);
    }
    if (!limits) for (let i = 0; i < pixels; i++) transformRow(p, accumulatorRow(p, i), outputOf(p, m + i));
    m += pixels;
  }
}

/** Tables and base of what output pixel m, number i of its block, sees of group g. */
function valuesPatch(p: ProductParams, m: i32, g: i32, i: i32, limits: usize, out: usize, high: usize): void {
  const count = p.kernelHeight * p.kernelWidth * p.channels;
  const top = (1 << p.bits) - 1;
  let row = plainRow(p, m);
  let mask: usize = 0;
  let lost = 0;
  if (!row) {
    row = p.rows;
    lost = gatherValues(p, m, g, row, row + p.rowStride);
    if (lost < 0) lost = 0;
    else mask = row + p.rowStride;
  }
  if (ASC_FEATURE_SIMD) buildValues(row, mask, count, top, p.levels, out, high);
  else buildSums(row, mask, count, top, p.levels, out);
  if (limits) setTarget(p, i, outputOf(p, m), lost + 1);
  else setTarget(p, i, 0, p.coefficients * (p.levels ? sumBytes(row, count) : valuesFull(p) - lost));
}
