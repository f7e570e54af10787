// The export list. One source, three builds (scalar, simd, relaxed: asconfig.json), equal results bit for bit.
// Kernels are pure functions over linear memory: no allocation, no graph, no state. The host owns all memory from
// HEAP_BASE on and leaves 64 readable bytes behind everything a kernel reads.
export { prepare_bits, prepare_values, product_bits, product_values } from './product';
export { max_pool } from './pool';
export { conv_i8 } from './i8conv';
export { depthwise_i8 } from './i8depthwise';
export { conv_f32, depthwise_f32 } from './fconv';
export { product_any } from './anyproduct';
export { rows } from './rowwise';
export { pool_any } from './window';
export { move, pick } from './move';
export { cell } from './cell';

/** First byte that the static tables do not use. */
export const HEAP_BASE: usize = __heap_base;

/** Which build this is: 0 scalar, 1 simd, 2 relaxed. */
export const BUILD: i32 = ASC_FEATURE_RELAXED_SIMD ? 2 : ASC_FEATURE_SIMD ? 1 : 0;
