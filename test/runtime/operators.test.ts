// Every operator on every build against the reference, integer for integer; float sums within a stated tolerance.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/model/builder.js';
import type { Graph } from '../../src/model/graph.js';
import { centered, int16, int8, levels, multiThreshold, requantize, signs, threshold } from '../../src/model/specs.js';
import { writeModel } from '../../src/model/write.js';
import { gateTable, sigmoid } from '../../src/numerics/tables.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { builds } from '../helpers/builds.js';
import { CASES, randomCase, TENSOR_TYPES } from '../helpers/cases.js';
import {
  compareModel,
  FLOAT_TOLERANCE,
  instantiateModel,
  type KernelKind,
  largestDifference,
} from '../helpers/models.js';
import { randomInts } from '../helpers/random.js';
import { randomSample, randomWeights, zoo } from '../helpers/zoo.js';

/** 12 inputs, a state of 9 numbers of 4 bits. */
function longLstm(steps: number): Graph {
  const random = randomInts(3);
  const g = new GraphBuilder('lstm');
  const inputs = {
    sequence: g.input('sequence', [steps, 12], centered(4)),
    hidden: g.input('h', [9], centered(4)),
    cell: g.input('c', [9], int16),
  };
  const cell = {
    inputWeights: randomWeights('centered', [36, 12], random),
    recurrentWeights: randomWeights('ternary', [36, 9], random),
    input: requantize(2 ** 30, 31),
    recurrent: requantize(2 ** 30, 31),
    state: multiThreshold(
      Array.from({ length: 15 * 9 }, (_, i) => (Math.floor(i / 9) - 7) * 4096),
      4,
    ),
    type: centered(4),
    activation: gateTable(Math.tanh, 1 / 16),
    sigmoid: gateTable(sigmoid, 1 / 16),
  };
  g.output(...g.lstm('lstm', inputs, cell));
  return g.build();
}

/** Random graphs of each kind and build; a failure names its seed. BITLANE_ROUNDS asks for more. */
const ROUNDS = Number(process.env['BITLANE_ROUNDS'] ?? 40);

for (const build of builds) {
  const kernels: readonly KernelKind[] = build === 'scalar' ? ['popcount'] : ['table', 'popcount'];

  test(`${build}: the zoo`, () => {
    for (const graph of zoo.values()) for (const kernel of kernels) compareModel(graph, build, 3, kernel);
  });

  for (const kind of Object.keys(CASES)) {
    test(`${build}: ${kind}`, () => {
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const graph = randomCase(kind, seed);
        if (graph !== undefined) compareModel(graph, build, 1 + (seed % 3), kernels[seed % kernels.length], seed);
      }
    });
  }

  test(`${build}: activations of 1 to 8 bits by weights of 1 to 8 bits`, () => {
    const random = randomInts(8);
    for (let m = 1; m <= 8; m++) {
      for (let n = 1; n <= 8; n++) {
        for (const type of [m === 1 ? signs : centered(m), levels(m)]) {
          const g = new GraphBuilder(`${type.encoding} ${m} x ${n}`);
          const x = g.input('x', [5, 4, 19], type);
          const weights = randomWeights('centered', [18, 3, 3, 19], random, n);
          const y = g.conv2d('conv', x, { weights, padding: 1 });
          g.output(
            y,
            g.dense('dense', g.input('row', [77], type), { weights: randomWeights('centered', [9, 77], random, n) }),
          );
          compareModel(g.build(), build, 2, kernels[n % kernels.length]);
        }
      }
    }
  });

  test(`${build}: colour pictures by every kind of weights`, () => {
    const random = randomInts(9);
    for (const encoding of ['binary', 'ternary', 'centered', 'powerOfTwo', 'int8'] as const) {
      for (const [size, padding, strides] of [
        [2, 1, 1],
        [3, 1, 1],
        [3, 0, 1],
        [5, 2, 1],
        [3, 1, 2],
      ] as const) {
        const [height, width, n] = [5 + random(3), 4 + random(10), 1 + random(40)];
        const g = new GraphBuilder(`${encoding}, ${size}x${size}, ${height}x${width}, ${n} channels`);
        const x = g.input('x', [height, width, 3], centered(8));
        const layer = { weights: randomWeights(encoding, [n, size, size, 3], random), padding, strides };
        const thresholds = Array.from({ length: n }, () => random(2001) - 1000);
        const bits = g.conv2d('bits', x, { ...layer, transform: threshold(thresholds) });
        g.output(g.conv2d('sums', x, layer), bits);
        compareModel(g.build(), build, 2, kernels[0]);
      }
    }
  });

  test(`${build}: max pools of every type, with channels that give their smallest and without`, () => {
    for (const type of TENSOR_TYPES) {
      for (const channels of [5, 17, 131]) {
        const g = new GraphBuilder(`${type.encoding} ${type.bits}, ${channels} channels`);
        const x = g.input('x', [5, 4, channels], type);
        const window = { size: 3, strides: 2, padding: 1 };
        const smallest = Array.from({ length: channels }, (_, c) => c % 3 === 1);
        g.output(g.maxPool('largest', x, window), g.maxPool('some', x, { ...window, smallest }));
        compareModel(g.build(), build, 2, kernels[0]);
      }
    }
  });

  test(`${build}: int8 by thresholds within its range and beyond it`, () => {
    for (let channels = 1; channels <= 40; channels++) {
      const random = randomInts(channels);
      const g = new GraphBuilder(`${channels} channels`);
      const within = Array.from({ length: channels }, (_, n) => [-128, 0, 127][n] ?? random(256) - 128);
      const beyond = [...within.slice(1), channels % 2 ? 128 : -129];
      const x = g.input('x', [3, 2, channels], int8);
      g.output(g.apply('within', x, threshold(within)), g.apply('beyond', x, threshold(beyond)));
      compareModel(g.build(), build, 2, kernels[0]);
    }
  });
}

test('an lstm keeps to the reference over 10,000 steps, in one run and step by step', () => {
  const build = builds[builds.length - 1];
  const graph = longLstm(10_000);
  compareModel(graph, build, 1);
  const stepwise = longLstm(1);
  const { model } = instantiateModel(writeModel(stepwise), build, 1);
  const [sequence, h, c] = randomSample(graph, 1);
  const [, lastH, lastC] = evaluate(graph, [sequence, h, c]);
  const state = { h: h.slice(), c: c.slice() };
  const results = [new Uint8Array(9), new Uint8Array(9), new Int16Array(9)] as const;
  const out = Object.fromEntries(model.outputs.map(({ name }, i) => [name, results[i]]));
  for (let t = 0; t < 10_000; t++) {
    model.runInto({ sequence: sequence.subarray(12 * t, 12 * (t + 1)), ...state }, out);
    state.h.set(results[1]);
    state.c.set(results[2]);
  }
  assert.equal([state.h, state.c], [lastH, lastC]);
});

test('float results stay within their tolerance', () => {
  const largest = largestDifference();
  console.log(`  largest relative difference of float results: ${largest.toExponential(1)}`);
  assert.ok(largest <= FLOAT_TOLERANCE);
});

test.run();
