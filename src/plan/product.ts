// Convolutions of packed bits and k-bit levels: from geometry and addresses to the call of a kernel, as plain data.
// assembly/product.ts says what the methods are; this file chooses one and sizes its scratch.
import { CHANNEL_BLOCK, packedBytes, roundUp } from '../numerics/bits.js';
import { type ConvGeometry, outHeight, outWidth } from '../numerics/geometry.js';
import type { Finish } from './i8.js';
import { METHOD_CODES, type ProductParams, slideOf, TRANSFORM_CODES } from './params.js';

/** Activations: `centered` of 1 bit are packed, all others one byte per value. */
export interface ActivationFormat {
  readonly encoding: 'centered' | 'levels';
  /** 1, 2, 3, 4 or 8; `levels` from 2 on. */
  readonly bits: number;
}

/**
 * Weights, in planes of signs s = -1 or +1:
 * `centered`, w = sum over planes p of 2^p * s_p, `bits` planes; `ternary`, w = (s_0 + s_1) / 2, two planes.
 */
export interface WeightFormat {
  readonly encoding: 'centered' | 'ternary';
  /** Planes: 1 to 8; 2 for `ternary`. */
  readonly bits: number;
}

/** What becomes of the accumulators; the numbers are addresses unless said otherwise. */
export type ProductTransform =
  | { readonly kind: 'int32' }
  /** (N) int32. */
  | { readonly kind: 'bits'; readonly thresholds: number }
  /** (count, N) int32; `count` is 2^k - 1. */
  | { readonly kind: 'levels'; readonly thresholds: number; readonly count: number }
  /** (N) int32 each. */
  | { readonly kind: 'affine'; readonly multipliers: number; readonly biases: number }
  | ({ readonly kind: 'finish' } & Finish);

/** Signs, of activations or weights. */
export const SIGNS = { encoding: 'centered', bits: 1 } as const;

export interface ProductLayer {
  readonly geometry: ConvGeometry;
  readonly activations: ActivationFormat;
  readonly weights: WeightFormat;
  /** The number outside the map. */
  readonly padValue: 0 | 1;
  readonly transform: ProductTransform;
}

export interface ProductAddresses {
  readonly input: number;
  /** Blocks of 16 channels, as in the file. */
  readonly weights: number;
  readonly output: number;
  /** ProductCall.scratchBytes of them, shared with other calls. */
  readonly scratch: number;
  /** ProductCall.preparedBytes of them, for this call alone. */
  readonly prepared: number;
}

export interface ProductChoice {
  /** Whether the kernels are a SIMD build. */
  readonly simd: boolean;
  /** How bits are multiplied; without SIMD they are always counted. Default: by table. */
  readonly kernel?: 'table' | 'popcount';
  /** Output pixels counted together by tables of bits: 2, 4 or 8. Default 8. */
  readonly block?: 2 | 4 | 8;
}

export interface ProductCall {
  readonly kernel: 'product_bits' | 'product_values';
  readonly params: ProductParams;
  /** Kernel to call once with the same block before the first run. */
  readonly prepare: 'prepare_bits' | 'prepare_values' | undefined;
  readonly scratchBytes: number;
  readonly preparedBytes: number;
}

/** Bytes of tables that are built before they are read: they should stay in an L2 cache, with the weights. */
const BAND_BYTES = 256 * 1024;
/** Bytes that kernels may write past the end of a scratch row or table. */
const OVERRUN = 512;
/** Input channels from which values share tables between taps: with fewer, the bits that pad a tap to a byte cost more. */
const SHARED_CHANNELS = 16;
const PAIR_ROWS = 4096;
const HEADER = 64;
/** Addresses of gathered rows and what they have outside. */
const ROW_LIST = 32;

/** Plans one layer. Addresses are multiples of 16. */
export function planProduct(layer: ProductLayer, at: ProductAddresses, choice: ProductChoice): ProductCall {
  const { geometry: g, activations, weights, transform } = layer;
  const packed = activations.bits === 1;
  const [oh, ow] = [outHeight(g), outWidth(g)];
  const channels = g.channels / g.groups;
  const taps = g.kernelHeight * g.kernelWidth;
  const tapBytes = packedBytes(channels);
  const n16 = roundUp(g.n, CHANNEL_BLOCK);
  const scalar = !choice.simd;

  const pixelBytes = packed ? packedBytes(g.channels) : g.channels;
  const across = g.dilationX === 1 ? 1 : g.kernelWidth;
  const runBytes = (g.kernelWidth / across) * tapBytes;

  let method: keyof typeof METHOD_CODES = 'patches';
  if (packed && (scalar || choice.kernel === 'popcount')) method = 'popcount';
  else if (packed && g.groups === 1 && taps > 1 && ow > 1 && g.strideX * g.strideY === 1 && runBytes % 3 === 0)
    method = 'shared';

  // Patches of values have no gaps between taps; their weights are packed alike unless they already are.
  const dense = !packed && (scalar || g.groups > 1 || taps === 1 || channels < SHARED_CHANNELS);
  if (!packed && !dense) method = 'shared';
  const patchBytes = dense ? packedBytes(taps * channels) : taps * tapBytes;
  const repack = dense && taps > 1 && channels % 8 !== 0;
  const block = choice.block ?? 8;
  let segments = 1;
  let segmentBytes = packed ? roundUp(patchBytes, 3) : patchBytes;
  let bandRows = 1;
  let halfBytes = 0;
  let sumBytes = 0;
  let tableBytes = packed ? (block / 2) * (segmentBytes + 16) * 32 : 4 * patchBytes * 32;
  if (method === 'shared') {
    segments = g.kernelHeight * across;
    segmentBytes = runBytes;
    const columns = (ow - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + (packed ? 0 : 1);
    const rowBytes = columns * tapBytes * 32 * (activations.bits === 8 ? 2 : 1);
    const reach = (g.kernelHeight - 1) * g.dilationY;
    const most = Math.max(1, Math.floor((Math.floor(BAND_BYTES / rowBytes) - 1 - reach) / g.strideY) + 1);
    bandRows = Math.ceil(oh / Math.ceil(oh / most));
    const inputRows = (bandRows - 1) * g.strideY + reach + 1;
    tableBytes = inputRows * rowBytes + (packed ? 0 : 2 * tapBytes * 32);
    halfBytes = inputRows * columns * tapBytes * 32;
    if (activations.encoding === 'levels') sumBytes = 4 * inputRows * columns;
  }
  const headBytes = (packed ? PAIR_ROWS : 0) + 2 * n16;
  // A patch that is one whole pixel is read where it stands.
  const inPlace = taps === 1 && g.groups === 1 && oh === g.height && ow === g.width && g.padTop + g.padLeft === 0;
  const rowStride = inPlace ? 16 : roundUp((packed ? patchBytes : taps * channels) + 32, 16);
  const sums = at.scratch + roundUp(headBytes + tableBytes + OVERRUN, 16);
  const rows = sums + roundUp(sumBytes, 16);
  const accumulators = rows + 16 * rowStride + ROW_LIST;
  const accumulatorBytes = HEADER + (g.groups > 1 ? 16 : 8) * n16 * 4;

  const outputStride = outputBytes(transform, g.n);
  const ternary = weights.encoding === 'ternary';
  return {
    kernel: packed ? 'product_bits' : 'product_values',
    params: {
      input: at.input,
      inputStride: g.height * g.width * pixelBytes,
      height: g.height,
      width: g.width,
      channels,
      pixelBytes,
      ...slideOf(g),
      padValue: layer.padValue,
      groups: g.groups,
      outHeight: oh,
      outWidth: ow,
      outputs: g.n,
      weights: repack ? at.prepared : at.weights,
      fileWeights: at.weights,
      planes: weights.bits,
      shift: ternary ? 0 : 1,
      shiftStep: ternary ? 0 : 1,
      bits: activations.bits,
      levels: activations.encoding === 'levels' ? 1 : 0,
      coefficients: ternary ? 1 : 2 ** weights.bits - 1,
      method: METHOD_CODES[method],
      block,
      bandRows,
      patchBytes,
      segments,
      segmentsAcross: method === 'shared' ? across : 1,
      segmentBytes,
      halfBytes,
      sums,
      tables: at.scratch,
      rows,
      rowStride,
      accumulators,
      transform: TRANSFORM_CODES[transform.kind],
      first: firstOf(transform),
      second: transform.kind === 'affine' ? transform.biases : 0,
      steps: transform.kind === 'levels' ? transform.count : 0,
      output: at.output,
      outputStride,
    },
    prepare: packed && scalar ? 'prepare_bits' : repack ? 'prepare_values' : undefined,
    scratchBytes: accumulators - at.scratch + accumulatorBytes,
    preparedBytes: repack ? n16 * weights.bits * patchBytes : 0,
  };
}

function firstOf(transform: ProductTransform): number {
  if (transform.kind === 'bits' || transform.kind === 'levels') return transform.thresholds;
  if (transform.kind === 'affine') return transform.multipliers;
  return transform.kind === 'finish' ? transform.block : 0;
}

/** Bytes of one output pixel of n channels. */
function outputBytes(transform: ProductTransform, n: number): number {
  if (transform.kind === 'bits') return packedBytes(n);
  if (transform.kind === 'levels') return n;
  if (transform.kind === 'finish') return transform.rowBytes;
  return 4 * n;
}
