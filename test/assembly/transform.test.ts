// Output transforms of the product kernels against the reference on every build, and the parameter blocks themselves.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shiftMultiplier } from '../../src/numerics/requantize.js';
import type { ActivationFormat } from '../../src/plan/product.js';
import type { FinishParams } from '../../src/plan/fields.js';
import { floatBits } from '../../src/plan/i8.js';
import { POOL_FIELDS, PRODUCT_FIELDS } from '../../src/plan/params.js';
import { integerAffine, thresholdLevels } from '../../src/reference/conv.js';
import { requantizeFloat, requantizeInt8, shiftInt8 } from '../../src/reference/int8.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { type Case, geometry, randomCase, runCase, usual } from '../helpers/products.js';
import { randomInts } from '../helpers/random.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build) }));
const SIGNS = { encoding: 'centered', bits: 1 } as const;

/** Small convolutions of 1 to 33 output channels, of bits and of levels. */
function cases(): Case[] {
  return [1, 3, 8, 15, 16, 17, 33].flatMap((n) =>
    [1, 4].map((bits) => {
      const pads = { padTop: 1, padLeft: 1 };
      const g = geometry({ height: 4, width: 3, channels: 20, n, kernelHeight: 3, kernelWidth: 3, ...pads });
      const activations: ActivationFormat = { encoding: 'centered', bits };
      return randomCase({ geometry: g, activations, weights: SIGNS, padValue: 0 }, 2, n);
    }),
  );
}

test('levels count the thresholds at or below the accumulator', () => {
  for (const random of cases()) {
    const n = random.layer.geometry.n;
    for (const bits of [1, 2, 3, 4, 8]) {
      const count = 2 ** bits - 1;
      const ints = randomInts(n * bits);
      const spread = 40 * (2 ** random.layer.activations.bits - 1);
      // Rows of ascending thresholds per channel, some of them met exactly.
      const columns = Array.from({ length: n }, (_, c) =>
        Array.from({ length: count }, (_, i) => (i % 3 ? ints(2 * spread) - spread : random.expected[c])).sort((a, b) => a - b),
      );
      const thresholds = Int32Array.from({ length: n * count }, (_, i) => columns[i % n][Math.floor(i / n)]);
      const expected = thresholdLevels(random.expected, n, thresholds);
      for (const { build, bench } of benches) {
        bench.clear();
        const got = runCase(bench, random, { kind: 'levels', thresholds: bench.put(thresholds), count }, usual(build));
        assert.equal([...got], [...expected], `${build} build, ${n} channels, ${bits} bits`);
      }
    }
  }
});

test('bits of level products are 1 at the threshold and 0 just below', () => {
  for (const random of cases()) {
    const n = random.layer.geometry.n;
    for (const offset of [0, 1, -(2 ** 31), 2 ** 31 - 1]) {
      const thresholds = random.expected.slice(0, n).map((a) => (Math.abs(offset) > 1 ? offset : a + offset));
      const expected: number[] = [];
      for (let row = 0; row < random.expected.length; row += n) {
        const bytes = new Uint8Array((n + 7) >> 3);
        for (let i = 0; i < n; i++) if (random.expected[row + i] >= thresholds[i]) bytes[i >> 3] |= 1 << (i & 7);
        expected.push(...bytes);
      }
      for (const { build, bench } of benches) {
        bench.clear();
        const got = runCase(bench, random, { kind: 'bits', thresholds: bench.put(thresholds) }, usual(build));
        assert.equal([...got], expected, `${build} build, ${n} channels, ${random.layer.activations.bits} bits, ${offset}`);
      }
    }
  }
});

test('integer scores are a * m + b modulo 2^32', () => {
  for (const random of cases()) {
    const ints = randomInts(5);
    const wide = (): Int32Array => Int32Array.from({ length: random.layer.geometry.n }, () => ints(2 ** 32) | 0);
    const [multipliers, biases] = [wide(), wide()];
    const expected = integerAffine(random.expected, multipliers, biases);
    for (const { build, bench } of benches) {
      bench.clear();
      const at = { multipliers: bench.put(multipliers), biases: bench.put(biases) };
      const got = runCase(bench, random, { kind: 'affine', ...at }, usual(build));
      assert.equal([...new Int32Array(got.buffer)], [...expected], build);
    }
  }
});

test('products requantize to int8 by multiplier, to int8 by rounding shift, and to float32', () => {
  for (const random of cases()) {
    const n = random.layer.geometry.n;
    const ints = randomInts(n);
    const bias = Int32Array.from({ length: n }, () => ints(200) - 100);
    const multipliers = Int32Array.from({ length: n }, () => ints(2 ** 31));
    const shifts = Int32Array.from({ length: n }, () => ints(6));
    const scales = Float32Array.from({ length: n }, () => (ints(2000) - 1000) / 700);
    const offsets = Float32Array.from({ length: n }, () => (ints(2000) - 1000) / 300);
    for (const { build, bench } of benches) {
      const run = (type: 'int8' | 'float32', fields: Partial<FinishParams>): Uint8Array => {
        return runCase(bench, random, { kind: 'finish', ...bench.finish(type, n, fields) }, usual(build));
      };
      bench.clear();
      const fixed = { first: bench.put(bias), second: bench.put(multipliers), shift: 32, low: -100, high: 127 };
      const int8 = requantizeInt8(random.expected, n, { bias, multipliers, left: 0, shift: 0, min: -100, max: 127 });
      assert.equal([...new Int8Array(run('int8', fixed).buffer)], [...int8], `${build} build, ${n} channels, multiplier`);
      bench.clear();
      const shift = { second: bench.put(shifts.map(shiftMultiplier)), shift: 30, left: 2, low: -128, high: 127 };
      const shifted = shiftInt8(random.expected, n, shifts);
      assert.equal([...new Int8Array(run('int8', shift).buffer)], [...shifted], `${build} build, ${n} channels, shift`);
      bench.clear();
      const range = { low: floatBits(-Infinity), high: floatBits(Infinity) };
      const real = { first: bench.put(scales), second: bench.put(offsets), ...range };
      const floats = requantizeFloat(random.expected, n, scales, offsets);
      assert.equal([...new Float32Array(run('float32', real).buffer)], [...floats], `${build} build, ${n} channels, float`);
    }
  }
});

test('parameter blocks have the fields that the kernels read, in their order', () => {
  const source = readFileSync('assembly/params.ts', 'utf8');
  for (const [name, fields] of [['ProductParams', PRODUCT_FIELDS], ['PoolParams', POOL_FIELDS]] as const) {
    const body = source.slice(source.indexOf(`class ${name} {`)).split('\n}')[0];
    assert.equal([...body.matchAll(/^ {2}(\w+): (?:usize|i32);/gm)].map((match) => match[1]), [...fields], name);
  }
});

test.run();
