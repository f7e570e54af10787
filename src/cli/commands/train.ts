// bitlane train: data set -> trained network -> model file. The file is written last, when the exported network has answered
// the whole test set in WebAssembly as the trainer did; whatever stops the command before leaves nothing behind, or with
// --run a folder from which the run can be continued.
import { checkAgreement } from '../../export/agreement.js';
import { exportNetwork } from '../../export/export.js';
import { load } from '../../index.node.js';
import { writeModel } from '../../model/write.js';
import {
  type Checkpoint,
  type Dataset,
  type DeviceChoice,
  type Recipe,
  train as trainNetwork,
  trainFloat,
  type TrainingRecord,
  type TrainOptions,
  type TrainProgress,
} from '../../train/index.js';
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
  /** Not with `float`. */
  readonly out?: string;
  readonly epochs?: number;
  readonly seed: number;
  readonly limit?: number;
  readonly device: DeviceChoice;
  readonly json?: boolean;
  readonly run?: string;
  readonly resume?: boolean;
  /** The float twin: measured, not written. */
  readonly float?: boolean;
  /** Default: the recipe's. */
  readonly dataset?: DatasetName;
}

export async function train(recipeName: RecipeName, options: TrainCommandOptions): Promise<void> {
  const { out, seed, limit, float } = options;
  const dataset = options.dataset ?? RECIPES[recipeName].dataset;
  const recipe = { ...recipeOf(recipeName, options), task: DATASETS[dataset].task };
  if (float && out !== undefined) {
    throw new UsageError(`option --float expected no --out, got "${out}": a float twin is measured, not written`);
  }
  const epochs = options.epochs ?? recipe.epochs;
  if (limit !== undefined && limit < recipe.batchSize) {
    throw new UsageError(`option --limit expected at least one batch, ${recipe.batchSize} samples, got ${limit}`);
  }
  if (options.resume && options.run === undefined) {
    throw new UsageError('option --resume expected --run and the folder of the run to continue, got none');
  }
  if (out !== undefined) await checkTarget(out);
  const { signal, stopIfAborted, release } = interruptible(
    options.run === undefined ? 'no file was written' : `the run can be continued: --run ${options.run} --resume`,
  );
  const progress = trainingProgress(process.stderr, recipe.batchSize);
  const start = performance.now();
  try {
    const data = await DATASETS[dataset].load(await dataOf(options.data, dataset, signal));
    const device = resolveDevice(options.device);
    stopIfAborted();
    const { variant, widths, bits, quantizer } = options;
    const asked = {
      variant: variant ?? null,
      widths: widths ?? null,
      bits: bits ?? null,
      quantizer: quantizer ?? null,
    };
    const config = {
      recipe: float ? recipe.name : recipeName,
      ...asked,
      dataset,
      device,
      epochs,
      seed,
      limit: limit ?? null,
      data: options.data ?? null,
    };
    const run = options.run === undefined ? null : await RunFolder.open(options.run, config, options.resume === true);
    const settings = {
      ...{ epochs, seed, device, signal },
      command: commandOf(recipeName, options, {
        ...{ epochs, seed, limit, dataset: options.dataset },
        ...{ variant, widths, bits, quantizer },
      }),
      onProgress: (state: TrainProgress) => {
        progress.update(state);
        run?.progress(state);
      },
      ...(limit !== undefined && { limit }),
      ...(run && { onCheckpoint: (checkpoint: Checkpoint) => run.save(checkpoint) }),
      ...(run?.checkpoint && { resume: run.checkpoint }),
    };
    const trained = await (
      out === undefined ? measured(recipe, data, settings) : exported(recipe, data, settings)
    ).finally(() => progress.stop());
    const { record, correct, bytes } = trained;
    const samples = record.testSamples;
    const accuracy = correct / samples;
    stopIfAborted();
    const written = out !== undefined && bytes && { file: out, bytes: bytes.length };
    if (written) await writeWhole(written.file, bytes);
    const seconds = (performance.now() - start) / 1000;
    await run?.finish({ ...written, accuracy, samples, correct, seconds });
    if (options.json) {
      const { device, trainSamples } = record;
      const rest = { recipe: recipeName, epochs, seed, trainSamples, seconds, device };
      console.log(JSON.stringify({ accuracy, samples, correct, ...written, ...(float && { float }), ...rest }));
    } else {
      const what = written ? `${written.file}: ${count(written.bytes)} bytes` : record.recipe;
      const share = (100 * accuracy).toFixed(2);
      console.log(`${what}, ${share} % of ${count(samples)} test samples right, ${duration(1000 * seconds)}`);
    }
  } catch (error) {
    // Where the signal came while the trainer was at work, it ends with an error of its own.
    stopIfAborted(error);
    throw error;
  } finally {
    release();
  }
}

interface Trained {
  readonly record: TrainingRecord;
  readonly correct: number;
  readonly bytes?: Uint8Array;
}

/** Trains and exports; the file's answers are those of the WebAssembly runtime, and the trainer's. */
async function exported(recipe: Recipe, data: Dataset, options: TrainOptions): Promise<Trained> {
  const { network, test } = await trainNetwork(recipe, data, options);
  const bytes = writeModel(exportNetwork(network));
  const classifier = new Classifier(await load(bytes, { batch: BATCH }));
  const { correct, predictions } = answerAll(classifier, data.test, data.inputShape);
  checkAgreement(test.predictions, predictions);
  return { record: network.record, correct, bytes };
}

async function measured(recipe: Recipe, data: Dataset, options: TrainOptions): Promise<Trained> {
  const { record, test } = await trainFloat(recipe, data, options);
  const correct = test.predictions.filter((prediction, i) => prediction === data.test.labels[i]).length;
  return { record, correct };
}
