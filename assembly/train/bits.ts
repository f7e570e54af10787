// Signs as bits, 1 for +1, for products that look them up (signs.ts) or count them (counts.ts): 1/32 of the memory that
// numbers take. Rows are whole bytes.
//
//   packRows       rows of a matrix of float32: weights, or the channels of each pixel
//   packPatches    the K * K * C bits of each patch, from those of pixels; what lies outside a picture is +1, which border.ts
//                  makes good
//   packOffsets    what packSigns makes of a matrix of float32: from rows of bits, 8 groups at once
import { at, int } from './record';
import { BLOCK, ENTRIES, ENTRY, GROUP } from './signs';

// x, bits, rows, columns, rows of a task
export function packRows(r: usize, task: i32): void {
  const columns = int(r, 3);
  const share = int(r, 4);
  const first = task * share;
  const last = min(int(r, 2), first + share);
  const zero = f32x4.splat(0);
  let from = at(r, 0) + ((<usize>first * columns) << 2);
  let to = at(r, 1) + <usize>first * rowBytes(columns);
  for (let row = first; row < last; row++) {
    let left = columns;
    for (; left >= 8; left -= 8) {
      const low = i32x4.bitmask(f32x4.ge(v128.load(from), zero));
      const high = i32x4.bitmask(f32x4.ge(v128.load(from, 16), zero));
      store<u8>(to, <u8>(low | (high << 4)));
      from += 32;
      to++;
    }
    if (left == 0) continue;
    let bits = 0;
    for (let i = 0; i < left; i++) {
      bits |= select<i32>(1, 0, load<f32>(from) >= 0) << i;
      from += 4;
    }
    store<u8>(to, <u8>bits);
    to++;
  }
}

/** Bytes of a row of bits. */
// @ts-ignore: decorator
@inline
export function rowBytes(columns: i32): usize {
  return <usize>((columns + 7) >> 3);
}

// bits of pixels, bits of patches, height, width, channels, kernel, stride, padding, outHeight, outWidth; a task is a row of
// output pixels
export function packPatches(r: usize, task: i32): void {
  const height = int(r, 2);
  const width = int(r, 3);
  const channels = int(r, 4);
  const kernel = int(r, 5);
  const stride = int(r, 6);
  const outHeight = int(r, 8);
  const outWidth = int(r, 9);
  const pixel = rowBytes(channels);
  const top = (task % outHeight) * stride - int(r, 7);
  let left = -int(r, 7);
  const image = at(r, 0) + <usize>((task / outHeight) * height * width) * pixel;
  let to = at(r, 1) + <usize>task * outWidth * rowBytes(kernel * kernel * channels);
  for (let ox = 0; ox < outWidth; ox++) {
    let bits: u64 = 0;
    let filled = 0;
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        const inside = <u32>(top + ky) < <u32>height && <u32>(left + kx) < <u32>width;
        let from = image + <usize>((top + ky) * width + left + kx) * pixel;
        for (let c = 0; c < channels; c += 32) {
          const count = min(32, channels - c);
          const all = ((<u64>1) << count) - 1;
          bits |= (inside ? load<u32>(from) & all : all) << filled;
          filled += count;
          if (filled >= 32) {
            store<u32>(to, <u32>bits);
            to += 4;
            bits >>= 32;
            filled -= 32;
          }
          from += 4;
        }
      }
    }
    for (; filled > 0; filled -= 8) {
      store<u8>(to, <u8>bits);
      to++;
      bits >>= 8;
    }
    left += stride;
  }
}

// bits, offsets, k, n, transposed (rows are along n, not along k), columns of a task (a multiple of 8), tasks along n; the others
// are blocks of 8 groups
export function packOffsets(r: usize, task: i32, scratch: usize): void {
  const k = int(r, 2);
  const n = int(r, 3);
  const across = int(r, 6);
  const block = task / across;
  const column = (task % across) * int(r, 5);
  const width = min(int(r, 5), n - column);
  const first = block * BLOCK;
  const to = at(r, 1) + ((<usize>block * n + column) << 4);
  if (int(r, 4)) {
    const stride = rowBytes(k);
    alongRows(at(r, 0) + <usize>column * stride + (first >> 3), to, width, stride);
  } else {
    const stride = rowBytes(n);
    const from = at(r, 0) + <usize>first * stride + (column >> 3);
    alongColumns(from, to, width, min(BLOCK, k - first), stride, scratch);
  }
}

function alongRows(from: usize, to: usize, columns: i32, stride: usize): void {
  for (const end = to + ((<usize>columns) << 4); to < end; to += 16) {
    v128.store(to, offsets(load<u64>(from)));
    from += stride;
  }
}

/** 8 columns are a byte of each row; its bits of 16 rows are gathered at once. */
function alongColumns(from: usize, to: usize, columns: i32, rows: i32, stride: usize, scratch: usize): void {
  for (let column = 0; column < columns; column += 8) {
    let line = from;
    let step = stride;
    if (rows < BLOCK) {
      // Behind the last row the table has zeros, so that any index will do.
      for (let i = 0; i < rows; i++) store<u8>(scratch + i, load<u8>(from + <usize>i * stride));
      line = scratch;
      step = 1;
    }
    let low = sixteen(line, step);
    let middle = sixteen(line + 16 * step, step);
    let high = eight(line + 32 * step, step);
    // The highest bit of the bytes is the last column's.
    const count = min(8, columns - column);
    for (let c = 7; c >= 0; c--) {
      if (c < count) {
        const bits =
          <u64>(<u32>i8x16.bitmask(low) | (<u32>i8x16.bitmask(middle) << 16)) | (<u64>i8x16.bitmask(high) << 32);
        v128.store(to + ((<usize>c) << 4), offsets(bits));
      }
      low = i8x16.shl(low, 1);
      middle = i8x16.shl(middle, 1);
      high = i8x16.shl(high, 1);
    }
    from++;
    to += 128;
  }
}

/** The byte at `from` of each of 16 rows. */
// @ts-ignore: decorator
@inline
function sixteen(from: usize, stride: usize): v128 {
  let bytes = eight(from, stride);
  from += 8 * stride;
  bytes = v128.load_lane<u8>(from, bytes, 8);
  bytes = v128.load_lane<u8>((from += stride), bytes, 9);
  bytes = v128.load_lane<u8>((from += stride), bytes, 10);
  bytes = v128.load_lane<u8>((from += stride), bytes, 11);
  bytes = v128.load_lane<u8>((from += stride), bytes, 12);
  bytes = v128.load_lane<u8>((from += stride), bytes, 13);
  bytes = v128.load_lane<u8>((from += stride), bytes, 14);
  return v128.load_lane<u8>(from + stride, bytes, 15);
}

/** The byte at `from` of each of 8 rows. */
// @ts-ignore: decorator
@inline
function eight(from: usize, stride: usize): v128 {
  let bytes = v128.load_lane<u8>(from, i64x2.splat(0), 0);
  bytes = v128.load_lane<u8>((from += stride), bytes, 1);
  bytes = v128.load_lane<u8>((from += stride), bytes, 2);
  bytes = v128.load_lane<u8>((from += stride), bytes, 3);
  bytes = v128.load_lane<u8>((from += stride), bytes, 4);
  bytes = v128.load_lane<u8>((from += stride), bytes, 5);
  bytes = v128.load_lane<u8>((from += stride), bytes, 6);
  return v128.load_lane<u8>(from + stride, bytes, 7);
}

/**
 * Bits 5g .. 5g + 4 of a word as the offset of group g's table entry, for 8 groups: each lane takes the two bytes that hold them,
 * a product moves them to its top, a shift to where entries are told apart.
 */
// @ts-ignore: decorator
@inline
function offsets(word: u64): v128 {
  const pairs = i8x16.swizzle(i64x2.splat(word), i8x16(0, 1, 0, 1, 1, 2, 1, 2, 2, 3, 3, 4, 3, 4, 4, 5));
  const top = i16x8.mul(pairs, i16x8(1 << 11, 1 << 6, 1 << 9, 1 << 4, 1 << 7, 1 << 10, 1 << 5, 1 << 8));
  const entry = v128.and(i16x8.shr_u(top, 16 - GROUP - 6), i16x8.splat(<i16>((ENTRIES - 1) * ENTRY)));
  return v128.or(entry, i16x8(0, TABLE, 2 * TABLE, 3 * TABLE, 4 * TABLE, 5 * TABLE, 6 * TABLE, 7 * TABLE));
}

/** Bytes of a group's table. */
const TABLE: i16 = <i16>(ENTRIES * ENTRY);
