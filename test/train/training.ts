// What every backend must do: training end to end.
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { foldBatchNorm } from '../../src/numerics/batchnorm.js';
import { sign } from '../../src/numerics/bits.js';
import { Random } from '../../src/numerics/random.js';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/train/checkpoint.js';
import type { Dataset, LabelledBytes } from '../../src/train/data/dataset.js';
import type { TrainedConv, TrainedDense } from '../../src/train/network.js';
import { convolve } from '../helpers/convolve.js';
import {
  train,
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
    const layers = network.layers as readonly TrainedDense[];
    assert.equal(
      layers.map(({ inputs, outputs }) => [inputs, outputs]),
      [
        [25, 40],
        [40, 24],
        [24, 3],
      ],
    );
    assert.is(network.record.trainSamples + 60, DATA.train.count);
    assert.is(network.record.testAccuracy, first.test.accuracy);
    for (let sample = 0; sample < DATA.test.count; sample++) {
      let values = Array.from(DATA.test.samples.subarray(sample * 25, (sample + 1) * 25), (p) => 2 * p - 255);
      for (const { inputs, outputs, weights, norm, activation } of layers) {
        assert.ok(weights.every((w) => Math.abs(w) <= 1));
        const { scale, shift } = foldBatchNorm(norm);
        values = Array.from({ length: outputs }, (_, o) => {
          const sum = values.reduce((total, v, i) => total + v * sign(weights[o * inputs + i]), 0);
          const y = Math.fround(Math.fround(scale[o] * sum) + shift[o]);
          return activation === 'sign' ? sign(y) : y;
        });
      }
      assert.equal(values, [...first.test.scores.subarray(sample * 3, (sample + 1) * 3)], `sample ${sample}`);
      assert.is(values.indexOf(Math.max(...values)), first.test.predictions[sample]);
    }
  });

  test('train() learns with convolutions, and their plain data answers as the trainer did', async () => {
    const { network, test: answers } = await train(CONV_RECIPE, DATA, { device: open() });
    assert.ok(answers.accuracy > 0.8, `test accuracy ${answers.accuracy}`);
    const [conv, ...rest] = network.layers as readonly [TrainedConv, ...TrainedDense[]];
    assert.equal(conv.inputShape, [5, 5, 1]);
    assert.equal(
      rest.map(({ inputs, outputs }) => [inputs, outputs]),
      [
        [32, 16],
        [16, 3],
      ],
    );
    for (let sample = 0; sample < 40; sample++) {
      const bytes = DATA.test.samples.subarray(sample * 25, (sample + 1) * 25);
      let values = convolve(
        conv,
        Array.from(bytes, (p) => 2 * p - 255),
      );
      for (const { inputs, outputs, weights, norm, activation } of rest) {
        const { scale, shift } = foldBatchNorm(norm);
        values = Array.from({ length: outputs }, (_, o) => {
          const sum = values.reduce((total, v, i) => total + v * sign(weights[o * inputs + i]), 0);
          const y = Math.fround(Math.fround(scale[o] * sum) + shift[o]);
          return activation === 'sign' ? sign(y) : y;
        });
      }
      assert.equal(values, [...answers.scores.subarray(sample * 3, (sample + 1) * 3)], `sample ${sample}`);
    }
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

/** Samples of 5 x 5 bytes in three classes: noise, brighter in the first, middle or last rows. */
function labelled(count: number, random: Random): LabelledBytes {
  const labels = Uint8Array.from({ length: count }, () => random.below(3));
  const samples = Uint8Array.from({ length: count * 25 }, (_, i) => {
    const bright = Math.min(2, Math.floor((i % 25) / 9)) === labels[Math.floor(i / 25)];
    return random.below(160) + (bright ? 95 : 0);
  });
  return { count, samples, labels };
}

const DATA: Dataset = {
  name: 'bright rows',
  inputShape: [5, 5, 1],
  classes: ['first', 'middle', 'last'],
  train: labelled(600, new Random(1)),
  test: labelled(501, new Random(2)),
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

const CONV_RECIPE: Recipe = {
  ...RECIPE,
  name: 'tiny-conv',
  layers: (classes) => [
    { kind: 'conv2d', name: 'conv', outputs: 8, kernel: 3, padding: 1, pool: 2, activation: 'sign' },
    { kind: 'dense', name: 'hidden', outputs: 16, activation: 'sign' },
    { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
  ],
};
