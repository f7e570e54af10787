// A thread of the CPU backend: instantiates the kernels over the shared memory, says so, and serves programs until it is
// terminated.
import { parentPort, workerData } from 'node:worker_threads';
import type { CpuKernels } from './backend.js';

/** What the backend hands to a thread. */
export interface WorkerTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  readonly threads: number;
  readonly scratch: number;
}

const { module, memory, control, threads, scratch } = workerData as WorkerTask;
const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
parentPort!.postMessage('ready');
(exports as unknown as CpuKernels).serve(control, threads, scratch);
