// Training from a recipe: mini-batch Adam with straight-through estimators on a device, per-epoch validation, and at
// the end the test set answered the way the exported network will answer it. The samples are uploaded once as bytes; a
// step writes its sample numbers and labels, runs one program and reads nothing back, except every few steps for
// progress.
import { TrainError } from '../errors.js';
import { Random } from '../numerics/random.js';
import { openBackend, type DeviceChoice } from './backend.js';
import type { Checkpoint } from './checkpoint.js';
import { slice, type Dataset, type LabelledBytes } from './data/dataset.js';
import type { Backend, Program } from './kernels.js';
import { gatherBytes } from './layers.js';
import { squaredHinge } from './losses.js';
import { Model, type LayerSpec, type WeightInit } from './model.js';
import type { TrainedNetwork } from './network.js';
import { adam, exponentialDecay, glorotStepScale } from './optimizers.js';
import { Tape } from './tape.js';
import { tensor, type Tensor } from './tensor.js';

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
  /** Adam's learning rate of the first epoch and the one that it decays towards, exponentially by epoch. */
  readonly learningRate: { readonly start: number; readonly end: number };
  /**
   * Whether steps of latent weights are multiplied by the Glorot coefficient (BNN, Algorithm 1) or taken as they are.
   */
  readonly stepScale: 'glorot' | 'none';
  readonly init: WeightInit;
}

/** Where training stands; loss and accuracy are means over the current epoch so far, of the training batches. */
export interface TrainProgress {
  /** 1 .. epochs. */
  readonly epoch: number;
  readonly epochs: number;
  /** 1 .. steps. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Set at the last step of an epoch, if the recipe holds samples back: their share of right answers. */
  readonly validationAccuracy?: number;
  readonly learningRate: number;
  /** Training samples per second since the start, validation included. */
  readonly samplesPerSecond: number;
}

export interface TrainOptions {
  /** Where to compute; a WebGPU device or a backend that the caller brings is left open. Default: auto. */
  readonly device?: DeviceChoice | GPUDevice | Backend;
  /** Default: the recipe's. */
  readonly epochs?: number;
  /** Names the run: same seed, same device, same result. Default 1. */
  readonly seed?: number;
  /** Use only the first `limit` training samples. */
  readonly limit?: number;
  /** Stops training between two steps; train() then throws a TrainError. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
  /** Continues a run: same recipe, data, seed and epochs; on the same device it ends bit for bit as if never stopped. */
  readonly resume?: Checkpoint;
  /** Takes a checkpoint every `checkpointSeconds`, at the end, and when `signal` stops training. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void> | void;
  /** Default 30. */
  readonly checkpointSeconds?: number;
  /** The command that a reader of the model file would repeat; recorded as it is. */
  readonly command?: string;
}

/** What the trainer itself answers on the test set, for export to agree with. */
export interface TestAnswers {
  /** (N, classes) row-major: fround(fround(scale * sum) + shift) of the last layer's folded normalization. */
  readonly scores: Float32Array;
  /** (N): the class with the highest score, the first of equals. */
  readonly predictions: Uint8Array;
  /** Share of right answers, in [0, 1]. */
  readonly accuracy: number;
}

export interface TrainResult {
  readonly network: TrainedNetwork;
  readonly test: TestAnswers;
  /** Validation accuracy after each epoch; empty if the recipe holds no samples back. */
  readonly validationAccuracies: readonly number[];
}

/** Steps between two reads of loss and accuracy: each read waits for the device. */
const STEPS_PER_REPORT = 10;
const EVALUATION_BATCH = 500;
const CHECKPOINT_SECONDS = 30;

/**
 * Trains `recipe` on `data`. Nothing is written anywhere; the result is plain data.
 * @throws RangeError if an option or the data set is out of range
 * @throws TrainError if there is no device, training was stopped, the loss stopped being finite, or the device failed
 * @example
 * const { network, test } = await train(mnistMlp(), await loadMnist('mnist'), { epochs: 10, onProgress: console.log });
 */
export async function train(recipe: Recipe, data: Dataset, options: TrainOptions = {}): Promise<TrainResult> {
  const { epochs = recipe.epochs, seed = 1 } = options;
  if (!Number.isInteger(epochs) || epochs < 1) throw new RangeError(`"epochs" expected an integer >= 1, got ${epochs}`);
  if (!Number.isInteger(seed)) throw new RangeError(`"seed" expected an integer, got ${seed}`);
  const features = data.inputShape.reduce((product, dimension) => product * dimension, 1);
  checkSamples('train', data.train, features, data.classes.length);
  checkSamples('test', data.test, features, data.classes.length);
  const { training, validation } = split(recipe, data, options.limit);
  stopIfAborted(options.signal);
  const { backend, close } = await openBackend(options.device ?? 'auto');
  try {
    const model = new Model(data.inputShape, recipe.layers(data.classes.length));
    const random = new Random(seed);
    model.initialize(backend, random, recipe.init);
    const evaluator = await Evaluator.create(backend, model, features);
    const run = { recipe, training, epochs, features, random, options };
    const validationAccuracies = await trainEpochs(backend, model, run, async () => {
      if (!validation) return undefined;
      return (await evaluator.evaluate(validation, options.signal)).accuracy;
    });
    const test = await evaluator.evaluate(data.test, options.signal);
    const network: TrainedNetwork = {
      name: recipe.name,
      task: recipe.task,
      labels: data.classes,
      inputShape: data.inputShape,
      layers: await model.read(backend),
      record: {
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
      },
    };
    return { network, test, validationAccuracies };
  } finally {
    close();
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
  readonly features: number;
  readonly random: Random;
  readonly options: TrainOptions;
}

async function trainEpochs(
  backend: Backend,
  model: Model,
  { recipe, training, epochs, features, random, options }: Run,
  validate: () => Promise<number | undefined>,
): Promise<number[]> {
  const { batchSize } = recipe;
  const samples = uploadBytes(backend, 'training samples', training.samples);
  const indices = tensor('batch indices', [batchSize], 'u32');
  const labels = tensor('batch labels', [batchSize], 'u32');
  const totals = tensor('totals', [2]);

  const tape = new Tape();
  const scores = model.trainingPass(tape, gatherBytes(tape, samples, indices, features));
  const gradients = tape.backward(squaredHinge(tape, scores, labels, totals));
  const optimizer = adam();
  const updates = model.parameters.map(({ tensor: w, fan }) => {
    const stepScale = fan && recipe.stepScale === 'glorot' ? glorotStepScale(...fan) : 1;
    const state = optimizer.init(w);
    return { state, call: optimizer.update(w, gradients.of(w), state, { stepScale, clip: fan ? 1 : null }) };
  });
  const program = await backend.compile([...tape.forward(), ...gradients.calls, ...updates.map(({ call }) => call)]);
  backend.write(gradients.seed, Float32Array.of(1));

  const learningRateOf = exponentialDecay(recipe.learningRate.start, recipe.learningRate.end, epochs);
  const order = Uint32Array.from({ length: training.count }, (_, i) => i);
  // Samples that do not fill a batch sit out the epoch; the shuffle draws others next time.
  const steps = Math.floor(training.count / batchSize);
  const validationAccuracies: number[] = [];
  const identity = { recipe: recipe.name, seed: options.seed ?? 1, epochs, batchSize, samples: training.count };
  const state = [...model.state, ...updates.flatMap(({ state }) => state), totals];
  let [epoch, step] = [1, 0];
  if (options.resume) {
    const { resume } = options;
    checkResume(resume, identity, state);
    for (const t of state) backend.write(t, resume.tensors[t.label]);
    order.set(resume.order);
    random.restore(resume.random);
    validationAccuracies.push(...resume.validationAccuracies);
    [epoch, step] = [resume.epoch, resume.step];
  } else {
    random.shuffle(order);
  }
  const started = performance.now();
  let lastCheckpoint = started;
  const checkpoint = async (): Promise<void> => {
    if (!options.onCheckpoint) return;
    const tensors: Record<string, Float32Array> = {};
    for (const t of state) tensors[t.label] = await backend.read(t);
    const place = { epoch, step, random: random.state(), validationAccuracies: [...validationAccuracies] };
    await options.onCheckpoint({ run: identity, ...place, order: order.slice(), tensors });
    lastCheckpoint = performance.now();
  };

  const firstStep = (epoch - 1) * steps + step;
  while (epoch < epochs || step < steps) {
    if (options.signal?.aborted) {
      await checkpoint();
      stopIfAborted(options.signal);
    }
    if (step === steps) {
      [epoch, step] = [epoch + 1, 0];
      random.shuffle(order);
      backend.write(totals, new Float32Array(2));
    }
    const batch = order.subarray(step * batchSize, (step + 1) * batchSize);
    step++;
    const learningRate = learningRateOf(epoch - 1);
    const stepsDone = (epoch - 1) * steps + step;
    backend.write(indices, batch);
    backend.write(
      labels,
      batch.map((sample) => training.labels[sample]),
    );
    backend.write(optimizer.rates, optimizer.ratesAt(stepsDone, learningRate));
    program.run();
    if (step % STEPS_PER_REPORT !== 0 && step !== steps) continue;
    const [lossSum, right] = (await backend.read(totals)) as unknown as [number, number];
    const loss = lossSum / step;
    if (!Number.isFinite(loss)) {
      const layer = await model.firstNonFinite(backend);
      const where = layer === undefined ? '' : `; the first layer that is not finite is "${layer}"`;
      throw new TrainError(
        `loss expected a finite number, got ${loss} in epoch ${epoch}, by step ${step} of ${steps}${where}`,
      );
    }
    const validationAccuracy = step === steps ? await validate() : undefined;
    if (validationAccuracy !== undefined) validationAccuracies.push(validationAccuracy);
    options.onProgress?.({
      epoch,
      epochs,
      step,
      steps,
      loss,
      accuracy: right / (step * batchSize),
      ...(validationAccuracy === undefined ? {} : { validationAccuracy }),
      learningRate,
      samplesPerSecond: ((stepsDone - firstStep) * batchSize * 1000) / (performance.now() - started),
    });
    const due = performance.now() - lastCheckpoint >= 1000 * (options.checkpointSeconds ?? CHECKPOINT_SECONDS);
    if (due || (epoch === epochs && step === steps)) await checkpoint();
  }
  return validationAccuracies;
}

/** @throws RangeError if a checkpoint is of another run */
function checkResume(resume: Checkpoint, identity: Checkpoint['run'], state: readonly Tensor[]): void {
  for (const [key, expected] of Object.entries(identity)) {
    const got = resume.run[key];
    if (got !== expected) throw new RangeError(`"resume" expected a run with ${key} ${expected}, got ${String(got)}`);
  }
  for (const { label, size } of state) {
    const length = resume.tensors[label]?.length;
    if (length !== size)
      throw new RangeError(`"resume" expected ${size} values of "${label}", got ${length ?? 'none'}`);
  }
}

/** Answers samples with the folded network. */
class Evaluator {
  readonly #backend: Backend;
  readonly #model: Model;
  readonly #batch: Tensor;
  readonly #sums: Tensor;
  readonly #program: Program;
  readonly #features: number;

  private constructor(backend: Backend, model: Model, features: number, batch: Tensor, sums: Tensor, program: Program) {
    this.#backend = backend;
    this.#model = model;
    this.#features = features;
    this.#batch = batch;
    this.#sums = sums;
    this.#program = program;
  }

  static async create(backend: Backend, model: Model, features: number): Promise<Evaluator> {
    const batch = tensor('evaluation samples', [Math.ceil((EVALUATION_BATCH * features) / 4)], 'u32');
    const indices = tensor('evaluation indices', [EVALUATION_BATCH], 'u32');
    const tape = new Tape();
    const sums = model.evaluationPass(tape, gatherBytes(tape, batch, indices, features));
    const program = await backend.compile(tape.forward());
    backend.write(
      indices,
      Uint32Array.from({ length: EVALUATION_BATCH }, (_, i) => i),
    );
    return new Evaluator(backend, model, features, batch, sums, program);
  }

  async evaluate(data: LabelledBytes, signal?: AbortSignal): Promise<TestAnswers> {
    const { scale, shift } = await this.#model.fold(this.#backend);
    const classes = scale.length;
    const scores = new Float32Array(data.count * classes);
    const predictions = new Uint8Array(data.count);
    let right = 0;
    for (let start = 0; start < data.count; start += EVALUATION_BATCH) {
      stopIfAborted(signal);
      const count = Math.min(EVALUATION_BATCH, data.count - start);
      const bytes = data.samples.subarray(start * this.#features, (start + count) * this.#features);
      this.#backend.write(this.#batch, words(bytes));
      this.#program.run();
      const sums = await this.#backend.read(this.#sums);
      for (let b = 0; b < count; b++) {
        const row = scores.subarray((start + b) * classes, (start + b + 1) * classes);
        for (let c = 0; c < classes; c++) row[c] = Math.fround(scale[c] * sums[b * classes + c]) + shift[c];
        const prediction = row.indexOf(Math.max(...row));
        predictions[start + b] = prediction;
        if (prediction === data.labels[start + b]) right++;
      }
    }
    return { scores, predictions, accuracy: right / data.count };
  }
}

/** Bytes as little-endian words, the last one filled up with zeros. */
function words(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

function uploadBytes(backend: Backend, label: string, bytes: Uint8Array): Tensor {
  const data = words(bytes);
  const t = tensor(label, [data.length], 'u32');
  backend.write(t, data);
  return t;
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TrainError('training was stopped', { cause: signal.reason });
}
