// The memory report: areas that add up to what the engine allocated, tensors inside the arena that never overlap alive.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/model/builder.js';
import { int8, roundingShift } from '../../src/model/specs.js';
import { writeModel } from '../../src/model/write.js';
import { instantiateModel } from '../helpers/models.js';
import { randomInts } from '../helpers/random.js';
import { randomWeights, zoo } from '../helpers/zoo.js';

test('memory() adds up to the bytes that the engine has', () => {
  for (const graph of zoo.values()) {
    const file = writeModel(graph);
    const { model, memory } = instantiateModel(file, 'simd', 2);
    const report = model.memory();
    assert.is(report.total, memory.buffer.byteLength, graph.name);
    assert.is(report.file, file.length);
    const { base, blocks, prepared, arena, scratch, gaps } = report;
    assert.is(base + report.file + blocks + prepared + arena + scratch + gaps, report.total);
    assert.ok(report.constants <= report.file);
  }
});

test('memory() shows tensors that share bytes only when they are not alive together', () => {
  const g = new GraphBuilder('chain');
  const random = randomInts(1);
  let x = g.input('x', [8, 8, 16], int8);
  for (let i = 0; i < 6; i++) {
    const weights = randomWeights('int8', [16, 3, 3, 16], random);
    x = g.conv2d(`conv${i}`, x, { weights, padding: 1, transform: roundingShift(9) });
  }
  g.output(g.flatten('flat', x));
  const { model } = instantiateModel(writeModel(g.build()), 'simd', 2);
  const { tensors, arena } = model.memory();
  assert.is(tensors.length, 8);
  assert.is(arena, 2 * 2 * 8 * 8 * 16, 'two maps of two samples');
  tensors.forEach((a, i) => {
    for (const b of tensors.slice(i + 1)) {
      const together = a.first <= b.last && b.first <= a.last;
      const overlap = a.address < b.address + b.bytes && b.address < a.address + a.bytes;
      // The flattened map is the map.
      if (together && overlap) assert.equal([a.name, b.name], ['conv5', 'flat']);
    }
  });
});

test.run();
