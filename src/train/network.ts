// What training hands to export: plain data, no device handles. Weights are still the latent real values; everything that
// export needs to turn them into bits, thresholds and integer scores stands beside them.
import type { BatchNorm } from '../numerics/batchnorm.js';

/** A fully connected layer with its batch normalization and activation. */
export interface TrainedDense {
  readonly kind: 'dense';
  readonly name: string;
  /** Input features I and output features O. */
  readonly inputs: number;
  readonly outputs: number;
  /** Latent weights in [-1, 1], (O, I) row-major. The network that was evaluated uses their signs. */
  readonly weights: Float32Array;
  readonly weightQuantizer: 'sign';
  readonly norm: BatchNorm;
  /** `sign` after hidden layers; `none` for the last one, whose normalized sums are the scores. */
  readonly activation: 'sign' | 'none';
}

/** A convolution of stride 1 with max pooling, batch normalization and sign, in this order. */
export interface TrainedConv {
  readonly kind: 'conv2d';
  readonly name: string;
  /** Height, width and channels of the input. */
  readonly inputShape: readonly [number, number, number];
  readonly outputs: number;
  /** Side of the square kernel. */
  readonly kernel: number;
  /** Pixels around the image; they count as 0, which is neither of the signs. */
  readonly padding: number;
  /** Side of the pooling windows, which do not overlap; 1 for none. */
  readonly pool: number;
  /** Latent weights in [-1, 1], (O, K, K, C) row-major. The network that was evaluated uses their signs. */
  readonly weights: Float32Array;
  readonly weightQuantizer: 'sign';
  readonly norm: BatchNorm;
  readonly activation: 'sign';
}

export type TrainedLayer = TrainedDense | TrainedConv;

/** Who trained it, how, and what came out: written into the model file as it is. */
export interface TrainingRecord {
  readonly recipe: string;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly dataset: string;
  readonly trainSamples: number;
  readonly testSamples: number;
  /** Share of the test samples that the trainer itself answered right, in [0, 1]. */
  readonly testAccuracy: number;
  readonly device: string;
  readonly command: string;
}

/** A trained classifier over 8-bit inputs. */
export interface TrainedNetwork {
  readonly name: string;
  readonly task: string;
  readonly labels: readonly string[];
  /**
   * The input the first layer saw: bytes p (0..255) of this shape (without the batch) as the odd integers
   * v = 2p - 255, which are 255 times the inputs 2p/255 - 1 of Courbariaux et al. 2016. Sums of v times a sign stay exact
   * in float32, so that trainer and exported network can agree to the sample.
   */
  readonly inputShape: readonly number[];
  readonly layers: readonly TrainedLayer[];
  readonly record: TrainingRecord;
}
