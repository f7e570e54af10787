// The generator against known answers, and the properties that training relies on.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';

const test = suite('train/random');

test('Random.uint32() follows from the seed alone', () => {
  const draw = (seed: number) =>
    Array.from(
      { length: 5 },
      (
        (r) => () =>
          r.uint32()
      )(new Random(seed)),
    );
  assert.equal(draw(7), draw(7));
  assert.not.equal(draw(7), draw(8));
  assert.not.equal(draw(0), [0, 0, 0, 0, 0]);
});

test('Random.uint32() matches xoshiro128** worked out with big integers', () => {
  // The published algorithm on 64-bit integers, seeded by splitmix32 as the file states.
  const mask = 0xffffffffn;
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  let state = 42n;
  const splitmix = () => {
    state = (state + 0x9e3779b9n) & mask;
    let z = state;
    z = ((z ^ (z >> 16n)) * 0x21f0aaadn) & mask;
    z = ((z ^ (z >> 15n)) * 0x735a2d97n) & mask;
    return z ^ (z >> 15n);
  };
  const s = [splitmix(), splitmix(), splitmix(), splitmix()] as [bigint, bigint, bigint, bigint];
  const random = new Random(42);
  for (let i = 0; i < 1000; i++) {
    const expected = (rotl((s[1] * 5n) & mask, 7n) * 9n) & mask;
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
    assert.is(random.uint32(), Number(expected), `draw ${i}`);
  }
});

test('Random.uniform() stays in range and centres there', () => {
  const random = new Random(3);
  let sum = 0;
  for (let i = 0; i < 20000; i++) {
    const x = random.uniform(-1, 1);
    assert.ok(x >= -1 && x < 1);
    sum += x;
  }
  assert.ok(Math.abs(sum / 20000) < 0.02, `mean ${sum / 20000}`);
});

test('Random.shuffle() permutes, and reaches every order of three about equally often', () => {
  const random = new Random(11);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const values = Uint32Array.of(0, 1, 2);
    random.shuffle(values);
    counts.set(values.join(), (counts.get(values.join()) ?? 0) + 1);
  }
  assert.is(counts.size, 6);
  for (const [order, count] of counts) assert.ok(Math.abs(count - 1000) < 150, `${order}: ${count}`);
});

test.run();
