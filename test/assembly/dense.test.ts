// Dense kernels against the reference, bit for bit, on every build: sizes around the tiles, tails, ties, overflow of the
// 8-bit and 16-bit counters.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBytes } from '../../src/load.js';
import type { Graph } from '../../src/model/graph.js';
import { writeModel } from '../../src/model/write.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { builds, kernelBytes } from '../helpers/builds.js';
import { denseNetwork, randomInput } from '../helpers/graphs.js';

/** Runs `samples` random samples on every build and compares each with the reference. */
async function compare(graph: Graph, samples: number, seed: number, input = randomInput(graph, samples, seed)): Promise<void> {
  const file = writeModel(graph);
  const size = input.length / samples;
  const expected = Array.from({ length: samples }, (_, i) => evaluate(graph, [input.slice(i * size, (i + 1) * size)])[0]);
  for (const build of builds) {
    const model = await loadBytes(file, { build, batch: samples }, kernelBytes);
    const name = model.outputs[0].name;
    const got = model.run(input)[name];
    expected.forEach((row, i) => {
      const label = `${build} build, ${graph.name}, sample ${i} of ${samples}, input ${graph.tensors[0].shape[0]}`;
      assert.equal([...got.slice(i * row.length, (i + 1) * row.length)], [...row], label);
    });
    model.dispose();
  }
}

test('dense products of bits equal the reference for 1 to 130 input channels', async () => {
  for (let k = 1; k <= 130; k++) {
    await compare(denseNetwork({ seed: k, inputBits: 1, inputs: k, widths: [17], last: 'none' }), 5, k);
  }
});

test('dense products of bytes equal the reference for 1 to 130 input channels', async () => {
  for (let k = 1; k <= 130; k++) {
    await compare(denseNetwork({ seed: k, inputBits: 8, inputs: k, widths: [17], last: 'none' }), 2, k);
  }
});

test('dense kernels write every number of output channels and zero the bits behind them', async () => {
  for (const n of [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 64, 127]) {
    for (const inputBits of [1, 8]) {
      const graph = denseNetwork({ seed: n, inputBits, inputs: 61, widths: [n], last: 'threshold' });
      // Several samples: a row that writes past its end would damage the next one.
      for (const samples of [1, 2, 3, 4, 5, 9]) await compare(graph, samples, n);
    }
  }
});

test('dense layers in a chain, as a network has them', async () => {
  await compare(denseNetwork({ seed: 1, inputBits: 8, inputs: 784, widths: [100, 37, 10] }), 9, 1);
  await compare(denseNetwork({ seed: 2, inputBits: 1, inputs: 257, widths: [129, 65, 11] }), 6, 2);
});

test('dense products of bits count past 8-bit and 16-bit counters', async () => {
  // All weights differ from all inputs: every counter reaches its largest value.
  for (const k of [31 * 8, 31 * 8 + 1, 30 * 8, 240, 241, 65535, 65536, 65537, 65536 + 30720, 256 * 240 + 24, 200003]) {
    const graph = denseNetwork({ seed: k, inputBits: 1, inputs: k, widths: [3], last: 'none' });
    const opposite = new Uint8Array(5 * Math.ceil(k / 8));
    const weights = graph.constants[0];
    weights.data.forEach((_, i) => {
      const channels = Math.min(8, k - 8 * Math.floor(i / 16));
      weights.data[i] = i % 16 < 3 ? (1 << channels) - 1 : 0;
    });
    await compare(graph, 5, k, opposite);
    assert.is(evaluate(graph, [opposite.subarray(0, Math.ceil(k / 8))])[0][0], -k);
  }
});

test('dense products of bytes sum past 8-bit and 16-bit counters', async () => {
  for (const k of [16, 17, 4096, 4097, 4368, 8192, 8193, 65537]) {
    for (const byte of [0, 255]) {
      const graph = denseNetwork({ seed: k, inputBits: 8, inputs: k, widths: [3], last: 'none' });
      const weights = graph.constants[0];
      weights.data.forEach((_, i) => {
        const channels = Math.min(8, k - 8 * Math.floor(i / 16));
        weights.data[i] = i % 16 < 3 && byte === 0 ? (1 << channels) - 1 : 0;
      });
      const input = new Uint8Array(k).fill(byte);
      await compare(graph, 1, k, input);
      assert.is(evaluate(graph, [input])[0][0], -255 * k);
    }
  }
});

test('dense kernels answer +1 at the threshold and -1 just below', async () => {
  for (const inputBits of [1, 8]) {
    const base = denseNetwork({ seed: 5, inputBits, inputs: 77, widths: [40], last: 'none' });
    const input = randomInput(base, 1, 6);
    const sums = evaluate(base, [input])[0];
    for (const offset of [0, 1]) {
      const graph = denseNetwork({ seed: 5, inputBits, inputs: 77, widths: [40], last: 'threshold' });
      const thresholds = graph.constants.findIndex((constant) => constant.name.endsWith('thresholds'));
      const tied = Int32Array.from(sums, (sum) => sum + offset);
      const weights = base.constants[0];
      const constants = graph.constants.map((constant, i) => {
        if (i === thresholds) return { ...constant, data: new Uint8Array(tied.buffer) };
        return { ...constant, data: weights.data };
      });
      const tiedGraph = { ...graph, constants };
      await compare(tiedGraph, 1, 6, input);
      assert.equal([...evaluate(tiedGraph, [input])[0]], Array<number>(5).fill(offset === 0 ? 255 : 0));
    }
  }
});

test('integer scores wrap at 32 bits as the format says', async () => {
  const graph = denseNetwork({ seed: 9, inputBits: 8, inputs: 300, widths: [10] });
  const constants = graph.constants.map((constant) => {
    if (!constant.name.endsWith('multipliers')) return constant;
    return { ...constant, data: new Uint8Array(Int32Array.from({ length: 10 }, (_, i) => 2 ** 30 - i * 12345).buffer) };
  });
  await compare({ ...graph, constants }, 3, 9);
});

test.run();
