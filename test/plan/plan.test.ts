import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Buffer, placeBuffers } from '../../src/plan/arena.js';
import { planDense } from '../../src/plan/dense.js';
import { planGraph } from '../../src/plan/plan.js';
import type { Constant } from '../../src/model/graph.js';
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
    simd: true,
    batch: 2,
    fileBytes: 500,
    constantOffset: (c) => graph.constants.indexOf(c) * 16,
  });
  const file = 1008;
  const blocks = 1584;
  const blockBytes = 192;
  const arena = blocks + 2 * blockBytes;
  const scratch = arena + 64 + 64;
  const weights = { encoding: 'centered', bits: 1 } as const;
  const choice = { simd: true, block: 2 } as const;
  const first = planDense(
    {
      k: 20,
      n: 17,
      activations: { encoding: 'centered', bits: 8 },
      weights,
      transform: { kind: 'bits', thresholds: file },
    },
    { input: arena, weights: file + 16, output: arena + 48, scratch, prepared: 0 },
    choice,
  );
  const second = planDense(
    {
      k: 17,
      n: 3,
      activations: { encoding: 'centered', bits: 1 },
      weights,
      transform: { kind: 'affine', multipliers: file + 32, biases: file + 48 },
    },
    { input: arena + 48, weights: file + 64, output: arena, scratch, prepared: 0 },
    choice,
  );
  assert.equal(plan, {
    batch: 2,
    fileAddress: file,
    steps: [
      { node: 'dense1', kernel: 'product_values', prepare: undefined, block: blocks, params: first.params },
      { node: 'dense2', kernel: 'product_bits', prepare: undefined, block: blocks + blockBytes, params: second.params },
    ],
    tensors: [
      { name: 'input', address: arena, bytes: 20 },
      { name: 'dense1/signs', address: arena + 48, bytes: 3 },
      { name: 'scores', address: arena, bytes: 12 },
    ],
    memory: {
      base: 1000,
      file: 500,
      blocks: 2 * blockBytes,
      arena: 64,
      scratch: Math.max(first.scratchBytes, second.scratchBytes),
      total: 65536,
    },
  });
});

test('planGraph prepares weights that two layers share once', () => {
  const graph = denseNetwork({ seed: 1, inputBits: 1, inputs: 24, widths: [24, 24] });
  const weights = graph.nodes[0].operator.weights;
  const nodes = graph.nodes.map((node) => ({ ...node, operator: { ...node.operator, weights } }));
  const options = {
    base: 0,
    batch: 1,
    fileBytes: 9000,
    constantOffset: (c: Constant) => 64 * graph.constants.indexOf(c),
  };
  const scalar = planGraph({ ...graph, nodes }, { ...options, simd: false });
  assert.equal(
    scalar.steps.map((step) => step.prepare),
    ['prepare_bits', undefined],
  );
  const simd = planGraph({ ...graph, nodes }, { ...options, simd: true });
  assert.equal(
    simd.steps.map((step) => step.prepare),
    [undefined, undefined],
  );
});

test.run();
