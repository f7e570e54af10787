// Plans as plain data: memory that is shared and never too early, and parameter blocks field by field as their classes have them.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Buffer, placeBuffers } from '../../src/plan/arena.js';
import {
  ANY_FIELDS,
  CELL_FIELDS,
  FINISH_FIELDS,
  MOVE_FIELDS,
  PICK_FIELDS,
  ROWS_FIELDS,
  WINDOW_FIELDS,
} from '../../src/plan/fields.js';
import { CONV_FIELDS } from '../../src/plan/i8.js';
import { POOL_FIELDS, PRODUCT_FIELDS, TRANSFORM_CODES } from '../../src/plan/params.js';
import { planGraph } from '../../src/plan/plan.js';
import { CASES, randomCase } from '../helpers/cases.js';
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
    choice: { simd: true, kernel: 'table', block: 8 },
  });
  const file = 1008;
  const blocks = 1584;
  const blockBytes = 4 * PRODUCT_FIELDS.length + 8;
  const prepared = blocks + 2 * blockBytes + 64;
  const arena = prepared + 64;
  const summary = plan.blocks.map(({ address, params }) => ({
    address,
    fields: Object.keys(params).join() === PRODUCT_FIELDS.join(),
    ...Object.fromEntries(
      ['input', 'weights', 'output', 'channels', 'outputs', 'bits', 'transform', 'first', 'second'].map((name) => [
        name,
        params[name],
      ]),
    ),
  }));
  assert.equal(
    { ...plan, blocks: summary, memory: { ...plan.memory, scratch: 0 } },
    {
      batch: 2,
      fileAddress: file,
      blocks: [
        {
          ...{ address: blocks, fields: true, input: arena, weights: file + 16, output: arena + 48 },
          ...{ channels: 20, outputs: 17, bits: 8, transform: TRANSFORM_CODES.bits, first: file, second: 0 },
        },
        {
          ...{ address: blocks + blockBytes, fields: true, input: arena + 48, weights: file + 64, output: arena },
          ...{
            channels: 17,
            outputs: 3,
            bits: 1,
            transform: TRANSFORM_CODES.affine,
            first: file + 32,
            second: file + 48,
          },
        },
      ],
      data: [],
      prepares: [],
      steps: [
        { node: 'dense1', kernel: 'product_values', block: blocks },
        { node: 'dense2', kernel: 'product_bits', block: blocks + blockBytes },
      ],
      tensors: [
        { name: 'input', address: arena, bytes: 20, first: -1, last: 0 },
        { name: 'dense1/signs', address: arena + 48, bytes: 3, first: 0, last: 1 },
        { name: 'scores', address: arena, bytes: 12, first: 1, last: 2 },
      ],
      memory: { base: 1000, file: 500, blocks: 2 * blockBytes, prepared: 0, arena: 64, scratch: 0, total: 65536 },
    },
  );
});

/** Where the kernels' classes stand, and their fields. */
const CLASSES: readonly (readonly [string, string, readonly string[]])[] = [
  ['params.ts', 'ProductParams', PRODUCT_FIELDS],
  ['params.ts', 'PoolParams', POOL_FIELDS],
  ['convparams.ts', 'ConvParams', CONV_FIELDS],
  ['finish.ts', 'FinishParams', FINISH_FIELDS],
  ['rowwise.ts', 'RowsParams', ROWS_FIELDS],
  ['anyproduct.ts', 'AnyParams', ANY_FIELDS],
  ['window.ts', 'WindowParams', WINDOW_FIELDS],
  ['move.ts', 'MoveParams', MOVE_FIELDS],
  ['move.ts', 'PickParams', PICK_FIELDS],
  ['cell.ts', 'CellParams', CELL_FIELDS],
];

test('the lists of fields are those of the classes in assembly/, in their order', () => {
  for (const [file, name, fields] of CLASSES) {
    const text = readFileSync(`assembly/${file}`, 'utf8').split(`class ${name} {`)[1].split('\n}')[0];
    assert.equal(
      [...text.matchAll(/^ {2}(\w+): (?:usize|i32);$/gm)].map((match) => match[1]),
      [...fields],
      name,
    );
  }
});

test('parameter blocks of every operator have the fields of a class, in its order', () => {
  const seen = new Set<string>();
  for (const kind of Object.keys(CASES)) {
    for (let seed = 1; seed <= 12; seed++) {
      const graph = randomCase(kind, seed);
      if (graph === undefined) continue;
      for (const simd of [true, false]) {
        const plan = planGraph(graph, {
          ...{ base: 1024, batch: 2, fileBytes: 4096, constantOffset: () => 0 },
          choice: { simd, kernel: 'table', block: 8 },
        });
        for (const { params } of plan.blocks) {
          const fields = Object.keys(params);
          const found = CLASSES.find(([, , list]) => list.join() === fields.join());
          assert.ok(found, `${kind}, seed ${seed}: no class has the fields ${fields.join(', ')}`);
          seen.add(found[1]);
        }
      }
    }
  }
  assert.equal([...seen].sort(), CLASSES.map(([, name]) => name).sort());
});

test.run();
