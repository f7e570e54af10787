// Checkpoints as bytes: what is written is what is read, and damage is told.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/train/checkpoint.js';

const test = suite('train/checkpoint');

const CHECKPOINT: Checkpoint = {
  run: { recipe: 'tiny', seed: 3 },
  epoch: 2,
  step: 7,
  random: [1, -2, 3, 4],
  validations: [0.5],
  order: Uint32Array.of(2, 0, 1),
  tensors: { weights: Float32Array.of(1, -0.5, Infinity), none: new Float32Array(0), last: Float32Array.of(1e-30) },
};

test('decodeCheckpoint() reads what encodeCheckpoint() wrote, at any alignment', () => {
  const bytes = encodeCheckpoint(CHECKPOINT);
  for (const offset of [0, 1, 3]) {
    const shifted = Buffer.alloc(bytes.length + offset);
    shifted.set(bytes, offset);
    assert.equal(decodeCheckpoint(shifted.subarray(offset), 'file'), CHECKPOINT);
  }
});

test('decodeCheckpoint() reads the stages that ended before, and none as none', () => {
  const finished = [
    { validations: [], state: { weights: Float32Array.of(3, 2) } },
    { validations: [0.25, 0.5], state: { weights: Float32Array.of(1), 'weights 2': Float32Array.of(-0, 7, 8) } },
  ];
  const staged = { ...CHECKPOINT, run: { ...CHECKPOINT.run, stage: 3, stages: 4 }, finished };
  assert.equal(decodeCheckpoint(encodeCheckpoint(staged), 'file'), staged);
  assert.not('finished' in decodeCheckpoint(encodeCheckpoint(CHECKPOINT), 'file'));
});

test('decodeCheckpoint() refuses every truncation and every flipped byte', () => {
  const bytes = encodeCheckpoint(CHECKPOINT);
  for (let i = 0; i < bytes.length; i++) {
    assert.throws(
      () => decodeCheckpoint(bytes.subarray(0, i), 'file'),
      (error: unknown) => error instanceof DataError,
    );
    const flipped = bytes.slice();
    flipped[i] ^= 4;
    assert.throws(
      () => decodeCheckpoint(flipped, 'file'),
      (error: unknown) => error instanceof DataError,
    );
  }
});

test.run();
