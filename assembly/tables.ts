// Lookup tables: 16 bytes per 4 inputs, one entry for each pattern of 4 weight signs. An entry counts mismatches: what a
// pattern loses against the weights that fit the inputs best. Two tables, low nibble first, belong to one weight byte.
//
// Pair tables serve two pixels of packed bits: the low nibble of an entry counts the first pixel, the high nibble the
// second, at most 4 each.
// Value tables serve one pixel of k-bit levels l (Wei et al. 2024, T-MAC). A sign of +1 mismatches by 2^k - 1 - l where
// activations are centered, v = 2l - (2^k - 1), and by 0 where v = l; a sign of -1 by l:
//   sum(v * w) = sum(2^k - 1) - 2 * mismatch   or   sum(l) - 2 * mismatch
// Entries reach 60 for 4 bits; 8-bit levels have tables for the low and for the high half of each byte.
//
// A 0 outside the map mismatches by half of 2^k - 1 whatever the sign: half of the entry for 4, 2 bits and so on, rounded
// down; what an odd channel leaves over is the same for all output channels and goes into the base (product.ts).
import { highNibbles, LANE_BIT, NIBBLE_MASK, XOR4 } from './lanes';

/** Bytes of the table of pair tables: 256 of 16 bytes. */
export const PAIR_ROWS: usize = 4096;

/** Fills `rows` with the pair table of every two nibbles: row x | y << 4. */
export function buildPairRows(rows: usize): void {
  for (let y: usize = 0; y < 256; y += 16) {
    // Entries are at most 4, so the 16-bit shift carries nothing into the neighbour.
    const high = i16x8.shl(v128.load(XOR4 + y), 4);
    for (let x: usize = 0; x < 256; x += 16) v128.store(rows + (y << 4) + x, v128.or(v128.load(XOR4 + x), high));
  }
}

/**
 * Pair tables of the rows `a` and `b` of packed bits. Reads up to 15 bytes past them and writes the tables of whole
 * 16-byte steps.
 *
 * 1. shl, shr, and, or   nibble of a | nibble of b << 4, low and high
 * 2. shuffle x2          in the order of the tables
 * 3. i64 shifts, load    one table per index
 */
export function buildPairs(rows: usize, a: usize, b: usize, bytes: usize, out: usize): void {
  const mask = v128.load(NIBBLE_MASK);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(a + i);
    const y = v128.load(b + i);
    const low = v128.or(v128.and(x, mask), i16x8.shl(v128.and(y, mask), 4));
    const high = v128.or(v128.and(i16x8.shr_u(x, 4), mask), v128.andnot(y, mask));
    const first = i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const second = i8x16.shuffle(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    copyEight(rows, i64x2.extract_lane(first, 0), out);
    copyEight(rows, i64x2.extract_lane(first, 1), out + 128);
    copyEight(rows, i64x2.extract_lane(second, 0), out + 256);
    copyEight(rows, i64x2.extract_lane(second, 1), out + 384);
    out += 512;
  }
}

// @ts-ignore: decorator
@inline
function copyEight(rows: usize, indices: u64, out: usize): void {
  v128.store(out, v128.load(rows + (<usize>(indices << 4) & 0xff0)));
  v128.store(out, v128.load(rows + (<usize>(indices >> 4) & 0xff0)), 16);
  v128.store(out, v128.load(rows + (<usize>(indices >> 12) & 0xff0)), 32);
  v128.store(out, v128.load(rows + (<usize>(indices >> 20) & 0xff0)), 48);
  v128.store(out, v128.load(rows + (<usize>(indices >> 28) & 0xff0)), 64);
  v128.store(out, v128.load(rows + (<usize>(indices >> 36) & 0xff0)), 80);
  v128.store(out, v128.load(rows + (<usize>(indices >> 44) & 0xff0)), 96);
  v128.store(out, v128.load(rows + (<usize>(indices >> 52) & 0xff0)), 112);
}

/** Pair tables of one pixel each: `a` and `b` are rows of `channels` bits, or 0 for a pixel outside. */
export function buildEdgePair(a: usize, b: usize, channels: i32, padValue: i32, out: usize): void {
  for (let left = channels; left > 0; left -= 8) {
    v128.store(out, v128.or(edgeTable(a, 0, left, padValue), i16x8.shl(edgeTable(b, 0, left, padValue), 4)));
    v128.store(out, v128.or(edgeTable(a, 4, left - 4, padValue), i16x8.shl(edgeTable(b, 4, left - 4, padValue), 4)), 16);
    if (a) a++;
    if (b) b++;
    out += 32;
  }
}

/** The table of one nibble of the byte at `a`, or of `left` (0 to 4) channels outside the map. */
function edgeTable(a: usize, shift: i32, left: i32, padValue: i32): v128 {
  if (a) return v128.load(XOR4 + ((<usize>(load<u8>(a) >> shift) & 15) << 4));
  left = max(min(left, 4), 0);
  return padValue ? v128.load(XOR4 + (((<usize>1 << left) - 1) << 4)) : i8x16.splat(<i8>(left >> 1));
}

/** Tables of one row of packed bits. */
export function buildSingles(a: usize, bytes: usize, out: usize): void {
  for (const end = a + bytes; a < end; a++) {
    const x = <usize>load<u8>(a);
    v128.store(out, v128.load(XOR4 + ((x & 15) << 4)));
    v128.store(out, v128.load(XOR4 + (x & 240)), 16);
    out += 32;
  }
}

/** 4 bytes: the last few levels of a row, with zeros behind them. */
const TAIL = memory.data(4, 16);

/**
 * Value tables of a row of `count` levels; a last half byte of weights gets an empty table. `high` is what lies between
 * the tables of the low halves and of the high halves of 8-bit levels, 0 for the other widths. Where `mask` is given, 0
 * marks bytes that mismatch by themselves, whatever the sign. Reads up to 3 bytes past the row.
 *
 * 1. load8_splat x4     one level in all lanes
 * 2. xor or andnot x4   l or 2^k - 1 - l, by the pattern of the lane; for v = l, l or 0
 * 3. add x3             the four of them
 */
export function buildValues(row: usize, mask: usize, count: i32, top: i32, levels: i32, out: usize, high: usize): void {
  const nibble = v128.load(NIBBLE_MASK);
  const lanes0 = v128.load(LANE_BIT), lanes1 = v128.load(LANE_BIT, 16);
  const lanes2 = v128.load(LANE_BIT, 32), lanes3 = v128.load(LANE_BIT, 48);
  const flip = i8x16.splat(<i8>top);
  const flip0 = v128.and(flip, lanes0), flip1 = v128.and(flip, lanes1);
  const flip2 = v128.and(flip, lanes2), flip3 = v128.and(flip, lanes3);
  for (let left = (count + 7) & ~7, present = count; left > 0; left -= 4, present -= 4) {
    if (present < 4) {
      store<i32>(TAIL, present > 0 ? load<i32>(row) & ((1 << (present << 3)) - 1) : 0);
      row = TAIL;
    }
    let a = v128.load8_splat(row), b = v128.load8_splat(row, 1), c = v128.load8_splat(row, 2), d = v128.load8_splat(row, 3);
    if (levels) {
      a = v128.andnot(a, lanes0);
      b = v128.andnot(b, lanes1);
      c = v128.andnot(c, lanes2);
      d = v128.andnot(d, lanes3);
    } else if (mask) {
      a = v128.xor(a, v128.and(flip0, v128.load8_splat(mask)));
      b = v128.xor(b, v128.and(flip1, v128.load8_splat(mask, 1)));
      c = v128.xor(c, v128.and(flip2, v128.load8_splat(mask, 2)));
      d = v128.xor(d, v128.and(flip3, v128.load8_splat(mask, 3)));
      mask += 4;
    } else {
      a = v128.xor(a, flip0);
      b = v128.xor(b, flip1);
      c = v128.xor(c, flip2);
      d = v128.xor(d, flip3);
    }
    if (high) {
      const low = i8x16.add(
        i8x16.add(v128.and(a, nibble), v128.and(b, nibble)),
        i8x16.add(v128.and(c, nibble), v128.and(d, nibble)),
      );
      v128.store(out, low);
      const top = i8x16.add(
        i8x16.add(highNibbles(a, nibble), highNibbles(b, nibble)),
        i8x16.add(highNibbles(c, nibble), highNibbles(d, nibble)),
      );
      v128.store(out + high, top);
    } else {
      v128.store(out, i8x16.add(i8x16.add(a, b), i8x16.add(c, d)));
    }
    row += 4;
    out += 16;
  }
}

/** Sum of `count` bytes. */
export function sumBytes(row: usize, count: i32): i32 {
  let sum = 0;
  for (const end = row + <usize>count; row < end; row++) sum += load<u8>(row);
  return sum;
}
