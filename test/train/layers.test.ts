// Every layer and loss against central differences of the float64 reference, and the published values of shift-based
// normalization, optimizers and AP2.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { powerOfTwo } from '../../src/numerics/bits.js';
import { hash32, noise, Random } from '../../src/numerics/random.js';
import { join, STREAM_EPSILON } from '../../src/train/residual.js';
import * as layers from '../../src/train/layers.js';
import { crossEntropy, distillation, squaredDistance } from '../../src/train/losses.js';
import { clip, RELU, SIGMOID, TANH } from '../../src/train/maps.js';
import { adaMax, sgd, shiftAdaMax, shiftDecay, stepDecay, warmUp, type Optimizer } from '../../src/train/optimizers.js';
import { embedding, gruCell, lstmCell } from '../../src/train/recurrent.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { CpuReference } from './cpu.js';

const test = suite('train/layers');

interface Built {
  readonly tape: Tape;
  readonly leaf: (label: string, shape: readonly number[]) => Tensor;
  readonly fixed: (label: string, shape: readonly number[], values: readonly number[]) => Tensor;
}

/** Checks the gradients of everything that `build` makes leaves of; its output is compared with random values, or is a loss. */
async function checkGradients(name: string, build: (net: Built) => Tensor): Promise<void> {
  const random = new Random(11);
  const cpu = new CpuReference();
  const tape = new Tape();
  const leaves: Tensor[] = [];
  const output = build({
    tape,
    leaf: (label, shape) => {
      const t = tape.watch(tensor(label, shape));
      leaves.push(t);
      cpu.write(
        t,
        Float64Array.from({ length: t.size }, () => random.uniform(-1.5, 1.5)),
      );
      return t;
    },
    fixed: (label, shape, values) => {
      const t = tensor(label, shape);
      cpu.write(t, values);
      return t;
    },
  });
  let loss = output;
  if (output.size > 1) {
    const goal = tensor('goal', output.shape);
    cpu.write(
      goal,
      Float64Array.from({ length: goal.size }, () => random.uniform(-1, 1)),
    );
    loss = squaredDistance(tape, output, goal, 'loss');
  }
  const gradients = tape.backward(loss);
  const forward = await cpu.compile(tape.forward());
  const backward = await cpu.compile(gradients.calls);
  cpu.write(gradients.seed, [1]);
  forward.run();
  backward.run();
  const lossAt = () => (forward.run(), cpu.array(loss)[0]);
  const h = 1e-6;
  for (const leaf of leaves) {
    const values = cpu.array(leaf);
    const analytic = cpu.array(gradients.of(leaf)).slice();
    values.forEach((value, i) => {
      values[i] = value + h;
      const above = lossAt();
      values[i] = value - h;
      const below = lossAt();
      values[i] = value;
      const numeric = (above - below) / (2 * h);
      assert.ok(Math.abs(numeric - analytic[i]) < 1e-7, `${name}: d ${leaf.label}[${i}] ${analytic[i]}, is ${numeric}`);
    });
  }
}

const image = { images: 2, height: 5, width: 4, channels: 3 };
const NETS: Record<string, (net: Built) => Tensor> = {
  'conv2d, stride 1': ({ tape, leaf }) =>
    layers.conv2d(tape, leaf('x', [40, 3]), leaf('w', [4, 27]), image, { kernel: 3, stride: 1, padding: 1 }, 'y'),
  'conv2d, stride 2': ({ tape, leaf }) =>
    layers.conv2d(tape, leaf('x', [40, 3]), leaf('w', [4, 27]), image, { kernel: 3, stride: 2, padding: 0 }, 'y'),
  'max pool': ({ tape, leaf }) => layers.pool(tape, leaf('x', [40, 3]), image, { size: 2 }, 'y'),
  'average pool': ({ tape, leaf }) => layers.pool(tape, leaf('x', [40, 3]), image, { size: 2, average: true }, 'y'),
  'residual connection': ({ tape, leaf }) => {
    const x = leaf('x', [4, 3]);
    return layers.weightedSum(
      tape,
      [
        [layers.map(tape, x, TANH, 'tanh'), 1],
        [x, 0.5],
      ] as const,
      'y',
    );
  },
  'residual block that halves the picture and doubles the channels': ({ tape, leaf }) => {
    // Slopes of signs and roundings are estimates: smooth functions stand for them here.
    const shape = { images: 2, height: 4, width: 6, channels: 2 };
    const x = leaf('x', [48, 2]);
    const window = { kernel: 3, stride: 2, padding: 1 };
    const sums = layers.conv2d(tape, layers.map(tape, x, TANH, 'bits'), leaf('w', [4, 18]), shape, window, 'sums');
    const norm = { gamma: leaf('gamma', [4]), beta: leaf('beta', [4]), running: tensor('running', [2, 4]) };
    const y = layers.batchNorm(tape, sums, norm, 'norm', STREAM_EPSILON);
    return join(tape, x, y, { shape, stride: 2, outputs: 4 }, clip(-9, 9), 'stream');
  },
  'columns of several parts, one of them twice': ({ tape, leaf }) => {
    const [a, b] = [leaf('a', [3, 2]), leaf('b', [3, 1])];
    return layers.concat(tape, [a, b, a], 'y');
  },
  'bias, slice, reshape': ({ tape, leaf }) => {
    const sum = layers.addBias(tape, leaf('x', [4, 6]), leaf('bias', [6]), 'sum');
    return layers.reshape(tape, layers.slice(tape, sum, 2, 3, 'part'), [2, 6], 'y');
  },
  'relu and sigmoid': ({ tape, leaf }) =>
    layers.map(tape, layers.map(tape, leaf('x', [4, 6]), SIGMOID, 'sigmoid'), RELU, 'y'),
  dropout: ({ tape, leaf, fixed }) =>
    layers.dropout(tape, leaf('x', [4, 6]), 0.5, { key: fixed('key', [1], [3]), stream: 1 }, 'y'),
  'cross-entropy': ({ tape, leaf, fixed }) =>
    crossEntropy(tape, leaf('scores', [3, 4]), fixed('labels', [3], [1, 3, 0]), tensor('totals', [2])),
  distillation: ({ tape, leaf, fixed }) =>
    distillation(tape, leaf('scores', [2, 3]), fixed('teacher', [2, 3], [1, -2, 0.5, 0, 0.3, 2]), 2),
  'squared distance': ({ tape, leaf }) => squaredDistance(tape, leaf('a', [3, 2]), leaf('b', [3, 2]), 'y'),
  'embedding and RNN over three steps': ({ tape, leaf, fixed }) => {
    const [table, w, u, bias] = [leaf('table', [4, 3]), leaf('w', [2, 3]), leaf('u', [2, 2]), leaf('bias', [2])];
    let h = leaf('h0', [2, 2]);
    for (let t = 0; t < 3; t++) {
      const x = embedding(tape, table, fixed(`words ${t}`, [2], [t, 1]), `x${t}`);
      const parts = [layers.dense(tape, x, w, `wx${t}`), layers.dense(tape, h, u, `uh${t}`)] as const;
      const sum = layers.weightedSum(
        tape,
        [
          [parts[0], 1],
          [parts[1], 1],
        ] as const,
        `sum${t}`,
      );
      h = layers.map(tape, layers.addBias(tape, sum, bias, `biased${t}`), TANH, `h${t}`);
    }
    return h;
  },
  'LSTM over two steps': ({ tape, leaf }) => {
    const [x, w, u] = [leaf('x', [2, 3]), leaf('w', [8, 3]), leaf('u', [8, 2])];
    let state = leaf('state', [2, 4]);
    for (let t = 0; t < 2; t++) {
      const h = layers.slice(tape, state, 0, 2, `h${t}`);
      const parts = [layers.dense(tape, x, w, `wx${t}`), layers.dense(tape, h, u, `uh${t}`)] as const;
      const gates = layers.weightedSum(
        tape,
        [
          [parts[0], 1],
          [parts[1], 1],
        ] as const,
        `gates${t}`,
      );
      state = lstmCell(tape, gates, state, `state${t}`);
    }
    return state;
  },
  'GRU over two steps': ({ tape, leaf }) => {
    const [x, w, u] = [leaf('x', [2, 3]), leaf('w', [6, 3]), leaf('u', [6, 2])];
    let h = leaf('h', [2, 2]);
    for (let t = 0; t < 2; t++) {
      h = gruCell(tape, layers.dense(tape, x, w, `wx${t}`), layers.dense(tape, h, u, `uh${t}`), h, `h${t}`);
    }
    return h;
  },
};
for (const [name, build] of Object.entries(NETS)) {
  test(`${name}: gradients agree with central differences`, () => checkGradients(name, build));
}

test('powerOfTwo() rounds by logarithm, at the tie as float32 has it', () => {
  const golden = [
    [0.1, 0.125],
    [0.2, 0.25],
    [0.3, 0.25],
    [0.7, 0.5],
    [0.75, 1],
    [1.4, 1],
    [1.42, 2],
    [3, 4],
    [5, 4],
    [6, 8],
    [-3, -4],
    [-0.36, -0.5],
    [0, 0],
  ] as const;
  for (const [x, expected] of golden) assert.is(powerOfTwo(x), expected, String(x));
  const bits = (word: number) => new Float32Array(Uint32Array.of(word).buffer)[0];
  assert.is(powerOfTwo(bits(0x3fb504f3)), 1);
  assert.is(powerOfTwo(bits(0x3fb504f4)), 2);
});

test('shiftNorm() has the values of Algorithm 3, and the gradient of the Torch7 code', async () => {
  const cpu = new CpuReference();
  const tape = new Tape();
  const x = tape.watch(tensor('x', [4, 1]));
  const norm = { gamma: tensor('gamma', [1]), beta: tensor('beta', [1]), running: tensor('running', [2, 1]) };
  const y = layers.shiftNorm(tape, x, norm, 'y');
  cpu.write(x, [1, -2, 3, 0.5]);
  cpu.write(norm.gamma, [0.7]);
  cpu.write(norm.beta, [0.25]);
  (await cpu.compile(tape.forward())).run();
  assert.equal([...cpu.array(y)], [0.34375, -0.40625, 0.84375, 0.21875]);
  const [mean, inverse] = cpu.array(norm.running);
  assert.is(mean, 0.125 * 0.625);
  assert.ok(Math.abs(inverse - 0.125 * 0.626127) < 1e-6);
});

async function steps(optimizer: Optimizer, learningRate: number, start: number, gradients: readonly number[]) {
  const cpu = new CpuReference();
  const [w, dw] = [tensor('w', [1]), tensor('dw', [1])];
  const program = await cpu.compile([optimizer.update(w, dw, optimizer.init(w), { stepScale: 1, clip: 1 })]);
  cpu.write(w, [start]);
  const seen: number[] = [];
  for (const [i, g] of gradients.entries()) {
    cpu.write(dw, [g]);
    cpu.write(optimizer.rates, optimizer.ratesAt(i + 1, learningRate));
    program.run();
    seen.push(cpu.array(w)[0]);
  }
  return seen;
}

test('shiftAdaMax() takes the steps of the Torch7 code and of the paper', async () => {
  const near = (got: readonly number[], expected: readonly number[]) =>
    expected.forEach((value, i) => assert.ok(Math.abs(got[i] - value) < 1e-8, `${got[i]} ${value}`));
  near(await steps(shiftAdaMax('torch'), 2 ** -6, 0.3, [0.5, -0.2, 0.1]), [0.2875, 0.284375, 0.2803125]);
  near(
    await steps(shiftAdaMax('paper'), 2 ** -10, 0.3, [0.5, -0.2, 0.1]),
    [0.2990234375, 0.29879150390625, 0.2984909057617187],
  );
});

test('adaMax() and sgd() take the steps of their closed forms', async () => {
  // A constant gradient has m/(1-b1^t) = g and v = |g|: every step is the learning rate.
  const seen = await steps(adaMax(), 0.01, 0.5, [3, 3, 3]);
  seen.forEach((w, i) => assert.ok(Math.abs(w - (0.5 - 0.01 * (i + 1))) < 1e-7, String(w)));
  // m = 1, 1.5, 1.75
  assert.equal(await steps(sgd(0.5), 0.25, 0.75, [1, 1, 1]), [0.5, 0.125, -0.3125]);
});

test('the schedules step, halve and warm up', () => {
  assert.equal([0, 1, 2, 3, 4].map(stepDecay(1, 0.1, 2)), [1, 1, 0.1, 0.1, 0.1 ** 2]);
  assert.equal([0, 9, 10, 20].map(shiftDecay(-6, 10)), [2 ** -6, 2 ** -6, 2 ** -7, 2 ** -8]);
  assert.equal([0, 1, 2, 3].map(warmUp(3, () => 8)), [2, 4, 6, 8]);
});

test('noise() is a hash of its place, even and without runs', () => {
  // O'Neill's pcg32 output permutation of one step from state 0, in 32-bit form.
  assert.is(hash32(0), 129708002);
  const values = Array.from({ length: 20000 }, (_, i) => noise(7, 3, i));
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const lag = values.slice(1).reduce((sum, v, i) => sum + (v - 0.5) * (values[i] - 0.5), 0) / values.length;
  assert.ok(Math.abs(mean - 0.5) < 4 * Math.sqrt(1 / 12 / values.length), `mean ${mean}`);
  assert.ok(Math.abs(lag) < 4 / 12 / Math.sqrt(values.length), `correlation ${lag}`);
  assert.ok(values.every((v) => v >= 0 && v < 1));
});

test.run();
