// Max-pool against the reference on every build: bits, levels and int8, windows that overlap, leave gaps and hang over, and
// channels that give their smallest number.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packSigns, unpackSigns } from '../../src/numerics/bits.js';
import { outHeight, outWidth } from '../../src/numerics/geometry.js';
import { POOL_FIELDS } from '../../src/plan/params.js';
import { planMaxPool } from '../../src/plan/pool.js';
import { maxPool } from '../../src/reference/conv.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { geometry } from '../helpers/products.js';
import { randomInts } from '../helpers/random.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build) }));

test('max_pool equals the reference', () => {
  let seed = 1;
  for (const [kernel, stride, pad, dilation] of [[1, 1, 0, 1], [2, 2, 0, 1], [3, 2, 1, 1], [3, 1, 2, 2], [5, 3, 2, 1]] as const) {
    for (const [height, width] of [[5, 5], [9, 7]] as const) {
      for (const channels of [1, 8, 15, 16, 17, 33, 128, 131, 264]) {
        const g = geometry({
          height,
          width,
          channels,
          n: channels,
          kernelHeight: kernel,
          kernelWidth: kernel,
          strideY: stride,
          strideX: stride,
          dilationY: dilation,
          dilationX: dilation,
          padTop: pad,
          padLeft: pad,
          padBottom: pad,
          padRight: pad,
        });
        for (const kind of ['bits', 'levels', 'int8'] as const) {
          const random = randomInts(seed++);
          const samples = 2;
          const size = height * width * channels;
          const value = (): number => (kind === 'bits' ? random(8) - 6 : kind === 'levels' ? random(256) : random(256) - 128);
          const values = Int32Array.from({ length: samples * size }, () => (kind === 'bits' ? Math.sign(value() + 0.5) : value()));
          const rows = (all: Int32Array): number[] => {
            const packed: number[] = [];
            for (let i = 0; i < all.length; i += channels) packed.push(...packSigns(all.subarray(i, i + channels)));
            return packed;
          };
          const stored = kind === 'bits' ? Uint8Array.from(rows(values)) : Uint8Array.from(values);
          const smallest = Array.from({ length: channels }, () => random(3) === 0);
          const turned = (all: Int32Array): Int32Array => all.map((v, i) => (smallest[i % channels] ? -v : v));
          const expected = turned(
            Int32Array.from([0, 1].flatMap((s) => [...maxPool(g, turned(values.subarray(s * size, (s + 1) * size)))])),
          );
          const turns = kind === 'bits'
            ? packSigns(smallest.map((small) => (small ? 1 : -1)))
            : Uint8Array.from(smallest, (small) => (small ? 0xff : 0) ^ (kind === 'int8' ? 0x80 : 0));
          const want = kind === 'bits' ? Uint8Array.from(rows(expected)) : Uint8Array.from(expected);
          for (const { build, bench } of benches) {
            bench.clear();
            const input = bench.put(stored);
            const output = bench.reserve(want.length);
            const at = { input, turns: bench.put(turns), output };
            const params = planMaxPool(g, kind === 'bits', at);
            assert.is(want.length, samples * outHeight(g) * outWidth(g) * params.pixelBytes);
            bench.call('max_pool', POOL_FIELDS, params, samples);
            const label = JSON.stringify({ build, kind, kernel, stride, pad, dilation, height, channels });
            assert.equal([...bench.bytes(output, want.length)], [...want], label);
            assert.ok(bench.intact(output + want.length), label);
          }
        }
      }
    }
  }
});

test('maxPool of the reference keeps the larger sign', () => {
  const g = geometry({ height: 1, width: 2, channels: 9, n: 9, kernelWidth: 2 });
  const bytes = Uint8Array.of(0b00000101, 0, 0b00000011, 1);
  const values = Int32Array.from([...unpackSigns(bytes.subarray(0, 2), 9), ...unpackSigns(bytes.subarray(2), 9)]);
  assert.equal([...packSigns(maxPool(g, values))], [0b00000111, 1]);
});

test.run();
