// The layers of a network as a recipe describes them.
import type { GradientPrecision } from './quantizers.js';
import type { ActivationQuantizer, FloatActivation, FloatWeights, WeightQuantizer } from './precision.js';

interface ProductSpec {
  readonly name: string;
  readonly outputs: number;
  /** Default: sign. A network is quantized or float as a whole. */
  readonly weights?: WeightQuantizer | FloatWeights;
  /** Quantizes the gradient of the layer's sums on its way back. Default: float32. */
  readonly gradient?: GradientPrecision;
  /** Batch normalization, or shift-based batch normalization of powers of two (BNN, Algorithm 3). Default: batch. */
  readonly norm?: 'batch' | 'shift';
  /** In training, the share of activations that are set to 0. Default 0. */
  readonly dropout?: number;
}

/** A fully connected layer with normalization. */
export interface DenseSpec extends ProductSpec {
  readonly kind: 'dense';
  /** `none` for the last layer, whose normalized sums are the scores. 'sign' stands for { kind: 'sign' }. */
  readonly activation: 'sign' | 'none' | ActivationQuantizer | FloatActivation;
}

/** A convolution of stride 1 with max pooling, normalization and activation. */
export interface ConvSpec extends ProductSpec {
  readonly kind: 'conv2d';
  /** Side of the square kernel. */
  readonly kernel: number;
  /** Zeros around the image. */
  readonly padding: number;
  /** Side of the pooling windows; 1 for none. */
  readonly pool: number;
  readonly activation: 'sign' | ActivationQuantizer | FloatActivation;
}

/**
 * A convolution beside a stream of 16-bit integers, of its signs, whose normalized sums are added to it (residual.ts). The first
 * one in a row begins the stream: it takes what it gets, and has nothing to add to. A dense layer ends it and takes the mean
 * over the picture, whose sides are equal powers of two then. A float twin has a stream of float32, of its hard tanh.
 */
export interface ResidualSpec extends Omit<ProductSpec, 'norm' | 'dropout'> {
  readonly kind: 'residual';
  /** As many as the stream has channels, or twice as many. */
  readonly outputs: number;
  /** Side of the square kernel, odd; zeros around the image keep its size. */
  readonly kernel: number;
  /** 2 halves the picture, whose sides are even then. Default 1. */
  readonly stride?: 1 | 2;
  /** How signs of the stream pass gradients; nothing where the stream begins. */
  readonly activation: 'sign' | ActivationQuantizer | FloatActivation;
}

export type LayerSpec = DenseSpec | ConvSpec | ResidualSpec;

/** How a recipe's layers are quantized, where it is not as they stand. */
export interface Precision extends Pick<ProductSpec, 'weights' | 'gradient' | 'norm' | 'dropout'> {
  readonly activation?: ActivationQuantizer | FloatActivation;
}

/** Layers with their quantizers replaced; the last one keeps its scores. */
export function withPrecision(layers: readonly LayerSpec[], { activation, ...rest }: Precision): readonly LayerSpec[] {
  return layers.map((layer): LayerSpec => {
    if (layer.kind === 'residual') {
      const { norm: _, dropout: __, ...streamed } = rest;
      return { ...layer, ...streamed, activation: activation ?? layer.activation };
    }
    if (layer.activation !== 'none') return { ...layer, ...rest, activation: activation ?? layer.activation };
    const { dropout: _, ...scores } = rest;
    return { ...layer, ...scores };
  });
}

/**
 * The same layers without quantizers: float weights, gradients and activations; ReLU where activations are levels from 0 up,
 * hard tanh elsewhere.
 */
export function floatLayers(layers: readonly LayerSpec[]): readonly LayerSpec[] {
  return layers.map((spec): LayerSpec => {
    const layer = { ...spec, weights: { kind: 'float' } } as const;
    delete (layer as { gradient?: unknown }).gradient;
    const { activation } = layer;
    if (activation === 'none') return layer;
    const relu = activation !== 'sign' && (activation.kind === 'unit' || activation.kind === 'relu');
    return { ...layer, activation: { kind: relu ? 'relu' : 'hardTanh' } };
  });
}

/**
 * Low precision by numbers of bits. `aqe`: -1, +1 for 1 bit, ternary for 2, zero and powers of two for 3 and 4, mixed in by an
 * alpha that rises to 1 (Chen et al. 2020). `dorefa`: tanh weights and activations in [0, 1], 1 to 7 bits (Zhou et al. 2016).
 */
export function lowBits(family: 'aqe' | 'dorefa', weights: number, activations: number): Precision {
  if (family === 'dorefa') {
    return { weights: { kind: 'dorefa', bits: weights }, activation: { kind: 'unit', bits: activations } };
  }
  const aqe = { alpha: 'ramp' } as const;
  const quantizer = (bits: number) =>
    bits === 1 ? ({ kind: 'sign', aqe } as const) : ({ kind: 'power', bits, aqe } as const);
  return { weights: quantizer(weights), activation: quantizer(activations) };
}
