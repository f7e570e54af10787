// Max-pooling: from geometry and addresses to the parameters of the kernel max_pool, as plain data.
import { packedBytes } from '../numerics/bits.js';
import { outHeight, outWidth, type Window } from '../numerics/geometry.js';
import { type PoolParams, slideOf } from './params.js';

/**
 * Plans one max-pool over bits, or levels or int8 of a byte each. Every window has a tap inside the map; padding never wins.
 * @param at.turns address of what a pixel's bytes are xored with before and after they are compared
 */
export function planMaxPool(
  window: Window,
  bits: boolean,
  at: { input: number; turns: number; output: number },
): PoolParams {
  const pixelBytes = bits ? packedBytes(window.channels) : window.channels;
  const { height, width } = window;
  return {
    input: at.input,
    inputStride: height * width * pixelBytes,
    height,
    width,
    pixelBytes,
    ...slideOf(window),
    outHeight: outHeight(window),
    outWidth: outWidth(window),
    bits: Number(bits),
    turns: at.turns,
    output: at.output,
  };
}
