// bitlane eval: accuracy and speed on a test set, of a language model perplexity.
import { loadPennTreebankPart } from '../../train/data/ptb.js';
import { SCORING_STREAMS } from '../../train/data/text.js';
import { type BuildChoice, Classifier, openModel } from '../classifier.js';
import { type DatasetName, datasetOf, DATASETS } from '../datasets.js';
import { answerAll, BATCH } from '../evaluate.js';
import { checkFolder } from '../files.js';
import { figuresOf, isLanguageModel, LanguageScorer } from '../language.js';
import { count, duration, printable } from '../text.js';

export interface EvalOptions {
  readonly data: string;
  readonly limit?: number;
  readonly build: BuildChoice;
  readonly json?: boolean;
  /** Default: the one that the model was trained on. */
  readonly dataset?: DatasetName;
}

export async function evaluate(modelPath: string, options: EvalOptions): Promise<void> {
  const model = await openModel(modelPath, { build: options.build, batch: BATCH });
  await checkFolder(options.data, 'data folder');
  if (isLanguageModel(model)) return evaluateText(new LanguageScorer(model), options);
  const { inputShape, loadTest } = DATASETS[options.dataset ?? datasetOf(model.metadata.training)];
  const test = await loadTest(options.data);
  const classifier = new Classifier(model);
  const { accuracy, samples, correct, seconds } = answerAll(classifier, test, inputShape, options.limit);
  if (options.json) {
    const { name: modelName, build, batch } = model;
    console.log(JSON.stringify({ accuracy, samples, correct, seconds, model: modelName, build, batch }));
    return;
  }
  console.log(`model     ${printable(model.name)} (${model.build} build of the kernels)`);
  console.log(`accuracy  ${(100 * accuracy).toFixed(2)} %: ${count(correct)} of ${count(samples)} test samples right`);
  console.log(
    `time      ${duration(1000 * seconds)}, ${duration((1000 * seconds) / samples)} a sample in batches of ${model.batch}`,
  );
}

async function evaluateText(scorer: LanguageScorer, { data, limit, json }: EvalOptions): Promise<void> {
  const { model, unit } = scorer;
  const tokens = scorer.encode(await loadPennTreebankPart(data, 'test')).subarray(0, limit);
  const { losses, correct, seconds } = scorer.score(tokens);
  const figures = figuresOf(losses, unit);
  const samples = tokens.length;
  if (json) {
    const { name: modelName, build } = model;
    const rest = { samples, correct, seconds, model: modelName, build, batch: SCORING_STREAMS };
    console.log(JSON.stringify({ ...figures.values, ...rest }));
    return;
  }
  console.log(`model       ${printable(model.name)} (${model.build} build of the kernels)`);
  console.log(`text        ${figures.text}, on ${count(samples)} ${unit}s of the test part`);
  console.log(`next ${unit.padEnd(6)} ${(100 * (correct / samples)).toFixed(2)} % guessed right`);
  console.log(
    `time        ${duration(1000 * seconds)}, ${duration((1000 * seconds) / samples)} a token in ${SCORING_STREAMS} streams`,
  );
}
