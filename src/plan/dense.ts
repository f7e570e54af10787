// Dense products of bits and levels: convolutions of 1 x 1 maps, whose pixels are the samples of a batch.
import { denseGeometry } from '../numerics/geometry.js';
import {
  type ActivationFormat,
  planProduct,
  type ProductAddresses,
  type ProductCall,
  type ProductChoice,
  type ProductTransform,
  type WeightFormat,
} from './conv.js';

export interface DenseLayer {
  /** Inputs K and outputs N. */
  readonly k: number;
  readonly n: number;
  readonly activations: ActivationFormat;
  readonly weights: WeightFormat;
  readonly transform: ProductTransform;
}

/** Plans (M, K) x (N, K) -> (M, N) for any number M of samples. */
export function planDense(layer: DenseLayer, at: ProductAddresses, choice: ProductChoice): ProductCall {
  const { k, n, activations, weights, transform } = layer;
  return planProduct({ geometry: denseGeometry(k, n), activations, weights, padValue: 0, transform }, at, choice);
}
