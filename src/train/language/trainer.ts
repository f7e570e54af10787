// Training a language model from a recipe: back-propagation through time over a fixed number of steps, with the hidden state
// carried from batch to batch (truncated, Williams and Peng 1990), Adam on latent weights, validation after each epoch, and
// at the end the loss on every test token as the exported file will give it. Gradients are not clipped: the papers name no
// bound, and Adam's steps do not grow with them.
import { perplexity } from '../../numerics/likelihood.js';
import { hash32, Random } from '../../numerics/random.js';
import { openBackend } from '../backend.js';
import { END, tokenBatch, tokenBatchCount, type TextData, type TextUnit } from '../data/text.js';
import type { Backend } from '../kernels.js';
import { compileStep, runEpochs, stopIfAborted, type LoopProgress, type TrainTask } from '../loop.js';
import { crossEntropy } from '../losses.js';
import { adam, exponentialDecay } from '../optimizers.js';
import { Tape } from '../tape.js';
import { tensor } from '../tensor.js';
import type { TrainOptions } from '../trainer.js';
import { carry, LanguageEvaluator, mean } from './evaluator.js';
import { LanguageModel, type LanguageSpec } from './model.js';
import type { LanguageRecord, Quantization, TrainedLanguageModel } from './network.js';

/** What to train and how. */
export interface LanguageRecipe {
  readonly name: string;
  /** The task in words, for the model file. */
  readonly task: string;
  readonly unit: TextUnit;
  readonly cell: 'lstm' | 'rnn';
  readonly embedding: number;
  readonly hidden: number;
  /** Null for the float twin, which has no file form: the format's cells are integers. */
  readonly quantization: Quantization | null;
  /** Whether the scores' weights are the embedding's, which takes as many columns as there are hidden units. */
  readonly tied?: boolean;
  /** Whether the weights of the float twin stay in [-1, 1], as latent weights always do; for rates that need it. */
  readonly bounded?: boolean;
  /** In front of the recurrent layer and behind it. 0 for none. */
  readonly dropout: number;
  /** Parts of the text that are read side by side. */
  readonly batchSize: number;
  /** Tokens of each part in one step of training: how far gradients go back. */
  readonly steps: number;
  readonly epochs: number;
  readonly learningRate: LanguageRate;
}

/**
 * Adam's rate by epoch: falling exponentially from `start` towards `end`; or `start`, multiplied by `factor` after each epoch
 * whose validation loss is not below the best one before it.
 */
export type LanguageRate =
  | { readonly kind: 'exponential'; readonly start: number; readonly end: number }
  | { readonly kind: 'plateau'; readonly start: number; readonly factor: number };

/** Where training stands; loss (nats a token) and accuracy (tokens guessed right) are means over the epoch so far. */
export interface LanguageProgress extends Omit<LoopProgress, 'validation'> {
  /** Set at the last step of an epoch: mean loss on the validation text. */
  readonly validationLoss?: number;
}

export interface LanguageOptions extends Omit<TrainOptions, 'onProgress'> {
  readonly onProgress?: (progress: LanguageProgress) => void;
}

export interface LanguageResult {
  /** Null for the float twin. */
  readonly network: TrainedLanguageModel | null;
  readonly record: LanguageRecord;
  /** -log p of each test token in nats. */
  readonly losses: Float64Array;
  /** Mean of `losses`. */
  readonly loss: number;
  /** exp of `loss`. */
  readonly perplexity: number;
  readonly validationLosses: readonly number[];
}

/**
 * Trains `recipe` on a text. Nothing is written anywhere; the result is plain data.
 * @throws RangeError if an option is out of range or the text is shorter than a batch
 * @throws TrainError if there is no device, training was stopped, the loss stopped being finite, or the device failed
 * @example
 * const { network, perplexity } = await trainLanguageModel(ptbLstm(), await loadPennTreebank('ptb', 'word'));
 */
export async function trainLanguageModel(
  recipe: LanguageRecipe,
  data: TextData,
  options: LanguageOptions = {},
): Promise<LanguageResult> {
  const { epochs = recipe.epochs, seed = 1, limit = data.train.length } = options;
  if (!Number.isInteger(epochs) || epochs < 1) throw new RangeError(`"epochs" expected an integer >= 1, got ${epochs}`);
  if (!Number.isInteger(seed)) throw new RangeError(`"seed" expected an integer, got ${seed}`);
  if (data.unit !== recipe.unit) throw new RangeError(`"data" expected ${recipe.unit}s, got ${data.unit}s`);
  const training = data.train.subarray(0, limit);
  const least = recipe.batchSize * recipe.steps + 1;
  if (training.length < least) {
    throw new RangeError(`training text expected at least ${least} tokens, a batch, got ${training.length}`);
  }
  stopIfAborted(options.signal);
  // A limited run validates on its share.
  const share = Math.ceil((data.validation.length * training.length) / data.train.length);
  const validation = data.validation.subarray(0, share);
  const { cell, embedding, hidden, quantization, tied } = recipe;
  const vocabulary = data.vocabulary.tokens.length;
  const spec: LanguageSpec = { cell, vocabulary, embedding, hidden, quantization, ...(tied && { tied }) };
  const model = new LanguageModel(spec);
  const { backend, close } = await openBackend(options.device ?? 'auto');
  try {
    const random = new Random(seed);
    model.initialize(backend, random);
    const evaluator = await LanguageEvaluator.create(backend, model);
    const first = data.vocabulary.numbers.get(END) ?? 0;
    const history = [...(options.resume?.validations ?? [])];
    const task = await languageTask(backend, model, { recipe, training, epochs, random, seed, history }, async () => {
      if (validation.length === 0) return undefined;
      const loss = mean(await evaluator.losses(validation, first, false, options.signal));
      history.push(loss);
      return loss;
    });
    const { onProgress, ...loopOptions } = options;
    const validationLosses = await runEpochs(backend, task, {
      ...loopOptions,
      ...(onProgress && { onProgress: (progress) => onProgress(ofLanguage(progress)) }),
    });
    const losses = await evaluator.losses(data.test, first, true, options.signal);
    const loss = mean(losses);
    const record: LanguageRecord = {
      recipe: recipe.name,
      seed,
      epochs,
      batchSize: recipe.batchSize,
      steps: recipe.steps,
      dataset: data.name,
      trainTokens: training.length,
      testTokens: data.test.length,
      testPerplexity: perplexity(loss),
      device: backend.description,
      command: options.command ?? '',
    };
    const network = quantization && {
      ...{ name: recipe.name, task: recipe.task, unit: recipe.unit, vocabulary: data.vocabulary.tokens },
      ...{ cell, embedding, hidden, quantization },
      ...(await model.read(backend)),
      record,
    };
    return { network, record, losses, loss, perplexity: perplexity(loss), validationLosses };
  } finally {
    close();
  }
}

interface Run {
  readonly recipe: LanguageRecipe;
  readonly training: Uint32Array;
  readonly epochs: number;
  readonly random: Random;
  readonly seed: number;
  /** Validation losses so far. */
  readonly history: readonly number[];
}

function ofLanguage({ validation, ...rest }: LoopProgress): LanguageProgress {
  return { ...rest, ...(validation === undefined ? {} : { validationLoss: validation }) };
}

/** The task of the training loop: the text from its start in every epoch, batch after batch. */
async function languageTask(
  backend: Backend,
  model: LanguageModel,
  { recipe, training, epochs, random, seed, history }: Run,
  validate: () => Promise<number | undefined>,
): Promise<TrainTask> {
  const { batchSize, steps } = recipe;
  const [key, totals] = [tensor('dropout key', [1], 'u32'), tensor('totals', [2])];
  const labels = tensor('next tokens', [steps * batchSize], 'u32');
  const tape = new Tape();
  model.watch(tape);
  const unrolled = model.unroll(tape, batchSize, steps, { rate: recipe.dropout, key });
  const { tokens, carried, scores } = unrolled;
  const loss = crossEntropy(tape, scores, labels, totals);
  const optimizer = adam();
  const bounded = recipe.quantization !== null || recipe.bounded === true;
  const parameters = model.parameters.map(({ tensor: t, latent }) => {
    return { tensor: t, rule: { stepScale: 1, clip: latent && bounded ? 1 : null } };
  });
  const { program, state } = await compileStep(backend, tape, loss, optimizer, parameters, [carry(unrolled)]);
  const network = JSON.stringify({ ...model.spec, steps, dropout: recipe.dropout });
  return {
    identity: { recipe: recipe.name, network, seed, epochs, batchSize, samples: training.length },
    epochs,
    steps: tokenBatchCount(training, batchSize, steps),
    samplesPerStep: batchSize * steps,
    optimizer,
    learningRate: (epoch) => rateOf(recipe.learningRate, epoch, epochs, history),
    totals,
    state: [...model.state, carried, ...state],
    order: new Uint32Array(0),
    random,
    startEpoch: () => backend.write(carried, new Float32Array(carried.size)),
    program: () => program,
    writeStep(_, step, count) {
      const batch = tokenBatch(training, batchSize, steps, step - 1);
      backend.write(tokens, batch.inputs);
      backend.write(labels, batch.targets);
      backend.write(key, Uint32Array.of(hash32(seed) + count));
    },
    validate,
    firstNonFinite: () => model.firstNonFinite(backend),
  };
}

function rateOf(rate: LanguageRate, epoch: number, epochs: number, history: readonly number[]): number {
  if (rate.kind === 'exponential') return exponentialDecay(rate.start, rate.end, epochs)(epoch - 1);
  const worse = history.filter((loss, i) => i > 0 && loss >= Math.min(...history.slice(0, i)));
  return rate.start * rate.factor ** worse.length;
}
