// Training in stages, each from the latent weights that the one before ended with: Zhuang, Shen, Tan, Liu, Reid, "Towards
// Effective Low-bitwidth Convolutional Neural Networks", CVPR 2018. Its guided training is TrainOptions.teacher.
import type { Checkpoint } from './checkpoint.js';
import type { Dataset } from './data/dataset.js';
import type { ActivationQuantizer, WeightQuantizer } from './precision.js';
import { withPrecision, type Precision } from './spec.js';
import { answerAgain, train, type Recipe, type TrainOptions, type TrainResult } from './trainer.js';

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
 * `options.epochs`. Returns what every stage came to, the last one being the network that was wanted. Checkpoints say which
 * stage they are of, and hold what the stages before it ended with: `options.resume` continues inside that stage.
 *
 * @throws RangeError if the checkpoint is not of as many stages, or of another run
 */
export async function trainStages(
  stages: readonly Recipe[],
  data: Dataset,
  options: TrainOptions = {},
): Promise<readonly TrainResult[]> {
  const { resume, onCheckpoint, ...rest } = options;
  const continued = resume && continuedStage(resume, stages.length);
  const results: TrainResult[] = [];
  for (const [i, recipe] of stages.entries()) {
    const done = continued?.finished[i];
    if (done) {
      results.push(await answerAgain(recipe, data, done, rest));
      continue;
    }
    const initial = results.at(-1)?.state ?? options.initial;
    const finished = results.map(({ state, validationAccuracies }) => ({ state, validations: validationAccuracies }));
    const place = { stage: i + 1, stages: stages.length };
    const result = await train(recipe, data, {
      ...rest,
      ...(initial && { initial }),
      ...(continued?.stage === place.stage && { resume: continued.checkpoint }),
      ...(onCheckpoint && {
        onCheckpoint: (inside) => onCheckpoint({ ...inside, run: { ...inside.run, ...place }, finished }),
      }),
    });
    results.push(result);
  }
  return results;
}

/** A checkpoint of stages as one of the run that its stage is. */
function continuedStage({ finished = [], ...inside }: Checkpoint, count: number) {
  const { stage = 'none', stages = 'none', ...run } = inside.run;
  if (stages !== count || stage !== finished.length + 1) {
    throw new RangeError(`"resume" expected a checkpoint of ${count} stages, got stage ${stage} of ${stages}`);
  }
  return { stage, finished, checkpoint: { ...inside, run } };
}
