// Patches: what one output pixel sees of the input, gathered into one row [ky][kx][C], so that stride, dilation, padding and
// groups end here and the counting kernels meet plain rows.
//
// Outside the map stands padValue. 1 is a number like any other. 0 is none that a sign or a centered level could hold, so
// those bytes are marked in a mask row (255 inside, 0 outside) and the kernels give them no say.
import { ProductParams } from './params';

/** Address of pixel `m`'s input row where the patch is one whole pixel, which needs no gathering; else 0. */
// @ts-ignore: decorator
@inline
export function plainRow(p: ProductParams, m: i32): usize {
  const plain = p.kernelHeight * p.kernelWidth * p.strideY * p.strideX * p.groups == 1 && p.padTop + p.padLeft == 0;
  return plain && p.outHeight == p.height && p.outWidth == p.width ? p.input + <usize>m * p.pixelBytes : 0;
}

/**
 * Gathers what output pixel `m` (counted over samples, rows and columns) sees of group `g`: packed bits with each tap padded
 * to a byte, or the bytes of levels without gaps.
 *
 * Writes up to 15 bytes past the row. Writes the mask only if a tap is outside, padValue is 0 and activations are centered.
 *
 * @returns the number of taps outside
 */
export function gather(p: ProductParams, m: i32, g: i32, row: usize, mask: usize): i32 {
  const packed = p.bits == 1;
  const bytes = <usize>(packed ? (p.channels + 7) >> 3 : p.channels);
  const skip = g * p.channels;
  const plane = p.outHeight * p.outWidth;
  const sample = m / plane;
  const at = m - sample * plane;
  const line = at / p.outWidth;
  const y0 = line * p.strideY - p.padTop;
  const x0 = (at - line * p.outWidth) * p.strideX - p.padLeft;
  const map = p.input + <usize>sample * p.inputStride + <usize>(packed ? 0 : skip);
  const whole = p.groups == 1;
  const joined = whole && p.dilationX == 1 && x0 >= 0 && x0 + p.kernelWidth <= p.width;
  const fill: i32 = !p.padValue ? 0 : packed ? 255 : p.levels ? 1 : 1 << (p.bits - 1);
  const tail: i32 = packed ? (1 << (p.channels & 7)) - 1 : 0;
  let outside = 0;
  for (let ky = 0, y = y0; ky < p.kernelHeight; ky++, y += p.dilationY) {
    const insideY = <u32>y < <u32>p.height;
    let source = map + <usize>(y * p.width + x0) * p.pixelBytes;
    if (insideY && joined) {
      const run = <usize>p.kernelWidth * bytes;
      copyRun(row, source, run);
      row += run;
      continue;
    }
    for (let kx = 0, x = x0; kx < p.kernelWidth; kx++, x += p.dilationX) {
      if (!insideY || <u32>x >= <u32>p.width) {
        outside++;
        memory.fill(row, <u8>fill, bytes);
        if (tail) store<u8>(row + bytes - 1, <u8>(fill & tail));
      } else if (whole || !packed) {
        copyRun(row, source, bytes);
      } else {
        copyBits(row, source, skip, p.channels);
      }
      row += bytes;
      source += <usize>p.dilationX * p.pixelBytes;
    }
  }
  if (outside && !p.padValue && !p.levels) markTaps(p, y0, x0, bytes, mask);
  return outside;
}

/**
 * As gather(), of levels, with three zeros behind them. Where the padding is a 0 that levels cannot hold, the bytes outside
 * alternate between the two levels next to it inside each four, so that a pair of them adds up to 0.
 *
 * Writes up to 19 bytes past the row.
 *
 * @returns -1 without a mask, else what to take from the base for the halves that a lone byte outside leaves
 */
export function gatherValues(p: ProductParams, m: i32, g: i32, row: usize, mask: usize): i32 {
  const end = row + <usize>(p.kernelHeight * p.kernelWidth * p.channels);
  const outside = gather(p, m, g, row, mask);
  store<u32>(end, 0);
  if (!outside || p.padValue || p.levels) return -1;
  return settleOutside(p.bits, row, mask, end);
}

/** Fills the bytes that `mask` marks; returns the residue of the lone ones. */
export function settleOutside(bits: i32, row: usize, mask: usize, end: usize): i32 {
  // The two levels next to 0; for 8 bits in both halves of the byte, because the halves have tables of their own.
  const below: i32 = bits == 8 ? 0x77 : (1 << (bits - 1)) - 1;
  const above: i32 = bits == 8 ? 0x88 : 1 << (bits - 1);
  let lone = 0;
  for (; row < end; row += 4, mask += 4) {
    let odd = 0;
    for (let i: usize = 0; i < 4 && row + i < end; i++) {
      if (load<u8>(mask + i)) continue;
      store<u8>(row + i, <u8>(odd ? above : below));
      odd ^= 1;
    }
    lone += odd;
  }
  return bits == 8 ? 17 * lone : lone;
}

/** Mask of the patch with its corner at (y0, x0): 255 for taps inside, 0 for taps outside; `bytes` per tap. */
function markTaps(p: ProductParams, y0: i32, x0: i32, bytes: usize, mask: usize): void {
  for (let ky = 0, y = y0; ky < p.kernelHeight; ky++, y += p.dilationY) {
    for (let kx = 0, x = x0; kx < p.kernelWidth; kx++, x += p.dilationX) {
      memory.fill(mask, <u32>y < <u32>p.height && <u32>x < <u32>p.width ? 255 : 0, bytes);
      mask += bytes;
    }
  }
}

/** Copies `bytes`, rounded up to 16 (SIMD) or 8. */
// @ts-ignore: decorator
@inline
function copyRun(to: usize, from: usize, bytes: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
  } else {
    for (let i: usize = 0; i < bytes; i += 8) store<u64>(to + i, load<u64>(from + i));
  }
}

/** Copies `count` bits that start at bit `skip` of `from`; bits behind them become 0. */
function copyBits(to: usize, from: usize, skip: i32, count: i32): void {
  from += <usize>(skip >> 3);
  const shift = skip & 7;
  for (; count > 0; count -= 8) {
    const bits = <i32>load<u16>(from) >> shift;
    store<u8>(to, <u8>(count < 8 ? bits & ((1 << count) - 1) : bits));
    from++;
    to++;
  }
}
