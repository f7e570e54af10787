// Training in stages, each from the latent weights that the one before ended with: Zhuang, Shen, Tan, Liu, Reid, "Towards
// Effective Low-bitwidth Convolutional Neural Networks", CVPR 2018. Its guided training is TrainOptions.teacher.
import type { Dataset } from './data/dataset.js';
import type { ActivationQuantizer, WeightQuantizer } from './precision.js';
import { withPrecision, type Precision } from './spec.js';
import { train, type Recipe, type TrainOptions, type TrainResult } from './trainer.js';

/** Stands for float activations in the first of two stages: what is evaluated are integers at any time. */
const FINE: ActivationQuantizer = { kind: 'unit', bits: 7 };

/** The recipe at another precision. */
export function atPrecision(recipe: Recipe, precision: Precision): Recipe {
  return { ...recipe, layers: (classes) => withPrecision(recipe.layers(classes), precision) };
}

/** Two stages: quantized weights with 7-bit activations in [0, 1], then quantized activations too. */
export function twoStage(
  recipe: Recipe,
  weights: WeightQuantizer,
  activation: ActivationQuantizer,
): readonly [Recipe, Recipe] {
  return [atPrecision(recipe, { weights, activation: FINE }), atPrecision(recipe, { weights, activation })];
}

/** A stage for each precision, such as DoReFa's of 7, 4, 2 and 1 bits: `[7, 4, 2, 1].map((k) => lowBits('dorefa', k, k))`. */
export function progressive(recipe: Recipe, precisions: readonly Precision[]): readonly Recipe[] {
  return precisions.map((precision) => atPrecision(recipe, precision));
}

/**
 * Trains the stages one after the other, the first from `options.initial` if there is one, each for its recipe's epochs or
 * `options.epochs`. Returns what every stage came to, the last one being the network that was wanted.
 *
 * @throws RangeError if a checkpoint is to be continued, which is one of a single run
 */
export async function trainStages(
  stages: readonly Recipe[],
  data: Dataset,
  options: TrainOptions = {},
): Promise<readonly TrainResult[]> {
  if (options.resume) throw new RangeError('"resume" expected a run of one stage, got stages: continue with train()');
  const results: TrainResult[] = [];
  for (const recipe of stages) {
    const initial = results.at(-1)?.state ?? options.initial;
    results.push(await train(recipe, data, { ...options, ...(initial && { initial }) }));
  }
  return results;
}
