// The blocks16 weight layout, once: [N/16][plane][ky][kx][C/8][16] bytes. A byte holds 8 input channels of one output
// channel and 16 output channels lie side by side, so that one v128 load serves 16 outputs.
import { CHANNEL_BLOCK, packedBytes, roundUp } from './bits.js';

/** Byte of the layout that holds input channel `c` (bit c % 8) of output `n`, tap `tap`, plane `plane`. */
function byteOf(n: number, plane: number, tap: number, c: number, planes: number, taps: number, bytes: number): number {
  const block = Math.floor(n / CHANNEL_BLOCK);
  return (((block * planes + plane) * taps + tap) * bytes + (c >> 3)) * CHANNEL_BLOCK + (n % CHANNEL_BLOCK);
}

/**
 * Packs signs: bit 1 where a value is >= 0.
 *
 * @param values (N, taps, C) row-major, one plane
 */
export function packBlocks(values: ArrayLike<number>, n: number, taps: number, c: number): Uint8Array {
  const bytes = packedBytes(c);
  const out = new Uint8Array(roundUp(n, CHANNEL_BLOCK) * taps * bytes);
  let i = 0;
  for (let o = 0; o < n; o++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let channel = 0; channel < c; channel++) {
        if (values[i++] >= 0) out[byteOf(o, 0, tap, channel, 1, taps, bytes)] |= 1 << (channel & 7);
      }
    }
  }
  return out;
}

/** Unpacks one plane to -1 and +1, (N, taps, C) row-major. */
export function unpackBlocks(data: Uint8Array, n: number, taps: number, c: number, planes = 1, plane = 0): Int8Array {
  const bytes = packedBytes(c);
  const out = new Int8Array(n * taps * c);
  let i = 0;
  for (let o = 0; o < n; o++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let channel = 0; channel < c; channel++) {
        const byte = data[byteOf(o, plane, tap, channel, planes, taps, bytes)];
        out[i++] = (byte >> (channel & 7)) & 1 ? 1 : -1;
      }
    }
  }
  return out;
}
