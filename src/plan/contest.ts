// The contest of the ways to multiply bits: which is fastest depends on the processor (Arm counts bits in one instruction)
// and on the engine (how many registers it keeps). One small layer is planned in each way; the host times them.
import { outHeight, outWidth, type ConvGeometry } from '../numerics/geometry.js';
import { planProduct, type ProductCall, type ProductChoice } from './conv.js';

export type BitWay = Omit<ProductChoice, 'simd'>;

/** Ways to multiply bits with SIMD. The results are equal bit for bit. */
export const BIT_WAYS: readonly BitWay[] = [
  { kernel: 'table', block: 8 },
  { kernel: 'table', block: 4 },
  { kernel: 'table', block: 2 },
  { kernel: 'popcount' },
];

export interface Contest {
  readonly entries: readonly { readonly way: BitWay; readonly call: ProductCall; readonly block: number }[];
  /** Bytes of linear memory up to the end of the contest. */
  readonly bytes: number;
}

/** 128 to 128 channels, 3x3, 8x8: 19 million operations, as in the middle of a network. */
const LAYER: ConvGeometry = {
  height: 8,
  width: 8,
  channels: 128,
  kernelHeight: 3,
  kernelWidth: 3,
  strideY: 1,
  strideX: 1,
  dilationY: 1,
  dilationX: 1,
  padTop: 1,
  padBottom: 1,
  padLeft: 1,
  padRight: 1,
  groups: 1,
  n: 128,
};
const BLOCK_BYTES = 256;

/** Plans the contest in memory from `base` (a multiple of 16) on; what stands there does not matter to the time. */
export function planContest(base: number): Contest {
  const thresholds = base + BLOCK_BYTES * BIT_WAYS.length;
  const input = thresholds + 4 * LAYER.n;
  const weights = input + (LAYER.height * LAYER.width * LAYER.channels) / 8;
  const output = weights + (LAYER.n * 9 * LAYER.channels) / 8;
  const scratch = output + (outHeight(LAYER) * outWidth(LAYER) * LAYER.n) / 8 + 64;
  const bits = { encoding: 'centered', bits: 1 } as const;
  const layer = { geometry: LAYER, activations: bits, weights: bits, padValue: 0 } as const;
  let end = scratch;
  const entries = BIT_WAYS.map((way, i) => {
    const at = { input, weights, output, scratch, prepared: 0 };
    const call = planProduct({ ...layer, transform: { kind: 'bits', thresholds } }, at, { simd: true, ...way });
    end = Math.max(end, scratch + call.scratchBytes);
    return { way, call, block: base + BLOCK_BYTES * i };
  });
  return { entries, bytes: end + 64 };
}
