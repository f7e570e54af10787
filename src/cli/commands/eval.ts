// bitlane eval: accuracy and speed on a test set.
import { type BuildChoice, Classifier, openModel } from '../classifier.js';
import { type DatasetName, datasetOf, DATASETS } from '../datasets.js';
import { answerAll, BATCH } from '../evaluate.js';
import { checkFolder } from '../files.js';
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
