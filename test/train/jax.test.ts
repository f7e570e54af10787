// Gradients of the tape beside those of jax-js (jax.grad) on the same numbers: an implementation that shares nothing with
// this one. Runs where jax-js is installed in test/jax (npm run setup:gpu); elsewhere it says so.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';
import { CpuBackend } from '../../src/train/cpu/backend.js';
import * as layers from '../../src/train/layers.js';
import { crossEntropy, distillation, squaredDistance, squaredHinge } from '../../src/train/losses.js';
import { HARD_TANH, RELU, SIGMOID, TANH } from '../../src/train/maps.js';
import { embedding, gruCell, lstmCell } from '../../src/train/recurrent.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';

const test = suite('train/jax');

/** Largest difference of a gradient over its largest value. Both sides are float32 and add in different orders. */
const TOLERANCE = 5e-6;
const PACKAGE = 'test/jax/node_modules/@jax-js/jax/dist/index.js';
const SEED = 12;

/** The part of jax-js in use. A use consumes an array; `.ref` keeps it for another. */
interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(axes?: readonly number[]): JaxArray;
  greaterEqual(other: number): JaxArray;
  slice(...ranges: (readonly number[])[]): JaxArray;
  data(): Promise<Float32Array>;
}
type Arrays = Record<string, JaxArray>;
interface Jax {
  init(device: string): Promise<string[]>;
  defaultDevice(device: string): void;
  grad(f: (parameters: Arrays) => JaxArray): (parameters: Arrays) => Arrays;
  readonly lax: {
    stopGradient(x: JaxArray): JaxArray;
    convGeneralDilated(x: JaxArray, w: JaxArray, strides: number[], padding: number[][]): JaxArray;
  };
  readonly nn: {
    relu(x: JaxArray): JaxArray;
    sigmoid(x: JaxArray): JaxArray;
    softmax(x: JaxArray, axis: number): JaxArray;
    logSoftmax(x: JaxArray, axis: number): JaxArray;
  };
  readonly numpy: Record<
    'array' | 'sum' | 'mean' | 'max' | 'dot' | 'tanh' | 'sqrt' | 'square' | 'clip' | 'where' | 'concatenate',
    (...args: unknown[]) => JaxArray
  >;
}

interface Case {
  /** Shapes of what gradients are taken of. */
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  /** Numbers of the data that the loss needs, as f32 (or u32 by `indices`), by name. */
  readonly data?: Readonly<Record<string, readonly number[]>>;
  readonly indices?: Readonly<Record<string, { readonly size: number; readonly below: number }>>;
  readonly tape: (tape: Tape, t: Readonly<Record<string, Tensor>>) => Tensor;
  readonly jax: (a: Arrays, jax: Jax) => JaxArray;
}

const window = { kernel: 3, stride: 2, padding: 1 };
const PADDING = [
  [1, 1],
  [1, 1],
];
const image = { images: 2, height: 7, width: 6, channels: 3 };

/** Half the mean squared distance, as squaredDistance(). */
const distance = (y: JaxArray, goal: JaxArray, { numpy }: Jax) => numpy.mean(numpy.square(y.sub(goal))).mul(0.5);
const product = (x: JaxArray, w: JaxArray, { numpy }: Jax) => numpy.dot(x, w.transpose());
/** Signs with the straight-through estimator: the value of sign, the gradient of clip. */
const straightSign = (x: JaxArray, { numpy, lax }: Jax): JaxArray => {
  const clipped = numpy.clip(x.ref, -1, 1);
  return clipped.ref.add(lax.stopGradient(numpy.where(x.greaterEqual(0), 1, -1).sub(clipped)));
};
const normalized = (x: JaxArray, gamma: JaxArray, beta: JaxArray, { numpy }: Jax): JaxArray => {
  const d = x.ref.sub(numpy.mean(x, 0));
  const variance = numpy.mean(numpy.square(d.ref), 0);
  return d
    .div(numpy.sqrt(variance.add(layers.BATCH_NORM_EPSILON)))
    .mul(gamma)
    .add(beta);
};
const columns = (x: JaxArray, part: number, width: number) => x.ref.slice([], [part * width, (part + 1) * width]);
const totals = () => tensor('totals', [2]);
const norm = (t: Readonly<Record<string, Tensor>>, channels: number) => {
  return { gamma: t.gamma, beta: t.beta, running: tensor('running', [2, channels]) };
};

const CASES: Readonly<Record<string, Case>> = {
  'dense, bias, ReLU and cross-entropy': {
    parameters: { x: [9, 13], w: [5, 13], b: [5], v: [7, 5] },
    data: { onehot: [9, 7] },
    indices: { labels: { size: 9, below: 7 } },
    tape(tape, { x, w, b, v, labels }) {
      const hidden = layers.map(tape, layers.addBias(tape, layers.dense(tape, x, w, 'd'), b, 'a'), RELU, 'r');
      return crossEntropy(tape, layers.dense(tape, hidden, v, 'o'), labels, totals());
    },
    jax({ x, w, b, v, onehot }, jax) {
      const scores = product(jax.nn.relu(product(x, w, jax).add(b)), v, jax);
      return jax.numpy.sum(jax.nn.logSoftmax(scores, -1).mul(onehot)).mul(-1 / 9);
    },
  },
  'convolution of stride 2, hyperbolic tangent and average pool': {
    parameters: { x: [2 * 7 * 6, 3], w: [4, 27] },
    data: { goal: [2 * 2 * 1, 4] },
    tape(tape, { x, w, goal }) {
      const y = layers.map(tape, layers.conv2d(tape, x, w, image, window, 'c'), TANH, 't');
      const shape = { images: 2, height: 4, width: 3, channels: 4 };
      return squaredDistance(tape, layers.pool(tape, y, shape, { size: 2, average: true }, 'p'), goal, 'loss');
    },
    jax({ x, w, goal }, jax) {
      const { numpy, lax } = jax;
      const pictures = x.reshape([2, 7, 6, 3]).transpose([0, 3, 1, 2]);
      const filters = w.reshape([4, 3, 3, 3]).transpose([0, 3, 1, 2]);
      const y = numpy.tanh(lax.convGeneralDilated(pictures, filters, [2, 2], PADDING));
      const inside = y.slice([], [], [], [0, 2]).reshape([2, 4, 2, 2, 1, 2]);
      const pooled = numpy.mean(inside, [3, 5]).transpose([0, 2, 3, 1]).reshape([4, 4]);
      return distance(pooled, goal, jax);
    },
  },
  'maximum pool': {
    parameters: { x: [2 * 4 * 6, 3] },
    data: { goal: [2 * 2 * 3, 3] },
    tape(tape, { x, goal }) {
      const y = layers.pool(tape, x, { images: 2, height: 4, width: 6, channels: 3 }, { size: 2 }, 'p');
      return squaredDistance(tape, y, goal, 'loss');
    },
    jax({ x, goal }, jax) {
      const windows = x.reshape([2, 2, 2, 3, 2, 3]);
      return distance(jax.numpy.max(windows, [2, 4]).reshape([12, 3]), goal, jax);
    },
  },
  'batch normalization': {
    parameters: { x: [17, 5], gamma: [5], beta: [5] },
    data: { goal: [17, 5] },
    tape: (tape, t) => squaredDistance(tape, layers.batchNorm(tape, t.x, norm(t, 5), 'n'), t.goal, 'loss'),
    jax: ({ x, gamma, beta, goal }, jax) => distance(normalized(x, gamma, beta, jax), goal, jax),
  },
  'binary layers with straight-through estimators and squared hinge': {
    parameters: { x: [16, 20], w: [9, 20], gamma: [9], beta: [9], v: [4, 9] },
    data: { signs: [16, 4] },
    indices: { labels: { size: 16, below: 4 } },
    tape(tape, t) {
      const sums = layers.dense(tape, t.x, layers.sign(tape, t.w, 'ws'), 'd');
      const bits = layers.sign(tape, layers.batchNorm(tape, sums, norm(t, 9), 'n'), 'bits');
      return squaredHinge(tape, layers.dense(tape, bits, layers.sign(tape, t.v, 'vs'), 'o'), t.labels, totals());
    },
    jax({ x, w, gamma, beta, v, signs }, jax) {
      const sums = product(x, straightSign(w, jax), jax);
      const bits = straightSign(normalized(sums, gamma, beta, jax), jax);
      const scores = product(bits, straightSign(v, jax), jax);
      return jax.numpy.mean(jax.numpy.square(jax.nn.relu(scores.mul(signs).mul(-1).add(1))));
    },
  },
  'residual sum, hard tangent and sigmoid': {
    parameters: { x: [6, 8], w: [8, 8] },
    data: { goal: [6, 8] },
    tape(tape, { x, w, goal }) {
      const inner = layers.map(tape, layers.dense(tape, x, w, 'd'), HARD_TANH, 'h');
      const parts = [[inner, 0.5] as const, [x, 1] as const];
      const sum = layers.weightedSum(tape, parts, 's');
      return squaredDistance(tape, layers.map(tape, sum, SIGMOID, 'g'), goal, 'loss');
    },
    jax({ x, w, goal }, jax) {
      const inner = jax.numpy.clip(product(x.ref, w, jax), -1, 1);
      return distance(jax.nn.sigmoid(inner.mul(0.5).add(x)), goal, jax);
    },
  },
  distillation: {
    parameters: { x: [7, 6] },
    data: { teacher: [7, 6] },
    tape: (tape, { x, teacher }) => distillation(tape, x, teacher, 3),
    jax({ x, teacher }, { nn, numpy }) {
      const target = nn.softmax(teacher.ref.mul(1 / 3), -1);
      const gap = nn.logSoftmax(teacher.mul(1 / 3), -1).sub(nn.logSoftmax(x.mul(1 / 3), -1));
      return numpy.sum(target.mul(gap)).mul(9 / 7);
    },
  },
  'embedding and LSTM': {
    parameters: { table: [5, 12], previous: [4, 6] },
    data: { onehot: [4, 5], goal: [4, 6] },
    indices: { tokens: { size: 4, below: 5 } },
    tape(tape, { table, previous, tokens, goal }) {
      return squaredDistance(tape, lstmCell(tape, embedding(tape, table, tokens, 'e'), previous, 's'), goal, 'loss');
    },
    jax({ table, previous, onehot, goal }, jax) {
      const { nn, numpy } = jax;
      const gates = numpy.dot(onehot, table);
      const cell = nn.sigmoid(columns(gates, 1, 3)).mul(columns(previous, 1, 3));
      const c = cell.add(nn.sigmoid(columns(gates, 0, 3)).mul(numpy.tanh(columns(gates, 2, 3))));
      const h = nn.sigmoid(columns(gates, 3, 3)).mul(numpy.tanh(c.ref));
      return distance(numpy.concatenate([h, c], 1), goal, jax);
    },
  },
  GRU: {
    parameters: { x: [4, 9], s: [4, 9], previous: [4, 3] },
    data: { goal: [4, 3] },
    tape: (tape, t) => squaredDistance(tape, gruCell(tape, t.x, t.s, t.previous, 'g'), t.goal, 'loss'),
    jax({ x, s, previous, goal }, jax) {
      const { nn, numpy } = jax;
      const gate = (i: number) => nn.sigmoid(columns(x, i, 3).add(columns(s, i, 3)));
      const n = numpy.tanh(columns(x, 2, 3).add(gate(0).mul(columns(s, 2, 3))));
      const z = gate(1);
      return distance(n.ref.add(z.mul(previous.sub(n))), goal, jax);
    },
  },
};

function tests(jax: Jax): void {
  const random = new Random(SEED);
  for (const [name, { parameters, data = {}, indices = {}, tape: record, jax: compute }] of Object.entries(CASES)) {
    test(`gradients of ${name} are those of jax.grad`, async () => {
      const backend = await CpuBackend.create({ threads: 1, wasm: readFileSync('dist/train.simd.wasm') });
      const tape = new Tape();
      const tensors: Record<string, Tensor> = {};
      const [inputs, constants]: [Arrays, Arrays] = [{}, {}];
      const labels: Uint32Array[] = [];
      for (const [label, { size, below }] of Object.entries(indices)) {
        tensors[label] = tensor(label, [size], 'u32');
        const drawn = Uint32Array.from({ length: size }, () => random.below(below));
        labels.push(drawn);
        backend.write(tensors[label], drawn);
      }
      for (const [label, shape] of Object.entries({ ...parameters, ...data })) {
        const t = tensor(label, shape);
        // What jax takes of labels: 1 for the label, and 0 or -1 elsewhere.
        const other = { onehot: 0, signs: -1 }[label];
        const values = Float32Array.from({ length: t.size }, (_, i) => {
          if (other === undefined) return random.uniform(-1.5, 1.5);
          return labels[0][Math.floor(i / shape[1])] === i % shape[1] ? 1 : other;
        });
        tensors[label] = t;
        backend.write(t, values);
        const array = jax.numpy.array(values).reshape(shape);
        if (label in parameters) inputs[label] = array;
        else constants[label] = array;
        if (label in parameters) tape.watch(t);
      }
      const gradients = tape.backward(record(tape, tensors));
      backend.write(gradients.seed, Float32Array.of(1));
      (await backend.compile([...tape.forward(), ...gradients.calls])).run();
      const expected = jax.grad((p) => compute({ ...constants, ...p }, jax))(inputs);
      let largest = 0;
      for (const label of Object.keys(parameters)) {
        const reference = await expected[label].data();
        const got = await backend.read(gradients.of(tensors[label]));
        const magnitude = reference.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-30);
        assert.ok(magnitude > 1e-6, `the gradient of ${label} is nothing but zeros`);
        const difference = reference.reduce((max, v, i) => Math.max(max, Math.abs(v - got[i])), 0) / magnitude;
        assert.ok(difference <= TOLERANCE, `${label}: largest difference ${difference}, tolerance ${TOLERANCE}`);
        largest = Math.max(largest, difference);
      }
      console.log(`${name}: largest difference ${largest.toExponential(1)}`);
      backend.dispose();
    });
  }
}

if (existsSync(PACKAGE)) {
  const jax = (await import(pathToFileURL(resolve(PACKAGE)).href)) as Jax;
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  tests(jax);
} else {
  console.log('train/jax skipped: jax-js is not installed in test/jax; npm run setup:gpu does it');
}
test.run();
