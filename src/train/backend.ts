// Which device trains: a WebGPU device where there is hardware for one, else the processor.
import { TrainError } from '../errors.js';
import { CpuBackend } from './cpu/backend.js';
import { openDevice } from './device.js';
import { GpuBackend } from './gpu.js';
import type { Backend } from './kernels.js';

/** `auto` takes a hardware GPU if one is found, else the CPU; `gpu` takes software adapters too. */
export type DeviceChoice = 'auto' | 'gpu' | 'cpu';

export interface OpenBackend {
  readonly backend: Backend;
  /** Gives the device back, unless the caller brought it. */
  readonly close: () => void;
}

/**
 * Opens a backend: of the caller's choice, over the caller's WebGPU device, or the caller's own backend.
 * @throws TrainError if there is no such device
 */
export async function openBackend(choice: DeviceChoice | GPUDevice | Backend): Promise<OpenBackend> {
  if (typeof choice === 'object') {
    // The tensors of a run stay in a backend that the caller brought until the caller disposes of it.
    if ('compile' in choice) return { backend: choice, close: () => {} };
    return openGpu(choice);
  }
  if (choice === 'gpu') return openGpu();
  if (choice === 'auto') {
    const gpu = await openHardware();
    if (gpu) return gpu;
  }
  const backend = await CpuBackend.create();
  return { backend, close: () => backend.dispose() };
}

async function openGpu(injected?: GPUDevice): Promise<OpenBackend & { readonly software: boolean }> {
  const handle = await openDevice(injected);
  const backend = new GpuBackend(handle);
  const close = (): void => {
    backend.dispose();
    handle.close();
  };
  return { backend, close, software: handle.software };
}

async function openHardware(): Promise<OpenBackend | null> {
  try {
    const gpu = await openGpu();
    if (!gpu.software) return gpu;
    gpu.close();
  } catch (error) {
    if (!(error instanceof TrainError)) throw error;
  }
  return null;
}
