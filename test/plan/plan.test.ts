import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Buffer, placeBuffers } from '../../src/plan/arena.js';
import { planGraph } from '../../src/plan/plan.js';
import { denseNetwork } from '../helpers/graphs.js';
import { randomInts } from '../helpers/random.js';

test('placeBuffers reuses bytes of buffers that are not alive together', () => {
  const chain = [
    { bytes: 100, first: 0, last: 1 },
    { bytes: 60, first: 1, last: 2 },
    { bytes: 90, first: 2, last: 3 },
  ];
  assert.equal(placeBuffers(chain), { offsets: [0, 112, 0], bytes: 176 });
});

test('placeBuffers never lets two live buffers overlap', () => {
  const random = randomInts(11);
  for (let round = 0; round < 200; round++) {
    const buffers: Buffer[] = Array.from({ length: 1 + random(12) }, () => {
      const first = random(8);
      return { bytes: 1 + random(300), first, last: first + random(4) };
    });
    const { offsets, bytes } = placeBuffers(buffers);
    buffers.forEach((a, i) => {
      assert.is(offsets[i] % 16, 0);
      assert.ok(offsets[i] + a.bytes <= bytes);
      buffers.forEach((b, j) => {
        if (j <= i || a.last < b.first || b.last < a.first) return;
        assert.ok(offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i], `round ${round}`);
      });
    });
  }
});

test('planGraph gives a plan that can be read whole', () => {
  const graph = denseNetwork({ seed: 1, inputBits: 8, inputs: 20, widths: [17, 3] });
  const plan = planGraph(graph, {
    base: 1000,
    batch: 2,
    fileBytes: 500,
    constantOffset: (c) => graph.constants.indexOf(c) * 16,
  });
  const blocks = 1584;
  const arena = blocks + 2 * 48;
  assert.equal(plan, {
    batch: 2,
    fileAddress: 1008,
    steps: [
      {
        node: 'dense1',
        kernel: 'dense_u8',
        block: blocks,
        params: {
          input: arena,
          inputStride: 20,
          weights: 1008 + 16,
          k: 20,
          n: 17,
          tables: arena + 64 + 64,
          accumulators: arena + 64 + 64 + 192,
          transform: 1,
          first: 1008,
          second: 0,
          output: arena + 48,
          outputStride: 3,
        },
      },
      {
        node: 'dense2',
        kernel: 'dense_bits',
        block: blocks + 48,
        params: {
          input: arena + 48,
          inputStride: 3,
          weights: 1008 + 64,
          k: 17,
          n: 3,
          tables: arena + 64 + 64,
          accumulators: arena + 64 + 64 + 192,
          transform: 2,
          first: 1008 + 32,
          second: 1008 + 48,
          output: arena,
          outputStride: 12,
        },
      },
    ],
    tensors: [
      { name: 'input', address: arena, bytes: 20 },
      { name: 'dense1/signs', address: arena + 48, bytes: 3 },
      { name: 'scores', address: arena, bytes: 12 },
    ],
    memory: { base: 1000, file: 500, blocks: 96, arena: 64, scratch: 192 + 4 * 128, total: 65536 },
  });
});

test.run();
