// Max-pooling: from geometry and addresses to the call of the kernel, as plain data.
import { packedBytes } from '../numerics/bits.js';
import { outHeight, outWidth, type Window } from '../numerics/geometry.js';
import { POOL_CODES, type PoolParams, slideOf } from './params.js';

export interface PoolCall {
  readonly kernel: 'max_pool';
  readonly params: PoolParams;
}

/**
 * Plans one max-pool over bits, levels (any width of one byte) or int8. Every window has a tap inside the map; padding never
 * wins.
 */
export function planMaxPool(
  window: Window,
  kind: keyof typeof POOL_CODES,
  at: { input: number; output: number },
): PoolCall {
  const pixelBytes = kind === 'bits' ? packedBytes(window.channels) : window.channels;
  const { height, width } = window;
  return {
    kernel: 'max_pool',
    params: {
      input: at.input,
      inputStride: height * width * pixelBytes,
      height,
      width,
      pixelBytes,
      ...slideOf(window),
      outHeight: outHeight(window),
      outWidth: outWidth(window),
      kind: POOL_CODES[kind],
      output: at.output,
    },
  };
}
