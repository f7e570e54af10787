// What train() refuses before it looks for a device, the sizes of recipes, and statistics that are taken anew.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';
import {
  adam,
  atPrecision,
  cifar10Convnet,
  cifar10Resnet,
  cifar10Tiny,
  CpuBackend,
  mnistCnn,
  mnistMlp,
  train,
  type Augmentation,
  type Backend,
  type Call,
  type Dataset,
  type Recipe,
} from '../../src/train/index.js';
import { Evaluator } from '../../src/train/evaluator.js';
import { Model } from '../../src/train/model.js';
import { CpuReference } from './cpu.js';

const test = suite('train/trainer');

const set = (count: number) => ({ count, samples: new Uint8Array(count * 4), labels: new Uint8Array(count) });
const DATA: Dataset = { name: 'zeros', inputShape: [2, 2, 1], classes: ['0', '1'], train: set(400), test: set(10) };

async function rejects(promise: Promise<unknown>, name: string, expected: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.is((error as Error | undefined)?.name, name);
  assert.match((error as Error).message, expected);
}

/** A backend that shows each program before it is compiled. */
function watched(backend: Backend, onCompile: (calls: readonly Call[]) => void): Backend {
  return {
    description: backend.description,
    compile: (calls) => (onCompile(calls), backend.compile(calls)),
    write: (t, values) => backend.write(t, values),
    read: (t) => backend.read(t),
    dispose: () => backend.dispose(),
  };
}

/** The first layer's running means of sums and its rows of weights, by output, after a run. */
async function firstLayer(recipe: Recipe, data: Dataset, device: Backend, epochs: number) {
  const { network } = await train(recipe, data, { device, epochs });
  const [first] = network.layers;
  if (first.kind !== 'dense') throw new Error(`internal: ${first.kind}`);
  const { outputs, weights, affine } = first;
  const inputs = weights.values.length / outputs;
  return Array.from({ length: outputs }, (_, n) => {
    return { mean: -affine.shift[n] / affine.scale[n], row: weights.values.subarray(inputs * n, inputs * (n + 1)) };
  });
}

const settles = (call: Call): boolean => call.kernel === 'batchNorm' && call.params.momentum === 0.01;

test('train() refuses options and data out of range', async () => {
  await rejects(train(mnistMlp(), DATA, { epochs: 0 }), 'RangeError', /"epochs" expected an integer >= 1, got 0/);
  await rejects(train(mnistMlp(), DATA, { seed: 1.5 }), 'RangeError', /"seed" expected an integer, got 1.5/);
  await rejects(train(mnistMlp(), DATA, { limit: 99 }), 'RangeError', /"limit" expected .* a batch, 100, got 99/);
  const short = { ...DATA, test: { ...DATA.test, samples: new Uint8Array(39) } };
  await rejects(train(mnistMlp(), short), 'RangeError', /"test" expected 40 bytes and 10 labels, got 39 and 10/);
  const wrong = { ...DATA, train: { ...DATA.train, labels: new Uint8Array(400).fill(2) } };
  await rejects(train(mnistMlp(), wrong), 'RangeError', /"train" expected labels below 2, got 2 at 0/);
});

test('train() stops before it starts on an aborted signal', async () => {
  await rejects(train(mnistMlp(), DATA, { signal: AbortSignal.abort() }), 'TrainError', /training was stopped/);
});

test('settleBatches takes running statistics anew from the finished weights', async () => {
  const random = new Random(5);
  const random400 = {
    ...set(400),
    samples: Uint8Array.from({ length: 1600 }, () => Math.floor(random.uniform(0, 256))),
  };
  const labels = random400.samples.filter((_, i) => i % 4 === 0).map((byte) => byte >> 7);
  const data = { ...DATA, train: { ...random400, labels } };
  const still = { start: 1e-12, end: 1e-12 };
  const unmoved = { padding: 0, flip: false };
  const recipe: Recipe = {
    ...mnistMlp([8]),
    ...{ batchSize: 20, validationSamples: 0, learningRate: still, augmentation: unmoved },
  };
  const backend = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  /** How far the means of the first layer's sums are from those of all samples, as a root of mean squares. */
  const error = async (settleBatches: number): Promise<number> => {
    const layer = await firstLayer({ ...recipe, settleBatches }, data, backend, 3);
    let squares = 0;
    for (const { mean, row } of layer) {
      const total = random400.samples.reduce((sum, byte, i) => sum + (2 * byte - 255) * row[i % 4], 0);
      squares += (mean - total / 400) ** 2;
    }
    return Math.sqrt(squares / layer.length);
  };
  const [left, settled, again] = [await error(0), await error(400), await error(400)];
  backend.dispose();
  assert.is(settled, again);
  assert.ok(settled < left / 2, `${settled} of ${left}`);
});

test('mnistMlp() is 512-512-classes unless told otherwise', () => {
  const widths = (hidden?: number[]) =>
    mnistMlp(hidden)
      .layers(10)
      .map(({ outputs }) => outputs);
  assert.equal(widths(), [512, 512, 10]);
  assert.equal(widths([64]), [64, 10]);
  assert.equal(
    mnistMlp()
      .layers(10)
      .map(({ activation }) => activation),
    ['sign', 'sign', 'none'],
  );
});

test('cifar10Tiny() and mnistCnn() keep their files small', () => {
  for (const [recipe, shape, expected, most] of [
    [cifar10Tiny(), [32, 32, 3], [7, 3, 3, 3, 3, 3, 7], 185_000],
    [mnistCnn(), [28, 28, 1], [1, 1, 1, 1], 55_000],
  ] as const) {
    const layers = recipe.layers(10);
    const bits = layers.map(({ weights }) => (weights && 'bits' in weights ? weights.bits : 1));
    assert.equal(bits, expected);
    const weights = new Model(shape, layers).parameters.filter(({ fan }) => fan !== null);
    const bytes = weights.reduce((sum, { tensor }, i) => sum + (tensor.size * bits[i]) / 8, 0);
    assert.ok(bytes <= most, `${recipe.name}: ${bytes} bytes`);
  }
});

test('normalized sums start where their activations pass gradients', async () => {
  const activations = [
    { kind: 'sign' },
    ...[1, 2, 3, 7].map((bits) => ({ kind: 'unit', bits }) as const),
    { kind: 'power', bits: 3 },
    'none',
  ] as const;
  const layers = activations.map(
    (activation, i) => ({ kind: 'dense', name: `l${i}`, outputs: 2, activation }) as const,
  );
  const cpu = new CpuReference();
  const model = new Model([3], layers);
  model.initialize(cpu, new Random(1), 'uniform');
  const state = await model.readState(cpu);
  assert.equal(
    layers.map(({ name }) => [...state[`${name} gamma`]]),
    [1, 1, 1 / 2, 1 / 4, 1 / 4, 1, 1].map((gamma) => [gamma, gamma]),
  );
});

test('statistics settle in the tensors of a step, with weights as they are evaluated', async () => {
  const inner = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  const programs: (readonly Call[])[] = [];
  const device = watched(inner, (calls) => programs.push(calls));
  const ramp = { kind: 'sign', aqe: { alpha: 'ramp' } } as const;
  const recipe = atPrecision({ ...mnistMlp([8]), batchSize: 20, settleBatches: 1 }, { weights: ramp });
  await train(recipe, DATA, { device, epochs: 1 });
  const settling = programs.find((calls) => calls.some(settles))!;
  const step = programs.find((calls) => calls.some(({ kernel }) => kernel === 'adam'))!;
  const alphas = (calls: readonly Call[]) =>
    calls.flatMap((call) =>
      call.kernel === 'map' && / quantized$/.test(call.tensors[1].label) ? [call.params.alpha] : [],
    );
  assert.equal(
    [alphas(step), alphas(settling)],
    [
      [0.5, 0.5],
      [1, 1],
    ],
  );
  const known = new Set(step.flatMap(({ tensors }) => tensors));
  assert.ok(settling.every(({ tensors }) => tensors.every((t) => known.has(t))));
  inner.dispose();
});

test('statistics settle on pictures that are augmented as in training', async () => {
  const white = { count: 40, samples: new Uint8Array(640).fill(255), labels: new Uint8Array(40).fill(1, 20) };
  const data: Dataset = { name: 'white', inputShape: [4, 4, 1], classes: ['0', '1'], train: white, test: white };
  const recipe: Recipe = { ...mnistMlp([64]), batchSize: 20, validationSamples: 0, settleBatches: 300 };
  const backend = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  /** The mean over outputs of how far the first layer's mean sums are from those of white pictures, as a part of these. */
  const distance = async (augmentation: Augmentation): Promise<number> => {
    const layer = await firstLayer({ ...recipe, augmentation }, data, backend, 1);
    let sum = 0;
    for (const { mean, row } of layer) {
      const unshifted = 255 * row.reduce((total, w) => total + w, 0);
      sum += Math.abs(mean - unshifted) / (16 * 255);
    }
    return sum / layer.length;
  };
  const [plain, shifted] = [await distance({ padding: 0, flip: false }), await distance({ padding: 2, flip: false })];
  backend.dispose();
  assert.ok(plain < 0.01 && shifted > 0.1, `${plain} and ${shifted}`);
});

test('checkpoints that take long are taken less often', async () => {
  const device = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  const [started, slow] = [performance.now(), 40];
  let taken = 0;
  const onCheckpoint = async (): Promise<void> => {
    taken++;
    await new Promise((resolve) => setTimeout(resolve, slow));
  };
  await train(mnistMlp([8]), DATA, { device, epochs: 100, onCheckpoint, checkpointSeconds: 1e-3 });
  device.dispose();
  // The first, the last, and those that are 50 times as far apart as they take.
  const most = 2 + (performance.now() - started) / (50 * (slow - 1));
  assert.ok(taken >= 2 && taken <= most, `${taken} of at most ${most}`);
});

test('weight decay is for latent weights, not for what normalizes their sums', async () => {
  const inner = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  const decays = new Map<string, number>();
  const device = watched(inner, (calls) => {
    for (const call of calls) if (call.kernel === 'adam') decays.set(call.tensors[2].label, call.params.decay);
  });
  const recipe: Recipe = { ...mnistMlp([8]), batchSize: 20, optimizer: () => adam({ decay: 0.25 }) };
  await train(recipe, DATA, { device, epochs: 1 });
  inner.dispose();
  assert.equal(
    [...decays],
    ['hidden1', 'scores'].flatMap((name) => [
      [`${name} weights`, 0.25],
      [`${name} gamma`, 0],
      [`${name} beta`, 0],
    ]),
  );
});

test('settling statistics can be stopped', async () => {
  const inner = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
  const stop = new AbortController();
  const device = watched(inner, (calls) => {
    if (calls.some(settles)) stop.abort();
  });
  const recipe: Recipe = { ...mnistMlp([8]), batchSize: 20, settleBatches: 1000 };
  await rejects(train(recipe, DATA, { device, epochs: 1, signal: stop.signal }), 'TrainError', /training was stopped/);
  inner.dispose();
});

test('Evaluator takes as many samples at a time as fit a buffer of any WebGPU device', async () => {
  const rowsOf = async (recipe: Recipe, shape: readonly number[]): Promise<{ rows: number; largest: number }> => {
    let [rows, largest] = [0, 0];
    const nowhere: Backend = {
      description: 'nowhere',
      compile: (calls) => {
        for (const call of calls) if (call.kernel === 'gatherBytes') rows = call.params.rows;
        largest = Math.max(...calls.flatMap(({ tensors }) => tensors.map(({ size }) => size)));
        return Promise.resolve({ run: () => {} });
      },
      write: () => {},
      read: (t) => Promise.resolve(new Float32Array(t.size)),
      dispose: () => {},
    };
    await Evaluator.create(
      nowhere,
      new Model(shape, recipe.layers(10)),
      shape.reduce((a, b) => a * b),
    );
    return { rows, largest };
  };
  assert.is((await rowsOf(mnistCnn(), [28, 28, 1])).rows, 500);
  const wide = await rowsOf(cifar10Resnet(), [32, 32, 3]);
  assert.ok(wide.largest <= 2 ** 25 && 2 * wide.largest > 2 ** 25, `${wide.largest} values of ${wide.rows} samples`);
  // Weights of 8192 x 8192 are more than that at any number of samples.
  assert.is((await rowsOf(mnistMlp([8192, 8192]), [28, 28, 1])).rows, 500);
});

test('Model refuses streams that have no integer form', () => {
  const conv = (outputs: number, stride: 1 | 2 = 1) => {
    return { kind: 'residual', name: `r${outputs}`, outputs, kernel: 3, stride, activation: 'sign' } as const;
  };
  const scores = { kind: 'dense', name: 'scores', outputs: 2, activation: 'none' } as const;
  const shape = [4, 4, 1];
  assert.throws(() => new Model(shape, [conv(8), conv(24), scores]), /"r24" expected 8 or 16 outputs, got 24/);
  assert.throws(() => new Model([6, 6, 1], [conv(8), scores]), /"scores" expected a stream of 2, 4, 8 or 16 pixels/);
  assert.throws(() => new Model([3, 3, 1], [conv(8, 2), scores]), /"r8" expected even sides to halve, got \[3, 3, 1\]/);
  assert.throws(() => new Model(shape, [conv(8)]), /expected a dense layer at the end of a stream/);
  const wide = { ...conv(8), activation: { kind: 'unit', bits: 2 } } as const;
  assert.throws(() => new Model(shape, [conv(8), wide, scores]), /"r8" expected an activation of 1 bit/);
  const half = { ...conv(8), weights: { kind: 'float' } } as const;
  assert.throws(
    () => new Model(shape, [half, scores]),
    /"r8" expected weights and activations all quantized or all float/,
  );
  const { parameters } = new Model([32, 32, 3], cifar10Resnet().layers(10));
  assert.is(parameters.length, 3 * 14);
  assert.is(parameters.at(-3)!.tensor.size, 2560);
});

test("cifar10Convnet() has the paper's 14,022,016 weights", () => {
  const { parameters } = new Model([32, 32, 3], cifar10Convnet().layers(10));
  const weights = parameters.filter(({ fan }) => fan !== null);
  assert.is(
    weights.reduce((sum, { tensor }) => sum + tensor.size, 0),
    14_022_016,
  );
  assert.equal(weights[1].fan, [9 * 128, 9 * 128]);
  assert.throws(
    () => new Model([784], mnistCnn().layers(10)),
    /"conv1" expected height, width and channels, got \[784\]/,
  );
});

test.run();
