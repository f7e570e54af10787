// The reference evaluator against numbers that were worked out by hand from the formulas of schema/qnn.fbs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Built, GraphBuilder } from '../../src/model/builder.js';
import type { TensorType } from '../../src/model/graph.js';
import {
  batchNorm,
  centered,
  float32,
  floatAffine,
  int16,
  int32,
  int8,
  integerAffine,
  levels,
  multiThreshold,
  requantize,
  roundingShift,
  shiftNorm,
  signs,
  threshold,
  type TransformSpec,
} from '../../src/model/specs.js';
import { foldShiftNorm } from '../../src/numerics/ap2.js';
import { gateTable, sigmoid } from '../../src/numerics/tables.js';
import { encode, evaluateAll } from '../../src/reference/evaluate.js';

interface Given {
  readonly type: TensorType;
  readonly shape: readonly number[];
  /** Numbers v. */
  readonly values: readonly number[];
  readonly scale?: number;
}

const given = (type: TensorType, shape: readonly number[], values: readonly number[], scale = 1): Given => {
  return { type, shape, values, scale };
};

/** Numbers v of every output of the nodes that `make` adds. */
function run(inputs: readonly Given[], make: (g: GraphBuilder, x: Built[]) => Built | Built[]): number[][] {
  const g = new GraphBuilder('test');
  const built = inputs.map(({ shape, type, scale }, i) => g.input(`x${i}`, shape, type, scale));
  const outputs = [make(g, built)].flat();
  const graph = g.output(...outputs).build();
  const stored = inputs.map(({ values }, i) => encode(graph.tensors[built[i].index], Float64Array.from(values)));
  const all = evaluateAll(graph, stored);
  return outputs.map(({ index }) => Array.from(all[index]));
}

/** A transform of one row of channels. */
function transformed(type: TensorType, values: readonly number[], transform: TransformSpec, to?: TensorType): number[] {
  const x = given(type, [values.length], values);
  return run([x], (g, [a]) => g.apply('t', a, transform, to && { type: to }))[0];
}

test('dense multiplies with binary, ternary, 2-bit, power-of-two and int8 weights', () => {
  const x = given(int8, [3], [1, -2, 5]);
  const cases = [
    ['binary', [1, -1, 1, -1, -1, -1], [8, -4]],
    ['ternary', [1, 0, -1, 0, -1, 1], [-4, 7]],
    ['centered', [3, -1, 1, -3, 1, -1], [10, -10]],
    ['powerOfTwo', [4, 0, -2, -1, 2, 1], [-6, 0]],
    ['int8', [100, -128, 127, 0, 7, -1], [991, -19]],
  ] as const;
  for (const [encoding, values, expected] of cases) {
    const bits = encoding === 'centered' ? 2 : 3;
    const weights = { encoding, shape: [2, 3], values, bits };
    assert.equal(run([x], (g, [a]) => g.dense('d', a, { weights }))[0], expected, encoding);
  }
});

test('conv2d leaves out what lies in the padding, or takes its value', () => {
  // 2 x 2 picture of one channel, 3 x 3 filter of ones: every output sums the whole picture.
  const x = given(signs, [2, 2, 1], [1, -1, -1, -1]);
  const weights = { encoding: 'binary', shape: [1, 3, 3, 1], values: new Array<number>(9).fill(1) } as const;
  const padded = (value: number): number[] =>
    run([x], (g, [a]) => g.conv2d('c', a, { weights, padding: { top: 1, left: 1, bottom: 1, right: 1, value } }))[0];
  assert.equal(padded(0), [-2, -2, -2, -2]);
  assert.equal(padded(1), [3, 3, 3, 3]);
  assert.equal(padded(-1), [-7, -7, -7, -7]);
});

test('conv2d strides, dilates and keeps groups apart', () => {
  const x = given(int8, [1, 5, 2], [1, 10, 2, 20, 3, 30, 4, 40, 5, 50]);
  const filter = (values: number[], shape: number[]) => ({ encoding: 'int8', values, shape }) as const;
  const both = filter([1, 0, 0, 1], [1, 1, 2, 2]);
  assert.equal(run([x], (g, [a]) => g.conv2d('c', a, { weights: both }))[0], [21, 32, 43, 54]);
  assert.equal(run([x], (g, [a]) => g.conv2d('c', a, { weights: both, strides: [1, 2] }))[0], [21, 43]);
  assert.equal(run([x], (g, [a]) => g.conv2d('c', a, { weights: both, dilations: [1, 3] }))[0], [41, 52]);
  const depthwise = filter([1, 2, 3, -1], [2, 1, 2, 1]);
  assert.equal(
    run([x], (g, [a]) => g.conv2d('c', a, { weights: depthwise, groups: 2 }))[0],
    [5, 10, 8, 30, 11, 50, 14, 70],
  );
});

test('convTranspose2d spreads filters over the output', () => {
  const x = given(int8, [1, 2, 1], [1, 10]);
  const weights = { encoding: 'int8', shape: [1, 1, 3, 1], values: [1, 2, 3] } as const;
  const up = (options: object): number[] =>
    run([x], (g, [a]) => g.convTranspose2d('c', a, { weights, strides: [1, 2], ...options }))[0];
  assert.equal(up({}), [1, 2, 13, 20, 30]);
  assert.equal(up({ padding: { left: 1, right: 1 } }), [2, 13, 20]);
  assert.equal(up({ extra: [0, 1] }), [1, 2, 13, 20, 30, 0]);
});

test('threshold is inclusive', () => {
  assert.equal(transformed(int32, [3, 4, -1], threshold([4, 4, -1])), [-1, 1, 1]);
  assert.equal(transformed(float32, [0.25, -0], threshold([0.25, 0], float32)), [1, 1]);
});

test('multiThreshold counts, in any order, to levels or odd numbers', () => {
  const t = multiThreshold([0, 10, 5, 30, 7, 20], 2);
  assert.equal(transformed(int32, [5, 20], t), [2, 2]);
  assert.equal(transformed(int32, [7, 9], t, centered(2)), [3, -3]);
});

test('integerAffine wraps in 32 bits', () => {
  assert.equal(transformed(int32, [5, 2 ** 30], integerAffine([-3, 4], [1, 7])), [-14, 7]);
});

test('requantize rounds a half up, clamps, and joins a residual before the rounding', () => {
  assert.equal(transformed(int32, [6, -6, 5, -5, 1000, -1000], roundingShift(2)), [2, -1, 1, -1, 127, -128]);
  assert.equal(transformed(int32, [7, -8], roundingShift(0, { biases: [1, 2], minimum: 0 })), [8, 0]);
  // 0.3 as 31 bits: 100 * 0.3 = 30 less 1e-8, 5 * 0.3 = 1.5 less 1e-9, which rounds to 1.
  const multiplier = Math.floor(0.3 * 2 ** 32);
  assert.equal(transformed(int32, [100, 5, -5], requantize(multiplier, 32)), [30, 1, -1]);
  assert.equal(transformed(int32, [2 ** 31 - 1], requantize(2 ** 31 - 1, 62), int16), [1]);
  const x = given(int32, [2], [3, -3]);
  const r = given(int8, [2], [1, 1]);
  const joined = roundingShift(2, { residualMultiplier: 2 ** 29 });
  // (3 + 2) / 4 = 1.25, (-3 + 2) / 4 = -0.25
  assert.equal(
    run([x, r], (g, [a, b]) => g.apply('t', a, joined, { residual: b })),
    [[1, 0]],
  );
});

test('floatAffine rounds after each of its steps', () => {
  const y = transformed(int32, [16777217, 3], floatAffine([1, 0.1], [1, 0.1]));
  assert.equal(y, [16777216, Math.fround(Math.fround(3 * Math.fround(0.1)) + Math.fround(0.1))]);
  assert.equal(transformed(int32, [-4, 100], floatAffine(0.5, undefined, { minimum: 0, maximum: 6 })), [0, 6]);
  const one = Float32Array.of(1);
  const norm = { gamma: Float32Array.of(2), beta: one, mean: Float32Array.of(3), variance: Float32Array.of(4) };
  assert.equal(transformed(float32, [5], batchNorm({ ...norm, epsilon: 0 })), [3]);
});

test('shiftNorm is the shift-based batch normalization of the paper', () => {
  const norm = { mean: [0.625], inverseDeviation: [0.626127], gamma: [0.7], beta: [0.25] };
  // x in eighths: 1, -2, 3, 0.5; the result in 2^-16, exact: 0.34375, -0.40625, 0.84375, 0.21875.
  const folded = shiftNorm(foldShiftNorm(norm, 16, 2 ** -3));
  const y = [8, -16, 24, 4].map((x) => transformed(int32, [x], folded)[0] / 2 ** 16);
  assert.equal(y, [0.34375, -0.40625, 0.84375, 0.21875]);
  const rounded = shiftNorm({ means: 1, exponents: [-1, -1, 2], signs: [1, -1, 0], biases: [0, 0, 5], fraction: 0 });
  assert.equal(transformed(int32, [4, 4, 4], rounded), [2, -2, 5]);
});

test('maxPool takes the largest, or the smallest where asked; padding never wins', () => {
  const x = given(int8, [2, 2, 2], [-1, 1, -2, 2, -3, 3, -4, 4]);
  assert.equal(run([x], (g, [a]) => g.maxPool('p', a, { size: 2 }))[0], [-1, 4]);
  assert.equal(run([x], (g, [a]) => g.maxPool('p', a, { size: 2, smallest: [true, false] }))[0], [-4, 4]);
  assert.equal(
    run([x], (g, [a]) => g.maxPool('p', a, { size: [2, 2], strides: 1, padding: { top: 1, left: 1 } }))[0],
    [-1, 1, -1, 2, -1, 3, -1, 4],
  );
});

test('avgPool and globalAvgPool round a half up and count what is inside', () => {
  const x = given(int8, [2, 2, 1], [1, 2, -3, -6]);
  assert.equal(run([x], (g, [a]) => g.avgPool('p', a, { size: 2 }))[0], [-1]);
  assert.equal(run([x], (g, [a]) => g.avgPool('p', a, { size: [1, 2] }))[0], [2, -4]);
  assert.equal(run([x], (g, [a]) => g.avgPool('p', a, { size: 2, type: int32 }))[0], [-6]);
  assert.equal(run([x], (g, [a]) => g.avgPool('p', a, { size: 2, padding: { top: 1 }, strides: 1 }))[0], [2, -1]);
  const bits = given(signs, [2, 2, 2], [1, 1, -1, 1, 1, 1, -1, 1]);
  assert.equal(run([bits], (g, [a]) => g.globalAvgPool('p', a))[0], [0, 4]);
  const floats = given(float32, [1, 2, 1], [1, 2]);
  assert.equal(run([floats], (g, [a]) => g.globalAvgPool('p', a))[0], [1.5]);
});

test('activate', () => {
  const x = given(float32, [4], [-1.5, -0, 0.5, 7]);
  assert.equal(run([x], (g, [a]) => g.sign('s', a))[0], [-1, 1, 1, 1]);
  assert.equal(run([x], (g, [a]) => g.relu('s', a))[0], [0, 0, 0.5, 7]);
  assert.equal(run([x], (g, [a]) => g.hardTanh('s', a))[0], [-1, -0, 0.5, 1]);
  assert.equal(run([x], (g, [a]) => g.floor('s', a))[0], [-2, -0, 0, 7]);
});

test('lookUp reads the table in the order of the stored byte', () => {
  const x = given(int8, [3], [-128, -1, 127]);
  assert.equal(run([x], (g, [a]) => g.lookUp('t', a, int16, (v) => v * 3))[0], [-384, -3, 381]);
  const odd = given(centered(3), [2], [-7, 5]);
  assert.equal(run([odd], (g, [a]) => g.lookUp('t', a, levels(8), (v) => v * v))[0], [49, 25]);
});

test('add rescales, rounds once and saturates; floats add', () => {
  const a = given(int8, [3], [100, 3, -3]);
  const b = given(int8, [3], [100, 2, -2]);
  const sum = (options: object): number[] => run([a, b], (g, [x, y]) => g.add('s', x, y, options))[0];
  assert.equal(sum({}), [127, 5, -5]);
  assert.equal(sum({ shift: 1, type: int16 }), [100, 3, -2]);
  assert.equal(sum({ leftMultiplier: 3, rightMultiplier: -1, shift: 1 }), [100, 4, -3]);
  assert.equal(sum({ minimum: 0, maximum: 50 }), [50, 5, 0]);
  const f = given(float32, [1], [Math.fround(0.1)]);
  assert.equal(run([f, f], (g, [x, y]) => g.add('s', x, y, { maximum: 0.15 }))[0], [Math.fround(0.15)]);
});

test('convert rounds to the integers of the output and back', () => {
  const x = given(float32, [5], [-10, -0.3, 0, 0.375, 10]);
  const to = (type: TensorType): number[] => run([x], (g, [a]) => g.convert('c', a, type, 0.25))[0];
  assert.equal(to(int8), [-40, -1, 0, 2, 40]);
  assert.equal(to(levels(2)), [0, 0, 0, 2, 3]);
  assert.equal(to(centered(2)), [-3, -1, 1, 1, 3]);
  assert.equal(to(signs), [-1, -1, 1, 1, 1]);
  const v = given(int8, [2], [3, -5], 0.5);
  assert.equal(run([v], (g, [a]) => g.convert('c', a, float32))[0], [1.5, -2.5]);
});

test('concat, channelShuffle, reshape, pad and upsample move numbers', () => {
  const a = given(int8, [1, 2, 2], [1, 2, 3, 4]);
  const b = given(int8, [1, 2, 1], [5, 6]);
  assert.equal(run([a, b], (g, [x, y]) => g.concat('c', [x, y]))[0], [1, 2, 5, 3, 4, 6]);
  assert.equal(run([a, a], (g, [x, y]) => g.concat('c', [x, y], 0))[0], [1, 2, 3, 4, 1, 2, 3, 4]);
  const channels = given(int8, [6], [0, 1, 2, 3, 4, 5]);
  assert.equal(run([channels], (g, [x]) => g.channelShuffle('c', x, 2))[0], [0, 3, 1, 4, 2, 5]);
  assert.equal(run([channels], (g, [x]) => g.reshape('c', x, [3, 2]))[0], [0, 1, 2, 3, 4, 5]);
  assert.equal(run([a], (g, [x]) => g.pad('c', x, [0, 1, 0], [0, 0, 1], 9))[0], [9, 9, 9, 1, 2, 9, 3, 4, 9]);
  assert.equal(run([b], (g, [x]) => g.upsample('c', x, [2, 2]))[0], [5, 5, 6, 6, 5, 5, 6, 6]);
});

test('embedding takes the nearest row', () => {
  const table = { type: centered(2), shape: [3, 2], values: [-3, -1, 1, 3, -1, -1] };
  const ids = given(int32, [4], [1, 0, 7, -2]);
  const rows = [1, 3, -3, -1, -1, -1, -3, -1];
  assert.equal(run([ids], (g, [x]) => g.embedding('e', x, table))[0], rows);
  const packed = { encoding: 'centered', bits: 2, shape: table.shape, values: table.values } as const;
  assert.equal(run([ids], (g, [x]) => g.embedding('e', x, packed))[0], rows);
});

test('softmax and argMax', () => {
  const x = given(int32, [2, 3], [0, 4, 4, 2, -1, 2], 0.25);
  const [probabilities, best] = run([x], (g, [a]) => [g.softmax('p', a), g.argMax('a', a)]);
  const e = Math.E;
  const expected = [1 / (1 + 2 * e), e / (1 + 2 * e), e / (1 + 2 * e)];
  expected.forEach((value, i) => assert.ok(Math.abs(probabilities[i] - value) < 1e-7));
  assert.equal(best, [1, 0]);
});

const one = { encoding: 'int8', shape: [1, 1], values: [1] } as const;
/** Pre-activation of v = v: 256 v, one step of the table a unit. */
const unit = requantize(2 ** 30, 30, { biases: 0 });
const steps = (multiplier: number): TransformSpec => requantize(multiplier, 30);
/** From 2^-15 to int8 in 2^-7. */
const toBytes = roundingShift(8);

test('rnn carries its state from row to row', () => {
  // Weights 1; both sums count as 2^8 = 256 pre-activation units would, but multipliers here are at most 1: step 1/256.
  const table = Int16Array.from({ length: 256 }, (_, i) => ((i << 24) >> 24) * 256);
  const options = { inputWeights: { ...one, values: [64] }, recurrentWeights: { ...one, values: [32] }, input: unit };
  const [sequence, hidden] = run([given(int8, [3, 1], [8, 0, 0]), given(int8, [1], [0])], (g, [x, h]) =>
    g.rnn('r', { sequence: x, hidden: h }, { ...options, recurrent: unit, activation: table, state: toBytes }),
  );
  // p = 64 * 8 = 512 -> index 2 -> 512 in 2^-15 -> 2; then p = 32 * 2 = 64 -> index 0 (64 / 256 rounds to 0) -> 0.
  assert.equal(sequence, [2, 0, 0]);
  assert.equal(hidden, [0]);
});

test('lstm follows its float formula to a few parts in a thousand', () => {
  const random = (i: number): number => ((i * 37) % 11) - 5;
  const [inputs, width, length] = [2, 3, 5];
  const wx = Array.from({ length: 4 * width * inputs }, (_, i) => random(i) * 4);
  const wh = Array.from({ length: 4 * width * width }, (_, i) => random(i + 3) * 4);
  const xs = Array.from({ length: length * inputs }, (_, i) => random(i + 5) * 10);
  const step = 1 / 16;
  // Weights in 1/32, x and h in 1/128: sums in 2^-12; pre-activations in 2^-12 as well (1/256 of a step of 1/16).
  const [sequence, , cells] = run(
    [
      given(int8, [length, inputs], xs, 2 ** -7),
      given(int8, [width], [0, 0, 0], 2 ** -7),
      given(int16, [width], [0, 0, 0]),
    ],
    (g, [x, h, c]) =>
      g.lstm(
        'l',
        { sequence: x, hidden: h, cell: c },
        {
          inputWeights: { encoding: 'int8', shape: [4 * width, inputs], values: wx },
          recurrentWeights: { encoding: 'int8', shape: [4 * width, width], values: wh },
          input: steps(2 ** 30),
          recurrent: steps(2 ** 30),
          activation: gateTable(Math.tanh, step),
          sigmoid: gateTable(sigmoid, step),
          cellShift: 3,
          indexShift: 0,
          state: toBytes,
          scale: 2 ** -7,
        },
      ),
  );
  const h = [0, 0, 0];
  const c = [0, 0, 0];
  for (let t = 0; t < length; t++) {
    const before = [...h];
    for (let j = 0; j < width; j++) {
      const p = [0, 1, 2, 3].map((gate) => {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += (wx[(gate * width + j) * inputs + i] / 32) * (xs[t * inputs + i] / 128);
        for (let i = 0; i < width; i++) sum += (wh[(gate * width + j) * width + i] / 32) * before[i];
        return sum;
      });
      c[j] = sigmoid(p[1]) * c[j] + sigmoid(p[0]) * Math.tanh(p[2]);
      h[j] = sigmoid(p[3]) * Math.tanh(c[j]);
      const got = sequence[t * width + j] / 128;
      assert.ok(Math.abs(got - h[j]) < 0.04, `t ${t}, unit ${j}: ${got}, ${h[j]} in real numbers`);
    }
  }
  cells.forEach((value, j) => assert.ok(Math.abs(value / 2 ** 12 - c[j]) < 0.05, `cell ${j}`));
});

test('gru keeps its state where the update gate is shut, and takes the candidate where it is open', () => {
  const zero = { encoding: 'int8', shape: [3, 1], values: [0, 0, 0] } as const;
  const cell = (z: number, n: number): number[][] =>
    run([given(int8, [1, 1], [0]), given(int16, [1], [1000])], (g, [x, s]) =>
      g.gru(
        'g',
        { sequence: x, state: s },
        {
          inputWeights: zero,
          recurrentWeights: zero,
          input: requantize(2 ** 30, 30, { biases: [0, z, n] }),
          recurrent: steps(2 ** 30),
          activation: gateTable(Math.tanh, 1 / 16),
          sigmoid: gateTable((x) => (x > 0 ? 1 : 0), 1 / 16),
          state: toBytes,
        },
      ),
    );
  // z = 1: s = q15(32767, 1000) = 1000; z = 0: s = q15(32767, tanh(1)) = tanh(1) in 2^-15.
  assert.equal(cell(256, 4096), [[4], [1000]]);
  const candidate = Math.round(Math.tanh(1) * 32768);
  assert.equal(cell(0, 4096), [[Math.round(candidate / 256)], [candidate - 1]]);
});

test.run();
