// bitlane train of a language recipe: text -> trained network -> model file. The file is written last, when the exported
// network has given the trainer's loss for every token of the test text in WebAssembly. A float twin has no file: what comes
// out of it are its figures.
import { checkLosses } from '../../export/agreement.js';
import { exportLanguageModel } from '../../export/language.js';
import { load } from '../../index.node.js';
import { writeModel } from '../../model/write.js';
import { type DeviceChoice, loadPennTreebank, trainLanguageModel } from '../../train/index.js';
import { SCORING_STREAMS } from '../../train/data/text.js';
import { resolveDevice } from '../adapter.js';
import { dataOf } from '../data.js';
import { UsageError } from '../failure.js';
import { checkTarget, writeWhole } from '../files.js';
import { figuresOf, LanguageScorer } from '../language.js';
import { commandOf, interruptible } from '../long-run.js';
import { trainingProgress } from '../progress.js';
import { LANGUAGE_RECIPES, type LanguageRecipeName } from '../recipes.js';
import { RunFolder } from '../run-folder.js';
import { count, duration } from '../text.js';

export interface TrainLanguageOptions {
  /** Default: the cache, filled on first use. */
  readonly data?: string;
  /** Not with `float`. */
  readonly out?: string;
  readonly epochs?: number;
  readonly seed: number;
  /** Tokens. */
  readonly limit?: number;
  readonly device: DeviceChoice;
  readonly json?: boolean;
  readonly run?: string;
  readonly resume?: boolean;
  readonly variant?: 'paper' | 'better';
  readonly float?: boolean;
  readonly hidden?: number;
}

export async function trainLanguage(name: LanguageRecipeName, options: TrainLanguageOptions): Promise<void> {
  const { out, seed, limit, variant, float, hidden } = options;
  const recipe = LANGUAGE_RECIPES[name]({
    ...(variant && { variant }),
    ...(float && { float }),
    ...(hidden !== undefined && { hidden }),
  });
  const epochs = options.epochs ?? recipe.epochs;
  const least = recipe.batchSize * recipe.steps + 1;
  if (float && out !== undefined) {
    throw new UsageError(`option --float expected no --out, got "${out}": cells of float numbers have no file form`);
  }
  if (limit !== undefined && limit < least) {
    throw new UsageError(`option --limit expected at least one batch, ${least} tokens, got ${limit}`);
  }
  if (options.resume && options.run === undefined) {
    throw new UsageError('option --resume expected --run and the folder of the run to continue, got none');
  }
  if (out !== undefined) await checkTarget(out);
  const { signal, stopIfAborted, release } = interruptible(
    options.run === undefined ? 'no file was written' : `the run can be continued: --run ${options.run} --resume`,
  );
  const progress = trainingProgress(process.stderr, recipe.batchSize * recipe.steps);
  const start = performance.now();
  try {
    const data = await loadPennTreebank(await dataOf(options.data, 'ptb', signal), recipe.unit);
    const device = resolveDevice(options.device);
    stopIfAborted();
    const config = {
      ...{ recipe: recipe.name, hidden: recipe.hidden, device, epochs, seed },
      ...{ limit: limit ?? null, data: options.data ?? null },
    };
    const run = options.run === undefined ? null : await RunFolder.open(options.run, config, options.resume === true);
    const { network, losses, record } = await trainLanguageModel(recipe, data, {
      epochs,
      seed,
      device,
      signal,
      command: commandOf(name, options, { variant, hidden, epochs, seed, limit }),
      onProgress: (state) => {
        progress.update(state);
        run?.progress(state);
      },
      ...(limit !== undefined && { limit }),
      ...(run && { onCheckpoint: (checkpoint) => run.save(checkpoint) }),
      ...(run?.checkpoint && { resume: run.checkpoint }),
    }).finally(() => progress.stop());
    const figures = figuresOf(losses, recipe.unit);
    const written: { file?: string; bytes?: number } = {};
    if (network && out !== undefined) {
      const bytes = writeModel(exportLanguageModel(network));
      const scorer = new LanguageScorer(await load(bytes, { batch: SCORING_STREAMS }));
      checkLosses(losses, scorer.score(data.test).losses);
      stopIfAborted();
      await writeWhole(out, bytes);
      Object.assign(written, { file: out, bytes: bytes.length });
    }
    const seconds = (performance.now() - start) / 1000;
    const samples = losses.length;
    await run?.finish({ ...written, ...figures.values, samples, seconds });
    if (options.json) {
      const { device, trainTokens } = record;
      const rest = { recipe: recipe.name, hidden: recipe.hidden, epochs, seed, trainTokens, seconds, device };
      console.log(JSON.stringify({ ...figures.values, samples, ...written, ...(float && { float }), ...rest }));
    } else {
      const what = written.bytes === undefined ? recipe.name : `${out}: ${count(written.bytes)} bytes`;
      console.log(`${what}, ${figures.text} on ${count(samples)} test tokens, ${duration(1000 * seconds)}`);
    }
  } catch (error) {
    // Where the signal came while the trainer was at work, it ends with an error of its own.
    stopIfAborted(error);
    throw error;
  } finally {
    release();
  }
}
