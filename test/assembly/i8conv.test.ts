// int8 convolution and dense kernels against the reference, exactly, on every build: sizes around the tiles, strides,
// dilation, groups, pads, extreme values, every rounding of the way back to int8.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConvGeometry, denseGeometry, outHeight, outWidth } from '../../src/numerics/geometry.js';
import { packWeights } from '../../src/numerics/quads.js';
import { shiftMultiplier } from '../../src/numerics/requantize.js';
import type { FinishParams } from '../../src/plan/fields.js';
import { CONV_FIELDS, type Finish, floatBits, type Int8Options, isDepthwise, isLiftable, liftedOf, liftWeights, patchOf, planConvInt8 } from '../../src/plan/i8.js';
import { convInt8, requantizeFloat, requantizeInt8, shiftInt8 } from '../../src/reference/int8.js';
import type { Build } from '../../src/wasm/builds.js';
import { builds } from '../helpers/builds.js';
import { Bench } from '../helpers/i8kernels.js';
import { randomInts } from '../helpers/random.js';

const benches = builds.map((build) => ({ build, bench: new Bench(build) }));

const BASE: ConvGeometry = { ...denseGeometry(8, 8), height: 6, width: 6 };

function square(kernel: number, pad: number, stride = 1, dilation = 1): Partial<ConvGeometry> {
  return {
    kernelHeight: kernel,
    kernelWidth: kernel,
    padTop: pad,
    padBottom: pad,
    padLeft: pad,
    padRight: pad,
    strideY: stride,
    strideX: stride,
    dilationY: dilation,
    dilationX: dilation,
  };
}

type Fill = 'random' | 'lowest' | 'highest' | 'nonNegative' | 'full' | 'blank' | keyof typeof STEPS;

/** Small weights: the largest, and the distance from one to the next. */
const STEPS = { signs: [1, 2], ternary: [1, 1], odd: [3, 2] } as const;

function filled(count: number, fill: Fill, random: (n: number) => number): Int8Array {
  if (fill === 'lowest') return new Int8Array(count).fill(-128);
  if (fill === 'highest' || fill === 'full') return new Int8Array(count).fill(127);
  if (fill === 'blank') return new Int8Array(count);
  if (fill in STEPS) {
    const [most, step] = STEPS[fill as keyof typeof STEPS];
    return Int8Array.from({ length: count }, () => most - step * random((2 * most) / step + 1));
  }
  return Int8Array.from({ length: count }, () => (fill === 'nonNegative' ? random(128) : random(256) - 128));
}

interface Case {
  readonly geometry: ConvGeometry;
  readonly samples?: number;
  readonly inputs?: Fill;
  readonly weights?: Fill;
  readonly options?: Int8Options;
}

function place(
  bench: Bench,
  g: ConvGeometry,
  input: Int8Array,
  weights: Int8Array,
  { patches = false, elements }: Int8Options = {},
): { input: number; weights: number } {
  const packed =
    elements === 'lifted'
      ? packWeights('quads', liftWeights(weights, Math.min(...weights), liftedOf(g)), liftedOf(g))
      : patches
    ? Int16Array.from(packWeights('quads', weights, patchOf(g)))
    : isDepthwise(g)
      ? packWeights('pairs', weights, g)
      : packWeights('quads', weights, g);
  return { input: bench.put(input), weights: bench.put(packed) };
}

/** Accumulators of every build equal the reference. */
function compare({ geometry: g, samples = 1, inputs = 'random', weights = 'random', options = {} }: Case): void {
  const random = randomInts(g.channels * 1000 + g.n);
  const size = g.height * g.width * g.channels;
  const x = filled(samples * size, inputs, random);
  const w = filled((g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups, weights, random);
  const pixels = outHeight(g) * outWidth(g);
  const lifted = options.elements === 'lifted';
  // The largest byte is 255, whose bits -1 has.
  if (lifted && inputs === 'highest') x.fill(-1);
  const centered = lifted || options.elements === 'centered';
  const numbers = centered ? Int16Array.from(x, (value) => 2 * (value & 255) - 255) : x;
  const expected = Array.from({ length: samples }, (_, i) => [
    ...convInt8(g, numbers.subarray(i * size, (i + 1) * size), w),
  ]).flat();
  for (const { build, bench } of benches) {
    if (build === 'scalar' && (centered || options.patches)) continue;
    if (build !== 'relaxed' && lifted) continue;
    bench.clear();
    const output = bench.reserve(4 * expected.length);
    const at = { ...place(bench, g, x, w, options), output, scratch: 0 };
    const finish = bench.finish('int32', g.n);
    const { scratchBytes } = planConvInt8(g, samples, at, finish, options);
    const scratch = bench.reserve(scratchBytes);
    const { kernel, params } = planConvInt8(g, samples, { ...at, scratch }, finish, options);
    bench.call(kernel, CONV_FIELDS, params, samples);
    const label = `${build} build, ${kernel}, ${JSON.stringify(options)}, ${samples} samples, ${JSON.stringify(g)}`;
    assert.equal([...bench.int32(output, samples * pixels * g.n)], expected, label);
    assert.ok(bench.intact(output + 4 * expected.length), `${label}: wrote behind the output`);
    assert.ok(bench.intact(scratch + scratchBytes), `${label}: wrote behind the scratch`);
  }
}

/** Every kind of input, by rows that neighbours share and by patches. */
const every = (geometry: ConvGeometry, rest: Partial<Case> = {}): void => {
  compare({ geometry, ...rest });
  compare({ geometry, inputs: 'nonNegative', options: { elements: 'levels' }, ...rest });
  if (isDepthwise(geometry)) return;
  compare({ geometry, options: { elements: 'centered' }, ...rest });
  if (outWidth(geometry) < 4) return;
  compare({ geometry, options: { patches: true }, ...rest });
  compare({ geometry, options: { elements: 'centered', patches: true }, ...rest });
};

test('conv_i8 equals the reference for 1 to 70 input channels', () => {
  for (let channels = 1; channels <= 70; channels += channels < 20 ? 1 : 5) {
    every({ ...BASE, channels, ...square(3, 1), height: 4, width: 5 });
    every({ ...BASE, channels, height: 3, width: 3, n: 5 });
  }
});

test('lifted bytes by signs, ternary and small weights equal the reference', () => {
  const map = { ...BASE, channels: 3 };
  for (const weights of ['signs', 'ternary', 'odd'] as const) {
    const options: Int8Options = { elements: 'lifted' };
    for (const inputs of ['random', 'lowest', 'highest', 'blank'] as const) {
      for (let width = 4; width <= 13; width++) {
        const geometry = { ...map, width, height: 5, n: 3 * width - 4, ...square(3, 1) };
        assert.ok(isLiftable(geometry, 6));
        compare({ geometry, inputs, weights, options, samples: 2 });
      }
      compare({ geometry: { ...map, height: 6, width: 9, ...square(3, 0, 1), strideY: 2 }, inputs, weights, options });
      compare({ geometry: { ...map, height: 9, width: 9, ...square(3, 2), dilationY: 2 }, inputs, weights, options });
      compare({ geometry: { ...map, height: 2, width: 5, ...square(2, 1), padLeft: 3 }, inputs, weights, options });
      compare({ geometry: { ...map, height: 1, width: 6, kernelHeight: 1, kernelWidth: 7, padLeft: 3, padRight: 3 }, inputs, weights, options });
      compare({ geometry: { ...map, height: 3, width: 1501, n: 9, ...square(3, 1) }, inputs, weights, options });
    }
  }
  const signs = { geometry: { ...map, height: 8, width: 9, ...square(5, 2) }, weights: 'signs' } as const;
  assert.ok(isLiftable(signs.geometry, 2));
  for (const inputs of ['random', 'highest', 'blank'] as const) compare({ ...signs, inputs, options: { elements: 'lifted' } });
});

test('conv_i8 writes every number of output channels', () => {
  for (const n of [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 33]) every({ ...BASE, ...square(3, 1), n }, { samples: 2 });
});

test('conv_i8 takes maps of every size', () => {
  for (let height = 1; height <= 9; height += 2) {
    for (let width = 1; width <= 7; width++) {
      every({ ...BASE, height, width, channels: 3, n: 9 });
      every({ ...BASE, height, width, channels: 3, n: 9, ...square(3, 1) }, { samples: 2 });
      every({ ...BASE, height, width, channels: 5, n: 4, ...square(3, 1, 2) });
    }
  }
});

test('conv_i8 takes kernels, strides, dilations and pads of every kind', () => {
  const map = { ...BASE, height: 9, width: 11, channels: 5, n: 7 };
  for (const kernel of [1, 2, 3, 5, 7]) {
    for (const stride of [1, 2, 3]) {
      for (const dilation of [1, 2]) {
        const pad = (dilation * kernel) >> 1;
        every({ ...map, ...square(kernel, pad, stride, dilation) });
      }
    }
  }
  every({ ...map, ...square(3, 0), padTop: 2, padRight: 3 });
  every({ ...map, ...square(3, 0), padLeft: 4, padBottom: 1, strideY: 2 });
  every({ ...map, kernelHeight: 1, kernelWidth: 5, padLeft: 2, padRight: 2, strideX: 2 });
  every({ ...map, kernelHeight: 5, kernelWidth: 1, dilationY: 2, padTop: 3, padBottom: 3 });
  every({ ...map, width: 61, channels: 70, ...square(3, 1) });
  every({ ...map, height: 1, width: 200, channels: 64, n: 9 });
});

test('conv_i8 takes groups', () => {
  for (const [groups, channels, n] of [[2, 4, 6], [3, 9, 12], [4, 4, 8], [5, 5, 15], [2, 32, 16], [7, 21, 7]] as const) {
    every({ ...BASE, channels, n, groups, ...square(3, 1) });
    every({ ...BASE, channels, n, groups, ...square(3, 1, 2), kernelWidth: 2, height: 7 }, { samples: 2 });
  }
});

test('depthwise_i8 equals the reference', () => {
  for (const channels of [2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70]) {
    for (const stride of [1, 2]) {
      const g = { ...BASE, height: 7, width: 5, channels, n: channels, groups: channels };
      compare({ geometry: { ...g, ...square(3, 1, stride) }, samples: 2 });
    }
  }
  for (const kernel of [1, 2, 3, 4, 5, 7]) {
    for (const dilation of [1, 2, 3]) {
      const g = { ...BASE, height: 9, width: 8, channels: 10, n: 10, groups: 10 };
      compare({ geometry: { ...g, ...square(kernel, (kernel * dilation) >> 1, 1, dilation) } });
      compare({ geometry: { ...g, ...square(kernel, (kernel * dilation) >> 1, 3, dilation), padTop: 0, padRight: 4 } });
    }
  }
});

test('int8 kernels hold the largest sums and products', () => {
  for (const inputs of ['lowest', 'highest'] as const) {
    for (const weights of ['lowest', 'highest'] as const) {
      const options: Int8Options = inputs === 'highest' ? { elements: 'levels' } : {};
      compare({ geometry: denseGeometry(70000, 3), inputs, weights, options });
      compare({ geometry: denseGeometry(65535, 3), inputs, weights, options: { elements: 'centered' } });
      const geometry = { ...BASE, channels: 33, n: 9, ...square(3, 1) };
      compare({ geometry, inputs, weights, options });
      compare({ geometry, inputs, weights, options: { patches: true } });
      compare({ geometry, inputs, weights, options: { elements: 'centered', patches: true } });
      compare({ geometry: { ...BASE, channels: 9, n: 9, groups: 9, ...square(5, 2) }, inputs, weights });
    }
  }
});

test('dense layers of 1 to 9 samples', () => {
  for (const samples of [1, 2, 3, 4, 5, 9]) {
    for (const [k, n] of [[1, 1], [7, 10], [64, 16], [70, 17], [257, 33]] as const) every(denseGeometry(k, n), { samples });
  }
});

/** Requantizes sums to int8, as the results of a dense layer of K = 1 whose weights are 0 and whose biases are the sums. */
function transformed(sums: Int32Array, make: (bench: Bench) => Partial<FinishParams>): Map<Build, Int8Array> {
  const g = denseGeometry(1, sums.length);
  const results = new Map<Build, Int8Array>();
  for (const { build, bench } of benches) {
    bench.clear();
    const at = { ...place(bench, g, Int8Array.of(1), new Int8Array(sums.length)), output: bench.reserve(sums.length) };
    const finish = bench.finish('int8', sums.length, { first: bench.put(sums), ...make(bench) });
    const scratch = bench.reserve(planConvInt8(g, 1, { ...at, scratch: 0 }, finish).scratchBytes);
    const { kernel, params } = planConvInt8(g, 1, { ...at, scratch }, finish);
    bench.call(kernel, CONV_FIELDS, params);
    assert.ok(bench.intact(at.output + sums.length), `${build} build: wrote behind the output`);
    results.set(build, bench.int8(at.output, sums.length));
  }
  return results;
}

const EDGES = Int32Array.of(
  ...[0, 1, -1, 2, -2, 3, -3, 127, 128, -128, -129, 255, 256, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, -(2 ** 30), 12345678],
  ...Array.from({ length: 31 }, (_, i) => [2 ** i, 2 ** i - 1, -(2 ** i), -(2 ** i) - 1, 3 * 2 ** Math.max(i - 2, 0)]).flat(),
);

test('rounding shifts of 0 to 30 bits are exact at ties, ends and saturation', () => {
  for (let s = 0; s <= 30; s++) {
    const shifts = Int32Array.from(EDGES, (_, i) => (i % 3 === 0 ? s : (s + i) % 31));
    const multipliers = Int32Array.from(shifts, shiftMultiplier);
    const expected = [...shiftInt8(EDGES, EDGES.length, shifts)];
    const requantize = (bench: Bench) => ({ second: bench.put(multipliers), shift: 30, left: 2, low: -128, high: 127 });
    for (const [build, got] of transformed(EDGES, requantize)) {
      assert.equal([...got], expected, `${build} build, shift ${s}`);
    }
  }
});

test('fixed-point multipliers are exact, with clamps', () => {
  const random = randomInts(3);
  for (const shift of [0, 1, 7, 15, 29, 30]) {
    for (const [min, max] of [[-128, 127], [0, 127], [-5, 6], [0, 15]] as const) {
      const multipliers = Int32Array.from(EDGES, (_, i) => [2 ** 31 - 1, 2 ** 30, 1, 0, random(2 ** 31)][i % 5]);
      const requantize = (bench: Bench) => ({ second: bench.put(multipliers), shift: 32 + shift, low: min, high: max });
      const expected = [...requantizeInt8(EDGES, EDGES.length, { multipliers, left: 0, shift, min, max })];
      for (const [build, got] of transformed(EDGES, requantize)) {
        assert.equal([...got], expected, `${build} build, shift ${shift}`);
      }
    }
  }
});

test('conv_i8 and depthwise_i8 requantize row by row, bias and saturation included', () => {
  const random = randomInts(4);
  for (const n of [1, 5, 8, 15, 16, 17, 33]) {
    for (const groups of [1, n]) {
      const g = { ...BASE, channels: groups === 1 ? 11 : n, n, groups, ...square(3, 1) };
      const x = filled(g.height * g.width * g.channels, 'random', random);
      const w = filled((n * 9 * g.channels) / groups, 'random', random);
      const bias = Int32Array.from({ length: n }, () => random(20001) - 10000);
      const multipliers = Int32Array.from({ length: n }, () => random(2 ** 31));
      const t = { bias, multipliers, left: 0, shift: 6, min: -128, max: 127 };
      const sums = convInt8(g, x, w);
      const scales = Float32Array.from({ length: n }, () => (random(2001) - 1000) / 777);
      const floatBias = Float32Array.from({ length: n }, () => (random(2001) - 1000) / 7);
      for (const { build, bench } of benches) {
        bench.clear();
        const label = `${build} build, ${n} channels, ${groups} groups`;
        const at = { ...place(bench, g, x, w), output: bench.reserve(4 * sums.length) };
        const run = (finish: Finish): void => {
          const scratch = bench.reserve(planConvInt8(g, 1, { ...at, scratch: 0 }, finish).scratchBytes);
          const { kernel, params } = planConvInt8(g, 1, { ...at, scratch }, finish);
          bench.call(kernel, CONV_FIELDS, params);
        };
        const fixed = { first: bench.put(bias), second: bench.put(multipliers), shift: 38, low: -128, high: 127 };
        run(bench.finish('int8', n, fixed));
        assert.equal([...bench.int8(at.output, sums.length)], [...requantizeInt8(sums, n, t)], label);
        assert.ok(bench.intact(at.output + sums.length), label);
        const range = { low: floatBits(-Infinity), high: floatBits(Infinity) };
        run(bench.finish('float32', n, { first: bench.put(scales), second: bench.put(floatBias), ...range }));
        assert.equal([...bench.float32(at.output, sums.length)], [...requantizeFloat(sums, n, scales, floatBias)], label);
        run(bench.finish('float32', n, { first: bench.put(scales), ...range }));
        assert.equal([...bench.float32(at.output, sums.length)], [...requantizeFloat(sums, n, scales)], label);
        run(bench.finish('int32', n));
        assert.equal([...bench.int32(at.output, sums.length)], [...sums], label);
      }
    }
  }
});

test('parameter blocks have the fields of assembly/convparams.ts in their order', async () => {
  const { readFileSync } = await import('node:fs');
  const text = readFileSync('assembly/convparams.ts', 'utf8');
  const body = text.slice(text.indexOf('class ConvParams {'));
  assert.equal([...body.matchAll(/^ {2}(\w+): (?:usize|i32);$/gm)].map((match) => match[1]), [...CONV_FIELDS]);
});

test.run();
