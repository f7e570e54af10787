// The parameter block of the int8 and float32 convolutions, written once when a model is loaded; src/plan/i8.ts mirrors
// the order of the fields, all 32 bits wide. Dense layers are convolutions of 1x1 maps.
//
// Letters: N output channels, C input channels, G groups; maps are NHWC.

/** What becomes of an i32 accumulator (see requantize.ts). */
export const REQUANTIZE_NONE: i32 = 0;
export const REQUANTIZE_INT8: i32 = 1;
export const REQUANTIZE_FLOAT: i32 = 2;
export const REQUANTIZE_FINISH: i32 = 3;

/** What int8 convolutions read. */
export const SIGNED: i32 = 0;
/** 0..127, as behind a ReLU: the relaxed build then takes the 8-bit dot product. */
export const SMALL: i32 = 1;
/** Bytes l that stand for v = 2l - 255. SIMD builds alone. */
export const CENTERED: i32 = 2;

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
  /** int8 kernels: SIGNED, SMALL or CENTERED. */
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
  /** One of REQUANTIZE_*; float32 kernels ignore it. */
  transform: i32;
  /** (N) i32, or f32 for float results; 0 = none. */
  bias: usize;
  /** (N) i32 multipliers or f32 scales; the FinishParams of REQUANTIZE_FINISH. */
  multipliers: usize;
  /** Bits that products are shifted left before they are rounded: 2 where the multipliers stand for shifts, else 0. */
  left: i32;
  /** Bits beyond 32 that products are shifted right. */
  shift: i32;
  /** Range of the results: int8 values, or the bits of a float32 for float32 kernels. */
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
