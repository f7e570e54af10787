// The blocks16 weight layout, once: [N/16][plane][ky][kx][C/8][16] bytes. A byte holds 8 input channels of one output
// channel and 16 output channels lie side by side, so that one v128 load serves 16 outputs.
import { CHANNEL_BLOCK, packedBytes, roundUp } from './bits.js';

/** Calls `put(byte, bit, index)` for every sign of a plane: where it stands, and its index in (N, taps, C). */
export function eachSign(
  n: number,
  taps: number,
  c: number,
  planes: number,
  plane: number,
  put: (byte: number, bit: number, index: number) => void,
): void {
  const bytes = packedBytes(c);
  let i = 0;
  for (let o = 0; o < n; o++) {
    for (let tap = 0; tap < taps; tap++) {
      const run = ((Math.floor(o / CHANNEL_BLOCK) * planes + plane) * taps + tap) * bytes;
      for (let channel = 0; channel < c; channel++) {
        put((run + (channel >> 3)) * CHANNEL_BLOCK + (o % CHANNEL_BLOCK), channel & 7, i++);
      }
    }
  }
}

/**
 * Packs signs: bit 1 where a value is >= 0.
 *
 * @param values (N, taps, C) row-major, one plane
 */
export function packBlocks(values: ArrayLike<number>, n: number, taps: number, c: number): Uint8Array {
  const out = new Uint8Array(roundUp(n, CHANNEL_BLOCK) * taps * packedBytes(c));
  eachSign(n, taps, c, 1, 0, (byte, bit, i) => {
    if (values[i] >= 0) out[byte] |= 1 << bit;
  });
  return out;
}

/** Unpacks one plane to -1 and +1, (N, taps, C) row-major. */
export function unpackBlocks(data: Uint8Array, n: number, taps: number, c: number, planes = 1, plane = 0): Int8Array {
  const out = new Int8Array(n * taps * c);
  eachSign(n, taps, c, planes, plane, (byte, bit, i) => (out[i] = (data[byte] >> bit) & 1 ? 1 : -1));
  return out;
}
