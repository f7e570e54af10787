// Quantizers and estimators: published and golden values, gradients, unbiasedness and the order of variances.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';
import { conv2d, dense, map } from '../../src/train/layers.js';
import { squaredDistance } from '../../src/train/losses.js';
import {
  linearQuantizer,
  logQuantizer,
  powerQuantizer,
  SIGN,
  ternary,
  unitQuantizer,
  type MapSpec,
} from '../../src/train/maps.js';
import {
  alphaRamp,
  aqe,
  dorefaSigns,
  dorefaWeights,
  gradientQuantizer,
  quantizeGradient,
  statQuant,
  ternaryThreshold,
  xnorWeights,
  type GradientQuantizer,
} from '../../src/train/quantizers.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { CpuReference, householderMatrix } from './cpu.js';

const test = suite('train/quantizers');

function near(got: ArrayLike<number>, expected: readonly number[], tolerance = 1e-6): void {
  expected.forEach((value, i) => assert.ok(Math.abs(got[i] - value) <= tolerance, `${i}: ${got[i]} ${value}`));
}

/** What `layer` makes of values, and its gradient where the output's gradient is `dy`. */
async function through(
  values: readonly number[],
  shape: readonly number[],
  layer: (tape: Tape, x: Tensor) => Tensor,
  dy: readonly number[] = values.map(() => 1),
) {
  const cpu = new CpuReference();
  const tape = new Tape();
  const x = tape.watch(tensor('x', shape));
  const y = layer(tape, x);
  // d loss / dy = (y - goal) / size.
  const goal = tensor('goal', y.shape);
  const gradients = tape.backward(squaredDistance(tape, y, goal, 'loss'));
  cpu.write(x, values);
  cpu.write(gradients.seed, [1]);
  (await cpu.compile(tape.forward())).run();
  const output = [...cpu.array(y)];
  cpu.write(
    goal,
    output.map((value, i) => value - dy[i] * y.size),
  );
  (await cpu.compile(gradients.calls)).run();
  return { y: output, dx: [...cpu.array(gradients.of(x))] };
}

const byMap = (values: readonly number[], spec: MapSpec) =>
  through(values, [values.length, 1], (tape, x) => map(tape, x, spec, 'y'));

test('DoReFa weights and activations have their golden values', async () => {
  const w = [0.5, -1.2, 0.1, 2];
  const weights = async (bits: number) => (await through(w, [1, 4], (tape, x) => dorefaWeights(tape, x, bits, 'y'))).y;
  near(await weights(2), [1 / 3, -1, 1 / 3, 1]);
  near(await weights(3), [0.428571, -1, 0.142857, 1]);
  near(await weights(4), [0.466667, -0.866667, 0.066667, 1]);
  const signs = await through(w, [1, 4], (tape, x) => dorefaSigns(tape, x, 'y'), [1, 2, 3, 4]);
  near(signs.y, [0.95, -0.95, 0.95, 0.95]);
  near(signs.dx, [1, 2, 3, 4]);
  const activations = await byMap([-0.3, 0.1, 0.2, 0.5, 0.7, 1.4], unitQuantizer(2));
  near(activations.y, [0, 0, 1 / 3, 2 / 3, 2 / 3, 1]);
  near(activations.dx, [0, 1, 1, 1, 1, 0]);
});

test('dorefaWeights() passes gradients through tanh over its maximum', async () => {
  const w = [0.5, -1.2, 0.1, 2];
  const { dx } = await through(w, [1, 4], (tape, x) => dorefaWeights(tape, x, 3, 'y'));
  near(
    dx,
    w.map((v) => (1 - Math.tanh(v) ** 2) / Math.tanh(2)),
  );
});

test('xnorWeights() scales each output by its mean size, with the gradient of the paper', async () => {
  const { y, dx } = await through([0.5, -1.5, 0.25, 0.25], [2, 2], (tape, x) => xnorWeights(tape, x, 'y'));
  near(y, [1, -1, 0.25, 0.25]);
  near(dx, [0.5 + 1, 0.5, 0.5 + 0.25, 0.5 + 0.25]);
});

test("MINW-Net's 3-bit neuron, ternary, linear and logarithmic quantizers have their golden values", async () => {
  const x = [-1, -0.7, -0.3, -0.1, 0.12, 0.13, 0.4, 0.76];
  near((await byMap(x, powerQuantizer(3))).y, [-1, -0.5, -0.25, 0, 0, 0.25, 0.5, 1], 0);
  near((await byMap([-0.6, -0.5, 0.5, 0.51, 0], ternary(0.5))).y, [-1, 0, 0, 1, 0], 0);
  near((await byMap([-1.2, -0.63, 0.1, 0.13, 0.9], linearQuantizer(3))).y, [-1, -0.75, 0, 0.25, 1], 0);
  // 3 bits: 0, 1/4, 1/2, 1 and signs; AP2(0.17) = 1/8 falls below the smallest.
  near((await byMap([0.17, 0.18, -0.36, 0.7, 0.75, 5, 0], logQuantizer(3))).y, [0, 0.25, -0.5, 0.5, 1, 1, 0], 0);
  for (const spec of [powerQuantizer(3), ternary(0.5), linearQuantizer(3), logQuantizer(3)]) {
    near((await byMap([-1.01, -1, 0, 1, 1.01], spec)).dx, [0, 1, 1, 1, 0], 0);
  }
  assert.is(ternaryThreshold(Float32Array.of(1, -2, 0, 1)), 0.7);
});

test('AQE with alpha 1/2 has the gradient of the straight-through estimator, exactly', async () => {
  const random = new Random(3);
  const values = Array.from({ length: 200 }, () => random.uniform(-2, 2));
  const dy = Array.from({ length: 200 }, () => random.uniform(-1, 1));
  for (const spec of [SIGN, ternary(0.5), powerQuantizer(3)]) {
    const plain = await through(values, [200, 1], (tape, x) => map(tape, x, spec, 'y'), dy);
    const blended = await through(values, [200, 1], (tape, x) => map(tape, x, spec, 'y', aqe()), dy);
    near(
      blended.y,
      plain.y.map((h, i) => (h + values[i]) / 2),
      1e-12,
    );
    near(blended.dx, plain.dx, 1e-12);
  }
  const stronger = await through([0.5, 2], [2, 1], (tape, x) => map(tape, x, SIGN, 'y', aqe(0.75)));
  near(stronger.dx, [1.5, 0]);
  assert.equal(aqe(0.75, 'algorithm1'), { alpha: 0.75, factor: 1 });
  assert.equal([0, 1, 2].map(alphaRamp(3)), [0.5, 0.75, 1]);
  assert.throws(() => aqe(0), /"alpha" expected a number in \(0, 1\], got 0/);
});

/** 16 x 32 values of which one row is 100 times larger. */
function dominated(): { readonly g: Tensor; readonly values: Float64Array } {
  const random = new Random(8);
  const g = tensor('g', [16, 32]);
  const values = Float64Array.from({ length: 512 }, (_, i) => random.uniform(-1, 1) * (i < 32 ? 100 : 1) * 0.01);
  return { g, values };
}

/** Mean and total variance of a quantizer over many draws. */
async function statistics(quantizer: GradientQuantizer, bits: number, draws: number) {
  const cpu = new CpuReference();
  const { g, values } = dominated();
  const key = tensor('key', [1], 'u32');
  const { calls, output } = quantizeGradient(g, quantizer, bits, { key, stream: 1 });
  const program = await cpu.compile(calls);
  cpu.write(g, values);
  const sum = new Float64Array(512);
  const squares = new Float64Array(512);
  for (let draw = 0; draw < draws; draw++) {
    cpu.write(key, [draw]);
    program.run();
    cpu.array(output).forEach((v, i) => {
      sum[i] += v - values[i];
      squares[i] += (v - values[i]) ** 2;
    });
  }
  const variance = squares.reduce((total, square, i) => total + square / draws - (sum[i] / draws) ** 2, 0);
  return { bias: sum.map((v) => v / draws), spread: squares.map((v) => Math.sqrt(v / draws / draws)), variance };
}

test('every gradient quantizer is unbiased: E[f(g)] = g within 5 standard errors', async () => {
  for (const [quantizer, bits] of [
    ['dorefa', 6],
    ['log', 6],
    ['ptq', 4],
    ['psq', 4],
    ['bhq', 4],
  ] as const) {
    const { bias, spread } = await statistics(quantizer, bits, 400);
    // 512 values: the largest of as many normal ones lies within 5 with a chance of 0.9997. The error is that of the most
    // uncertain value of the row: one close to a level moves too rarely for an estimate of its own.
    for (let row = 0; row < 16; row++) {
      const error = Math.max(...spread.subarray(row * 32, row * 32 + 32));
      const largest = Math.max(...bias.subarray(row * 32, row * 32 + 32).map(Math.abs));
      assert.ok(largest <= 5 * error, `${quantizer}: row ${row} is off by ${largest}, error ${error}`);
    }
  }
});

test('variances fall from PTQ to PSQ to BHQ where one row dominates', async () => {
  const [ptq, psq, bhq] = await Promise.all((['ptq', 'psq', 'bhq'] as const).map((q) => statistics(q, 4, 100)));
  console.log(`total variance: PTQ ${ptq.variance}, PSQ ${psq.variance}, BHQ ${bhq.variance}`);
  assert.ok(bhq.variance <= psq.variance && psq.variance <= ptq.variance);
  assert.ok(bhq.variance < psq.variance / 4);
});

test('householder() and its inverse cancel; the matrix is its own inverse', async () => {
  const cpu = new CpuReference();
  const { g, values } = dominated();
  const [range, plan] = [tensor('range', [16, 2]), tensor('plan', [16, 4])];
  const [turned, back] = [tensor('turned', [16, 32]), tensor('back', [16, 32])];
  const [rows, columns] = [16, 32];
  cpu.write(g, values);
  const program = await cpu.compile([
    { kernel: 'rowStatistic', params: { rows, columns, statistic: 'range' }, tensors: [g, range] },
    { kernel: 'householderPlan', params: { rows }, tensors: [range, plan] },
    { kernel: 'householder', params: { rows, columns, inverse: false }, tensors: [g, plan, turned] },
    { kernel: 'householder', params: { rows, columns, inverse: true }, tensors: [turned, plan, back] },
  ]);
  program.run();
  near(cpu.array(back), [...values], 1e-12);
  for (const size of [2, 3, 7]) {
    const q = householderMatrix(size);
    q.forEach((row, i) =>
      q.forEach((_, j) => {
        const product = row.reduce((sum, value, k) => sum + value * q[k][j], 0);
        assert.ok(Math.abs(product - (i === j ? 1 : 0)) < 1e-12);
      }),
    );
    near(q[0], new Array<number>(size).fill(1 / Math.sqrt(size)), 1e-12);
  }
});

test('gradientQuantizer() leaves values alone and quantizes what comes back', async () => {
  const key = tensor('key', [1], 'u32');
  const dy = [0.5, -0.25, 0.1, 0.03];
  const { y, dx } = await through(
    [1, 2, 3, 4],
    [2, 2],
    (tape, x) => gradientQuantizer(tape, x, 'dorefa', 2, { key, stream: 1 }, 'y'),
    dy,
  );
  assert.equal(y, [1, 2, 3, 4]);
  // Two bits: -M, -M/3, M/3 or M of the row.
  dx.forEach((d, i) => {
    const unit = d / (i < 2 ? 0.5 : 0.1);
    assert.ok(
      [-1, -1 / 3, 1 / 3, 1].some((level) => Math.abs(unit - level) < 1e-9),
      `${i}: ${d}`,
    );
  });
  assert.throws(() => quantizeGradient(key, 'psq', 1, { key, stream: 1 }), /"bits" expected an integer from 2 to 16/);
});

/**
 * Means and total variances of dx and dw of a layer of StatQuant over many draws, with the gradients that it would have
 * without quantizers. The output's gradient has one row 100 times larger.
 */
async function twoPaths(quantizer: GradientQuantizer, draws: number, kind: 'dense' | 'conv') {
  const cpu = new CpuReference();
  const random = new Random(4);
  const key = tensor('key', [1], 'u32');
  const [samples, pixels, inputs, outputs] = kind === 'dense' ? [16, 1, 6, 32] : [8, 9, 2, 5];
  const image = { images: samples, height: 3, width: 3, channels: inputs };
  const window = { kernel: 3, stride: 1, padding: 1 };
  const x = tensor('x', [samples * pixels, inputs]);
  const w = tensor('w', [outputs, kind === 'dense' ? inputs : 9 * inputs]);
  const goal = tensor('goal', [samples * pixels, outputs]);
  const record = (path?: ReturnType<typeof statQuant>) => {
    const tape = new Tape();
    tape.watch(x);
    tape.watch(w);
    const y = kind === 'dense' ? dense(tape, x, w, 'y', path) : conv2d(tape, x, w, image, window, 'y', path);
    return { tape, gradients: tape.backward(squaredDistance(tape, y, goal, 'loss')) };
  };
  const plain = record();
  const rounded = record(statQuant({ inputs: { quantizer, bits: 4 } }, { key, stream: 3 }, samples));
  for (const t of [x, w])
    cpu.write(
      t,
      Float64Array.from({ length: t.size }, () => random.uniform(-1, 1)),
    );
  const first = goal.size / samples;
  cpu.write(
    goal,
    Float64Array.from({ length: goal.size }, (_, i) => random.uniform(-1, 1) * (i < first ? 5000 : 50)),
  );
  for (const { gradients } of [plain, rounded]) cpu.write(gradients.seed, [1]);
  (await cpu.compile([...plain.tape.forward(), ...plain.gradients.calls])).run();
  (await cpu.compile(rounded.tape.forward())).run();
  const program = await cpu.compile(rounded.gradients.calls);
  const results = [x, w].map((t) => ({ t, sum: new Float64Array(t.size), squares: new Float64Array(t.size) }));
  for (let draw = 0; draw < draws; draw++) {
    cpu.write(key, [draw]);
    program.run();
    for (const { t, sum, squares } of results) {
      const exact = cpu.array(plain.gradients.of(t));
      cpu.array(rounded.gradients.of(t)).forEach((v, i) => {
        sum[i] += v - exact[i];
        squares[i] += (v - exact[i]) ** 2;
      });
    }
  }
  return results.map(({ t, sum, squares }) => {
    // In standard errors of the mean; all values of these products are uncertain.
    const bias = sum.map((v, i) => Math.abs(v) / Math.sqrt(squares[i] + 1e-30));
    const variance = squares.reduce((total, square) => total + square / draws, 0);
    return { label: t.label, bias: Math.max(...bias), variance };
  });
}

for (const kind of ['dense', 'conv'] as const) {
  test(`statQuant() of ${kind}: both gradients are unbiased, and variances fall from PTQ to PSQ to BHQ`, async () => {
    const [ptq, psq, bhq] = [
      await twoPaths('ptq', 300, kind),
      await twoPaths('psq', 300, kind),
      await twoPaths('bhq', 300, kind),
    ];
    console.log(
      `${kind}, variance of dx: PTQ ${ptq[0].variance}, PSQ ${psq[0].variance}, BHQ ${bhq[0].variance}; of dw (8-bit PTQ) ` +
        `${ptq[1].variance}; largest bias ${Math.max(...[...ptq, ...psq, ...bhq].map(({ bias }) => bias))} standard errors`,
    );
    for (const { label, bias } of [...ptq, ...psq, ...bhq]) assert.ok(bias < 5, `${label} is off by ${bias} errors`);
    assert.ok(bhq[0].variance <= psq[0].variance && psq[0].variance <= ptq[0].variance);
    // The weights' gradient has a quantizer of its own, whatever the inputs' one.
    for (const { variance } of [psq[1], bhq[1]]) assert.is(variance, ptq[1].variance);
  });
}

test('statQuant() quantizes the two paths with different noise, and only those that are asked for', async () => {
  const key = tensor('key', [1], 'u32');
  const path = statQuant(
    { inputs: { quantizer: 'psq', bits: 4 }, weights: { quantizer: 'psq', bits: 4 } },
    { key, stream: 3 },
  );
  const { g, values } = dominated();
  const cpu = new CpuReference();
  const [inputs, weights] = [path(g, 'inputs'), path(g, 'weights')];
  cpu.write(g, values);
  cpu.write(key, [1]);
  (await cpu.compile([...inputs.calls, ...weights.calls])).run();
  assert.ok(cpu.array(inputs.output).some((v, i) => v !== cpu.array(weights.output)[i]));
  const tape = new Tape();
  const [x, w] = [tensor('x', [16, 8]), tape.watch(tensor('w', [32, 8]))];
  const loss = squaredDistance(tape, dense(tape, x, w, 'y', path), g, 'loss');
  const quantized = tape.backward(loss).calls.filter(({ kernel }) => kernel === 'quantizeGradient');
  assert.is(quantized.length, 1);
  assert.throws(() => quantizeGradient(g, 'psq', 4, { key, stream: 1 }, 7), /whole rows of 7 samples, got 512 values/);
});

test.run();
