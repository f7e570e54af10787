// The parameter block of the int8 and float32 convolutions, written once when a model is loaded; src/plan/i8.ts mirrors
// the order of the fields, all 32 bits wide. Dense layers are convolutions of 1x1 maps.
//
// Letters: N output channels, C input channels, G groups; maps are NHWC.

/** What int8 convolutions read. */
export const SIGNED: i32 = 0;
/** 0..127, as behind a ReLU: the relaxed build then takes the 8-bit dot product. */
export const SMALL: i32 = 1;
/** Bytes l that stand for v = 2l - 255. SIMD builds alone. */
export const CENTERED: i32 = 2;
/** The same in three channels, with a fourth that tells inside from outside. Relaxed builds alone; strideX 1, at least 4 output columns. */
export const LIFTED: i32 = 3;

@unmanaged
export class ConvParams {
  /** (samples, height, width, C): int8 or float32. */
  input: usize;
  /** Bytes from one sample to the next. */
  inputStride: usize;
  height: i32;
  width: i32;
  /** C, all groups together. */
  channels: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  /** Rows and columns of zeros before the map; those behind it follow from the size of the output. */
  padTop: i32;
  padLeft: i32;
  /** G: divides C and N. */
  groups: i32;
  /** N, all groups together. */
  n: i32;
  outHeight: i32;
  outWidth: i32;
  /** Layout: see the kernel. */
  weights: usize;
  /** int8 kernels: SIGNED, SMALL, CENTERED or LIFTED. */
  elements: i32;
  /** conv_i8, SIMD builds: 1 where the runs of all kernel rows are one, and weights i16. */
  patches: i32;
  /** Output rows and columns that are computed together. */
  stripRows: i32;
  stripColumns: i32;
  /** Scratch: the input of one strip, padded and widened. */
  rows: usize;
  /** Scratch, with patches: the joined runs of one strip. */
  patchRows: usize;
  /** Scratch: (pixels of a strip, accumulatorRow(n)) i32 or f32. */
  accumulators: usize;
  /** int8 kernels: what becomes of the accumulators, a FinishParams. */
  finish: usize;
  /** float32 kernels: (N) f32, 0 = none; and the range of the results, in the bits of a float32. */
  bias: usize;
  clampMin: i32;
  clampMax: i32;
  /** (samples, outHeight, outWidth, N). */
  output: usize;
  outputStride: usize;
}

/** Bytes of one output pixel. */
// @ts-ignore: decorator
@inline
export function outputRow(p: ConvParams): usize {
  return p.outputStride / <usize>(p.outHeight * p.outWidth);
}

/** Bytes of one pixel's accumulators: groups write blocks of 8 channels and may run over by 7. */
// @ts-ignore: decorator
@inline
export function accumulatorRow(n: i32): usize {
  return <usize>((n + 15) & ~7) << 2;
}

/** Stores the accumulators of 4 pixels x 8 channels. */
// @ts-ignore: decorator
@inline
export function storeTile(out: usize, stride: usize, a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128): void {
  v128.store(out, a0);
  v128.store(out, a1, 16);
  out += stride;
  v128.store(out, b0);
  v128.store(out, b1, 16);
  out += stride;
  v128.store(out, c0);
  v128.store(out, c1, 16);
  out += stride;
  v128.store(out, d0);
  v128.store(out, d1, 16);
}
