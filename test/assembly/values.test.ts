// Products of k-bit activations against the reference, integer for integer, on every build: all pairs of encodings.
import { test } from 'uvu';
import type { ConvGeometry } from '../../src/numerics/geometry.js';
import type { ActivationFormat, WeightFormat } from '../../src/plan/product.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { type Case, compareCase, geometry, type Layer, randomCase, usual } from '../helpers/products.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build, 256) }));

const ACTIVATIONS: readonly ActivationFormat[] = [2, 3, 4, 8].flatMap((bits) => [
  { encoding: 'centered' as const, bits },
  { encoding: 'levels' as const, bits },
]);
const WEIGHTS: readonly WeightFormat[] = [
  { encoding: 'centered', bits: 1 },
  { encoding: 'ternary', bits: 2 },
  { encoding: 'centered', bits: 2 },
  { encoding: 'centered', bits: 3 },
  { encoding: 'centered', bits: 4 },
];
const SIGNS = WEIGHTS[0];
const SAME = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1 };

function compareEverywhere(test: Case): void {
  for (const { build, bench } of benches) compareCase(bench, test, usual(build));
}

function compareAll(layer: Layer, samples: number, seed: number): void {
  compareEverywhere(randomCase(layer, samples, seed));
}

test('value products equal the reference for every pair of encodings', () => {
  let seed = 1;
  for (const activations of ACTIVATIONS) {
    for (const weights of WEIGHTS) {
      for (const channels of [3, 19]) {
        for (const padValue of [0, 1] as const) {
          const g = geometry({ height: 4, width: 5, channels, n: 17, ...SAME });
          compareAll({ geometry: g, activations, weights, padValue }, 2, seed++);
        }
      }
      const g = geometry({ height: 1, width: 1, channels: 45, n: 33 });
      compareAll({ geometry: g, activations, weights, padValue: 0 }, 5, seed++);
    }
  }
});

test('value products equal the reference for 1 to 130 channels', () => {
  for (let channels = 1; channels <= 130; channels += channels < 34 ? 1 : 7) {
    const activations = ACTIVATIONS[channels % ACTIVATIONS.length];
    compareAll({ geometry: geometry({ height: 3, width: 3, channels, n: 5, ...SAME }), activations, weights: SIGNS, padValue: 0 }, 1, channels);
    const flat = geometry({ height: 1, width: 1, channels, n: 16 });
    for (const some of ACTIVATIONS) compareAll({ geometry: flat, activations: some, weights: SIGNS, padValue: 0 }, 3, channels);
  }
});

test('value products equal the reference for every window, stride, dilation and padding', () => {
  let seed = 1;
  for (const [height, width] of [[1, 1], [2, 5], [9, 7]] as const) {
    for (const k of [1, 2, 3, 5, 7]) {
      for (const stride of [1, 2, 3]) {
        for (const dilation of k < 4 ? [1, 2] : [1]) {
          const pads = { padTop: k - 1, padLeft: k >> 1, padBottom: k, padRight: k };
          const steps = { strideY: stride, strideX: stride, dilationY: dilation, dilationX: dilation };
          const channels = [3, 16, 21][seed % 3];
          const g: ConvGeometry = geometry({ height, width, channels, n: 15, kernelHeight: k, kernelWidth: k, ...pads, ...steps });
          const activations = ACTIVATIONS[seed % ACTIVATIONS.length];
          compareAll({ geometry: g, activations, weights: SIGNS, padValue: (seed & 1) as 0 | 1 }, 2, seed++);
        }
      }
    }
  }
});

test('value products equal the reference for groups', () => {
  let seed = 1;
  for (const [channels, n, groups] of [[32, 32, 2], [48, 48, 3], [12, 12, 4], [9, 9, 9]] as const) {
    for (const activations of ACTIVATIONS) {
      const g = geometry({ height: 3, width: 4, channels, n, groups, ...SAME });
      compareAll({ geometry: g, activations, weights: SIGNS, padValue: 0 }, 1, seed++);
    }
  }
});

test('value products sum past 8-bit and 16-bit counters', () => {
  for (const activations of ACTIVATIONS) {
    if (activations.encoding === 'levels') continue;
    const top = 2 ** activations.bits - 1;
    for (const k of [16, 17, 4096, 4097, 8200, 20481, 65537]) {
      for (const planes of [1, 2]) {
        const layer = { geometry: geometry({ height: 1, width: 1, channels: k, n: 2 }), activations, weights: { ...SIGNS, bits: planes }, padValue: 0 as const };
        // All weights are the lowest and all levels the highest: every counter reaches its largest value.
        const weights = new Uint8Array(16 * planes * Math.ceil(k / 8));
        const lowest = -(2 ** planes - 1) * top * k;
        for (const samples of [1, 5]) {
          const input = new Uint8Array(samples * k).fill(top);
          compareEverywhere({ layer, samples, input, weights, expected: new Int32Array(2 * samples).fill(lowest) });
        }
      }
    }
  }
});

test.run();
