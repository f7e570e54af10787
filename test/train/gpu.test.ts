// The WGSL kernels against the float64 reference, at sizes around the tiles, and training end to end. Runs where a
// WebGPU device is found (navigator.gpu, or the package `webgpu` with a Vulkan driver); elsewhere it says why it did
// not.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { foldBatchNorm } from '../../src/numerics/batchnorm.js';
import { sign } from '../../src/numerics/bits.js';
import { Random } from '../../src/numerics/random.js';
import type { Dataset, LabelledBytes } from '../../src/train/data/dataset.js';
import { openDevice, type TrainDevice } from '../../src/train/device.js';
import { GpuBackend } from '../../src/train/gpu.js';
import type { Call } from '../../src/train/kernels.js';
import { Model } from '../../src/train/model.js';
import { squaredHinge } from '../../src/train/losses.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { train, type Recipe, type TrainProgress, type TrainResult } from '../../src/train/trainer.js';
import { CpuReference } from './cpu.js';

const test = suite('train/gpu');
const SEED = 20;

function tests(handle: TrainDevice): void {
  console.log(`${handle.description}, seed ${SEED}`);
  const random = new Random(SEED);
  const largest = new Map<string, number>();
  test.after(() => {
    const differences = [...largest].map(([kernel, value]) => `${kernel} ${value.toExponential(1)}`);
    console.log(`largest differences from float64, relative to the largest value: ${differences.join(', ')}`);
    handle.close();
  });

  const floats = (t: Tensor, low = -2, high = 2) =>
    Float32Array.from({ length: t.size }, () => random.uniform(low, high));
  const integers = (t: Tensor, bound: number) => Uint32Array.from({ length: t.size }, () => random.below(bound));

  /**
   * Runs calls on the device and the reference from equal contents; compares `outputs` to a tolerance, 0 for equality.
   */
  async function compare(
    calls: readonly Call[],
    contents: ReadonlyMap<Tensor, Float32Array | Uint32Array>,
    outputs: readonly Tensor[],
    tolerance: number,
    traits: TrainDevice = handle,
  ): Promise<void> {
    const gpu = new GpuBackend(traits);
    const cpu = new CpuReference();
    for (const [t, data] of contents) {
      gpu.write(t, data);
      cpu.write(t, data);
    }
    for (const backend of [gpu, cpu]) (await backend.compile(calls)).run();
    for (const t of outputs) {
      const expected = cpu.array(t);
      const got = await gpu.read(t);
      const magnitude = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-30);
      const difference = expected.reduce((max, v, i) => Math.max(max, Math.abs(v - got[i])), 0) / magnitude;
      const name = calls.length > 2 ? 'whole net' : calls[0].kernel;
      largest.set(name, Math.max(largest.get(name) ?? 0, difference));
      const place = `${name} ${JSON.stringify(calls[0].params)} "${t.label}"`;
      assert.ok(difference <= tolerance, `${place}: largest difference ${difference}, tolerance ${tolerance}`);
    }
    gpu.dispose();
  }

  // Around 8 rows, 32 columns and 8 lanes of one kernel and the 64 x 64 x 16 tiles of the other. Every size is a shader
  // of its own to compile, so they are few.
  const shapes = [
    [1, 1, 1],
    [9, 33, 8],
    [65, 31, 17],
    [13, 101, 15],
  ] as const;
  const variants = [
    ['its own choice', handle],
    ['shared-memory tiles', { ...handle, subgroupSize: null }],
  ] as const;
  for (const [variant, traits] of variants) {
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
    ] as const) {
      test(`matmul ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'} by ${variant} is right at awkward sizes`, async () => {
        for (const [i, [m, n, k]] of shapes.entries()) {
          const [a, b, c] = [tensor('a', [m, k]), tensor('b', [k, n]), tensor('c', [m, n])];
          const params = { m, n, k, transposeA, transposeB, accumulate: i % 2 === 1 };
          const contents = new Map([a, b, c].map((t) => [t, floats(t)]));
          await compare([{ kernel: 'matmul', params, tensors: [a, b, c] }], contents, [c], 2e-6, traits);
        }
      });
    }
    test(`matmul by ${variant} is exact for odd bytes times signs`, async () => {
      const [m, n, k] = [9, 34, 784];
      const [a, b, c] = [tensor('a', [m, k]), tensor('b', [n, k]), tensor('c', [m, n])];
      const contents = new Map([
        [a, floats(a).map(() => 2 * random.below(256) - 255)],
        [b, floats(b).map(sign)],
      ]);
      const params = { m, n, k, transposeA: false, transposeB: true, accumulate: false };
      await compare([{ kernel: 'matmul', params, tensors: [a, b, c] }], contents, [c], 0, traits);
    });
  }

  test('sign, hardTanh and their gradients are exact, at 0, -0 and |x| = 1 too', async () => {
    const special = [0, -0, 1, -1, 1 + 2 ** -23, -1 - 2 ** -23, 1 - 2 ** -24, 1e-30, -1e-30];
    for (const size of [1, 9, 64, 131]) {
      const [x, y, dy, dx] = ['x', 'y', 'dy', 'dx'].map((label) => tensor(label, [size])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const contents = new Map([x, dy, dx].map((t) => [t, floats(t)]));
      special.slice(0, size).forEach((value, i) => (contents.get(x)![i] = value));
      for (const kernel of ['sign', 'hardTanh'] as const) {
        await compare([{ kernel, params: { size }, tensors: [x, y] }], contents, [y], 0);
      }
      for (const kernel of ['signBackward', 'hardTanhBackward'] as const) {
        for (const accumulate of [false, true]) {
          const call: Call = { kernel, params: { size, accumulate }, tensors: [x, dy, dx] };
          await compare([call], contents, [dx], accumulate ? 1e-7 : 0);
        }
      }
    }
  });

  test('long arrays that need a two-dimensional grid are covered to the end', async () => {
    const size = 64 * 65535 + 77;
    const [x, y] = [tensor('x', [size]), tensor('y', [size])];
    await compare([{ kernel: 'sign', params: { size }, tensors: [x, y] }], new Map([[x, floats(x)]]), [y], 0);
  });

  test('batchNorm and its gradient agree at awkward sizes, far from zero and accumulated', async () => {
    for (const [rows, channels] of [
      [5, 1],
      [16, 16],
      [17, 17],
      [131, 10],
    ] as const) {
      const [x, y, dy, dx] = ['x', 'y', 'dy', 'dx'].map((l) => tensor(l, [rows, channels])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const [gamma, beta, dgamma, dbeta] = ['gamma', 'beta', 'dgamma', 'dbeta'].map((l) => tensor(l, [channels])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const [saved, running] = [tensor('saved', [2, channels]), tensor('running', [2, channels])];
      const contents = new Map([gamma, beta, running, dy, dx, dgamma, dbeta].map((t) => [t, floats(t)]));
      contents.set(
        x,
        floats(x, -5e3, 5e3).map((v) => Math.round(v + 1e5)),
      );
      for (const accumulate of [
        [false, false, false],
        [true, true, true],
      ] as const) {
        const calls: Call[] = [
          {
            kernel: 'batchNorm',
            params: { rows, channels, epsilon: 1e-4, momentum: 0.1 },
            tensors: [x, gamma, beta, y, saved, running],
          },
          {
            kernel: 'batchNormBackward',
            params: { rows, channels, accumulate },
            tensors: [x, gamma, saved, dy, dx, dgamma, dbeta],
          },
        ];
        await compare(calls, contents, [y, saved, running, dx, dgamma, dbeta], 3e-5);
      }
    }
  });

  test('affineSign decides as the rounded product plus shift does, at ties too', async () => {
    const [rows, channels] = [257, 13];
    const [s, affine, y] = [
      tensor('s', [rows, channels]),
      tensor('affine', [2, channels]),
      tensor('y', [rows, channels]),
    ];
    const sums = floats(s, -2000, 2000).map(Math.round);
    const pairs = floats(affine, -0.01, 0.01);
    // Every shift is the negated rounded product of one of its column's sums: exactly at the threshold.
    for (let c = 0; c < channels; c++) pairs[channels + c] = -Math.fround(pairs[c] * sums[c * channels + c]);
    const contents = new Map([
      [s, sums],
      [affine, pairs],
    ]);
    await compare([{ kernel: 'affineSign', params: { rows, channels }, tensors: [s, affine, y] }], contents, [y], 0);
  });

  test('gatherBytes unpacks every byte, whatever the alignment of a sample', async () => {
    for (const features of [1, 7, 784]) {
      const rows = 5;
      const data = tensor('data', [Math.ceil((9 * features) / 4)], 'u32');
      const [indices, out] = [tensor('indices', [rows], 'u32'), tensor('out', [rows, features])];
      const contents = new Map([
        [data, integers(data, 2 ** 32)],
        [indices, integers(indices, 9)],
      ]);
      const call: Call = { kernel: 'gatherBytes', params: { rows, features }, tensors: [data, indices, out] };
      await compare([call], contents, [out], 0);
    }
  });

  test('squaredHinge and its gradient agree, and totals add up', async () => {
    for (const [rows, channels] of [
      [1, 2],
      [64, 3],
      [131, 10],
    ] as const) {
      const [scores, dscores] = [tensor('scores', [rows, channels]), tensor('dscores', [rows, channels])];
      const [labels, loss, dloss, totals] = [
        tensor('labels', [rows], 'u32'),
        tensor('loss', [1]),
        tensor('dloss', [1]),
        tensor('totals', [2]),
      ];
      const contents = new Map<Tensor, Float32Array | Uint32Array>(
        [scores, dscores, dloss, totals].map((t) => [t, floats(t)]),
      );
      contents.set(labels, integers(labels, channels));
      for (const accumulate of [false, true]) {
        const calls: Call[] = [
          { kernel: 'squaredHinge', params: { rows, channels }, tensors: [scores, labels, loss, totals] },
          {
            kernel: 'squaredHingeBackward',
            params: { rows, channels, accumulate },
            tensors: [scores, labels, dloss, dscores],
          },
        ];
        await compare(calls, contents, [loss, totals, dscores], 2e-6);
      }
    }
  });

  test('adam agrees for clipped and free parameters', async () => {
    for (const clip of [1, null]) {
      const size = 131;
      const [dw, w, m, v] = ['dw', 'w', 'm', 'v'].map((label) => tensor(label, [size])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const rates = tensor('rates', [2]);
      const contents = new Map([dw, w, m].map((t) => [t, floats(t)]));
      contents.set(v, floats(v, 0, 2));
      contents.set(rates, Float32Array.of(0.003 / (1 - 0.9 ** 3), 1 / (1 - 0.999 ** 3)));
      const params = { size, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, stepScale: 35, clip };
      await compare([{ kernel: 'adam', params, tensors: [dw, rates, w, m, v] }], contents, [w, m, v], 5e-6);
    }
  });

  test('a training pass of a whole binarized net has the gradients of the reference', async () => {
    const rows = 37;
    const model = new Model(19, [
      { kind: 'dense', name: 'hidden1', outputs: 33, activation: 'sign' },
      { kind: 'dense', name: 'hidden2', outputs: 17, activation: 'sign' },
      { kind: 'dense', name: 'scores', outputs: 4, activation: 'none' },
    ]);
    const tape = new Tape();
    const [x, labels] = [tensor('x', [rows, 19]), tensor('labels', [rows], 'u32')];
    const loss = squaredHinge(tape, model.trainingPass(tape, x), labels, tensor('totals', [2]));
    const gradients = tape.backward(loss);
    const contents = new Map<Tensor, Float32Array | Uint32Array>([
      [x, floats(x).map(() => 2 * random.below(256) - 255)],
      [labels, integers(labels, 4)],
      [gradients.seed, Float32Array.of(1)],
    ]);
    for (const { tensor: w, fan } of model.parameters) contents.set(w, fan ? floats(w, -1, 1) : floats(w, 0.5, 1.5));
    const outputs = [loss, ...model.parameters.map(({ tensor: w }) => gradients.of(w))];
    await compare([...tape.forward(), ...gradients.calls], contents, outputs, 1e-4);
  });

  let first: TrainResult;
  test('train() lowers the loss, reports progress and leaves an injected device open', async () => {
    const seen: TrainProgress[] = [];
    first = await train(RECIPE, DATA, { device: handle.device, onProgress: (p) => seen.push(p) });
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
    handle.check();
  });

  test('train() twice with one seed gives the same network, with another seed another', async () => {
    const again = await train(RECIPE, DATA, { device: handle.device });
    assert.equal(again.network.layers, first.network.layers);
    assert.equal(again.test, first.test);
    const other = await train(RECIPE, DATA, { device: handle.device, seed: 2 });
    assert.not.equal(other.network.layers, first.network.layers);
  });

  test('the trained network, computed from its plain data, answers every test sample as the trainer did', () => {
    const { network } = first;
    assert.equal(network.inputShape, DATA.inputShape);
    assert.equal(
      network.layers.map(({ inputs, outputs }) => [inputs, outputs]),
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
      for (const { inputs, outputs, weights, norm, activation } of network.layers) {
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

  test('train() stops on a signal and on a loss that is not finite', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await rejects(
      train(RECIPE, DATA, { device: handle.device, signal: stop.signal, onProgress }),
      /training was stopped/,
    );
    const wild = { ...RECIPE, learningRate: { start: Infinity, end: 1 } };
    await rejects(train(wild, DATA, { device: handle.device }), /loss expected a finite number, got NaN in epoch 1/);
  });

  test('a kernel that does not fit its tensors surfaces as a TrainError', async () => {
    const other = await openDevice();
    const backend = new GpuBackend(other);
    const x = tensor('x', [4]);
    // One buffer read and written by one dispatch is against WebGPU's rules.
    const program = await backend
      .compile([{ kernel: 'sign', params: { size: 4 }, tensors: [x, x] }])
      .catch((e: unknown) => {
        assert.instance(e, TrainError);
        return null;
      });
    program?.run();
    await rejects(backend.read(x), /GPU/);
    backend.dispose();
    other.close();
    assert.throws(() => other.check(), /closed/);
  });
}

async function rejects(promise: Promise<unknown>, expected: RegExp): Promise<void> {
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

try {
  tests(await openDevice());
} catch (error) {
  if (!(error instanceof TrainError)) throw error;
  console.log(`train/gpu skipped: ${error.message}`);
}
test.run();
