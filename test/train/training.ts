// What every backend must do: training end to end.
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { Random } from '../../src/numerics/random.js';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/train/checkpoint.js';
import type { Dataset, LabelledBytes } from '../../src/train/data/dataset.js';
import {
  adam,
  adaMax,
  cosineDecay,
  linearDecay,
  sgd,
  shiftAdaMax,
  shiftDecay,
  warmUp,
} from '../../src/train/optimizers.js';
import { lowBits, withPrecision, type Precision } from '../../src/train/spec.js';
import { progressive, trainStages, twoStage } from '../../src/train/stages.js';
import { floatScores } from '../helpers/floats.js';
import { answer } from '../helpers/layers.js';
import {
  floatTwin,
  train,
  trainFloat,
  type Recipe,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
} from '../../src/train/trainer.js';

/** @param device what train() takes; asked for once a test runs */
export function trainingTests(test: ReturnType<typeof suite>, open: () => NonNullable<TrainOptions['device']>): void {
  let first: TrainResult;
  test('train() lowers the loss, reports progress and leaves an injected device open', async () => {
    const seen: TrainProgress[] = [];
    first = await train(RECIPE, DATA, { device: open(), onProgress: (p) => seen.push(p) });
    const ends = seen.filter(({ step, steps }) => step === steps);
    assert.equal(
      ends.map(({ epoch }) => epoch),
      [1, 2, 3, 4],
    );
    assert.ok(ends.at(-1)!.loss < ends[0].loss / 2, `loss ${ends.map(({ loss }) => loss.toFixed(3)).join(' ')}`);
    assert.equal(
      ends.map(({ validationAccuracy }) => validationAccuracy),
      first.validationAccuracies,
    );
    assert.ok(first.test.accuracy > 0.9, `test accuracy ${first.test.accuracy}`);
  });

  test('train() twice with one seed gives the same network, with another seed another', async () => {
    const again = await train(RECIPE, DATA, { device: open() });
    assert.equal(again.network.layers, first.network.layers);
    assert.equal(again.test, first.test);
    const other = await train(RECIPE, DATA, { device: open(), seed: 2 });
    assert.not.equal(other.network.layers, first.network.layers);
  });

  test('the trained network, computed from its plain data, answers every test sample as the trainer did', () => {
    const { network } = first;
    assert.equal(network.inputShape, DATA.inputShape);
    assert.equal(
      network.layers.map((layer) => layer.kind === 'dense' && [layer.inputs, layer.outputs]),
      [
        [25, 40],
        [40, 24],
        [24, 3],
      ],
    );
    assert.is(network.record.trainSamples + 60, DATA.train.count);
    assert.is(network.record.testAccuracy, first.test.accuracy);
    agree(first, DATA.test.count);
  });

  test('train() learns with convolutions, and their plain data answers as the trainer did', async () => {
    const result = await train(CONV_RECIPE, DATA, { device: open() });
    assert.ok(result.test.accuracy > 0.8, `test accuracy ${result.test.accuracy}`);
    agree(result, 40);
  });

  for (const [name, precision] of Object.entries(STREAMS)) {
    test(`train() learns beside a stream of integers with ${name}, and evaluates what it hands over`, async () => {
      const layers = (classes: number) => withPrecision(RESIDUAL_RECIPE.layers(classes), precision);
      const result = await train({ ...RESIDUAL_RECIPE, layers }, PICTURES, { device: open() });
      assert.ok(result.test.accuracy > 0.8, `test accuracy ${result.test.accuracy}`);
      agree(result, 40, PICTURES);
    });
  }

  for (const [name, change] of Object.entries(SETTINGS)) {
    test(`train() learns with ${name}, and evaluates the integers that it hands over`, async () => {
      const { precision, ...rest } = change;
      const recipe: Recipe = {
        ...CONV_RECIPE,
        ...rest,
        layers: (classes) => withPrecision(CONV_RECIPE.layers(classes), precision ?? {}),
      };
      const result = await train(recipe, DATA, { device: open() });
      assert.ok(result.test.accuracy > 0.6, `test accuracy ${result.test.accuracy}`);
      agree(result, 40);
    });
  }

  test('trainStages() goes on from the stage before, to fewer bits', async () => {
    const stages = progressive({ ...CONV_RECIPE, epochs: 2 }, [lowBits('dorefa', 5, 5), lowBits('aqe', 2, 1)]);
    const seen: TrainProgress[] = [];
    const results = await trainStages(stages, DATA, { device: open(), onProgress: (p) => seen.push(p) });
    const [, conv] = results.map(({ network }) => network.layers[0]);
    assert.is(conv.weights.encoding, 'ternary');
    assert.ok(conv.kind !== 'residual');
    assert.equal(conv.activation?.values, [-1, 1]);
    agree(results[1], 40);
    const alone = await train(stages[1], DATA, { device: open(), epochs: 1 });
    const after = seen.filter(({ epoch, step, steps }) => epoch === 1 && step === steps)[1];
    console.log(
      `  validation after one epoch: ${after.validationAccuracy} in stages, ${alone.validationAccuracies[0]} alone`,
    );
    const [fine] = twoStage(CONV_RECIPE, { kind: 'sign' }, { kind: 'sign' });
    assert.equal(fine.layers(3)[0].activation, { kind: 'unit', bits: 7 });
    const wrong = train(RECIPE, DATA, { device: open(), initial: results[0].state });
    const error: unknown = await wrong.catch((reason: unknown) => reason);
    assert.match((error as Error).message, /"hidden1 weights" expected 1000 values to start from, got none/);
  });

  test('trainStages() continues inside any stage to the same bits, and tells checkpoints of other runs apart', async () => {
    const settled = { ...CONV_RECIPE, epochs: 2, settleBatches: 3 };
    const stages = progressive(settled, [lowBits('dorefa', 5, 5), lowBits('aqe', 2, 1), lowBits('aqe', 1, 1)]);
    const checkpoints: Checkpoint[] = [];
    const onCheckpoint = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
    const whole = await trainStages(stages, DATA, { device: open(), onCheckpoint, checkpointSeconds: 0 });
    const of = (stage: number) => checkpoints.filter(({ run }) => run.stage === stage && run.stages === 3);
    const inside = of(2).find(({ epoch, step }) => epoch === 2 && step === 10)!;
    assert.equal(
      inside.finished?.map(({ validations }) => validations),
      [whole[0].validationAccuracies],
    );
    for (const checkpoint of [of(1)[0], inside, of(2).at(-1)!, of(3).at(-1)!]) {
      const resume = decodeCheckpoint(encodeCheckpoint(checkpoint), 'test');
      assert.equal(resume, checkpoint);
      const later: Checkpoint[] = [];
      const continued = await trainStages(stages, DATA, {
        device: open(),
        resume,
        onCheckpoint: (each) => void later.push(each),
        checkpointSeconds: 0,
      });
      assert.equal(continued, whole);
      assert.equal([checkpoint, ...later].at(-1), checkpoints.at(-1));
    }
    const refused = async (run: Promise<unknown>, expected: RegExp): Promise<void> => {
      const error: unknown = await run.catch((reason: unknown) => reason);
      assert.instance(error, RangeError);
      assert.match((error as Error).message, expected);
    };
    await refused(
      trainStages(stages.slice(1), DATA, { device: open(), resume: inside }),
      /"resume" expected a checkpoint of 2 stages, got stage 2 of 3/,
    );
    await refused(
      train(stages[1], DATA, { device: open(), resume: inside }),
      /"resume" expected a run with stage none, got 2/,
    );
    const { stage: _, stages: __, ...run } = inside.run;
    await refused(
      trainStages(stages, DATA, { device: open(), resume: { ...inside, run } }),
      /"resume" expected a checkpoint of 3 stages, got stage none of none/,
    );
  });

  const unit = (n: number) => withPrecision(CONV_RECIPE.layers(n), lowBits('dorefa', 2, 2));
  for (const [name, activation, recipe, data] of [
    ['hard tanh', 'hardTanh', CONV_RECIPE, DATA],
    ['ReLU', 'relu', { ...CONV_RECIPE, layers: unit }, DATA],
    ['a stream', 'hardTanh', RESIDUAL_RECIPE, PICTURES],
  ] as const) {
    test(`trainFloat() measures a float twin of ${name} as a float64 pass over its state does`, async () => {
      const twin = floatTwin(recipe);
      assert.equal(twin.layers(3)[0].activation, { kind: activation });
      const { test: answers, state, record } = await trainFloat(twin, data, { device: open() });
      assert.is(record.recipe, `${recipe.name}-float`);
      assert.is(record.testAccuracy, answers.accuracy);
      const size = data.inputShape.reduce((a, b) => a * b);
      const scores = Array.from({ length: 40 }, (_, i) =>
        floatScores(twin.layers(3), state, data.inputShape, data.test.samples.subarray(size * i, size * (i + 1))),
      ).flat();
      const largest = scores.reduce((max, value, i) => Math.max(max, Math.abs(value - answers.scores[i])), 0);
      console.log(`  float twin of ${name}: scores at most ${largest.toExponential(1)} from float64`);
      assert.ok(largest < 1e-4, `${largest}`);
      assert.ok(answers.accuracy > 0.9, `test accuracy ${answers.accuracy}`);
      // It may teach the quantized one.
      const teacher = { layers: twin.layers(3), state };
      const { test: taught } = await train(recipe, data, { device: open(), teacher });
      assert.ok(taught.accuracy > 0.6, `test accuracy ${taught.accuracy}`);
    });
  }

  test('train() and trainFloat() refuse what is for the other, and layers that are half of each', async () => {
    const refusal = async (promise: Promise<unknown>): Promise<string> => {
      const error: unknown = await promise.catch((reason: unknown) => reason);
      assert.instance(error, RangeError);
      return (error as RangeError).message;
    };
    const options = { device: open() };
    assert.match(
      await refusal(train(floatTwin(RECIPE), DATA, options)),
      /expected quantized layers.* use trainFloat\(\)/,
    );
    assert.match(
      await refusal(trainFloat(RECIPE, DATA, options)),
      /expected float layers, got quantized.* use train\(\)/,
    );
    const mixed = (n: number) => withPrecision(RECIPE.layers(n), { activation: { kind: 'relu' } });
    assert.match(
      await refusal(train({ ...RECIPE, layers: mixed }, DATA, options)),
      /layer "hidden1" expected weights and activations all quantized or all float/,
    );
  });

  test('train() follows a teacher', async () => {
    const layers = withPrecision(CONV_RECIPE.layers(3), lowBits('dorefa', 5, 5));
    const teacher = await train({ ...CONV_RECIPE, layers: () => layers }, DATA, { device: open() });
    const losses: number[] = [];
    const guided = await train(CONV_RECIPE, DATA, {
      device: open(),
      initial: teacher.state,
      teacher: { layers, state: teacher.state, scores: 1, features: 0.1 },
      onProgress: ({ loss }) => losses.push(loss),
    });
    assert.ok(guided.test.accuracy > 0.8, `test accuracy ${guided.test.accuracy}`);
    agree(guided, 40);
    const plain = await train(CONV_RECIPE, DATA, { device: open(), initial: teacher.state });
    assert.not.equal(guided.network.layers, plain.network.layers);
  });

  test('train() continues from a checkpoint to the same bits, from within an epoch and from the end', async () => {
    const checkpoints: Checkpoint[] = [];
    const onCheckpoint = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
    const whole = await train(RECIPE, DATA, { device: open(), onCheckpoint, checkpointSeconds: 0 });
    const inside = checkpoints.find(({ epoch, step }) => epoch === 2 && step === 10)!;
    for (const checkpoint of [inside, checkpoints.at(-1)!]) {
      const resume = decodeCheckpoint(encodeCheckpoint(checkpoint), 'test');
      assert.equal(resume, checkpoint);
      const continued = await train(RECIPE, DATA, { device: open(), resume });
      assert.equal(continued.network.layers, whole.network.layers);
      assert.equal(continued.test, whole.test);
      assert.equal(continued.validationAccuracies, whole.validationAccuracies);
    }
    assert.equal(whole.network.layers, first.network.layers);
  });

  test('train() stops on a signal and on a loss that is not finite', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await rejects(train(RECIPE, DATA, { device: open(), signal: stop.signal, onProgress }), /training was stopped/);
    const wild = { ...RECIPE, learningRate: { start: Infinity, end: 1 } };
    await rejects(
      train(wild, DATA, { device: open() }),
      /loss expected a finite number, got NaN in epoch 1.*; the first layer that is not finite is "hidden1"/,
    );
  });
}

export async function rejects(promise: Promise<unknown>, expected: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, TrainError);
  assert.match((error as TrainError).message, expected);
}

/** The plain data gives the trainer's scores, bit for bit. */
function agree({ network, test: answers }: TrainResult, count: number, data = DATA): void {
  const size = data.inputShape.reduce((a, b) => a * b, 1);
  for (let sample = 0; sample < count; sample++) {
    const bytes = data.test.samples.subarray(sample * size, (sample + 1) * size);
    const centred = Array.from(bytes, (p) => 2 * p - 255);
    const scores = network.layers.reduce((x, layer) => answer(layer, x), centred);
    assert.equal(scores, [...answers.scores.subarray(sample * 3, (sample + 1) * 3)], `sample ${sample}`);
    assert.is(scores.indexOf(Math.max(...scores)), answers.predictions[sample]);
  }
}

/** Samples of `side` x `side` bytes in three classes: noise, brighter in the first, middle or last rows. */
function labelled(count: number, random: Random, side = 5): LabelledBytes {
  const size = side ** 2;
  const labels = Uint8Array.from({ length: count }, () => random.below(3));
  const samples = Uint8Array.from({ length: count * size }, (_, i) => {
    const bright = Math.min(2, Math.floor((i % size) / Math.ceil(size / 3))) === labels[Math.floor(i / size)];
    return random.below(160) + (bright ? 95 : 0);
  });
  return { count, samples, labels };
}

export const DATA: Dataset = {
  name: 'bright rows',
  inputShape: [5, 5, 1],
  classes: ['first', 'middle', 'last'],
  train: labelled(600, new Random(1)),
  test: labelled(501, new Random(2)),
};

const PICTURES: Dataset = {
  ...DATA,
  inputShape: [8, 8, 1],
  train: labelled(600, new Random(3), 8),
  test: labelled(200, new Random(4), 8),
};

const RECIPE: Recipe = {
  name: 'tiny',
  task: 'which rows are bright',
  layers: (classes) => [
    { kind: 'dense', name: 'hidden1', outputs: 40, activation: 'sign' },
    { kind: 'dense', name: 'hidden2', outputs: 24, activation: 'sign' },
    { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
  ],
  batchSize: 20,
  epochs: 4,
  validationSamples: 60,
  learningRate: { start: 3e-3, end: 1e-4 },
  stepScale: 'glorot',
  init: 'uniform',
};

export const CONV_RECIPE: Recipe = {
  ...RECIPE,
  name: 'tiny-conv',
  layers: (classes) => [
    { kind: 'conv2d', name: 'conv', outputs: 8, kernel: 3, padding: 1, pool: 2, activation: 'sign' },
    { kind: 'dense', name: 'hidden', outputs: 16, activation: 'sign' },
    { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
  ],
};

/** A stream begins, goes on, is halved with twice the channels, and ends in means. */
const RESIDUAL_RECIPE: Recipe = {
  ...RECIPE,
  name: 'tiny-resnet',
  layers: (classes) => [
    { kind: 'residual', name: 'stem', outputs: 8, kernel: 3, activation: 'sign' },
    { kind: 'residual', name: 'same', outputs: 8, kernel: 3, activation: { kind: 'approximateSign' } },
    { kind: 'residual', name: 'half', outputs: 16, kernel: 3, stride: 2, activation: { kind: 'approximateSign' } },
    { kind: 'residual', name: 'narrow', outputs: 16, kernel: 1, stride: 2, activation: { kind: 'approximateSign' } },
    { kind: 'dense', name: 'hidden', outputs: 24, activation: 'sign' },
    { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
  ],
};

const STREAMS: Record<string, Precision> = {
  'binary weights': {},
  'ternary AQE with a ramp': {
    weights: { kind: 'ternary', aqe: { alpha: 'ramp' } },
    activation: { kind: 'sign', aqe: { alpha: 'ramp' } },
  },
  '3-bit weights and 8-bit gradients': {
    weights: { kind: 'dorefa', bits: 3 },
    activation: { kind: 'approximateSign' },
    gradient: { quantizer: 'psq', bits: 8 },
  },
};

/** What recipes may ask for, beside the defaults. */
const SETTINGS: Record<string, Partial<Recipe> & { readonly precision?: Precision }> = {
  'cross-entropy, SGD and a cosine': {
    loss: 'crossEntropy',
    optimizer: () => sgd(0.9, 1e-5),
    learningRate: (epochs) => cosineDecay(0.02, 0, epochs),
  },
  'shift-based normalization and AdaMax': {
    optimizer: () => shiftAdaMax('torch'),
    learningRate: () => shiftDecay(-7, 2),
    stepScale: 'shift',
    precision: { norm: 'shift' },
  },
  'Adam with weight decay and a falling line': {
    optimizer: () => adam({ decay: 0.05 }),
    learningRate: (epochs) => linearDecay(2e-3, 0, epochs),
    precision: { weights: { kind: 'dorefa', bits: 3 } },
  },
  'AdaMax after a warm-up': { optimizer: () => adaMax(), learningRate: () => warmUp(1, () => 2e-3) },
  'stochastic signs and dropout': {
    precision: { weights: { kind: 'stochasticSign' }, activation: { kind: 'stochasticSign' }, dropout: 0.1 },
  },
  'ternary AQE with a ramp': {
    precision: {
      weights: { kind: 'ternary', aqe: { alpha: 'ramp' } },
      activation: { kind: 'power', bits: 2, aqe: { alpha: 'ramp', factor: 'algorithm1' } },
    },
  },
  '3-bit AQE': {
    precision: {
      weights: { kind: 'power', bits: 3, aqe: { alpha: 0.8 } },
      activation: { kind: 'power', bits: 3, aqe: { alpha: 0.8 } },
    },
  },
  'DoReFa 1/2/6': {
    precision: {
      weights: { kind: 'dorefa', bits: 1 },
      activation: { kind: 'unit', bits: 2 },
      gradient: { quantizer: 'dorefa', bits: 6 },
    },
  },
  'DoReFa 3/3 and 8-bit BHQ gradients': {
    precision: {
      weights: { kind: 'dorefa', bits: 3 },
      activation: { kind: 'unit', bits: 3 },
      gradient: { quantizer: 'bhq', bits: 8 },
    },
  },
  'linear 4/3 bits': { precision: { weights: { kind: 'linear', bits: 4 }, activation: { kind: 'linear', bits: 3 } } },
  'XNOR-Net weights and Bi-Real slopes': {
    precision: { weights: { kind: 'xnor' }, activation: { kind: 'approximateSign' } },
  },
  'logarithmic weights': { precision: { weights: { kind: 'log', bits: 4 } } },
};
