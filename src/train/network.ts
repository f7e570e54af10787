// What training hands to export: plain data, no device handles. Weights are integers, activations staircases, and between
// them stands one multiplication and one addition per channel: what the trainer evaluated, and what export makes integer
// thresholds of.
import type { Affine } from '../numerics/batchnorm.js';

/** The real number of a step of a stream, and its largest |v|. */
export const STREAM_STEP = 1 / 8;
export const STREAM_BOUND = 32767;

/** The same of a stream's mean over the picture: 8 bits. */
export const MEAN_STEP = 1 / 16;
export const MEAN_BOUND = 127;

/** Integer weights v in an encoding of the model file. */
export interface IntegerWeights {
  /**
   * `binary`: -1, +1. `ternary`: -1, 0, +1. `centered`: odd numbers of `bits` bits. `powerOfTwo`: 0 and +-2^i, `bits` of sign and
   * exponent. `int8`: -127..127.
   */
  readonly encoding: 'binary' | 'ternary' | 'centered' | 'powerOfTwo' | 'int8';
  readonly bits: number;
  /** (O, I), or (O, K, K, C) of a convolution, row-major. */
  readonly values: Int8Array;
}

/** A quantized activation: v = values[j] where y reaches j of the cuts, which stands for the real number scale * v. */
export interface Staircase {
  /** T + 1 integers, ascending. */
  readonly values: readonly number[];
  /** T float32 numbers, ascending; y reaches a cut where y >= it. */
  readonly cuts: readonly number[];
  readonly scale: number;
}

interface TrainedProduct {
  readonly name: string;
  readonly outputs: number;
  readonly weights: IntegerWeights;
  /**
   * y = float32(float32(scale * a) + shift) of the integer sums a: the folded normalization, with the scales of weights
   * and inputs in it.
   */
  readonly affine: Affine;
  /** Null for the last layer, whose y are the scores. */
  readonly activation: Staircase | null;
}

/** A fully connected layer with its normalization and activation. */
export interface TrainedDense extends TrainedProduct {
  readonly kind: 'dense';
  /** Input features I. */
  readonly inputs: number;
  /**
   * Height, width and channels of the stream whose means are the inputs: clip(floor(sum of a channel / 2^shift + 1/2), -127,
   * 127) with 2^shift = height * width / 2. Undefined for others.
   */
  readonly meanOf?: readonly [number, number, number];
}

/** A convolution of stride 1 with max pooling, normalization and activation, in this order. */
export interface TrainedConv extends TrainedProduct {
  readonly kind: 'conv2d';
  /** Height, width and channels of the input. */
  readonly inputShape: readonly [number, number, number];
  /** Side of the square kernel. */
  readonly kernel: number;
  /** Pixels around the image; they count as 0, whatever the levels are. */
  readonly padding: number;
  /** Side of the pooling windows, which do not overlap; 1 for none. */
  readonly pool: number;
}

/** Steps of the stream for integer sums a: floor((a + bias) multiplier / 2^bits + 1/2), by channel. */
export interface StreamMultipliers {
  /** 1 .. 2^bits. */
  readonly multipliers: Int32Array;
  readonly biases: Int32Array;
  /** 0 .. 22. */
  readonly bits: number;
}

/**
 * A convolution beside a stream of integers v from -32767 to 32767: clip(s(v) + steps of the sums). s(v) is v; floor(mean of 2 x 2
 * pixels + 1/2) with stride 2; the channels twice over where `outputs` are twice as many; 0 where the stream begins.
 */
export interface TrainedResidual extends StreamMultipliers {
  readonly kind: 'residual';
  readonly name: string;
  readonly outputs: number;
  /** Negated where the normalization's scale was negative. */
  readonly weights: IntegerWeights;
  /** Height, width and channels of the input. */
  readonly inputShape: readonly [number, number, number];
  /** Side of the square kernel, odd; (kernel - 1) / 2 pixels around the image count as 0. */
  readonly kernel: number;
  readonly stride: 1 | 2;
  /** Whether the input is the stream, whose signs are convolved, or what the stream begins with. */
  readonly joined: boolean;
}

export type TrainedLayer = TrainedDense | TrainedConv | TrainedResidual;

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
