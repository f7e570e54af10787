// The data loaders and augmentation on data that are made here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import { Random } from '../../src/numerics/random.js';
import { augment, drawAugmentation } from '../../src/train/data/augment.js';
import { loadCifar10, parseCifar10 } from '../../src/train/data/cifar10.js';
import {
  encodeTokens,
  scoringOf,
  tokenBatch,
  tokenBatchCount,
  tokenize,
  vocabularyOf,
} from '../../src/train/data/text.js';

const test = suite('train/data');

/** A record whose planes hold 1, 2 and 3 plus the label. */
function record(label: number): Uint8Array {
  const planes = [1, 2, 3].map((plane) => new Uint8Array(1024).fill(plane + label));
  return Uint8Array.from([label, ...planes.flatMap((plane) => [...plane])]);
}

test('parseCifar10() interleaves the planes and refuses damaged files', () => {
  const { count, samples, labels } = parseCifar10(Uint8Array.from([...record(4), ...record(9)]), 'batch');
  assert.is(count, 2);
  assert.equal([...labels], [4, 9]);
  assert.equal([...samples.subarray(0, 6)], [5, 6, 7, 5, 6, 7]);
  assert.equal([...samples.subarray(3072, 3075)], [10, 11, 12]);
  assert.throws(
    () => parseCifar10(new Uint8Array(3072), 'batch'),
    /"batch" expected records of 3073 bytes, got 3072 bytes/,
  );
  assert.throws(() => parseCifar10(record(10), 'batch'), /"batch" expected labels 0 to 9, got 10 at 0/);
});

test('loadCifar10() joins the five batches, and names a file that is missing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitlane-cifar-'));
  try {
    for (let i = 1; i <= 5; i++) writeFileSync(join(folder, `data_batch_${i}.bin`), record(i));
    const error: unknown = await loadCifar10(folder).catch((reason: unknown) => reason);
    assert.instance(error, DataError);
    assert.match((error as DataError).message, /test_batch\.bin" could not be read: ENOENT; the binary version/);
    writeFileSync(join(folder, 'test_batch.bin'), record(0));
    const data = await loadCifar10(folder);
    assert.equal([...data.train.labels], [1, 2, 3, 4, 5]);
    assert.is(data.train.samples.length, 5 * 3072);
    assert.is(data.test.count, 1);
    assert.equal(data.inputShape, [32, 32, 3]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('tokenize() ends lines, and batches continue each part of the text', () => {
  const text = ' the cat sat \n\n the dog \n';
  assert.equal(tokenize(text, 'word'), ['the', 'cat', 'sat', '<eos>', 'the', 'dog', '<eos>']);
  assert.equal(tokenize(' a b \n', 'character'), ['a', ' ', 'b', '<eos>']);
  const vocabulary = vocabularyOf(tokenize(text, 'word'));
  assert.equal(vocabulary.tokens, ['<eos>', 'cat', 'dog', 'sat', 'the']);
  assert.equal([...encodeTokens(['dog', 'the'], vocabulary)], [2, 4]);
  assert.throws(() => encodeTokens(['the', 'cow'], vocabulary), /token 1 expected to be in the vocabulary, got "cow"/);
  assert.equal([...encodeTokens(['cow'], vocabularyOf(['<unk>', 'a']))], [0]);

  // 11 tokens in 2 parts of 5, 2 steps at a time: the fifth of each part only serves as a target.
  const tokens = Uint32Array.from({ length: 11 }, (_, i) => i);
  assert.is(tokenBatchCount(tokens, 2, 2), 2);
  const batches = [0, 1].map((index) => tokenBatch(tokens, 2, 2, index));
  assert.equal(
    batches.map(({ inputs, targets }) => [[...inputs], [...targets]]),
    [
      [
        [0, 5, 1, 6],
        [1, 6, 2, 7],
      ],
      [
        [2, 7, 3, 8],
        [3, 8, 4, 9],
      ],
    ],
  );
});

test('scoringOf() predicts every token once, in streams side by side', () => {
  const tokens = Uint32Array.of(10, 11, 12, 13, 14, 15, 16);
  const { length, place, input } = scoringOf(tokens, 99, 3);
  assert.is(length, 3);
  const at = <T>(f: (stream: number, t: number) => T) => [0, 1, 2].map((s) => [0, 1, 2].map((t) => f(s, t)));
  assert.equal(at(place), [
    [0, 1, 2],
    [3, 4, 5],
    [6, null, null],
  ]);
  assert.equal(at(input), [
    [99, 10, 11],
    [12, 13, 14],
    [15, 99, 99],
  ]);
  // Steps are padded to whole batches.
  assert.is(place(0, 3), null);
});

test('augment() shifts and mirrors, every way equally often', () => {
  const random = new Random(6);
  const from = Uint8Array.of(1, 2, 3, 4);
  const to = new Uint8Array(4);
  const seen = new Map<string, number>();
  for (let i = 0; i < 1800; i++) {
    augment(from, to, [2, 2, 1], { padding: 1, flip: true }, random);
    seen.set(to.join(), (seen.get(to.join()) ?? 0) + 1);
  }
  assert.is(seen.size, 18);
  for (const expected of ['1,2,3,4', '2,1,4,3', '0,1,0,3', '0,0,0,1', '4,0,0,0']) {
    const count = seen.get(expected) ?? 0;
    // 100 expected, standard deviation 9.7.
    assert.ok(Math.abs(count - 100) < 50, `${expected}: ${count}`);
  }
  augment(from, to, [2, 2, 1], { padding: 0, flip: false }, random);
  assert.equal(to, from);
});

test('augment() turns pictures about their centre, by as much as it may and no more', () => {
  const shape = [5, 5, 2] as const;
  // A line from the centre to the right, of two channels, that a turn lifts or lowers.
  const from = new Uint8Array(50);
  for (let x = 2; x < 5; x++) from.set([200, 100], (2 * 5 + x) * 2);
  const to = new Uint8Array(50);
  const random = new Random(3);
  let [up, down, most] = [0, 0, 0];
  for (let i = 0; i < 500; i++) {
    augment(from, to, shape, { padding: 0, flip: false, turn: 10 }, random);
    const pixel = (y: number, x: number): number => to[(y * 5 + x) * 2];
    assert.is(pixel(2, 2), 200, 'the centre stays');
    for (let p = 0; p < 50; p += 2) assert.ok(Math.abs(to[p] - 2 * to[p + 1]) <= 2, 'channels turn together');
    const [above, below] = [pixel(1, 4), pixel(3, 4)];
    assert.ok(above === 0 || below === 0);
    if (above > 0) up++;
    if (below > 0) down++;
    most = Math.max(most, above, below);
  }
  assert.ok(up > 150 && down > 150, `${up} up, ${down} down`);
  // 2 sin 10 degrees of a pixel's height, 0.347, by the 0.97 of the line's end that is left there.
  assert.ok(most > 50 && most <= 70, String(most));
  const augmentation = { padding: 0, flip: false, turn: 10 };
  for (let seed = 1; seed <= 10; seed++) {
    const { turned } = drawAugmentation(augmentation, new Random(seed));
    augment(from, to, shape, augmentation, new Random(seed));
    const [above, below] = [to[(1 * 5 + 4) * 2], to[(3 * 5 + 4) * 2]];
    assert.is(Math.sign(above - below), Math.sign(turned), 'counterclockwise lifts what lies to the right');
  }
});

test.run();
