// The one definition of bitlane's bit order. Bit 1 stands for +1 (value >= 0, so sign(0) = +1), bit 0 for -1; the first
// channel of a row is the lowest bit of its first byte; bits behind the last channel are 0. With that,
// dot(a, b) = K - 2 * popcount(a xor b) for rows of K channels. Export, reference and tests all import it from here.

/** Output channels that stand side by side in the weight layout. */
export const CHANNEL_BLOCK = 16;

/** Bytes that hold `channels` bits. */
export function packedBytes(channels: number): number {
  return (channels + 7) >>> 3;
}

/** `value` rounded up to a multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** The sign that binarization uses: +1 for x >= 0 (so for both zeros), -1 otherwise. Courbariaux et al. 2016, eq. 1. */
export function sign(x: number): 1 | -1 {
  return x >= 0 ? 1 : -1;
}

/** Packs the signs of one row of `values` to packedBytes(values.length) bytes. */
export function packSigns(values: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(packedBytes(values.length));
  for (let i = 0; i < values.length; i++) if (values[i] >= 0) out[i >> 3] |= 1 << (i & 7);
  return out;
}

/** Unpacks `channels` bits to +1 and -1. */
export function unpackSigns(bytes: Uint8Array, channels: number): Int8Array {
  const out = new Int8Array(channels);
  for (let i = 0; i < channels; i++) out[i] = (bytes[i >> 3] >> (i & 7)) & 1 ? 1 : -1;
  return out;
}

/** Number of one bits of a byte. */
export function popcount8(x: number): number {
  x -= (x >> 1) & 0x55;
  x = (x & 0x33) + ((x >> 2) & 0x33);
  return (x + (x >> 4)) & 0x0f;
}

/**
 * AP2(x) = sign(x) 2^round(log2 |x|), the nearest power of two by logarithm; 0 for 0 (Courbariaux et al. 2016, Algorithm
 * 3). For float32: rounding at sqrt(2) is an addition to the bits. Subnormal numbers become 0.
 */
export function powerOfTwo(x: number): number {
  WORD.setFloat32(0, x);
  const bits = WORD.getUint32(0);
  WORD.setUint32(0, ((bits & 0x80000000) | (((bits & 0x7fffffff) + 0x004afb0c) & 0x7f800000)) >>> 0);
  return WORD.getFloat32(0);
}

const WORD = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(4));
