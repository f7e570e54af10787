// The parameter block of a product kernel, written once when a model is loaded. src/wasm/kernels.ts mirrors the order of
// the fields; all are 32 bits wide. A kernel call is then two integers: this block, and the number of samples.

/** What becomes of an accumulator (see transform.ts). */
export const TRANSFORM_NONE: i32 = 0;
export const TRANSFORM_BITS: i32 = 1;
export const TRANSFORM_AFFINE: i32 = 2;

/**
 * A dense product of samples (M, K) with weights (N, K) and its output transform.
 *
 * Letters: M samples, N output channels, K input channels.
 */
@unmanaged
export class DenseParams {
  /** (M, input row) activations: packed bits, or bytes. */
  input: usize;
  /** Bytes from one sample to the next. */
  inputStride: usize;
  /** Packed bits [N/16][K/8][16]. */
  weights: usize;
  /** K, in channels. */
  k: i32;
  /** N, in channels. */
  n: i32;
  /** Lookup tables of one block of samples; see each kernel for its size. */
  tables: usize;
  /** (up to 4, N rounded up to 16) i32 accumulators of one block of samples. */
  accumulators: usize;
  /** One of TRANSFORM_*. */
  transform: i32;
  /** (N) i32: thresholds or multipliers. */
  first: usize;
  /** (N) i32: biases. */
  second: usize;
  /** (M, output row). */
  output: usize;
  /** Bytes from one output row to the next. */
  outputStride: usize;
}
