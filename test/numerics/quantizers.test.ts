// Golden numbers: worked by hand from the papers' formulas, and computed apart from this code.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ap2, ap2Exponent, foldShiftNorm, shiftNormalize, shiftStatistics } from '../../src/numerics/ap2.js';
import {
  dorefaActivation,
  dorefaWeights,
  linearQuant,
  logQuant,
  minw,
  minwThresholds,
} from '../../src/numerics/quantizers.js';

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  assert.is(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i] - value) <= tolerance, `at ${i}: ${actual[i]}, expected ${value}`);
  });
}

test('ap2 rounds the exponent', () => {
  const cases = [
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
    [2 ** -140, 0],
  ];
  for (const [x, expected] of cases) assert.is(ap2(x), expected, `AP2(${x})`);
});

test('ap2 changes sides at the square root of two, to the bit', () => {
  const float = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0];
  assert.is(ap2(float(0x3fb504f3)), 1);
  assert.is(ap2(float(0x3fb504f4)), 2);
  for (let e = -120; e <= 120; e++) assert.is(ap2Exponent(2 ** e * 1.3), e);
  assert.is(ap2Exponent(0), undefined);
});

test('shiftStatistics and shiftNormalize are algorithm 3 of the paper', () => {
  const x = [1, -2, 3, 0.5];
  const statistics = shiftStatistics(x, 1e-5);
  assert.is(statistics.mean, 0.625);
  assert.is(statistics.variance, 2.55078125);
  near([statistics.inverseDeviation], [0.626127], 1e-6);
  near(
    x.map((v) => shiftNormalize(v, statistics, 0.7, 0.25)),
    [0.34375, -0.40625, 0.84375, 0.21875],
    0,
  );
});

test('foldShiftNorm gives integers whose shifts are those of the real numbers', () => {
  const norm = { mean: [0.625, -3], inverseDeviation: [0.626127, 3], gamma: [0.7, -1], beta: [0.25, 1] };
  const folded = foldShiftNorm(norm, 8);
  assert.equal([...folded.means], [160, -768]);
  assert.equal([...folded.exponents], [-2, 2]);
  assert.equal([...folded.signs], [1, -1]);
  assert.equal([...folded.biases], [64, 256]);
  assert.equal([...foldShiftNorm({ ...norm, gamma: [0, 1] }, 8).signs], [0, 1]);
  assert.throws(() => foldShiftNorm(norm, 8, 3), /"unit" expected a power of two, got 3/);
});

test('dorefaWeights for 1 to 4 bits', () => {
  const weights = [0.5, -1.2, 0.1, 2];
  near(dorefaWeights(weights, 1), [0.95, -0.95, 0.95, 0.95], 1e-12);
  near(dorefaWeights(weights, 2), [1 / 3, -1, 1 / 3, 1], 1e-12);
  near(dorefaWeights(weights, 3), [0.428571, -1, 0.142857, 1], 1e-6);
  near(dorefaWeights(weights, 4), [0.466667, -0.866667, 0.066667, 1], 1e-6);
  near(dorefaWeights([0, 0], 2), [1 / 3, 1 / 3], 1e-12);
});

test('dorefaActivation rounds half up', () => {
  const x = [-0.3, 0.1, 0.2, 0.5, 0.7, 1.4];
  near(
    x.map((v) => dorefaActivation(v, 2)),
    [0, 0, 1 / 3, 2 / 3, 2 / 3, 1],
    1e-12,
  );
});

test('minw for 1, 2 and 3 bits', () => {
  assert.equal(minwThresholds(3), [0.125, 0.375, 0.75]);
  assert.equal(minwThresholds(2), [0.5]);
  const x = [-1, -0.7, -0.3, -0.1, 0.12, 0.13, 0.4, 0.76];
  assert.equal(
    x.map((v) => minw(v, 3)),
    [-1, -0.5, -0.25, 0, 0, 0.25, 0.5, 1],
  );
  assert.equal(
    [-2, -0.5, 0.5, 0.51].map((v) => minw(v, 2)),
    [-1, 0, 0, 1],
  );
  assert.equal(
    [-0.1, 0].map((v) => minw(v, 1)),
    [-1, 1],
  );
});

test('linearQuant and logQuant keep to their levels', () => {
  assert.equal(
    [-2, -0.3, 0.1, 0.13, 0.9, 2].map((v) => linearQuant(v, 3)),
    [-1, -0.25, 0, 0.25, 1, 1],
  );
  assert.equal(
    [-3, -0.3, 0.02, 0.2, 0.7, 0.75, 0].map((v) => logQuant(v, 3)),
    [-1, -0.25, 0, 0.25, 0.5, 1, 0],
  );
});

test.run();
