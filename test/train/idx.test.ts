// The idx parser and the MNIST folder: files made here, good and damaged.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import { parseIdx } from '../../src/train/data/idx.js';
import { loadMnist } from '../../src/train/data/mnist.js';

const test = suite('train/data');

/** An idx file of bytes 0, 1, 2, ... modulo `modulus`. */
function idx(shape: readonly number[], modulus = 256): Uint8Array {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const bytes = new Uint8Array(4 + 4 * shape.length + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 | shape.length);
  shape.forEach((dimension, d) => view.setUint32(4 + 4 * d, dimension));
  for (let i = 0; i < size; i++) bytes[4 + 4 * shape.length + i] = i % modulus;
  return bytes;
}

function fails(expected: RegExp, run: () => unknown): void {
  assert.throws(run, (error: unknown) => error instanceof DataError && expected.test(error.message));
}

async function rejects(promise: Promise<unknown>, expected: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, DataError);
  assert.match((error as DataError).message, expected);
}

test('parseIdx() returns shape and elements, also from a view with an offset', () => {
  const file = idx([2, 3, 4]);
  const shifted = new Uint8Array(file.length + 5);
  shifted.set(file, 5);
  for (const bytes of [file, shifted.subarray(5)]) {
    const { shape, data } = parseIdx(bytes, 3, 'file');
    assert.equal(shape, [2, 3, 4]);
    assert.equal(
      [...data],
      Array.from({ length: 24 }, (_, i) => i),
    );
  }
});

test('parseIdx() refuses truncated files, wrong magic numbers and wrong lengths with both numbers', () => {
  fails(/"f" expected an idx header of 16 bytes, got a file of 3 bytes/, () => parseIdx(new Uint8Array(3), 3, 'f'));
  fails(/expected 24 bytes of data for shape \[2, 3, 4\], got 23/, () =>
    parseIdx(idx([2, 3, 4]).subarray(0, -1), 3, 'f'),
  );
  fails(/expected 5 bytes of data for shape \[5\], got 6/, () => parseIdx(Uint8Array.of(...idx([5]), 0), 1, 'f'));
  fails(/expected idx magic 0x00000801 .*got 0x00000803/, () => parseIdx(idx([2, 3, 4]), 1, 'f'));
  const floats = idx([8]);
  floats[2] = 0x0d;
  fails(/got 0x00000d01/, () => parseIdx(floats, 1, 'f'));
});

test('loadMnist() reads plain, gzipped and dotted names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bitlane-'));
  try {
    await writeFile(join(folder, 'train-images-idx3-ubyte'), idx([12, 28, 28]));
    await writeFile(join(folder, 'train-labels-idx1-ubyte.gz'), gzipSync(idx([12], 10)));
    await writeFile(join(folder, 't10k-images.idx3-ubyte'), idx([3, 28, 28]));
    await writeFile(join(folder, 't10k-labels.idx1-ubyte.gz'), gzipSync(idx([3], 10)));
    const { train, test: held, classes, inputShape } = await loadMnist(folder);
    assert.equal([train.count, held.count, classes.length], [12, 3, 10]);
    assert.equal(inputShape, [28, 28, 1]);
    assert.is(train.samples.length, 12 * 784);
    assert.equal([...train.labels], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);

    await writeFile(join(folder, 't10k-labels.idx1-ubyte.gz'), gzipSync(idx([4], 10)));
    await rejects(loadMnist(folder), /"t10k-labels" expected 3 labels, one per image, got 4/);
    await writeFile(join(folder, 't10k-labels.idx1-ubyte.gz'), 'not gzip');
    await rejects(loadMnist(folder), /t10k-labels.idx1-ubyte.gz" expected gzip data/);
    await writeFile(join(folder, 'train-labels-idx1-ubyte.gz'), gzipSync(idx([12], 11)));
    await rejects(loadMnist(folder), /"train-labels" expected digits 0 to 9, got 10 at 10/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('loadMnist() names the missing file and says where MNIST is', async () => {
  const folder = join(tmpdir(), 'bitlane-no-such-folder');
  await rejects(loadMnist(folder), /bitlane-no-such-folder" expected a file train-images-idx3-ubyte or .*https:/);
});

test.run();
