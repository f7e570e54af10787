// Batches from a thread: the bytes that there are without one, in order, by seed, with failures where they belong.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import { Random } from '../../src/numerics/random.js';
import { augment, drawAugmentation } from '../../src/train/data/augment.js';
import { writeBatch, type BatchRequest, type BatchSource } from '../../src/train/data/batches.js';
import { Prefetcher } from '../../src/train/data/prefetch.js';
import { rejects } from './training.js';

const test = suite('train/prefetch');

const SHAPE = [8, 8, 3];
const FEATURES = 192;
const random = new Random(5);
const samples = Uint8Array.from({ length: 40 * FEATURES }, () => random.below(256));
const source: BatchSource = { samples, inputShape: SHAPE, augmentation: { padding: 2, flip: true }, seed: 11 };
const requests: BatchRequest[] = Array.from({ length: 12 }, (_, key) => {
  return { key, indices: Uint32Array.from({ length: 1 + (key % 5) }, () => random.below(40)) };
});

function directly(from: BatchSource, request: BatchRequest): Uint8Array {
  const out = new Uint8Array(request.indices.length * FEATURES);
  writeBatch(from, request, out);
  return out;
}

for (const thread of [true, false]) {
  const where = thread ? 'in a thread' : 'without one';

  test(`Prefetcher ${where} gives the bytes of writeBatch() in the order of the requests`, async () => {
    const prefetcher = await Prefetcher.create(source, { thread });
    const taken: Uint8Array[] = [];
    requests.slice(0, 4).forEach((request) => prefetcher.request(request));
    for (const [i, request] of requests.entries()) {
      assert.is(prefetcher.pending, Math.min(4, requests.length - i));
      const batch = await prefetcher.next();
      assert.is(batch.key, request.key);
      assert.equal(batch.indices, request.indices);
      taken.push(batch.samples.slice());
      prefetcher.recycle(batch);
      if (i + 4 < requests.length) prefetcher.request(requests[i + 4]);
    }
    assert.equal(
      taken,
      requests.map((request) => directly(source, request)),
    );
    await prefetcher.dispose();
  });

  test(`Prefetcher ${where} rejects the batch that names a wrong sample, and no other`, async () => {
    const prefetcher = await Prefetcher.create(source, { thread });
    prefetcher.request({ key: 7, indices: Uint32Array.of(3, 40) });
    prefetcher.request(requests[1]);
    const error: unknown = await prefetcher.next().catch((reason: unknown) => reason);
    assert.instance(error, DataError);
    assert.is((error as Error).message, 'batch 7 expected samples below 40, got 40 at 1');
    assert.equal((await prefetcher.next()).samples, directly(source, requests[1]));
    await rejects(prefetcher.next(), /next\(\) expected a batch that was requested, got none/);
    await prefetcher.dispose();
  });

  test(`Prefetcher ${where} rejects what is pending when it is disposed of, and what comes later`, async () => {
    const prefetcher = await Prefetcher.create(source, { thread });
    requests.forEach((request) => prefetcher.request(request));
    await prefetcher.next();
    await prefetcher.dispose();
    await rejects(prefetcher.next(), /disposed/);
    prefetcher.request(requests[0]);
    await rejects(prefetcher.next(), /disposed/);
    await prefetcher.dispose();
  });
}

test('a batch follows from seed and key: others differ, in whatever order', () => {
  const request = { indices: Uint32Array.from({ length: 40 }, (_, i) => i), key: 3 };
  const bytes = directly(source, request);
  assert.equal(directly(source, request), bytes);
  assert.not.equal(directly({ ...source, seed: 12 }, request), bytes);
  assert.not.equal(directly(source, { ...request, key: 4 }), bytes);
  assert.equal(directly({ ...source, augmentation: null }, request), samples);
});

test('a batch may bring the state of its generator: augment() draws the same from there', async () => {
  const shared = new Random(77);
  shared.below(9);
  const indices = Uint32Array.of(4, 0, 39);
  const request: BatchRequest = { indices, key: 0, random: shared.state() };
  const expected = new Uint8Array(3 * FEATURES);
  const shape = SHAPE as [number, number, number];
  indices.forEach((index, i) => {
    const from = samples.subarray(index * FEATURES, (index + 1) * FEATURES);
    augment(from, expected.subarray(i * FEATURES, (i + 1) * FEATURES), shape, source.augmentation!, shared);
  });
  for (const thread of [true, false]) {
    const prefetcher = await Prefetcher.create(source, { thread });
    prefetcher.request(request);
    assert.equal((await prefetcher.next()).samples, expected);
    await prefetcher.dispose();
  }
  const drawing = new Random(0);
  drawing.restore(request.random!);
  indices.forEach(() => drawAugmentation(source.augmentation!, drawing));
  assert.equal(drawing.state(), shared.state());
});

test('Prefetcher rejects a batch that is awaited while it is disposed of', async () => {
  const prefetcher = await Prefetcher.create(source);
  prefetcher.request(requests[0]);
  const awaited = rejects(prefetcher.next(), /disposed/);
  await prefetcher.dispose();
  await awaited;
});

test('Prefetcher shares memory that is shared already, and copies other memory', async () => {
  const memory = new Uint8Array(new SharedArrayBuffer(samples.length));
  memory.set(samples);
  const plain = { ...source, augmentation: null };
  const [sharing, copying] = [
    await Prefetcher.create({ ...plain, samples: memory }),
    await Prefetcher.create({ ...plain, samples: samples.slice() }),
  ];
  memory[0] ^= 255;
  const request = { indices: Uint32Array.of(0), key: 0 };
  for (const prefetcher of [sharing, copying]) prefetcher.request(request);
  assert.is((await sharing.next()).samples[0], memory[0]);
  assert.is((await copying.next()).samples[0], samples[0]);
  await sharing.dispose();
  await copying.dispose();
});

test('Prefetcher refuses sources and keys that do not hold together', async () => {
  const refusal = async (from: BatchSource): Promise<string> => {
    const error: unknown = await Prefetcher.create(from).catch((reason: unknown) => reason);
    assert.instance(error, RangeError);
    return (error as RangeError).message;
  };
  assert.match(
    await refusal({ ...source, samples: samples.subarray(1) }),
    /expected whole samples of 192 bytes, got 7679/,
  );
  assert.match(
    await refusal({ ...source, inputShape: [FEATURES] }),
    /augmentation expected height, width and channels, got \[192\]/,
  );
  const prefetcher = await Prefetcher.create(source, { thread: false });
  assert.throws(() => prefetcher.request({ indices: Uint32Array.of(0), key: -1 }), /"key" expected an integer >= 0/);
});

test('Prefetcher says when its thread fails, then and later', async () => {
  const prefetcher = await Prefetcher.create(source);
  // The copy of these indices is nothing that the thread can read.
  const indices = Object.assign(Uint32Array.of(0), { slice: () => null as unknown as Uint32Array<ArrayBuffer> });
  prefetcher.request({ indices, key: 0 });
  await rejects(prefetcher.next(), /the prefetch thread failed: .*null/);
  prefetcher.request(requests[0]);
  await rejects(prefetcher.next(), /the prefetch thread failed/);
  await prefetcher.dispose();
});

test.run();
