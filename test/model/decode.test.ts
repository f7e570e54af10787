// Hostile structure that no writer makes: shared tables that would multiply the work, vectors that claim more than there is.
import { ByteBuffer } from 'flatbuffers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ModelFormatError } from '../../src/errors.js';
import { GraphBuilder } from '../../src/model/builder.js';
import { decode, fileBytesField } from '../../src/model/decode.js';
import { Model } from '../../src/model/generated/bitlane/fb/model.js';
import { readModel } from '../../src/model/read.js';
import { int8, roundingShift } from '../../src/model/specs.js';
import { writeModel } from '../../src/model/write.js';
import { denseNetwork } from '../helpers/graphs.js';

const file = writeModel(denseNetwork({ seed: 8, inputBits: 1, inputs: 9, widths: [3] }));

/** Address of a field of the root table. */
function rootField(bytes: Uint8Array, slot: number): number {
  const view = new DataView(bytes.buffer);
  const root = view.getUint32(0, true);
  return root + view.getUint16(root - view.getInt32(root, true) + 4 + 2 * slot, true);
}

const TENSORS = 3;

test('decode stops a vector that names one table over and over', () => {
  // FlatBuffers offsets only point forward, so the vector has to stand before the table that it repeats: a vector of
  // 15,000 entries, then a copy of the metadata-free file's own first tensor, moved behind it.
  const grown = new Uint8Array(65536 + file.length);
  grown.set(file);
  const view = new DataView(grown.buffer);
  view.setUint32(fileBytesField(grown), grown.length, true);
  const field = rootField(grown, TENSORS);
  const vector = (file.length + 3) & ~3;
  const table = vector + 4 + 4 * 15000;
  // A table that borrows the file's vtable of Tensor and names itself with a string behind it.
  const first = field + view.getUint32(field, true) + 4;
  const tensor = first + view.getUint32(first, true);
  const vtable = tensor - view.getInt32(tensor, true);
  const size = view.getUint16(vtable + 2, true);
  grown.copyWithin(table, tensor, tensor + size);
  view.setInt32(table, table - vtable, true);
  const [nameAt, shapeAt] = [4, 6].map((slot) => table + view.getUint16(vtable + slot, true)) as [number, number];
  const text = (table + size + 3) & ~3;
  view.setUint32(nameAt, text - nameAt, true);
  view.setUint32(shapeAt, text + 8 - shapeAt, true);
  view.setUint32(text, 1, true);
  view.setUint32(text + 8, 1, true);
  view.setUint32(text + 12, 1, true);
  view.setUint32(field, vector - field, true);
  for (const [count, pattern] of [
    [2, /model\.tensors\[1\]\.name.*a name used once/],
    [15000, /tables and vectors that are not shared over and over, got too many visits/],
  ] as const) {
    view.setUint32(vector, count, true);
    for (let i = 0; i < count; i++) view.setUint32(vector + 4 + 4 * i, table - (vector + 4 + 4 * i), true);
    assert.throws(
      () => readModel(grown),
      (error: Error) => error instanceof ModelFormatError && pattern.test(error.message),
      String(pattern),
    );
  }
});

test('decode stops tables that name one long vector over and over', () => {
  const g = new GraphBuilder('shared');
  let x = g.input('x', [200], int8);
  // Constants stand in the file in their order, and offsets only point forward: the long one is the last.
  for (let i = 0; i < 9; i++) x = g.apply(`t${i}`, x, roundingShift(1));
  const weights = { encoding: 'int8', shape: [200, 200], values: new Int8Array(40000) } as const;
  const shared = writeModel(g.output(g.dense('last', x, { weights })).build());
  const view = new DataView(shared.buffer);
  const model = Model.getRootAsModel(new ByteBuffer(shared));
  const fieldOf = (i: number): number => {
    const table = model.constants(i)!;
    return table.bb_pos + table.bb!.__offset(table.bb_pos, 14);
  };
  readModel(shared);
  const last = fieldOf(9) + view.getUint32(fieldOf(9), true);
  for (let i = 0; i < 9; i++) view.setUint32(fieldOf(i), last - fieldOf(i), true);
  assert.throws(
    () => decode(shared, Infinity),
    (error: Error) => error instanceof ModelFormatError && /shared over and over/.test(error.message),
  );
});

test('decode refuses vector lengths that run out of the file or overflow', () => {
  for (const length of [0x7fffffff, 0x80000000, 0xffffffff, file.length]) {
    const damaged = file.slice();
    const view = new DataView(damaged.buffer);
    const field = rootField(damaged, TENSORS);
    view.setUint32(field + view.getUint32(field, true), length, true);
    assert.throws(
      () => decode(damaged, Infinity),
      (error: Error) => error instanceof ModelFormatError && /model\.tensors/.test(error.message),
    );
  }
});

test('ModelFormatError carries table path and byte offset', () => {
  const damaged = file.slice();
  const view = new DataView(damaged.buffer);
  const field = rootField(damaged, TENSORS);
  view.setUint32(field, 0x0ffffff0, true);
  try {
    readModel(damaged);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ModelFormatError);
    assert.is((error as ModelFormatError).path, 'model.tensors');
    assert.is((error as ModelFormatError).offset, field);
  }
});

test.run();
