// What training a language model hands to export: plain data, no device handles. Weights are still the latent real values;
// numerics/cells.ts says how they and the activations become integers.
import { weightScale } from '../../numerics/cells.js';
import { weightUnit, type WeightQuantizer } from '../../numerics/quantizers.js';
import type { TextUnit } from '../data/text.js';

/** The bits of a quantized cell. */
export interface Quantization {
  readonly weights: WeightQuantizer;
  /** Bits of embeddings and hidden states: odd multiples of 2^-bits in (-1, 1). 2 .. 8. */
  readonly activationBits: number;
}

/** Largest score that an output bias gives. */
export const OUTPUT_BIAS_LIMIT = 64;

/** The powers of two that weights are multiplied by, and what 1 stands for in the sums of a quantized network. */
export function languageUnits({
  embedding,
  hidden,
  quantization,
}: {
  readonly embedding: number;
  readonly hidden: number;
  readonly quantization: Quantization | null;
}) {
  const [inputScale, recurrentScale] = [weightScale(embedding), weightScale(hidden)];
  const product = quantization ? weightUnit(quantization.weights) * 2 ** -quantization.activationBits : 1;
  return {
    inputScale,
    recurrentScale,
    outputScale: recurrentScale,
    inputUnit: inputScale * product,
    recurrentUnit: recurrentScale * product,
    outputUnit: recurrentScale * product,
  };
}

/** Embedding, one recurrent layer and scores of the next token, over V tokens. */
export interface TrainedLanguageModel {
  readonly name: string;
  readonly task: string;
  readonly unit: TextUnit;
  /** V tokens by number. */
  readonly vocabulary: readonly string[];
  readonly cell: 'lstm' | 'rnn';
  /** Width E of the embedding and H of the state. Gates G: 4 (i, f, g, o) or 1. */
  readonly embedding: number;
  readonly hidden: number;
  readonly quantization: Quantization;
  /** Latent values in [-1, 1], row-major: (V, E), (G * H, E), (G * H, H), (V, H). */
  readonly table: Float32Array;
  readonly inputWeights: Float32Array;
  readonly recurrentWeights: Float32Array;
  readonly outputWeights: Float32Array;
  /** Real numbers (G * H), (V), to be rounded to units of the sums that they are added to. */
  readonly bias: Float32Array;
  readonly outputBias: Float32Array;
  readonly record: LanguageRecord;
}

/** Who trained it, how, and what came out: written into the model file as it is. */
export interface LanguageRecord {
  readonly recipe: string;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly steps: number;
  readonly dataset: string;
  readonly trainTokens: number;
  readonly testTokens: number;
  /** exp of the mean loss on the test tokens, by the trainer itself. */
  readonly testPerplexity: number;
  readonly device: string;
  readonly command: string;
}
