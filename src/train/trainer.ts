// Training a classifier from a recipe: its task for the training loop, per-epoch validation, and at the end the test set
// answered the way the exported network will answer it. The samples are uploaded once as bytes; a step writes its sample
// numbers and labels and runs one program.
import { powerOfTwo } from '../numerics/bits.js';
import { hash32, Random } from '../numerics/random.js';
import { openBackend, type DeviceChoice } from './backend.js';
import type { FinishedRun } from './checkpoint.js';
import type { Augmentation } from './data/augment.js';
import { slice, type Dataset, type LabelledBytes } from './data/dataset.js';
import { Evaluator, type TestAnswers } from './evaluator.js';
import type { Backend, Call } from './kernels.js';
import { gatherBytes, weightedSum } from './layers.js';
import { compileStep, runEpochs, stopIfAborted, type LoopOptions, type LoopProgress, type TrainTask } from './loop.js';
import { crossEntropy, distillation, squaredDistance, squaredHinge } from './losses.js';
import { Model, type LatentState, type WeightInit } from './model.js';
import type { TrainedNetwork, TrainingRecord } from './network.js';
import { adam, exponentialDecay, glorotStepScale, type Optimizer } from './optimizers.js';
import { alphaRamp } from './quantizers.js';
import { sampleSource, type SampleSource } from './samples.js';
import { floatLayers, type LayerSpec } from './spec.js';
import { Tape } from './tape.js';
import { tensor, type Tensor } from './tensor.js';

/** The learning rate of each epoch 0 .. epochs - 1, for a number of epochs. */
export type Schedule = (epochs: number) => (epoch: number) => number;

/** What to train and how. */
export interface Recipe {
  readonly name: string;
  /** The task in words, for the model file. */
  readonly task: string;
  /** The layers for a number of classes. */
  readonly layers: (classes: number) => readonly LayerSpec[];
  readonly batchSize: number;
  readonly epochs: number;
  /** Training samples, taken from the end of the training set, that are only used to report validation accuracy. */
  readonly validationSamples: number;
  /** The rate of the first epoch and the one that it decays towards, exponentially by epoch; or any schedule. */
  readonly learningRate: { readonly start: number; readonly end: number } | Schedule;
  /** Makes the optimizer of a run. Default: Adam. */
  readonly optimizer?: () => Optimizer;
  /** Default: squared hinge, as in BNN. */
  readonly loss?: 'squaredHinge' | 'crossEntropy';
  /**
   * Whether steps of latent weights are multiplied by the Glorot coefficient (BNN, Algorithm 1), by the power of two that
   * is nearest to it (BNN's Torch7 code), or taken as they are.
   */
  readonly stepScale: 'glorot' | 'shift' | 'none';
  readonly init: WeightInit;
  /**
   * Batches of training samples, augmented as in training, by which running statistics are taken anew before the test set is
   * answered: while weights move they lag behind, by so much in some epochs that accuracy falls by several percent. Default 0.
   */
  readonly settleBatches?: number;
  /** Training pictures are shifted and mirrored anew each time they are seen. Default: as they are. */
  readonly augmentation?: Augmentation;
}

/** Where training stands; loss and accuracy are means over the current epoch so far, of the training batches. */
export interface TrainProgress extends Omit<LoopProgress, 'validation'> {
  /** Set at the last step of an epoch, if the recipe holds samples back: their share of right answers. */
  readonly validationAccuracy?: number;
}

export interface TrainOptions extends Omit<LoopOptions, 'onProgress'> {
  /** Where to compute; a WebGPU device or a backend that the caller brings is left open. Default: auto. */
  readonly device?: DeviceChoice | GPUDevice | Backend;
  /** Default: the recipe's. */
  readonly epochs?: number;
  /** Names the run: same seed, same device, same result. Default 1. */
  readonly seed?: number;
  /** Use only the first `limit` training samples. */
  readonly limit?: number;
  readonly onProgress?: (progress: TrainProgress) => void;
  /** What the run starts from, of a network with the same layers and any precision. Default: random weights. */
  readonly initial?: LatentState;
  /** Guides the run; see Teacher. */
  readonly teacher?: Teacher;
  /** The command that a reader of the model file would repeat; recorded as it is. */
  readonly command?: string;
}

/**
 * A trained network that another one is trained to follow (Zhuang et al. 2018): the loss grows by `scores` times the
 * distillation loss at `temperature`, and by `features` times half the mean squared distance of the activations before the
 * last layer. Zhuang's teacher learns too; this one has learned.
 */
export interface Teacher {
  /** Layers of the same shapes as the recipe's, with the precision of `state`. */
  readonly layers: readonly LayerSpec[];
  readonly state: LatentState;
  /** Default 1. */
  readonly scores?: number;
  /** Default 0.1. */
  readonly features?: number;
  /** Default 2. */
  readonly temperature?: number;
}

/** What a run came to, but for the network. */
interface Measured {
  /** What another run can start from, or be taught by. */
  readonly state: LatentState;
  readonly test: TestAnswers;
  /** Validation accuracy after each epoch; empty if the recipe holds no samples back. */
  readonly validationAccuracies: readonly number[];
}

export interface TrainResult extends Measured {
  readonly network: TrainedNetwork;
}

/** A float twin has no network of integers, so nothing that could be exported. */
export interface FloatResult extends Measured {
  readonly record: TrainingRecord;
}

/**
 * Trains `recipe` on `data`. Nothing is written anywhere; the result is plain data.
 * @throws RangeError if an option or the data set is out of range
 * @throws TrainError if there is no device, training was stopped, the loss stopped being finite, or the device failed
 * @example
 * const { network, test } = await train(mnistMlp(), await loadMnist('mnist'), { epochs: 20, onProgress: console.log });
 */
export async function train(recipe: Recipe, data: Dataset, options: TrainOptions = {}): Promise<TrainResult> {
  return run(recipe, data, options, handOver(recipe, data));
}

/** What train() returned of a run that is over, from what is left of it. */
export async function answerAgain(
  recipe: Recipe,
  data: Dataset,
  finished: FinishedRun,
  options: TrainOptions,
): Promise<TrainResult> {
  return run(recipe, data, options, handOver(recipe, data), { finished });
}

function handOver({ name, task }: Recipe, { classes: labels, inputShape }: Dataset) {
  return async (backend: Backend, model: Model, { record, ...measured }: FloatResult): Promise<TrainResult> => {
    return { ...measured, network: { name, task, labels, inputShape, layers: await model.read(backend), record } };
  };
}

/** The recipe without quantizers of weights, activations and gradients: for trainFloat(), or the layers of a teacher. */
export function floatTwin(recipe: Recipe): Recipe {
  return { ...recipe, name: `${recipe.name}-float`, layers: (classes) => floatLayers(recipe.layers(classes)) };
}

/**
 * Trains a recipe of float layers, such as a floatTwin(), and measures it on the test set: what quantization costs is the
 * difference to train(). Batch normalization, loss, optimizer and schedule are the recipe's; latent weights are not clipped.
 * @throws RangeError and TrainError as train() does
 * @example
 * const { test } = await trainFloat(floatTwin(mnistMlp()), await loadMnist('mnist'), { epochs: 20 });
 */
export async function trainFloat(recipe: Recipe, data: Dataset, options: TrainOptions = {}): Promise<FloatResult> {
  return run(recipe, data, options, (_, __, result) => Promise.resolve(result), { isFloat: true });
}

/** Trains, unless the run is over, and measures; `finish` makes the result while the device is open. */
async function run<T>(
  recipe: Recipe,
  data: Dataset,
  options: TrainOptions,
  finish: (backend: Backend, model: Model, result: FloatResult) => Promise<T>,
  { isFloat = false, finished }: { readonly isFloat?: boolean; readonly finished?: FinishedRun } = {},
): Promise<T> {
  const { epochs = recipe.epochs, seed = 1 } = options;
  if (!Number.isInteger(epochs) || epochs < 1) throw new RangeError(`"epochs" expected an integer >= 1, got ${epochs}`);
  if (!Number.isInteger(seed)) throw new RangeError(`"seed" expected an integer, got ${seed}`);
  const features = product(data.inputShape);
  checkSamples('train', data.train, features, data.classes.length);
  checkSamples('test', data.test, features, data.classes.length);
  const { training, validation } = split(recipe, data, options.limit);
  const model = new Model(data.inputShape, recipe.layers(data.classes.length));
  if (model.isFloat !== isFloat) {
    const [expected, got, other] = isFloat ? ['float', 'quantized', 'train'] : ['quantized', 'float', 'trainFloat'];
    throw new RangeError(`"recipe" expected ${expected} layers, got ${got} ones: use ${other}()`);
  }
  stopIfAborted(options.signal);
  const { backend, close } = await openBackend(options.device ?? 'auto');
  try {
    const random = new Random(seed);
    model.initialize(backend, random, recipe.init);
    const initial = finished?.state ?? options.initial;
    if (initial) model.writeState(backend, initial);
    const evaluator = await Evaluator.create(backend, model, features);
    const samples = { training, validation, inputShape: data.inputShape };
    const validationAccuracies = finished
      ? finished.validations
      : await learn(backend, model, evaluator, { recipe, options, epochs, seed, random, ...samples });
    const test = await evaluator.evaluate(data.test, options.signal);
    const record: TrainingRecord = {
      recipe: recipe.name,
      seed,
      epochs,
      batchSize: recipe.batchSize,
      dataset: data.name,
      trainSamples: training.count,
      testSamples: data.test.count,
      testAccuracy: test.accuracy,
      device: backend.description,
      command: options.command ?? '',
    };
    const state = await model.readState(backend);
    return await finish(backend, model, { record, test, validationAccuracies, state });
  } finally {
    close();
  }
}

/** Runs the epochs and settles the statistics; returns what validation gave. */
async function learn(
  backend: Backend,
  model: Model,
  evaluator: Evaluator,
  given: Pick<Run, 'recipe' | 'training' | 'epochs' | 'random' | 'seed'> & {
    readonly validation: LabelledBytes | null;
    readonly inputShape: readonly number[];
    readonly options: TrainOptions;
  },
): Promise<number[]> {
  const { recipe, training, validation, inputShape, random, options } = given;
  const order = Uint32Array.from({ length: training.count }, (_, i) => i);
  const { batchSize, augmentation } = recipe;
  const batches = await sampleSource(backend, { training, order, random, inputShape, batchSize, augmentation });
  try {
    const settings = { ...given, order, batches, teacher: options.teacher };
    const { task, pass } = await classification(backend, model, settings, async () => {
      if (!validation) return undefined;
      return (await evaluator.evaluate(validation, options.signal)).accuracy;
    });
    const { onProgress, ...loopOptions } = options;
    const validationAccuracies = await runEpochs(backend, task, {
      ...loopOptions,
      ...(onProgress && { onProgress: (progress) => onProgress(classified(progress)) }),
    });
    await settle(backend, model, pass, settings, options.signal);
    return validationAccuracies;
  } finally {
    await batches.close();
  }
}

function checkSamples(
  name: string,
  { count, samples, labels }: LabelledBytes,
  features: number,
  classes: number,
): void {
  if (samples.length !== count * features || labels.length !== count) {
    throw new RangeError(
      `"${name}" expected ${count * features} bytes and ${count} labels, got ${samples.length} and ${labels.length}`,
    );
  }
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) throw new RangeError(`"${name}" expected labels below ${classes}, got ${labels[wrong]} at ${wrong}`);
}

/** The training samples in use, and those held back from them. */
function split(recipe: Recipe, data: Dataset, limit = data.train.count) {
  const minimum = recipe.batchSize;
  if (!Number.isInteger(limit) || limit < minimum) {
    throw new RangeError(`"limit" expected an integer of at least a batch, ${minimum}, got ${limit}`);
  }
  const used = Math.min(limit, data.train.count);
  // A limited run holds back its share, so that the batches stay the larger part.
  const wanted = Math.floor((recipe.validationSamples * used) / data.train.count);
  const held = used - wanted >= minimum ? wanted : 0;
  return {
    training: slice(data.train, 0, used - held),
    validation: held > 0 ? slice(data.train, used - held, used) : null,
  };
}

interface Run {
  readonly recipe: Recipe;
  readonly training: LabelledBytes;
  readonly epochs: number;
  /** The order of the samples, and what shuffles it. */
  readonly order: Uint32Array;
  readonly random: Random;
  readonly batches: SampleSource;
  readonly seed: number;
  readonly teacher: Teacher | undefined;
}

function classified({ validation, ...rest }: LoopProgress): TrainProgress {
  return { ...rest, ...(validation === undefined ? {} : { validationAccuracy: validation }) };
}

/** The model's forward pass of a step, from the gathered samples on: what settling statistics runs too. */
interface Pass {
  /** Of its noise. */
  readonly key: Tensor;
  readonly calls: readonly Call[];
}

/** The task of the training loop, batches of samples in a new order every epoch, and the model's pass in it. */
async function classification(
  backend: Backend,
  model: Model,
  { recipe, training, epochs, order, random, batches, seed, teacher }: Run,
  validate: () => Promise<number | undefined>,
): Promise<{ readonly task: TrainTask; readonly pass: Pass }> {
  const { batchSize } = recipe;
  const labels = tensor('batch labels', [batchSize], 'u32');
  const totals = tensor('totals', [2]);
  const key = tensor('noise key', [1], 'u32');
  const tape = new Tape();
  const inputs = gatherBytes(tape, batches.samples, batches.indices, product(model.inputShape));
  const passed = model.trainingPass(tape, inputs, key);
  const pass = { key, calls: tape.forward() };
  const optimizer = (recipe.optimizer ?? adam)();
  const parameters = model.parameters.map(({ tensor, fan, clip }) => {
    return { tensor, rule: { stepScale: fan ? stepScaleOf(recipe, fan) : 1, clip, decays: fan !== null } };
  });
  const lossOf = recipe.loss === 'crossEntropy' ? crossEntropy : squaredHinge;
  const parts: (readonly [Tensor, number])[] = [[lossOf(tape, passed.scores, labels, totals), 1]];
  if (teacher) parts.push(...guidance(backend, tape, { inputs, key, passed, teacher, inputShape: model.inputShape }));
  const loss = parts.length === 1 ? parts[0][0] : weightedSum(tape, parts, 'guided loss');
  const step = await compileStep(backend, tape, loss, optimizer, parameters);
  const alpha = alphaRamp(epochs);
  const rates = recipe.learningRate;
  const learningRate = typeof rates === 'function' ? rates(epochs) : exponentialDecay(rates.start, rates.end, epochs);
  const task: TrainTask = {
    identity: { recipe: recipe.name, seed, epochs, batchSize, samples: training.count },
    epochs,
    // Samples that do not fill a batch sit out the epoch; the shuffle draws others next time.
    steps: Math.floor(training.count / batchSize),
    samplesPerStep: batchSize,
    optimizer,
    learningRate: (epoch) => learningRate(epoch - 1),
    totals,
    state: [...model.state, ...step.state],
    order,
    random: batches.random,
    startEpoch: () => random.shuffle(order),
    program: (epoch) => (model.ramps ? backend.compile(model.withAlpha(step.calls, alpha(epoch - 1))) : step.program),
    writeStep(_, place, count) {
      backend.write(key, Uint32Array.of(hash32(seed) ^ count));
      const batch = order.subarray((place - 1) * batchSize, place * batchSize);
      backend.write(
        labels,
        batch.map((sample) => training.labels[sample]),
      );
      return batches.write(place);
    },
    validate,
    firstNonFinite: () => model.firstNonFinite(backend),
  };
  return { task, pass };
}

/** By how much running statistics move in a batch that settles them: an average over about a hundred. */
const SETTLE_MOMENTUM = 0.01;
/** Settling can be stopped after so many; the run's last checkpoint is that of its last step. */
const BATCHES_PER_STOP = 10;

/**
 * Moves running statistics to what the finished weights make of the training samples, in the order of the last epoch, with
 * quantizers as they are evaluated. It runs in the tensors of the training step, which are most of what a run takes.
 */
async function settle(
  backend: Backend,
  model: Model,
  { key, calls }: Pass,
  { recipe: { batchSize, settleBatches = 0 }, training, batches, seed }: Run,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (settleBatches === 0) return;
  const slowly = (call: Call): Call => {
    if (call.kernel === 'batchNorm') return { ...call, params: { ...call.params, momentum: SETTLE_MOMENTUM } };
    if (call.kernel === 'shiftNorm') return { ...call, params: { ...call.params, momentum: SETTLE_MOMENTUM } };
    return call;
  };
  const program = await backend.compile(model.withAlpha(calls, 1).map(slowly));
  const steps = Math.floor(training.count / batchSize);
  for (let i = 0; i < settleBatches; i++) {
    if (i % BATCHES_PER_STOP === 0) {
      // Waits for the batches so far, and lets a signal come in.
      await backend.read(key);
      stopIfAborted(signal);
    }
    backend.write(key, Uint32Array.of(hash32(seed) ^ i));
    await batches.write((i % steps) + 1);
    program.run();
  }
}

/** What a teacher adds to the loss, with its weights. */
function guidance(
  backend: Backend,
  tape: Tape,
  given: {
    readonly inputs: Tensor;
    readonly key: Tensor;
    readonly passed: { readonly scores: Tensor; readonly features: Tensor };
    readonly teacher: Teacher;
    readonly inputShape: readonly number[];
  },
): (readonly [Tensor, number])[] {
  const { passed, teacher } = given;
  const named = teacher.layers.map((layer) => ({ ...layer, name: `${TEACHER}${layer.name}` }));
  const model = new Model(given.inputShape, named);
  const state = Object.entries(teacher.state).map(([label, values]) => [`${TEACHER}${label}`, values] as const);
  model.writeState(backend, Object.fromEntries(state));
  const taught = model.trainingPass(tape, given.inputs, given.key, false);
  const { scores = 1, features = 0.1, temperature = 2 } = teacher;
  return [
    [distillation(tape, passed.scores, taught.scores, temperature), scores],
    [squaredDistance(tape, passed.features, taught.features, 'distance of features'), features],
  ];
}

/** Keeps the labels of a teacher's tensors apart. */
const TEACHER = 'teacher ';

function stepScaleOf({ stepScale }: Recipe, fan: readonly [number, number]): number {
  if (stepScale === 'none') return 1;
  return stepScale === 'glorot' ? glorotStepScale(...fan) : powerOfTwo(glorotStepScale(...fan));
}

function product(shape: readonly number[]): number {
  return shape.reduce((result, dimension) => result * dimension, 1);
}
