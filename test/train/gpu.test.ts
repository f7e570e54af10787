// The WebGPU backend. Runs where a WebGPU device is found (navigator.gpu, or the package `webgpu` with a Vulkan driver);
// elsewhere it says why it did not.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { openDevice, type TrainDevice } from '../../src/train/device.js';
import { GpuBackend } from '../../src/train/gpu.js';
import { conv2d, dense, reshape, sign, weightedSum } from '../../src/train/layers.js';
import { trainLanguageModel } from '../../src/train/language/trainer.js';
import type { Call } from '../../src/train/kernels.js';
import { squaredDistance } from '../../src/train/losses.js';
import { SIGN } from '../../src/train/maps.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { rowParts } from '../../src/train/wgsl/batchnorm.js';
import { partsOf } from '../../src/train/wgsl/product.js';
import { grammar } from './grammar.js';
import { kernelTests } from './kernels.js';
import { agrees, FOUR, recipeOf } from './languages.js';
import { rejects, trainingTests } from './training.js';

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
    const compiled: string[] = [];
    // Bound methods: Dawn's objects refuse a proxy as `this`.
    const device = new Proxy(handle.device, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name === 'createShaderModule') compiled.push((args[0] as GPUShaderModuleDescriptor).label ?? '');
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const compile = async (calls: readonly Call[]): Promise<string[]> => {
      const backend = new GpuBackend({ ...handle, device, subgroupSize: null });
      compiled.length = 0;
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
    const trained = await compile([...tape.forward(), ...tape.backward(loss).calls]);
    for (const kernel of ['im2col', 'packPatches', 'matmulSigns', 'matmul'])
      assert.ok(trained.includes(kernel), kernel);
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

try {
  tests(await openDevice());
} catch (error) {
  if (!(error instanceof TrainError)) throw error;
  console.log(`train/gpu skipped: ${error.message}`);
}
test.run();
