// Rows of any encoding to rows of 32-bit numbers and back: kernels that take every encoding compute on those.
//
// A row's type is one integer: the number of its encoding and, for centered levels, their largest, 2^k - 1, times 16.
// Wide rows are written up to 28 bytes too far, and rows are read up to 60 bytes too far.
export const ROW_FLOAT32: i32 = 0;
export const ROW_INT32: i32 = 1;
export const ROW_INT16: i32 = 2;
export const ROW_INT8: i32 = 3;
export const ROW_LEVELS: i32 = 4;
export const ROW_CENTERED: i32 = 5;
export const ROW_BITS: i32 = 6;

/** A row's end, before it is copied to where nothing may stand behind it. */
const TAIL = memory.data(32, 16);

/** Number i of a row of integers. */
export function element(type: i32, from: usize, i: i32): i32 {
  const at = from + <usize>i;
  switch (type & 15) {
    case ROW_BITS:
      return ((<i32>load<u8>(from + <usize>(i >> 3)) >> (i & 7)) & 1) * 2 - 1;
    case ROW_LEVELS:
      return <i32>load<u8>(at);
    case ROW_CENTERED:
      return <i32>load<u8>(at) * 2 - (type >> 4);
    case ROW_INT8:
      return <i32>load<i8>(at);
    case ROW_INT16:
      return <i32>load<i16>(at + <usize>i);
    default:
      return load<i32>(at + <usize>i * 3);
  }
}

/** Eight numbers from number `i` on as i16, of a type of at most 16 bits. */
function eight(type: i32, from: usize, i: i32): v128 {
  const code = type & 15;
  const at = from + <usize>i;
  if (code == ROW_INT16) return v128.load(at + <usize>i);
  if (code == ROW_INT8) return v128.load8x8_s(at);
  if (code == ROW_BITS) {
    const bit = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    const set = i16x8.eq(v128.and(i16x8.splat(<i16>load<u8>(from + <usize>(i >> 3))), bit), bit);
    return i16x8.sub(i16x8.splat(-1), i16x8.shl(set, 1));
  }
  const level = v128.load8x8_u(at);
  return code == ROW_LEVELS ? level : i16x8.sub(i16x8.shl(level, 1), i16x8.splat(<i16>(type >> 4)));
}

/** `count` numbers, of a type of at most 16 bits, as i16. */
export function widen16(type: i32, from: usize, count: i32, to: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i = 0; i < count; i += 8) v128.store(to + (<usize>i << 1), eight(type, from, i));
  } else {
    for (let i = 0; i < count; i++) store<i16>(to + (<usize>i << 1), <i16>element(type, from, i));
  }
}

/** `count` numbers as i32; float32 stay what they are. */
export function widen(type: i32, from: usize, count: i32, to: usize): void {
  if ((type & 15) <= ROW_INT32) {
    memory.copy(to, from, <usize>count << 2);
  } else if (ASC_FEATURE_SIMD) {
    for (let i = 0; i < count; i += 8) {
      const x = eight(type, from, i);
      v128.store(to, i32x4.extend_low_i16x8_s(x));
      v128.store(to, i32x4.extend_high_i16x8_s(x), 16);
      to += 32;
    }
  } else {
    for (let i = 0; i < count; i++) store<i32>(to + (<usize>i << 2), element(type, from, i));
  }
}

/** `count` i32 that the type holds, or float32, as the type stores them; not a byte behind them is written. */
export function narrow(type: i32, from: usize, count: i32, to: usize): void {
  const code = type & 15;
  const top = type >> 4;
  if (code <= ROW_INT32) {
    memory.copy(to, from, <usize>count << 2);
  } else if (ASC_FEATURE_SIMD) {
    const step: usize = code == ROW_INT16 ? 32 : code == ROW_BITS ? 2 : 16;
    for (let left = count; left > 0; left -= 16) {
      let low = i16x8.narrow_i32x4_s(v128.load(from), v128.load(from, 16));
      let high = i16x8.narrow_i32x4_s(v128.load(from, 32), v128.load(from, 48));
      if (code == ROW_CENTERED) {
        low = i16x8.shr_s(i16x8.add(low, i16x8.splat(<i16>top)), 1);
        high = i16x8.shr_s(i16x8.add(high, i16x8.splat(<i16>top)), 1);
      }
      const out = left < 16 ? TAIL : to;
      if (code == ROW_INT16) {
        v128.store(out, low);
        v128.store(out, high, 16);
      } else if (code == ROW_BITS) {
        store<u16>(out, <u16>(~i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)) & ((1 << min(left, 16)) - 1)));
      } else {
        v128.store(out, code == ROW_INT8 ? i8x16.narrow_i16x8_s(low, high) : i8x16.narrow_i16x8_u(low, high));
      }
      if (left < 16) memory.copy(to, TAIL, rowBytes(type, left));
      from += 64;
      to += step;
    }
  } else if (code == ROW_BITS) {
    let bits = 0;
    for (let i = 0; i < count; i++) {
      bits |= i32(load<i32>(from + (<usize>i << 2)) >= 0) << (i & 7);
      if ((i & 7) == 7 || i == count - 1) {
        store<u8>(to + <usize>(i >> 3), <u8>bits);
        bits = 0;
      }
    }
  } else {
    for (let i = 0; i < count; i++) {
      const v = load<i32>(from + (<usize>i << 2));
      if (code == ROW_INT16) store<i16>(to + (<usize>i << 1), <i16>v);
      else store<u8>(to + <usize>i, <u8>(code == ROW_CENTERED ? (v + top) >> 1 : v));
    }
  }
}

/** Bytes of a row. */
export function rowBytes(type: i32, count: i32): usize {
  const code = type & 15;
  if (code == ROW_BITS) return <usize>(count + 7 >> 3);
  return <usize>count << (code <= ROW_INT32 ? 2 : code == ROW_INT16 ? 1 : 0);
}
