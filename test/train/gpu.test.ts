// The WebGPU backend. Runs where a WebGPU device is found (navigator.gpu, or the package `webgpu` with a Vulkan driver);
// elsewhere it says why it did not.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainError } from '../../src/errors.js';
import { openDevice, type TrainDevice } from '../../src/train/device.js';
import { GpuBackend } from '../../src/train/gpu.js';
import { SIGN } from '../../src/train/maps.js';
import { tensor } from '../../src/train/tensor.js';
import { kernelTests } from './kernels.js';
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
