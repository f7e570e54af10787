// bitlane eval: accuracy and speed on a test set, of a language model perplexity.
import type { DatasetName as SourceName } from '../../train/data/sources.js';
import { loadPennTreebankPart } from '../../train/data/ptb.js';
import { SCORING_STREAMS } from '../../train/data/text.js';
import { type BuildChoice, Classifier, openModel } from '../classifier.js';
import { dataOf } from '../data.js';
import { type DatasetName, datasetOf, DATASETS } from '../datasets.js';
import { answerAll, BATCH } from '../evaluate.js';
import { UsageError } from '../failure.js';
import { figuresOf, isLanguageModel, LanguageScorer } from '../language.js';
import { interruptible } from '../long-run.js';
import { count, duration, printable } from '../text.js';

export interface EvalOptions {
  /** Default: the cache, filled on first use. */
  readonly data?: string;
  readonly limit?: number;
  readonly build: BuildChoice;
  readonly json?: boolean;
  /** Default: the one that the model was trained on. */
  readonly dataset?: DatasetName;
}

export async function evaluate(modelPath: string, options: EvalOptions): Promise<void> {
  const model = await openModel(modelPath, { build: options.build, batch: BATCH });
  if (isLanguageModel(model)) return evaluateText(new LanguageScorer(model), options);
  const dataset = options.dataset ?? datasetOf(model.metadata.training);
  if (dataset === undefined && options.data === undefined) {
    throw new UsageError(
      `model "${model.name}" does not say what it was trained on: expected --dataset or --data, got neither`,
    );
  }
  const { inputShape, loadTest } = DATASETS[dataset ?? 'mnist'];
  const test = await loadTest(await folderOf(options.data, dataset ?? 'mnist'));
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

/** The folder of the data; a signal while it is fetched leaves no part of a file behind. */
async function folderOf(data: string | undefined, dataset: SourceName): Promise<string> {
  const { signal, stopIfAborted, release } = interruptible('nothing was evaluated');
  try {
    return await dataOf(data, dataset, signal);
  } catch (error) {
    stopIfAborted(error);
    throw error;
  } finally {
    release();
  }
}

async function evaluateText(scorer: LanguageScorer, { data, limit, json }: EvalOptions): Promise<void> {
  const { model, unit } = scorer;
  const text = await loadPennTreebankPart(await folderOf(data, 'ptb'), 'test');
  const tokens = scorer.encode(text).subarray(0, limit);
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
