// Export: the integer network answers as the float network it came from, whatever the batch normalization.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExportError } from '../../src/errors.js';
import { checkAgreement, exportNetwork, foldToScores, foldToThresholds } from '../../src/export/index.js';
import { writeModel } from '../../src/model/write.js';
import { foldBatchNorm } from '../../src/numerics/batchnorm.js';
import { sign } from '../../src/numerics/bits.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { load } from '../../src/index.node.js';
import type { TrainedConv, TrainedDense, TrainedNetwork } from '../../src/train/network.js';
import { kernelBytes } from '../helpers/builds.js';
import { convolve } from '../helpers/convolve.js';
import { randomInts } from '../helpers/random.js';

test('foldToThresholds compares as the float formula does, at every accumulator', () => {
  const random = randomInts(31);
  const bound = 40;
  const scale = Float32Array.from({ length: 200 }, () => (random(2001) - 1000) / 512);
  const shift = Float32Array.from({ length: 200 }, () => (random(2001) - 1000) / 16);
  // Ties: shift is a multiple of scale. Then scales of 0, and thresholds out of reach.
  for (let i = 0; i < 50; i++) shift[i] = -scale[i] * (random(2 * bound) - bound);
  scale.fill(0, 50, 60);
  shift.fill(0, 55, 58);
  scale.fill(1e-30, 60, 65);
  const { thresholds, flipped } = foldToThresholds({ scale, shift }, bound, 'layer');
  for (let n = 0; n < scale.length; n++) {
    for (let a = -bound; a <= bound; a++) {
      const bit = (flipped[n] ? -a : a) >= thresholds[n] ? 1 : -1;
      assert.is(bit, sign(Math.fround(scale[n] * a) + shift[n]), `channel ${n}: ${scale[n]} * ${a} + ${shift[n]}`);
    }
  }
});

test('foldToScores stays within 32 bits and within half a unit per term', () => {
  const affine = { scale: Float32Array.of(0.013, -2.5, 1e-6), shift: Float32Array.of(-3, 700, 0) };
  const bound = 4096;
  const { multipliers, biases, scale } = foldToScores(affine, bound, 'last');
  assert.is(Math.log2(scale) % 1, 0);
  for (let n = 0; n < 3; n++) {
    for (const a of [-bound, -1, 0, 1, bound]) {
      const integer = a * multipliers[n] + biases[n];
      assert.ok(Math.abs(integer) < 2 ** 31);
      const error = Math.abs(integer * scale - (affine.scale[n] * a + affine.shift[n]));
      assert.ok(error <= scale * (Math.abs(a) / 2 + 1), `channel ${n}, accumulator ${a}: off by ${error}`);
    }
  }
  // One bit less would do: nothing is given away.
  assert.ok(Math.abs(bound * multipliers[1]) + Math.abs(biases[1]) >= 2 ** 29);
});

function layer(name: string, inputs: number, outputs: number, activation: 'sign' | 'none', seed: number): TrainedDense {
  const random = randomInts(seed);
  const draw = (count: number, low: number, high: number): Float32Array =>
    Float32Array.from({ length: count }, () => low + ((high - low) * random(100001)) / 100000);
  const unit = name === 'hidden1' ? 255 : 1;
  const weights = draw(inputs * outputs, -1, 1);
  // Zeros and negative zeros are +1, also after a channel was flipped.
  for (let i = 0; i < weights.length; i += 7) weights[i] = i % 2 ? 0 : -0;
  return {
    kind: 'dense',
    name,
    inputs,
    outputs,
    weights,
    weightQuantizer: 'sign',
    activation,
    norm: {
      gamma: draw(outputs, -1, 1),
      beta: draw(outputs, -1, 1),
      mean: draw(outputs, -5 * unit, 5 * unit),
      variance: draw(outputs, unit * unit, 2 * inputs * unit * unit),
      epsilon: 1e-4,
    },
  };
}

const network: TrainedNetwork = {
  name: 'net',
  task: 'image-classification',
  labels: ['a', 'b', 'c'],
  inputShape: [5, 6, 1],
  layers: [layer('hidden1', 30, 19, 'sign', 1), layer('hidden2', 19, 24, 'sign', 2), layer('last', 24, 3, 'none', 3)],
  record: {
    recipe: 'test',
    seed: 1,
    epochs: 1,
    batchSize: 1,
    dataset: 'none',
    trainSamples: 0,
    testSamples: 0,
    testAccuracy: 0.5,
    device: 'none',
    command: 'none',
  },
};

/** The float network, straight from its definition. */
function evaluateFloat(bytes: Uint8Array): number[] {
  let values = Array.from(bytes, (p) => 2 * p - 255);
  for (const { inputs, outputs, weights, norm, activation } of network.layers as TrainedDense[]) {
    const { scale, shift } = foldBatchNorm(norm);
    values = Array.from({ length: outputs }, (_, o) => {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += values[i] * sign(weights[o * inputs + i]);
      const y = scale[o] * sum + shift[o];
      return activation === 'sign' ? sign(Math.fround(scale[o] * sum) + shift[o]) : y;
    });
  }
  return values;
}

test('exportNetwork gives the float network, with negative gamma and weights of 0', () => {
  const graph = exportNetwork(network);
  const scale = graph.tensors.at(-1)!.scale;
  const random = randomInts(5);
  let largest = 0;
  for (let i = 0; i < 200; i++) {
    const bytes = Uint8Array.from({ length: 30 }, () => random(256));
    const scores = evaluate(graph, [bytes])[0];
    evaluateFloat(bytes).forEach(
      (expected, n) => (largest = Math.max(largest, Math.abs(scores[n] * scale - expected))),
    );
  }
  console.log(`  largest difference of a score: ${largest}, scale ${scale}`);
  assert.ok(largest <= scale * 13, `${largest}`);
});

test('exportNetwork gives a graph that can be written, with the training record', () => {
  const graph = exportNetwork(network);
  assert.ok(writeModel(graph).length > 0);
  assert.is(graph.metadata.training?.['testAccuracy'], '0.5');
  assert.equal(graph.metadata.labels, ['a', 'b', 'c']);
});

const conv1: TrainedConv = {
  ...layer('conv1', 25, 12, 'sign', 11),
  kind: 'conv2d',
  inputShape: [9, 10, 1],
  kernel: 5,
  padding: 2,
  pool: 2,
  activation: 'sign',
};
const conv2: TrainedConv = {
  ...layer('conv2', 9 * 12, 17, 'sign', 12),
  kind: 'conv2d',
  inputShape: [4, 5, 12],
  kernel: 3,
  padding: 1,
  pool: 1,
  activation: 'sign',
};
const conv3: TrainedConv = { ...conv2, name: 'conv3', pool: 3 };
const norm1 = conv1.norm;
const wide = { ...norm1, mean: norm1.mean.map((x) => x * 150), variance: norm1.variance.map((x) => x * 40000) };

for (const [name, inner, features] of [
  ['no pool', conv2, 4 * 5 * 17],
  ['a pool that leaves pixels out', conv3, 17],
] as const) {
  test(`exportNetwork gives the float convolutional net to the last score: ${name}`, async () => {
    const last = layer('last', features, 3, 'none', 13);
    const first = { ...conv1, norm: wide };
    assert.ok(first.norm.gamma.some((g) => g < 0) && inner.norm.gamma.some((g) => g < 0));
    const graph = exportNetwork({ ...network, inputShape: [9, 10, 1], layers: [first, inner, last] });
    const { scale } = graph.tensors.at(-1)!;
    const model = await load(writeModel(graph), { build: 'simd', module: kernelBytes('simd') });
    const random = randomInts(6);
    const affine = foldBatchNorm(last.norm);
    let largest = 0;
    const seen = new Set<number>();
    for (let i = 0; i < 60; i++) {
      const bytes = Uint8Array.from({ length: 90 }, () => random(256));
      const scores = evaluate(graph, [bytes])[0];
      assert.equal([...model.run(bytes)['last']], [...scores]);
      const centred = Array.from(bytes, (p) => 2 * p - 255);
      const bits = convolve(inner, convolve(first, centred));
      for (let n = 0; n < 3; n++) {
        const sum = bits.reduce((total, v, k) => total + v * sign(last.weights[n * features + k]), 0);
        largest = Math.max(largest, Math.abs(scores[n] * scale - (affine.scale[n] * sum + affine.shift[n])));
        seen.add(sum);
      }
    }
    console.log(`  largest difference of a score: ${largest}, scale ${scale}; ${seen.size} different sums`);
    // A sum is at least 1, which would move a score by far more than this.
    assert.ok(largest <= scale * (features / 2 + 1), `${largest}`);
  });
}

test('exportNetwork refuses what has no integer form, by layer', () => {
  const [first, second, last] = network.layers as [TrainedDense, TrainedDense, TrainedDense];
  const broken =
    (layers: TrainedDense[]): (() => unknown) =>
    () =>
      exportNetwork({ ...network, layers });
  const gamma = Float32Array.from(first.norm.gamma);
  gamma[3] = NaN;
  assert.throws(
    broken([{ ...first, norm: { ...first.norm, gamma } }, second, last]),
    /layer "hidden1" channel 3 expected a finite/,
  );
  assert.throws(broken([first, last]), /layer "last" expected 19 inputs, got 24/);
  assert.throws(broken([first, second]), /layer "hidden2" expected activation none, got sign/);
  assert.throws(broken([{ ...first, weights: new Float32Array(3) }, second, last]), /expected 570 weights, got 3/);
  const convs = (layers: (TrainedDense | TrainedConv)[]) => () =>
    exportNetwork({ ...network, inputShape: [9, 10, 1], layers });
  assert.throws(convs([conv2, last]), /layer "conv2" expected inputs \[9, 10, 1\], got \[4, 5, 12\]/);
  assert.throws(convs([conv1]), /layer "conv1" expected a dense layer at the end/);
});

test('checkAgreement names the first sample that differs', () => {
  checkAgreement([1, 2, 3], [1, 2, 3]);
  assert.throws(
    () => checkAgreement([1, 2, 3, 4], [1, 7, 3, 5]),
    (error: Error) =>
      error instanceof ExportError && /2 of 4 samples that differ; sample 1: trainer 2, file 7/.test(error.message),
  );
});

test.run();
