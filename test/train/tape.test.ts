// The tape, the losses and the optimizer in float64: gradients against finite differences, sharing, schedules.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';
import { batchNorm, dense, map, sign } from '../../src/train/layers.js';
import { HARD_TANH } from '../../src/train/maps.js';
import { squaredHinge } from '../../src/train/losses.js';
import { adam, exponentialDecay, glorotStepScale, linearDecay } from '../../src/train/optimizers.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { CpuReference } from './cpu.js';

const test = suite('train/tape');

/** A net whose loss is smooth almost everywhere: real weights, batch norm, hard tanh; x is used by two layers. */
function smoothNet(seed: number) {
  const random = new Random(seed);
  const cpu = new CpuReference();
  const tape = new Tape();
  const rows = 7;
  const leaf = (label: string, shape: readonly number[], low: number, high: number): Tensor => {
    const t = tape.watch(tensor(label, shape));
    cpu.write(
      t,
      Float64Array.from({ length: t.size }, () => random.uniform(low, high)),
    );
    return t;
  };
  const norm = (channels: number, label: string) => ({
    gamma: leaf(`${label} gamma`, [channels], 0.5, 1.5),
    beta: leaf(`${label} beta`, [channels], -0.5, 0.5),
    running: tensor(`${label} running`, [2, channels]),
  });
  const x = leaf('x', [rows, 5], -2, 2);
  const [w1, w2, w3] = [leaf('w1', [4, 5], -1, 1), leaf('w2', [5, 4], -1, 1), leaf('w3', [3, 5], -1, 1)];
  const [n1, n2] = [norm(4, 'n1'), norm(3, 'n2')];
  const h = map(tape, batchNorm(tape, dense(tape, x, w1, 's1'), n1, 'y1'), HARD_TANH, 'h');
  // Two uses of h and of w3: gradients of shared tensors add up.
  const u = dense(tape, dense(tape, h, w2, 'u'), w3, 'u3');
  const v = dense(tape, x, w3, 'v3');
  const normed = batchNorm(tape, u, n2, 'y2');
  const labels = tensor('labels', [rows], 'u32');
  cpu.write(
    labels,
    Uint32Array.from({ length: rows }, () => random.below(3)),
  );
  const both = tensor('stacked', [rows, 3]);
  tape.record({
    inputs: [normed, v],
    output: both,
    // normed + v as a product with the identity, accumulated: enough to join two branches here.
    forward: [normed, v].map((part, i) => ({
      kernel: 'matmul',
      params: { m: rows, n: 3, k: 3, transposeA: false, transposeB: false, accumulate: i === 1 },
      tensors: [part, identity, both],
    })),
    backward: (d, target) =>
      [normed, v].map((part) => {
        const { tensor: to, accumulate } = target(part)!;
        const params = { m: rows, n: 3, k: 3, transposeA: false, transposeB: true, accumulate };
        return { kernel: 'matmul', params, tensors: [d, identity, to] };
      }),
  });
  cpu.write(identity, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  const loss = squaredHinge(tape, both, labels, tensor('totals', [2]));
  return { cpu, tape, loss, leaves: [x, w1, w2, w3, n1.gamma, n1.beta, n2.gamma, n2.beta] };
}
const identity = tensor('identity', [3, 3]);

test('Tape.backward() agrees with central differences for every parameter of a net with shared tensors', async () => {
  const { cpu, tape, loss, leaves } = smoothNet(5);
  const forward = await cpu.compile(tape.forward());
  const gradients = tape.backward(loss);
  const backward = await cpu.compile(gradients.calls);
  cpu.write(gradients.seed, [1]);
  forward.run();
  backward.run();
  backward.run(); // a second run must replace the first, not add to it
  const lossAt = () => (forward.run(), cpu.array(loss)[0]);
  const h = 1e-6;
  let largest = 0;
  for (const leaf of leaves) {
    const values = cpu.array(leaf);
    const analytic = cpu.array(gradients.of(leaf)).slice();
    values.forEach((value, i) => {
      values[i] = value + h;
      const above = lossAt();
      values[i] = value - h;
      const below = lossAt();
      values[i] = value;
      const difference = Math.abs((above - below) / (2 * h) - analytic[i]);
      largest = Math.max(largest, difference);
      assert.ok(difference < 1e-7, `d ${leaf.label}[${i}]: ${analytic[i]} against ${(above - below) / (2 * h)}`);
    });
  }
  console.log(`largest difference from central differences: ${largest.toExponential(1)}`);
});

test('sign() is +1 at both zeros and passes gradients up to and including |x| = 1', async () => {
  const cpu = new CpuReference();
  const tape = new Tape();
  const x = tape.watch(tensor('x', [1, 6]));
  const one = tensor('one', [1, 6]);
  const labels = tensor('labels', [1], 'u32');
  const y = sign(tape, x, 'y');
  const loss = squaredHinge(tape, dense(tape, y, one, 'sum'), labels, tensor('totals', [2]));
  const gradients = tape.backward(loss);
  cpu.write(x, [0, -0, 1, -1, 1 + 2 ** -23, -1 - 2 ** -23]);
  cpu.write(one, [1, 1, 1, 1, 1, -1]);
  cpu.write(gradients.seed, [1]);
  (await cpu.compile([...tape.forward(), ...gradients.calls])).run();
  assert.equal([...cpu.array(y)], [1, 1, 1, -1, 1, -1]);
  // sum = 1+1+1-1+1+1 = 4 > 1: no loss and no gradient. With the label absent, t = -1 and d = 2 (1 + 4).
  assert.equal([...cpu.array(gradients.of(x))].map(Math.abs), [0, 0, 0, 0, 0, 0]);
  cpu.write(labels, [9]);
  (await cpu.compile([...tape.forward(), ...gradients.calls])).run();
  assert.equal([...cpu.array(gradients.of(x))], [10, 10, 10, 10, 0, 0]);
});

test('adam() takes the steps of its closed form, scaled and clipped', async () => {
  const cpu = new CpuReference();
  const w = tensor('w', [3]);
  const dw = tensor('dw', [3]);
  const optimizer = adam();
  const call = optimizer.update(w, dw, optimizer.init(w), { stepScale: 2, clip: 1 });
  const program = await cpu.compile([call]);
  cpu.write(w, [0.5, -0.25, 0.9995]);
  // A constant gradient g has bias-corrected moments g and g^2, so every step is lr * sign(g), here doubled.
  cpu.write(dw, [3, -0.01, -7]);
  for (let step = 1; step <= 3; step++) {
    cpu.write(optimizer.rates, optimizer.ratesAt(step, 0.001));
    program.run();
  }
  const expected = [0.5 - 0.006, -0.25 + 0.006, 1];
  expected.forEach((value, i) => assert.ok(Math.abs(cpu.array(w)[i] - value) < 1e-7, `${cpu.array(w)[i]} ${value}`));
});

test('adam() takes weight decay off latent weights, beside the scaled step and in proportion to the rate', async () => {
  const cpu = new CpuReference();
  const optimizer = adam({ decay: 0.5 });
  const dw = tensor('dw', [2]);
  cpu.write(dw, [3, -0.01]);
  for (const decays of [true, false, undefined]) {
    const w = tensor('w', [2]);
    const rule = { stepScale: 4, clip: null, ...(decays === undefined ? {} : { decays }) };
    const program = await cpu.compile([optimizer.update(w, dw, optimizer.init(w), rule)]);
    cpu.write(w, [0.5, -0.25]);
    let expected = [0.5, -0.25];
    for (const [step, rate] of [
      [1, 0.01],
      [2, 0.002],
    ]) {
      cpu.write(optimizer.rates, optimizer.ratesAt(step, rate));
      program.run();
      // The step of a constant gradient is its sign.
      expected = expected.map((value, i) => value * (decays ? 1 - 4 * rate * 0.5 : 1) - 4 * rate * [1, -1][i]);
    }
    expected.forEach((value, i) => assert.ok(Math.abs(cpu.array(w)[i] - value) < 1e-6, `${cpu.array(w)[i]} ${value}`));
  }
});

test('exponentialDecay() starts at its start, falls by one factor and heads for its end', () => {
  const rate = exponentialDecay(1e-2, 1e-4, 4);
  [1e-2, 1e-2 / 10 ** 0.5, 1e-3, 1e-3 / 10 ** 0.5, 1e-4].forEach((value, epoch) => {
    assert.ok(Math.abs(rate(epoch) / value - 1) < 1e-12, `epoch ${epoch}`);
  });
});

test('linearDecay() goes from its start to its end in even steps', () => {
  const rate = linearDecay(2e-3, 4e-4, 4);
  [2e-3, 1.6e-3, 1.2e-3, 8e-4, 4e-4].forEach((value, epoch) => {
    assert.ok(Math.abs(rate(epoch) / value - 1) < 1e-12, `epoch ${epoch}`);
  });
});

test('glorotStepScale() gives 74 for 4096 x 4096', () => {
  assert.is(Math.round(glorotStepScale(4096, 4096)), 74);
});

test('dense() refuses weights of another width', () => {
  assert.throws(
    () => dense(new Tape(), tensor('x', [2, 3]), tensor('w', [4, 5]), 'layer'),
    /dense "layer" expected weights of 3 inputs, got 5/,
  );
});

test.run();
