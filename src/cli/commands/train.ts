// bitlane train: data set -> trained network -> model file. The file is written last, when the exported network has answered
// the whole test set in WebAssembly as the trainer did; whatever stops the command before leaves nothing behind, or with
// --run a folder from which the run can be continued.
import { checkAgreement } from '../../export/agreement.js';
import { exportNetwork } from '../../export/export.js';
import { load } from '../../index.node.js';
import { writeModel } from '../../model/write.js';
import { type DeviceChoice, train as trainNetwork } from '../../train/index.js';
import { resolveDevice } from '../adapter.js';
import { Classifier } from '../classifier.js';
import { dataOf } from '../data.js';
import { type DatasetName, DATASETS } from '../datasets.js';
import { answerAll, BATCH } from '../evaluate.js';
import { UsageError } from '../failure.js';
import { checkTarget, writeWhole } from '../files.js';
import { commandOf, interruptible } from '../long-run.js';
import { trainingProgress } from '../progress.js';
import { type RecipeName, recipeOf, type RecipeOptions, RECIPES } from '../recipes.js';
import { RunFolder } from '../run-folder.js';
import { count, duration } from '../text.js';

export interface TrainCommandOptions extends RecipeOptions {
  /** Default: the cache, filled on first use. */
  readonly data?: string;
  readonly out: string;
  readonly epochs?: number;
  readonly seed: number;
  readonly limit?: number;
  readonly device: DeviceChoice;
  readonly json?: boolean;
  readonly run?: string;
  readonly resume?: boolean;
  /** Default: the recipe's. */
  readonly dataset?: DatasetName;
}

export async function train(recipeName: RecipeName, options: TrainCommandOptions): Promise<void> {
  const { out, seed, limit } = options;
  const recipe = recipeOf(recipeName, options);
  const dataset = options.dataset ?? RECIPES[recipeName].dataset;
  const epochs = options.epochs ?? recipe.epochs;
  if (limit !== undefined && limit < recipe.batchSize) {
    throw new UsageError(`option --limit expected at least one batch, ${recipe.batchSize} samples, got ${limit}`);
  }
  if (options.resume && options.run === undefined) {
    throw new UsageError('option --resume expected --run and the folder of the run to continue, got none');
  }
  await checkTarget(out);
  const { signal, stopIfAborted, release } = interruptible(
    options.run === undefined ? 'no file was written' : `the run can be continued: --run ${options.run} --resume`,
  );
  const progress = trainingProgress(process.stderr, recipe.batchSize);
  const start = performance.now();
  try {
    const data = await DATASETS[dataset].load(await dataOf(options.data, dataset, signal));
    const device = resolveDevice(options.device);
    stopIfAborted();
    const { variant, bits, quantizer } = options;
    const asked = { variant: variant ?? null, bits: bits ?? null, quantizer: quantizer ?? null };
    const config = {
      recipe: recipeName,
      ...asked,
      dataset,
      device,
      epochs,
      seed,
      limit: limit ?? null,
      data: options.data ?? null,
    };
    const run = options.run === undefined ? null : await RunFolder.open(options.run, config, options.resume === true);
    const result = await trainNetwork(recipe, data, {
      epochs,
      seed,
      device,
      signal,
      command: commandOf(recipeName, options, {
        epochs,
        seed,
        limit,
        dataset: options.dataset,
        variant,
        bits,
        quantizer,
      }),
      onProgress: (state) => {
        progress.update(state);
        run?.progress(state);
      },
      ...(limit !== undefined && { limit }),
      ...(run && { onCheckpoint: (checkpoint) => run.save(checkpoint) }),
      ...(run?.checkpoint && { resume: run.checkpoint }),
    }).finally(() => progress.stop());
    const bytes = writeModel(exportNetwork(result.network));
    const classifier = new Classifier(await load(bytes, { batch: BATCH }));
    const { accuracy, samples, correct, predictions } = answerAll(classifier, data.test, data.inputShape);
    checkAgreement(result.test.predictions, predictions);
    stopIfAborted();
    await writeWhole(out, bytes);
    const seconds = (performance.now() - start) / 1000;
    await run?.finish({ file: out, bytes: bytes.length, accuracy, samples, correct, seconds });
    if (options.json) {
      const { device, trainSamples } = result.network.record;
      const rest = { recipe: recipeName, epochs, seed, trainSamples, seconds, device };
      console.log(JSON.stringify({ accuracy, samples, correct, file: out, bytes: bytes.length, ...rest }));
    } else {
      const share = (100 * accuracy).toFixed(2);
      console.log(
        `${out}: ${count(bytes.length)} bytes, ${share} % of ${count(samples)} test samples right, ${duration(1000 * seconds)}`,
      );
    }
  } catch (error) {
    // Where the signal came while the trainer was at work, it ends with an error of its own.
    stopIfAborted(error);
    throw error;
  } finally {
    release();
  }
}
