// Parameter blocks of the product and pooling kernels as the host writes them: the fields of assembly/params.ts in their
// order, 4 bytes each (a test compares the two lists).
import type { Window } from '../numerics/geometry.js';

export const PRODUCT_FIELDS = [
  'input',
  'inputStride',
  'height',
  'width',
  'channels',
  'pixelBytes',
  'kernelHeight',
  'kernelWidth',
  'strideY',
  'strideX',
  'dilationY',
  'dilationX',
  'padTop',
  'padLeft',
  'padValue',
  'groups',
  'outHeight',
  'outWidth',
  'outputs',
  'weights',
  'fileWeights',
  'planes',
  'shift',
  'shiftStep',
  'bits',
  'levels',
  'coefficients',
  'method',
  'block',
  'bandRows',
  'patchBytes',
  'segments',
  'segmentsAcross',
  'segmentBytes',
  'halfBytes',
  'sums',
  'tables',
  'rows',
  'rowStride',
  'accumulators',
  'transform',
  'first',
  'second',
  'steps',
  'output',
  'outputStride',
] as const;

export type ProductParams = Readonly<Record<(typeof PRODUCT_FIELDS)[number], number>>;

/** Codes of ProductParams.transform. */
export const TRANSFORM_CODES = { int32: 0, bits: 1, affine: 2, levels: 3, finish: 4 } as const;
/** Codes of ProductParams.method. */
export const METHOD_CODES = { patches: 0, shared: 1, popcount: 2 } as const;

export const POOL_FIELDS = [
  'input',
  'inputStride',
  'height',
  'width',
  'pixelBytes',
  'kernelHeight',
  'kernelWidth',
  'strideY',
  'strideX',
  'dilationY',
  'dilationX',
  'padTop',
  'padLeft',
  'outHeight',
  'outWidth',
  'bits',
  'turns',
  'output',
] as const;

export type PoolParams = Readonly<Record<(typeof POOL_FIELDS)[number], number>>;

/** How a window slides, in the order in which every parameter block has it. */
export function slideOf(window: Window): Omit<Window, 'height' | 'width' | 'channels' | 'padBottom' | 'padRight'> {
  const { kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX, padTop, padLeft } = window;
  return { kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX, padTop, padLeft };
}
