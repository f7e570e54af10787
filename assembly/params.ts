// Parameter blocks, written once when a model is loaded; src/plan/params.ts mirrors the order of the fields, which a test
// checks. All are 32 bits wide. A kernel call is then two integers: the block, and the number of samples.

/** What becomes of an accumulator (see transform.ts). */
export const TRANSFORM_NONE: i32 = 0;
export const TRANSFORM_BITS: i32 = 1;
export const TRANSFORM_AFFINE: i32 = 2;
export const TRANSFORM_LEVELS: i32 = 3;
export const TRANSFORM_FINISH: i32 = 4;

/** How product_bits and product_values go about it (see there). */
export const METHOD_PATCHES: i32 = 0;
export const METHOD_SHARED: i32 = 1;
export const METHOD_POPCOUNT: i32 = 2;

/**
 * A convolution, or a dense product as the convolution of 1 x 1 maps, with its output transform.
 *
 * Letters: N output channels, C input channels of one group, G groups; a tap is one position of the kernel window.
 */
@unmanaged
export class ProductParams {
  /** (samples, height, width, G * C): packed bits, each pixel padded to a byte, or one byte per value. */
  input: usize;
  /** Bytes from one sample to the next. */
  inputStride: usize;
  height: i32;
  width: i32;
  /** C. */
  channels: i32;
  /** Bytes of one input pixel, all groups together. */
  pixelBytes: usize;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  /** Rows above and columns left of the map; those behind it follow from the size of the output. */
  padTop: i32;
  padLeft: i32;
  /** The number that stands outside the map: 0 or 1. */
  padValue: i32;
  groups: i32;
  outHeight: i32;
  outWidth: i32;
  /** N, all groups together. */
  outputs: i32;
  /** [N/16][plane][ky][kx][C/8][16] bytes; for values by patches [N/16][plane][ky * kx * C / 8][16]. */
  weights: usize;
  /** What prepare_values packs `weights` from: the file's. */
  fileWeights: usize;
  planes: i32;
  /** An accumulator is base - sum over planes p of (mismatches << shift + p * shiftStep). */
  shift: i32;
  shiftStep: i32;
  /** Bits of an activation. */
  bits: i32;
  /** 1: activations are levels v = l; 0: centered, v = 2l - (2^bits - 1). */
  levels: i32;
  /** Sum of the planes' coefficients: 1, or 2^planes - 1. */
  coefficients: i32;
  /** One of METHOD_*. */
  method: i32;
  /** Pixels of one block: 2, 4 or 8. */
  block: i32;
  /** METHOD_SHARED: output rows whose tables are built together. */
  bandRows: i32;
  /** Bytes of one gathered patch of one group: what one output pixel sees. */
  patchBytes: i32;
  /** Table rows, in weight bytes: `segments` runs of `segmentBytes`, segmentsAcross of them per kernel row. */
  segments: i32;
  segmentsAcross: i32;
  segmentBytes: i32;
  /** METHOD_SHARED, values: bytes of the band's tables of low halves; those of the high halves follow. */
  halfBytes: usize;
  /** METHOD_SHARED, levels: scratch, sums of each pixel of the band. */
  sums: usize;
  /** Scratch: lookup tables. */
  tables: usize;
  /** Scratch: 8 gathered patches and 8 masks, rowStride bytes each. */
  rows: usize;
  rowStride: usize;
  /** Scratch: 8 addresses and 8 bases (header.ts); then (8, N rounded up to 16) i32 accumulators, and as many again where groups need it. */
  accumulators: usize;
  /** One of TRANSFORM_*. */
  transform: i32;
  /** (N) i32 thresholds, (N, levels) i32 thresholds, (N) i32 multipliers, or the FinishParams. */
  first: usize;
  /** (N) i32 biases. */
  second: usize;
  /** TRANSFORM_LEVELS: thresholds of a channel. */
  steps: i32;
  /** (samples, outHeight, outWidth, output row). */
  output: usize;
  /** Bytes of one output pixel. */
  outputStride: usize;
}

/** A max-pool over windows that each have a tap inside the map. */
@unmanaged
export class PoolParams {
  /** (samples, height, width, pixelBytes). */
  input: usize;
  inputStride: usize;
  height: i32;
  width: i32;
  pixelBytes: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  padTop: i32;
  padLeft: i32;
  outHeight: i32;
  outWidth: i32;
  /** 1: bytes are packed bits, and OR is their maximum; 0: each is a number without a sign. */
  bits: i32;
  /** (pixelBytes): what bytes are xored with before and after they are compared. */
  turns: usize;
  /** (samples, outHeight, outWidth, pixelBytes). */
  output: usize;
}
