// Bit order, packing and blocks of weights: what files, kernels and reference agree on.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packBlocks, unpackBlocks } from '../../src/numerics/blocks.js';
import { packSigns, popcount8, sign, unpackSigns } from '../../src/numerics/bits.js';
import { randomInts } from '../helpers/random.js';

test('sign(0) is +1, for both zeros', () => {
  assert.is(sign(0), 1);
  assert.is(sign(-0), 1);
  assert.is(sign(-Number.MIN_VALUE), -1);
});

test('packSigns puts the first channel into the lowest bit and zeros behind the last', () => {
  assert.equal([...packSigns([1, -1, -1, 0, -2, 3, -1, -1, 5])], [0b00101001, 1]);
  assert.equal([...packSigns([-1, -1])], [0]);
});

test('unpackSigns inverts packSigns', () => {
  const random = randomInts(3);
  for (let n = 1; n < 40; n++) {
    const values = Array.from({ length: n }, () => (random(2) ? 1 : -1));
    assert.equal([...unpackSigns(packSigns(values), n)], values);
  }
});

test('popcount8 counts all bytes', () => {
  for (let x = 0; x < 256; x++) assert.is(popcount8(x), [...x.toString(2)].filter((digit) => digit === '1').length);
});

test('packBlocks places output 17, tap 1, channel 9 where the schema says', () => {
  const [n, taps, c] = [18, 2, 10];
  const values = new Int8Array(n * taps * c).fill(-1);
  values[17 * taps * c + 1 * c + 9] = 1;
  const data = packBlocks(values, n, taps, c);
  // [N/16][plane][tap][C/8][16]: block 1, tap 1, byte 1, lane 1, bit 1
  const at = 1 * taps * 2 * 16 + 1 * 2 * 16 + 1 * 16 + 1;
  assert.equal(
    [...data.entries()].filter(([, byte]) => byte !== 0),
    [[at, 2]],
  );
});

test('unpackBlocks inverts packBlocks', () => {
  const random = randomInts(4);
  for (const [n, taps, c] of [
    [1, 1, 1],
    [16, 1, 8],
    [17, 9, 3],
    [33, 4, 17],
  ] as const) {
    const values = Int8Array.from({ length: n * taps * c }, () => (random(2) ? 1 : -1));
    assert.equal(unpackBlocks(packBlocks(values, n, taps, c), n, taps, c), values);
  }
});

test.run();
