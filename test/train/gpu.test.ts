// The WebGPU backend. Runs where a WebGPU device is found (navigator.gpu, or the package `webgpu` with a Vulkan driver);
// elsewhere it says why it did not.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { Random } from '../../src/numerics/random.js';
import { openDevice, type TrainDevice } from '../../src/train/device.js';
import { GpuBackend } from '../../src/train/gpu.js';
import { conv2d, dense, reshape, sign, weightedSum } from '../../src/train/layers.js';
import { trainLanguageModel } from '../../src/train/language/trainer.js';
import type { Call } from '../../src/train/kernels.js';
import { squaredDistance } from '../../src/train/losses.js';
import { SIGN } from '../../src/train/maps.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { train, type Recipe, type TrainProgress } from '../../src/train/trainer.js';
import { rowParts } from '../../src/train/wgsl/batchnorm.js';
import { partsOf } from '../../src/train/wgsl/product.js';
import { grammar } from './grammar.js';
import { kernelTests } from './kernels.js';
import { agrees, FOUR, recipeOf } from './languages.js';
import { CONV_RECIPE, DATA, rejects, trainingTests } from './training.js';

const test = suite('train/gpu');

function tests(handle: TrainDevice): void {
  console.log(handle.description);
  kernelTests(test, {
    'its own choice': () => new GpuBackend(handle),
    'shared-memory tiles': () => new GpuBackend({ ...handle, subgroupSize: null }),
  });
  trainingTests(test, () => handle.device);
  test.after(() => {
    handle.check();
    handle.close();
  });

  test('products of signs are packed, as far as signs can be followed', async () => {
    const compile = async (calls: readonly Call[], half = false): Promise<string[]> => {
      const { device, compiled } = recorded(handle.device);
      const backend = new GpuBackend({ ...handle, device, subgroupSize: null, half });
      await backend.compile(calls);
      backend.dispose();
      return compiled;
    };
    const kernelsOf = async (record: (tape: Tape, x: Tensor, w: Tensor) => void): Promise<string[]> => {
      const tape = new Tape();
      record(tape, tensor('x', [2, 100]), tensor('w', [3, 100]));
      return (await compile(tape.forward())).filter((name) => name.startsWith('matmul'));
    };
    const signs = (tape: Tape, t: Tensor) => sign(tape, t, 'signs');
    assert.equal(await kernelsOf((t, x, w) => dense(t, signs(t, x), signs(t, w), 'y')), ['matmulSigns']);
    assert.equal(await kernelsOf((t, x, w) => dense(t, x, signs(t, w), 'y')), ['matmul']);
    const image = { images: 2, height: 5, width: 5, channels: 4 };
    const convolved = (padding: number) => (tape: Tape, x: Tensor) => {
      const pixels = reshape(tape, signs(tape, x), [50, 4], 'pixels');
      const weights = signs(tape, tensor('filters', [6, 64]));
      conv2d(tape, pixels, weights, image, { kernel: 4, stride: 1, padding }, 'y');
    };
    assert.equal(await kernelsOf(convolved(0)), ['matmulSigns']);
    assert.equal(await kernelsOf(convolved(1)), ['matmulSigns']);
    // Patches are made where a product reads numbers: the weights' gradient.
    const tape = new Tape();
    const filters = tape.watch(tensor('filters', [6, 64]));
    const pixels = reshape(tape, signs(tape, tensor('x', [50, 4])), [50, 4], 'pixels');
    const sums = conv2d(tape, pixels, signs(tape, filters), image, { kernel: 4, stride: 1, padding: 1 }, 'sums');
    assert.not((await compile(tape.forward())).includes('im2col'));
    const loss = squaredDistance(tape, sums, tensor('goal', sums.shape), 'loss');
    const step = [...tape.forward(), ...tape.backward(loss).calls];
    for (const half of handle.half ? [false, true] : [false]) {
      const trained = await compile(step, half);
      const made = half ? ['im2colHalf', 'matmulHalf'] : ['im2col', 'matmul'];
      for (const kernel of ['packPatches', 'matmulSigns', ...made]) assert.ok(trained.includes(kernel), kernel);
      assert.is(trained.filter((kernel) => kernel.endsWith('Half')).length, half ? 2 : 0);
    }
    const summed = (tape: Tape, x: Tensor, w: Tensor) => {
      const both = [signs(tape, x), signs(tape, tensor('z', [2, 100]))];
      const sum = weightedSum(
        tape,
        both.map((part) => [part, 1] as const),
        'sum',
      );
      dense(tape, sum, signs(tape, w), 'y');
    };
    assert.equal(await kernelsOf(summed), ['matmul']);
  });

  if (handle.half) halfTests(handle);
  else console.log('patches of f16 skipped: the device has no shader-f16');

  test('products and normalizations of few results and long sums are cut into parts, but for processors', () => {
    const parts = (m: number, n: number, k: number, subgroupSize: number | null): number =>
      partsOf({ m, n, k, transposeA: true, transposeB: false }, { subgroupSize });
    assert.is(parts(128, 1152, 51200, 32), 15);
    assert.is(parts(128, 27, 102400, null), 64);
    assert.is(parts(128, 1152, 500, 32), 1);
    assert.is(parts(4096, 4096, 51200, 32), 1);
    assert.is(parts(128, 1152, 51200, 8), 1);
    assert.is(rowParts({ rows: 102400, channels: 64 }, { subgroupSize: 32 }), 64);
    assert.is(rowParts({ rows: 3200, channels: 512 }, { subgroupSize: 32 }), 12);
    assert.is(rowParts({ rows: 128, channels: 512 }, { subgroupSize: 32 }), 1);
    assert.is(rowParts({ rows: 102400, channels: 64 }, { subgroupSize: 8 }), 1);
  });

  for (const cell of ['lstm', 'rnn'] as const) {
    test(`a quantized ${cell} that was trained here is exported to the same losses`, async () => {
      const device = handle.device;
      const result = await trainLanguageModel(recipeOf(cell, FOUR), grammar(), { device, epochs: 1, limit: 1000 });
      assert.ok(result.perplexity < 8, `perplexity ${result.perplexity} of 10 words`);
      await agrees(cell, result, 'word');
    });
  }

  test('a kernel that does not fit its tensors surfaces as a TrainError', async () => {
    const other = await openDevice();
    const backend = new GpuBackend(other);
    const x = tensor('x', [4]);
    // One buffer read and written by one dispatch is against WebGPU's rules.
    const program = await backend
      .compile([{ kernel: 'map', params: { ...SIGN, size: 4, alpha: 1 }, tensors: [x, x] }])
      .catch((e: unknown) => {
        assert.instance(e, TrainError);
        return null;
      });
    program?.run();
    await rejects(backend.read(x), /GPU/);
    backend.dispose();
    other.close();
    assert.throws(() => other.check(), /closed/);
  });
}

/** The device, and the labels of the shaders that are compiled on it. */
function recorded(original: GPUDevice): { readonly device: GPUDevice; readonly compiled: string[] } {
  const compiled: string[] = [];
  // Bound methods: Dawn's objects refuse a proxy as `this`.
  const device = new Proxy(original, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (name === 'createShaderModule') compiled.push((args[0] as GPUShaderModuleDescriptor).label ?? '');
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { device, compiled };
}

type Patches = Call & { readonly kernel: 'im2col' };

/** Patches of the signs of x: x (images * height * width, channels), patches (m, k). */
function patchesOfSigns([images, height, width, channels, kernel, stride, padding]: readonly number[]) {
  const [outHeight, outWidth] = [height, width].map((side) => Math.floor((side + 2 * padding - kernel) / stride) + 1);
  const [m, k] = [images * outHeight * outWidth, kernel * kernel * channels];
  const size = images * height * width * channels;
  const [x, a, p] = [tensor('x', [size]), tensor('a', [size]), tensor('patches', [m, k])];
  const params = { images, height, width, channels, kernel, stride, padding, outHeight, outWidth };
  const signs: Call = { kernel: 'map', params: { ...SIGN, size, alpha: 1 }, tensors: [x, a] };
  const made: Patches = { kernel: 'im2col', params, tensors: [a, p] };
  return { x, p, m, k, calls: [signs, made] as const };
}

/** What a device with shader-f16 does otherwise. */
function halfTests(handle: TrainDevice): void {
  const random = new Random(7);
  const floats = (t: Tensor) => Float32Array.from({ length: t.size }, () => random.uniform(-2, 2));

  for (const subgroupSize of new Set([handle.subgroupSize, null])) {
    const way = subgroupSize === null ? 'tiles' : `subgroups of ${subgroupSize}`;
    test(`products of float32 and patches of signs by ${way} are the same bits from f16`, async () => {
      // An odd number of elements with zeros around; rows by fours whose channels are not, no zeros; channels by fours with
      // zeros and sums in parts; the same without zeros and tiles of 128.
      for (const [n, ...window] of [
        [5, 3, 6, 5, 7, 3, 2, 1],
        [6, 3, 5, 5, 1, 2, 1, 0],
        [9, 70, 8, 7, 12, 3, 2, 2],
        [131, 1, 4, 4, 912, 3, 1, 0],
      ]) {
        const { x, p, m, k, calls } = patchesOfSigns(window);
        const [dy, dw] = [tensor('dy', [m, n]), tensor('dw', [n, k])];
        const [w, y] = [tensor('w', [n, k]), tensor('y', [m, n])];
        const products: Call[] = [
          {
            kernel: 'matmul',
            params: { m: n, n: k, k: m, transposeA: true, transposeB: false, accumulate: false },
            tensors: [dy, p, dw],
          },
          {
            kernel: 'matmul',
            params: { m, n, k, transposeA: false, transposeB: true, accumulate: true },
            tensors: [p, w, y],
          },
        ];
        const contents = [x, dy, w, y].map((t) => [t, floats(t)] as const);
        const results = [];
        for (const half of [false, true]) {
          const { device, compiled } = recorded(handle.device);
          const backend = new GpuBackend({ ...handle, device, subgroupSize, half });
          for (const [t, data] of contents) backend.write(t, data);
          (await backend.compile([...calls, ...products])).run();
          results.push(await Promise.all([dw, y].map(async (t) => new Uint32Array((await backend.read(t)).buffer))));
          const names = half ? ['im2colHalf', 'matmulHalf', 'matmulHalf'] : ['im2col', 'matmul', 'matmul'];
          const seen = compiled.filter((name) => /^(im2col|matmul)/.test(name));
          assert.equal(seen, names);
          backend.dispose();
        }
        assert.ok(results[0].every((values) => values.some((value) => value !== 0)));
        assert.equal(results[1], results[0], `${window.join(' ')}, ${n} filters`);
      }
    });
  }

  test('patches stay float32 where something else reads them, or knows them as such', async () => {
    const { x, p, m, k, calls } = patchesOfSigns([2, 4, 4, 8, 3, 1, 1]);
    const [dy, dw, sums] = [tensor('dy', [m, 5]), tensor('dw', [5, k]), tensor('sums', [k])];
    const gradient: Call = {
      kernel: 'matmul',
      params: { m: 5, n: k, k: m, transposeA: true, transposeB: false, accumulate: false },
      tensors: [dy, p, dw],
    };
    const summed: Call = {
      kernel: 'sumRows',
      params: { rows: m, channels: k, accumulate: false },
      tensors: [p, sums],
    };
    const { device, compiled } = recorded(handle.device);
    const halved = async (backend: GpuBackend, program: readonly Call[]): Promise<boolean> => {
      compiled.length = 0;
      await backend.compile(program);
      return compiled.includes('im2colHalf');
    };
    const first = new GpuBackend({ ...handle, device });
    assert.is(await halved(first, [...calls, gradient, summed]), false);
    assert.is(await halved(first, [...calls, gradient]), false);
    assert.is((await first.read(p)).length, m * k);
    first.dispose();
    const second = new GpuBackend({ ...handle, device });
    // Patches of x itself are no signs.
    const plain: Call = { ...calls[1], tensors: [x, tensor('patches of x', [m, k])] };
    assert.is(await halved(second, [plain, { ...gradient, tensors: [dy, plain.tensors[1], dw] }]), false);
    assert.is(await halved(second, [...calls, gradient]), true);
    await rejects(second.read(p), /tensor "patches" expected products .* kept as f16/);
    await rejects(second.compile([...calls, summed]), /tensor "patches" expected products .* kept as f16/);
    second.dispose();
  });

  test('train() has the same losses and the same network with patches of f16', async () => {
    const recipe: Recipe = {
      ...CONV_RECIPE,
      epochs: 2,
      layers: (classes) => [
        { kind: 'conv2d', name: 'first', outputs: 8, kernel: 3, padding: 1, pool: 1, activation: 'sign' },
        { kind: 'conv2d', name: 'second', outputs: 8, kernel: 3, padding: 1, pool: 2, activation: 'sign' },
        { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
      ],
    };
    const results = [];
    for (const half of [false, true]) {
      const { device, compiled } = recorded(handle.device);
      const backend = new GpuBackend({ ...handle, device, half });
      const losses: number[] = [];
      const onProgress = ({ loss }: TrainProgress) => void losses.push(loss);
      const { network, test: answers } = await train(recipe, DATA, { device: backend, onProgress });
      backend.dispose();
      for (const kernel of ['im2colHalf', 'matmulHalf']) assert.is(compiled.includes(kernel), half, kernel);
      results.push({ losses, layers: network.layers, answers });
    }
    assert.ok(results[0].losses.length > 1);
    assert.equal(results[1], results[0]);
  });
}

try {
  tests(await openDevice());
} catch (error) {
  if (!(error instanceof TrainError)) throw error;
  console.log(`train/gpu skipped: ${error.message}`);
}
test.run();
