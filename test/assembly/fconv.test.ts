// float32 convolution and dense kernels against float64 sums, on every build, within the rounding of float32 sums.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConvGeometry, denseGeometry } from '../../src/numerics/geometry.js';
import { packWeights } from '../../src/numerics/quads.js';
import { CONV_FIELDS, isDepthwise, planConvFloat32 } from '../../src/plan/i8.js';
import { convFloat32 } from '../../src/reference/float32.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { randomInts } from '../helpers/random.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build) }));
const BASE: ConvGeometry = { ...denseGeometry(8, 8), height: 6, width: 6 };
const PADDED = { kernelHeight: 3, kernelWidth: 3, padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 };

function compare(g: ConvGeometry, samples = 1, clamp = { min: -Infinity, max: Infinity }): void {
  const random = randomInts(g.channels * 100 + g.n);
  const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => (random(2 ** 20) - 2 ** 19) / 2 ** 17);
  const size = g.height * g.width * g.channels;
  const x = floats(samples * size);
  const w = floats((g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups);
  const bias = g.n % 2 ? floats(g.n) : undefined;
  const expected = Array.from({ length: samples }, (_, i) => convFloat32(g, x.subarray(i * size, (i + 1) * size), w, bias, clamp));
  const count = expected[0].values.length;
  for (const { build, bench } of benches) {
    bench.clear();
    const at = {
      input: bench.put(x),
      weights: bench.put(isDepthwise(g) ? packWeights('columns', w, g) : packWeights('lanes', w, g)),
      output: bench.reserve(4 * samples * count),
    };
    const biasAt = bias ? bench.put(bias) : 0;
    const { scratchBytes } = planConvFloat32(g, samples, { ...at, scratch: 0 }, biasAt, clamp);
    const scratch = bench.reserve(scratchBytes);
    const { kernel, params } = planConvFloat32(g, samples, { ...at, scratch }, biasAt, clamp);
    bench.call(kernel, CONV_FIELDS, params, samples);
    const label = `${build} build, ${kernel}, ${samples} samples, ${JSON.stringify(g)}`;
    const got = bench.float32(at.output, samples * count);
    expected.forEach(({ values, tolerance }, s) => {
      values.forEach((value, i) => {
        const error = Math.abs(got[s * count + i] - value);
        assert.ok(error <= tolerance[i], `${label}: element ${i} is off by ${error}, tolerance ${tolerance[i]}`);
      });
    });
    assert.ok(bench.intact(at.output + 4 * samples * count), `${label}: wrote behind the output`);
    assert.ok(bench.intact(scratch + scratchBytes), `${label}: wrote behind the scratch`);
  }
}

test('conv_f32 takes 1 to 70 input channels and every number of output channels', () => {
  for (let channels = 1; channels <= 70; channels += channels < 10 ? 1 : 7) compare({ ...BASE, ...PADDED, channels });
  for (const n of [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]) {
    compare({ ...BASE, n }, 2);
    compare({ ...BASE, ...PADDED, n, strideY: 2, strideX: 2 });
  }
});

test('conv_f32 takes maps, kernels, strides, dilations, groups and pads of every kind', () => {
  for (let width = 1; width <= 7; width++) compare({ ...BASE, ...PADDED, height: 8 - width, width, channels: 3, n: 9 }, 2);
  for (const kernelWidth of [1, 2, 3, 5, 7]) {
    for (const strideX of [1, 2, 3]) {
      for (const dilationX of [1, 2]) {
        const g = { ...BASE, height: 7, width: 12, channels: 4, n: 6, kernelWidth, strideX, dilationX };
        compare({ ...g, padLeft: 2, padRight: 1, padTop: 1, kernelHeight: 2, strideY: 2, dilationY: 2 });
        compare({ ...g, groups: 2, padRight: 3 });
      }
    }
  }
});

test('depthwise_f32 equals the reference', () => {
  for (const channels of [2, 3, 4, 5, 8, 13, 16, 31]) {
    compare({ ...BASE, ...PADDED, channels, n: channels, groups: channels }, 2);
    compare({ ...BASE, ...PADDED, channels, n: channels, groups: channels, strideX: 2, dilationY: 2, kernelWidth: 2 });
  }
});

test('conv_f32 clamps, and dense layers take 1 to 9 samples', () => {
  compare({ ...BASE, ...PADDED, n: 9 }, 1, { min: 0, max: Infinity });
  compare({ ...BASE, ...PADDED, channels: 8, n: 8, groups: 8 }, 1, { min: 0, max: 6 });
  for (const samples of [1, 2, 3, 4, 5, 9]) {
    for (const [k, n] of [[1, 1], [7, 10], [64, 16], [257, 33]] as const) compare(denseGeometry(k, n), samples);
  }
});

test.run();
