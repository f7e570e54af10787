// Weights of several bits as planes of signs in the blocks16 layout, and the codes of power-of-two weights.
//
// k bits, centered: level l = 0 .. 2^k - 1 stands for v = 2l - (2^k - 1) = sum over p of 2^p * s_p, where s_p is +1 or -1 as
// bit p of l is 1 or 0. Ternary: v = (s0 + s1) / 2; 0 is written as s0 = +1, s1 = -1.
//
// Power of two, k bits: the top bit is the sign, the others a magnitude m: m = 0: v = 0, else v = +-2^(m - 1).
import { CHANNEL_BLOCK, packedBytes, roundUp } from './bits.js';
import { eachSign } from './blocks.js';

/** Levels (N, taps, C) of `planes` bits to [N/16][plane][tap][C/8][16] bytes. */
export function packPlanes(levels: ArrayLike<number>, n: number, taps: number, c: number, planes: number): Uint8Array {
  const out = new Uint8Array(roundUp(n, CHANNEL_BLOCK) * planes * taps * packedBytes(c));
  for (let p = 0; p < planes; p++) {
    eachSign(n, taps, c, planes, p, (byte, bit, i) => (out[byte] |= ((levels[i] >> p) & 1) << bit));
  }
  return out;
}

/** The inverse of packPlanes. */
export function unpackPlanes(data: Uint8Array, n: number, taps: number, c: number, planes: number): Uint8Array {
  const levels = new Uint8Array(n * taps * c);
  for (let p = 0; p < planes; p++) {
    eachSign(n, taps, c, planes, p, (byte, bit, i) => (levels[i] |= ((data[byte] >> bit) & 1) << p));
  }
  return levels;
}

/** -1, 0, +1 to the two planes' bits: s0 in bit 0, s1 in bit 1. */
export function ternaryLevel(v: number): number {
  return v > 0 ? 3 : v < 0 ? 0 : 1;
}

/** The code of v = 0 or +-2^(m - 1); undefined where k bits have none. */
export function shiftCode(v: number, bits: number): number | undefined {
  if (v === 0) return 0;
  const m = Math.log2(Math.abs(v)) + 1;
  if (!Number.isInteger(m) || m < 1 || m >= 2 ** (bits - 1)) return undefined;
  return m | (v < 0 ? 2 ** (bits - 1) : 0);
}

/** The number that a code stands for. */
export function shiftValue(code: number, bits: number): number {
  const magnitude = code & (2 ** (bits - 1) - 1);
  const value = magnitude === 0 ? 0 : 2 ** (magnitude - 1);
  return code >> (bits - 1) && value ? -value : value;
}

/** Codes of `bits` bits without gaps, the first in the lowest bits of the first byte. */
export function packCodes(codes: ArrayLike<number>, bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  for (let i = 0; i < codes.length; i++) {
    for (let b = 0; b < bits; b++) {
      const at = i * bits + b;
      out[at >> 3] |= ((codes[i] >> b) & 1) << (at & 7);
    }
  }
  return out;
}

/** The inverse of packCodes. */
export function unpackCodes(data: Uint8Array, count: number, bits: number): Uint8Array {
  const out = new Uint8Array(count);
  for (let at = 0; at < count * bits; at++) {
    out[Math.floor(at / bits)] |= ((data[at >> 3] >> (at & 7)) & 1) << (at % bits);
  }
  return out;
}
