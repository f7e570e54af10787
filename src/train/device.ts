// Finding a WebGPU device: one that the caller brings, the platform's navigator.gpu (browsers, Deno), or Dawn through
// the optional npm package `webgpu` in Node. A lost device and errors that no error scope caught are kept and thrown at
// the next check, so that a failed kernel cannot pass as a result.
import { TrainError } from '../errors.js';

/** A device with the errors it met. */
export interface TrainDevice {
  readonly device: GPUDevice;
  /** Adapter and driver in words. */
  readonly description: string;
  /** Lanes of a subgroup if the device has subgroups of one fixed size, else null. */
  readonly subgroupSize: number | null;
  /** Whether shaders may store f16 (`shader-f16`). */
  readonly half: boolean;
  /** Whether a CPU plays the GPU: slower than bitlane's own CPU backend. */
  readonly software: boolean;
  /** @throws TrainError if the device was lost or reported an error since it was opened */
  check(): void;
  /**
   * Destroys the device, unless the caller brought it. Dawn's threads may keep Node alive even then: a command-line
   * program ends with process.exit().
   */
  close(): void;
}

/** Opens a device for training. @throws TrainError if there is none, saying what to install */
export async function openDevice(injected?: GPUDevice): Promise<TrainDevice> {
  if (injected) return watched(injected, injected.adapterInfo, () => {});
  const gpu = await platformGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new TrainError(
      'training expected a WebGPU adapter, got none: install a Vulkan driver (for CPUs Mesa lavapipe, package ' +
        'mesa-vulkan-drivers, version 24 or newer), or train on the CPU',
    );
  }
  const requiredFeatures = (['subgroups', 'shader-f16'] as const).filter((name) => adapter.features.has(name));
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  // The closure keeps `gpu` alive: Dawn's instance must outlive its device.
  return watched(device, adapter.info, () => (device.destroy(), void gpu));
}

async function platformGpu(): Promise<GPU> {
  // Node has had a `navigator` without `gpu` since 21; older ones have none.
  const platform = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (platform) return platform;
  // A name that the compiler and bundlers do not follow: the package is optional.
  const name: string = 'webgpu';
  let dawn: { create(flags: string[]): GPU };
  try {
    dawn = (await import(name)) as typeof dawn;
  } catch (cause) {
    throw new TrainError(
      'training expected WebGPU: this platform has no navigator.gpu and the optional package "webgpu" could not be ' +
        'loaded; run npm install webgpu, or train on the CPU',
      { cause },
    );
  }
  return dawn.create([]);
}

function watched(device: GPUDevice, info: GPUAdapterInfo | undefined, destroy: () => void): TrainDevice {
  let failure: TrainError | undefined;
  let closed = false;
  const onError = ({ error }: GPUUncapturedErrorEvent) => {
    failure ??= new TrainError(`the GPU device reported an error: ${error.message}`);
  };
  device.addEventListener('uncapturederror', onError);
  void device.lost.then(({ reason, message }) => {
    if (!closed) failure ??= new TrainError(`the GPU device was lost (${reason}): ${message}`);
  });
  const words = [info?.vendor, info?.architecture, info?.device, info?.description].filter((word) => word);
  const fixed = device.features.has('subgroups') && info && info.subgroupMinSize === info.subgroupMaxSize;
  return {
    device,
    description: words.length > 0 ? `WebGPU: ${words.join(' ')}` : 'WebGPU',
    subgroupSize: fixed ? info.subgroupMinSize : null,
    half: device.features.has('shader-f16'),
    software: info?.isFallbackAdapter === true,
    check() {
      if (closed) throw new TrainError('the GPU device was closed');
      if (failure) throw failure;
    },
    close() {
      closed = true;
      device.removeEventListener('uncapturederror', onError);
      destroy();
    },
  };
}
