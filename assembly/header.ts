// What precedes the accumulators in a product's scratch: where each pixel of a block goes and what its accumulators start from.

/** Bytes of the 8 addresses before the 8 bases. */
export const BASES: usize = 32;
/** Bytes before the accumulators. */
export const HEADER: usize = 64;
