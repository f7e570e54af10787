// Export: the integer network answers as the float network it came from, whatever the batch normalization.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExportError } from '../../src/errors.js';
import { checkAgreement, exportNetwork, foldToScores, foldToThresholds } from '../../src/export/index.js';
import { writeModel } from '../../src/model/write.js';
import { sign } from '../../src/numerics/bits.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { load } from '../../src/index.node.js';
import type {
  TrainedConv,
  TrainedDense,
  TrainedLayer,
  TrainedNetwork,
  TrainedResidual,
} from '../../src/train/network.js';
import { streamMultipliers } from '../../src/train/residual.js';
import {
  integerWeights,
  staircase,
  type ActivationQuantizer,
  type WeightQuantizer,
} from '../../src/train/precision.js';
import { builds, kernelBytes } from '../helpers/builds.js';
import { answer } from '../helpers/layers.js';
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

/** What a layer computes with. */
interface Kind {
  readonly weights: WeightQuantizer;
  readonly activation: ActivationQuantizer;
}

const BINARY: Kind = { weights: { kind: 'sign' }, activation: { kind: 'sign' } };

/** A dense layer with random weights, whose normalized sums are spread about the cuts; scales of both signs. */
function layer(name: string, inputs: number, outputs: number, kind: Kind | null, seed: number, unit = 1): TrainedDense {
  const random = randomInts(seed);
  const draw = (low: number, high: number): number => low + ((high - low) * random(100001)) / 100000;
  const latent = Float32Array.from({ length: inputs * outputs }, () => draw(-1, 1));
  // Zeros and negative zeros are +1, also after a channel was flipped.
  for (let i = 0; i < latent.length; i += 7) latent[i] = i % 2 ? 0 : -0;
  const { weights } = integerWeights(latent, outputs, kind?.weights ?? BINARY.weights);
  const spread =
    unit * Math.sqrt(inputs) * Math.sqrt(weights.values.reduce((sum, v) => sum + v * v, 0) / latent.length);
  const scale = Float32Array.from({ length: outputs }, (_, o) => ((o % 3 ? 1 : -1) * draw(0.3, 1)) / spread);
  const shift = Float32Array.from({ length: outputs }, () => draw(-0.5, 0.7));
  const activation = kind && staircase(kind.activation);
  return { kind: 'dense', name, inputs, outputs, weights, affine: { scale, shift }, activation };
}

function conv(
  name: string,
  inputShape: readonly [number, number, number],
  outputs: number,
  window: { readonly kernel: number; readonly padding: number; readonly pool: number },
  kind: Kind,
  seed: number,
  unit = 1,
): TrainedConv {
  const inputs = window.kernel ** 2 * inputShape[2];
  const { inputs: _, ...product } = layer(name, inputs, outputs, kind, seed, unit);
  return { ...product, kind: 'conv2d', inputShape, ...window };
}

const network: TrainedNetwork = {
  name: 'net',
  task: 'image-classification',
  labels: ['a', 'b', 'c'],
  inputShape: [5, 6, 1],
  layers: [
    layer('hidden1', 30, 19, BINARY, 1, 150),
    layer('hidden2', 19, 24, BINARY, 2),
    layer('last', 24, 3, null, 3),
  ],
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

/**
 * Runs the exported network, by reference and by kernels, on random pictures; returns the largest distance of a score from
 * the trainer's, which is far below that of two sums.
 */
async function check(trained: TrainedNetwork, samples: number): Promise<void> {
  const graph = exportNetwork(trained);
  const { scale, name } = graph.tensors.at(-1)!;
  const models = await Promise.all(
    builds.map((build) => load(writeModel(graph), { build, module: kernelBytes(build) })),
  );
  const random = randomInts(6);
  const size = trained.inputShape.reduce((a, b) => a * b, 1);
  const last = trained.layers.at(-1) as TrainedDense;
  let largest = 0;
  const seen = new Set<string>();
  for (let i = 0; i < samples; i++) {
    const bytes = Uint8Array.from({ length: size }, () => random(256));
    const scores = evaluate(graph, [bytes])[0];
    models.forEach((model, b) => assert.equal([...model.run(bytes)[name]], [...scores], builds[b]));
    const centred = Array.from(bytes, (p) => 2 * p - 255);
    const features = trained.layers.slice(0, -1).reduce((x, part) => answer(part, x), centred);
    answer(last, features).forEach((expected, n) => {
      largest = Math.max(largest, Math.abs(scores[n] * scale - expected));
    });
    seen.add(features.join());
  }
  assert.ok(seen.size > 3, `${seen.size} different features in ${samples} samples`);
  const step = Math.min(...last.affine.scale.map(Math.abs));
  console.log(`  largest difference of a score: ${largest}; one more or less in a sum: ${step}`);
  assert.ok(largest < step / 100);
}

test('exportNetwork gives the trained network, with negative scales and weights of 0', () => check(network, 200));

for (const [name, pool, features] of [
  ['no pool', 1, 4 * 5 * 17],
  ['a pool that leaves pixels out', 3, 17],
] as const) {
  test(`exportNetwork gives convolutional nets: ${name}`, async () => {
    const first = conv('conv1', [9, 10, 1], 12, { kernel: 5, padding: 2, pool: 2 }, BINARY, 11, 150);
    const inner = conv('conv2', [4, 5, 12], 17, { kernel: 3, padding: 1, pool }, BINARY, 12);
    const layers = [first, inner, layer('last', features, 3, null, 13)];
    await check({ ...network, inputShape: [9, 10, 1], layers }, 60);
  });
}

/** A convolution beside a stream; scales of both signs, some of 0, and sums worth up to a step. */
function residual(
  name: string,
  inputShape: readonly [number, number, number],
  outputs: number,
  kernel: number,
  stride: 1 | 2,
  unit: number | null,
  weights: WeightQuantizer,
  seed: number,
): TrainedResidual {
  const inputs = kernel ** 2 * inputShape[2];
  const drawn = layer(name, inputs, outputs, { ...BINARY, weights }, seed);
  const joined = unit === null;
  const scale = drawn.affine.scale.map((value, n) =>
    n === 1 ? 0 : Math.max(-1, Math.min(1, value)) / 8 / (unit ?? 1),
  );
  const { flipped, ...integers } = streamMultipliers({ ...drawn.affine, scale }, 7 * inputs * (unit ?? 1), name);
  const values = drawn.weights.values.map((v, i) => (flipped[Math.floor(i / inputs)] ? -v : v));
  const shared = { name, outputs, inputShape, kernel, stride, joined };
  return { kind: 'residual', ...shared, weights: { ...drawn.weights, values }, ...integers };
}

for (const weights of [
  { kind: 'sign' },
  { kind: 'ternary' },
  { kind: 'dorefa', bits: 3 },
] as const satisfies readonly WeightQuantizer[]) {
  test(`exportNetwork gives nets beside a stream of integers, on all builds: ${weights.kind} weights`, async () => {
    const last = layer('last', 18, 3, null, 24, 20);
    const layers = [
      residual('stem', [8, 8, 3], 9, 3, 1, 255, weights, 20),
      residual('same', [8, 8, 9], 9, 3, 1, null, weights, 21),
      residual('half', [8, 8, 9], 18, 3, 2, null, weights, 22),
      residual('narrow', [4, 4, 18], 18, 1, 2, null, weights, 23),
      { ...last, meanOf: [2, 2, 18] } as const,
    ];
    await check({ ...network, inputShape: [8, 8, 3], layers }, 40);
    const broken = {
      ...network,
      inputShape: [8, 8, 3],
      layers: [...layers.slice(0, -1), layer('last', 72, 3, null, 24)],
    };
    assert.throws(() => exportNetwork(broken), /layer "last" expected to go on from a stream, got other inputs/);
  });
}

test('streamMultipliers keeps within half a step of the normalization for any sum, and refuses steeper ones', () => {
  const affine = { scale: Float32Array.of(0.125, -0.01, 1e-9, 0), shift: Float32Array.of(-3, 700, 2, -0.3) };
  const bound = 2304;
  const { multipliers, biases, bits, flipped } = streamMultipliers(affine, bound, 'layer');
  assert.equal(flipped, [false, true, false, false]);
  for (let n = 0; n < 4; n++) {
    for (const a of [-bound, -1, 0, 7, bound]) {
      const fine = (((flipped[n] ? -a : a) + biases[n]) * multipliers[n]) / 2 ** bits;
      assert.ok(Math.abs(fine) * 2 ** bits + 2 ** (bits - 1) < 2 ** 24);
      const error = Math.abs(fine - 8 * (affine.scale[n] * a + affine.shift[n]));
      assert.ok(error <= 0.5 + (2 * bound) / 2 ** bits, `channel ${n}, sum ${a}: off by ${error}`);
    }
  }
  const steep = { scale: Float32Array.of(0.1875), shift: Float32Array.of(0) };
  assert.throws(
    () => streamMultipliers(steep, bound, 'x'),
    /"x" expected sums worth at most a step of the stream, got up to 1\.5/,
  );
});

const WEIGHTS: readonly WeightQuantizer[] = [
  { kind: 'sign' },
  { kind: 'xnor' },
  { kind: 'ternary' },
  { kind: 'linear', bits: 4 },
  { kind: 'log', bits: 3 },
  { kind: 'power', bits: 2 },
  { kind: 'power', bits: 3 },
  { kind: 'dorefa', bits: 1 },
  { kind: 'dorefa', bits: 3 },
];
const ACTIVATIONS: readonly ActivationQuantizer[] = [
  { kind: 'approximateSign' },
  { kind: 'unit', bits: 1 },
  { kind: 'unit', bits: 3 },
  { kind: 'linear', bits: 2 },
  { kind: 'power', bits: 2 },
  { kind: 'power', bits: 3 },
];
for (const weights of WEIGHTS) {
  const label = ({ kind, ...rest }: WeightQuantizer | ActivationQuantizer) =>
    kind + ('bits' in rest ? ` ${rest.bits}` : '');
  test(`exportNetwork gives layers of ${label(weights)} weights behind every activation`, async () => {
    for (const activation of ACTIVATIONS) {
      const kind = { weights, activation };
      const layers = [
        conv('conv1', [6, 7, 1], 9, { kernel: 3, padding: 1, pool: 1 }, kind, 21, 150),
        conv('conv2', [6, 7, 9], 11, { kernel: 3, padding: 1, pool: 2 }, kind, 22),
        layer('hidden', 99, 13, kind, 23),
        { ...layer('last', 13, 3, null, 24), ...weightsOf(weights, 13, 3) },
      ];
      console.log(`  ${label(activation)}:`);
      await check({ ...network, inputShape: [6, 7, 1], layers }, 20);
    }
  });
}

function weightsOf(quantizer: WeightQuantizer, inputs: number, outputs: number): Pick<TrainedDense, 'weights'> {
  return { weights: layer('', inputs, outputs, { ...BINARY, weights: quantizer }, 25).weights };
}

test('exportNetwork gives a graph that can be written, with the training record', () => {
  const graph = exportNetwork(network);
  assert.ok(writeModel(graph).length > 0);
  assert.is(graph.metadata.training?.['testAccuracy'], '0.5');
  assert.equal(graph.metadata.labels, ['a', 'b', 'c']);
});

test('exportNetwork refuses what has no integer form, by layer', () => {
  const [first, second, last] = network.layers as [TrainedDense, TrainedDense, TrainedDense];
  const broken =
    (layers: TrainedLayer[], inputShape = network.inputShape): (() => unknown) =>
    () =>
      exportNetwork({ ...network, inputShape, layers });
  const scale = Float32Array.from(first.affine.scale);
  scale[3] = NaN;
  const affine = { ...first.affine, scale };
  assert.throws(broken([{ ...first, affine }, second, last]), /layer "hidden1" channel 3 expected a finite/);
  assert.throws(broken([first, last]), /layer "last" expected 19 inputs, got 24/);
  assert.throws(broken([first, second]), /layer "hidden2" expected no activation, as the last layer, got one/);
  assert.throws(
    broken([{ ...first, activation: null }, second, last]),
    /layer "hidden1" expected an activation, got none/,
  );
  const weights = { ...first.weights, values: new Int8Array(3) };
  assert.throws(broken([{ ...first, weights }, second, last]), /expected 570 weights, got 3/);
  const image = conv('conv2', [4, 5, 12], 17, { kernel: 3, padding: 1, pool: 1 }, BINARY, 12);
  assert.throws(broken([image, last], [9, 10, 1]), /layer "conv2" expected inputs \[9, 10, 1\], got \[4, 5, 12\]/);
  assert.throws(
    broken([{ ...image, inputShape: [9, 10, 1], activation: null }], [9, 10, 1]),
    /expected a dense layer at the end/,
  );
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
