// Random convolutions for the product kernels: packs their tensors, calls the kernels, and asks the reference.
import * as assert from 'uvu/assert';
import { packedBytes, packSigns } from '../../src/numerics/bits.js';
import { packBlocks } from '../../src/numerics/blocks.js';
import { type ConvGeometry, outHeight, outWidth } from '../../src/numerics/geometry.js';
import { planProduct, type ProductChoice, type ProductLayer, type ProductTransform } from '../../src/plan/product.js';
import type { Build } from '../../src/wasm/builds.js';
import { PRODUCT_FIELDS } from '../../src/plan/params.js';
import { conv2d } from '../../src/reference/conv.js';
import type { Bench } from './i8kernels.js';
import { randomInts } from './random.js';

export type Layer = Omit<ProductLayer, 'transform'>;

/** Messages name the build. */
export type Choice = ProductChoice & { readonly build: Build };

/** What the plan chooses by itself. */
export function usual(build: Build): Choice {
  return { build, simd: build !== 'scalar' };
}

export interface Case {
  readonly layer: Layer;
  readonly samples: number;
  /** Stored input of all samples. */
  readonly input: Uint8Array;
  readonly weights: Uint8Array;
  /** (samples, outHeight, outWidth, N) accumulators of the reference. */
  readonly expected: Int32Array;
}

/** A geometry with the usual values for what is not given. */
export function geometry(
  g: Partial<ConvGeometry> & Pick<ConvGeometry, 'height' | 'width' | 'channels' | 'n'>,
): ConvGeometry {
  const window = { kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1 };
  return { ...window, padTop: 0, padBottom: 0, padLeft: 0, padRight: 0, groups: 1, ...g };
}

/** Signs of one plane of weights, (N, taps, C), and what they stand for together. */
function randomWeights(layer: Layer, random: (n: number) => number): { planes: Int8Array[]; values: Int32Array } {
  const { geometry: g, weights } = layer;
  const count = (g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups;
  const planes = Array.from({ length: weights.bits }, () => Int8Array.from({ length: count }, () => random(2) * 2 - 1));
  const scale = weights.encoding === 'ternary' ? 0.5 : 1;
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    planes.forEach((plane, p) => (sum += plane[i] * (weights.encoding === 'ternary' ? 1 : 2 ** p)));
    values[i] = sum * scale;
  }
  return { planes, values };
}

/** Interleaves the planes: each block of 16 channels holds all of them. */
function packPlanes(planes: readonly Int8Array[], n: number, taps: number, channels: number): Uint8Array {
  const packed = planes.map((plane) => packBlocks(plane, n, taps, channels));
  const blockBytes = taps * packedBytes(channels) * 16;
  const out = new Uint8Array(packed[0].length * planes.length);
  for (let b = 0; b < packed[0].length / blockBytes; b++) {
    packed.forEach((plane, p) => {
      out.set(plane.subarray(b * blockBytes, (b + 1) * blockBytes), (b * planes.length + p) * blockBytes);
    });
  }
  return out;
}

export function randomCase(layer: Layer, samples: number, seed: number): Case {
  const random = randomInts(seed);
  const { geometry: g, activations, padValue } = layer;
  const { planes, values } = randomWeights(layer, random);
  const top = 2 ** activations.bits - 1;
  const pixels = g.height * g.width;
  const inputs: Uint8Array[] = [];
  const sums: number[] = [];
  for (let s = 0; s < samples; s++) {
    const levels = Uint8Array.from({ length: pixels * g.channels }, () => random(top + 1));
    const v = Int32Array.from(levels, (l) => (activations.encoding === 'levels' ? l : 2 * l - top));
    sums.push(...conv2d(g, v, values, padValue));
    if (activations.bits > 1) inputs.push(levels);
    else for (let i = 0; i < pixels; i++) inputs.push(packSigns(v.subarray(i * g.channels, (i + 1) * g.channels)));
  }
  return {
    layer,
    samples,
    input: Uint8Array.from(inputs.flatMap((part) => [...part])),
    weights: packPlanes(planes, g.n, g.kernelHeight * g.kernelWidth, g.channels / g.groups),
    expected: Int32Array.from(sums),
  };
}

/** Runs a case; returns the bytes that the kernel wrote, having seen that it wrote nothing behind them. */
export function runCase(bench: Bench, test: Case, transform: ProductTransform, choice: Choice): Uint8Array {
  const { geometry: g } = test.layer;
  const layer = { ...test.layer, transform };
  const input = bench.put(test.input);
  const weights = bench.put(test.weights);
  const sizes = planProduct(layer, { input: 0, weights: 0, output: 0, scratch: 0, prepared: 0 }, choice);
  const bytes = test.samples * outHeight(g) * outWidth(g) * sizes.params.outputStride;
  const output = bench.reserve(bytes);
  const prepared = bench.reserve(sizes.preparedBytes);
  const scratch = bench.reserve(sizes.scratchBytes);
  const call = planProduct(layer, { input, weights, output, scratch, prepared }, choice);
  if (call.prepare) bench.call(call.prepare, PRODUCT_FIELDS, call.params);
  bench.call(call.kernel, PRODUCT_FIELDS, call.params, test.samples);
  const label = JSON.stringify({ ...test.layer, ...choice, samples: test.samples });
  assert.ok(bench.intact(output + bytes), `${label}: bytes behind the output`);
  assert.ok(bench.intact(scratch + sizes.scratchBytes), `${label}: bytes behind the scratch`);
  assert.ok(bench.intact(prepared + sizes.preparedBytes), `${label}: bytes behind the prepared weights`);
  return bench.bytes(output, bytes);
}

/** Compares i32 accumulators with the reference. */
export function compareCase(bench: Bench, test: Case, choice: Choice): void {
  bench.clear();
  const got = new Int32Array(runCase(bench, test, { kind: 'int32' }, choice).buffer);
  const bad = got.findIndex((value, i) => value !== test.expected[i]);
  if (bad < 0) return;
  const label = JSON.stringify({ ...test.layer, ...choice, samples: test.samples });
  assert.is(got[bad], test.expected[bad], `${label}: accumulator ${bad} of ${got.length}`);
}
