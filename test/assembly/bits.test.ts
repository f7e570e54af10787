// Binary products against the reference, bit for bit, on every build, by table and by popcount.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packedBytes, packSigns } from '../../src/numerics/bits.js';
import type { ConvGeometry } from '../../src/numerics/geometry.js';
import { thresholdSigns } from '../../src/reference/conv.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { type Choice, compareCase, geometry, type Layer, randomCase, runCase, usual } from '../helpers/products.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build, 256) }));

/** Every way a build has for bits. */
function choicesOf(build: (typeof builds)[number]): Choice[] {
  if (build === 'scalar') return [usual(build)];
  const blocks = ([2, 4, 8] as const).map((block): Choice => ({ ...usual(build), kernel: 'table', block }));
  return [...blocks, { ...usual(build), kernel: 'popcount' }];
}

function bits(g: ConvGeometry, padValue: 0 | 1 = 0, planes = 1): Layer {
  const weights = { encoding: 'centered', bits: planes } as const;
  return { geometry: g, activations: { encoding: 'centered', bits: 1 }, weights, padValue };
}

function compareAll(layer: Layer, samples: number, seed: number): void {
  const random = randomCase(layer, samples, seed);
  for (const { build, bench } of benches) for (const choice of choicesOf(build)) compareCase(bench, random, choice);
}

test('bit products equal the reference for maps from 1x1 to 9x7 and windows from 1x1 to 7x7', () => {
  let seed = 1;
  for (const [height, width] of [[1, 1], [1, 2], [2, 1], [3, 3], [4, 5], [9, 7]] as const) {
    for (const k of [1, 2, 3, 5, 7]) {
      const pad = k >> 1;
      const window = { kernelHeight: k, kernelWidth: k, padTop: pad, padLeft: pad, padBottom: pad, padRight: pad };
      if (height + 2 * pad < k || width + 2 * pad < k) continue;
      for (const channels of [5, 24]) compareAll(bits(geometry({ height, width, channels, n: 17, ...window })), 2, seed++);
    }
  }
});

test('bit products equal the reference for 1 to 130 channels, padded with 0 and with 1', () => {
  const window = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1 };
  for (let channels = 1; channels <= 130; channels += channels < 26 ? 1 : 7) {
    const g = geometry({ height: 3, width: 4, channels, n: 3, ...window });
    compareAll(bits(g, 0), 1, channels);
    compareAll(bits(g, 1), 1, channels);
  }
});

test('bit products equal the reference for every stride, dilation and lopsided padding', () => {
  let seed = 1;
  for (const stride of [1, 2, 3]) {
    for (const dilation of [1, 2]) {
      for (const [padTop, padLeft, padBottom, padRight] of [[0, 0, 0, 0], [1, 0, 0, 2], [0, 2, 1, 0], [3, 3, 3, 3]] as const) {
        for (const padValue of [0, 1] as const) {
          const window = { kernelHeight: 3, kernelWidth: 3, strideY: stride, strideX: stride, dilationY: dilation, dilationX: dilation };
          const g = geometry({ height: 6, width: 7, channels: 9 + 15 * (seed & 1), n: 16, ...window, padTop, padLeft, padBottom, padRight });
          compareAll(bits(g, padValue), 1, seed++);
        }
      }
    }
  }
  const oblong = { kernelHeight: 2, kernelWidth: 3, strideY: 2, dilationX: 2, padLeft: 1 };
  compareAll(bits(geometry({ height: 8, width: 9, channels: 24, n: 33, ...oblong })), 2, 77);
  compareAll(bits(geometry({ height: 8, width: 9, channels: 20, n: 33, ...oblong, strideY: 1 })), 2, 78);
});

test('bit products equal the reference for groups, whole bytes or not', () => {
  let seed = 1;
  const window = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1 };
  for (const [channels, n, groups] of [[32, 32, 2], [16, 64, 4], [12, 12, 4], [15, 10, 5], [20, 20, 20], [6, 48, 3]] as const) {
    for (const padValue of [0, 1] as const) {
      compareAll(bits(geometry({ height: 4, width: 5, channels, n, groups, ...window }), padValue), 2, seed++);
    }
  }
});

test('dense bit products equal the reference for batches around the blocks and planes of weights', () => {
  let seed = 1;
  for (const n of [1, 15, 16, 17, 33]) {
    for (const samples of [1, 2, 3, 4, 5, 7, 8, 9, 17]) {
      compareAll(bits(geometry({ height: 1, width: 1, channels: 61 + n, n })), samples, seed++);
    }
  }
  for (const planes of [2, 3, 4]) {
    compareAll(bits(geometry({ height: 1, width: 1, channels: 100, n: 20 }), 0, planes), 5, seed++);
    const g = geometry({ height: 4, width: 4, channels: 24, n: 20, kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1 });
    compareAll(bits(g, 0, planes), 1, seed++);
    compareAll({ ...bits(g), weights: { encoding: 'ternary', bits: 2 } }, 1, seed++);
  }
});

test('bit products count past 8-bit and 16-bit counters', () => {
  for (const k of [240, 248, 249, 61440, 61464, 65535, 65536, 65537, 131072, 200003]) {
    const layer = bits(geometry({ height: 1, width: 1, channels: k, n: 2 }));
    for (const samples of [1, 2]) {
      const row = packSigns(new Int8Array(k).fill(1));
      const input = Uint8Array.from({ length: samples * row.length }, (_, i) => row[i % row.length]);
      // All weights -1 differ from all inputs: every counter reaches its largest value.
      const weights = new Uint8Array(16 * packedBytes(k));
      const extreme = { layer, samples, input, weights, expected: new Int32Array(2 * samples).fill(-k) };
      for (const { build, bench } of benches) for (const choice of choicesOf(build)) compareCase(bench, extreme, choice);
    }
  }
});

test('bits are 1 at the threshold and 0 just below, and 0 behind the last channel', () => {
  const window = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1 };
  let seed = 1;
  for (const n of [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40]) {
    for (const channels of [8, 9, 24]) {
      for (const [height, width] of [[1, 1], [3, 3], [4, 5]] as const) {
        for (const padValue of [0, 1] as const) {
          const layer = bits(geometry({ height, width, channels, n, ...window }), padValue);
          const random = randomCase(layer, 2, seed++);
          for (const offset of [0, 1, -(2 ** 31), 2 ** 31 - 1]) {
            const far = Math.abs(offset) > 1;
            const thresholds = random.expected.slice(0, n).map((a) => (far ? offset : a + offset));
            const signs = thresholdSigns(random.expected, thresholds);
            const expected = Array.from({ length: signs.length / n }, (_, i) => [...packSigns(signs.subarray(i * n, i * n + n))]).flat();
            for (const { build, bench } of benches) {
              for (const choice of choicesOf(build)) {
                bench.clear();
                const got = runCase(bench, random, { kind: 'bits', thresholds: bench.put(thresholds) }, choice);
                const label = JSON.stringify({ ...layer, ...choice, offset });
                assert.equal([...got], expected, label);
              }
            }
          }
        }
      }
    }
  }
});

test.run();
