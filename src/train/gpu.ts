// The WebGPU backend: a buffer per tensor, a pipeline per distinct shader, and one submit per run of a program.
// Programs are compiled once; a run encodes prepared pipelines and bind groups only.
import { TrainError } from '../errors.js';
import type { TrainDevice } from './device.js';
import type { Backend, Call, Program } from './kernels.js';
import { tensor, type ElementType, type Tensor } from './tensor.js';
import { stepsOf, type Step, type Storage } from './wgsl/steps.js';

// GPUBufferUsage and GPUMapMode by value: Node has no such globals.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const STORAGE = 0x80;
const MAP_MODE_READ = 0x1;

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export class GpuBackend implements Backend {
  readonly description: string;
  readonly concurrent = true;
  readonly #handle: TrainDevice;
  readonly #device: GPUDevice;
  readonly #buffers = new Map<Tensor, GPUBuffer>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #scratches = new Map<string, Tensor>();
  readonly #storage: Storage = {
    scratch: (label, size, type) => this.#scratch(label, size, type),
    halves: new Map(),
    isStored: (t) => this.#buffers.has(t),
  };

  constructor(handle: TrainDevice) {
    this.#handle = handle;
    this.#device = handle.device;
    this.description = handle.description;
  }

  async compile(calls: readonly Call[]): Promise<Program> {
    const steps = stepsOf(calls, this.#handle, this.#storage);
    const dispatches = await Promise.all(steps.map((step) => this.#prepare(step)));
    this.#handle.check();
    return { run: () => this.#run(dispatches) };
  }

  write(t: Tensor, data: Float32Array | Uint32Array): void {
    if (data.length > t.size) throw new RangeError(`tensor "${t.label}" expected up to ${t.size}, got ${data.length}`);
    this.#device.queue.writeBuffer(this.#buffer(t), 0, data as GPUAllowSharedBufferSource);
  }

  async read(t: Tensor): Promise<Float32Array> {
    const buffer = this.#buffer(t);
    const size = t.size * 4;
    const staging = this.#device.createBuffer({ label: `read ${t.label}`, size, usage: MAP_READ | COPY_DST });
    try {
      const encoder = this.#device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
      this.#device.queue.submit([encoder.finish()]);
      await staging.mapAsync(MAP_MODE_READ);
      this.#handle.check();
      return new Float32Array(staging.getMappedRange().slice(0));
    } catch (cause) {
      this.#handle.check();
      throw new TrainError(`reading "${t.label}" from the GPU failed`, { cause });
    } finally {
      staging.destroy();
    }
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
    this.#storage.halves.clear();
    this.#pipelines.clear();
  }

  #run(dispatches: readonly Dispatch[]): void {
    this.#handle.check();
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  async #prepare({ label, shader, tensors }: Step): Promise<Dispatch> {
    const { code, workgroups } = shader;
    // Before anything is waited for: the next program has to find what is stored.
    const entries = tensors.map((t, binding) => ({ binding, resource: { buffer: this.#buffer(t) } }));
    const pipeline = await this.#pipeline(label, code);
    const group = this.#device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, group, workgroups };
  }

  #scratch(label: string, size: number, type?: ElementType): Tensor {
    const key = `${label} ${size}`;
    const scratch = this.#scratches.get(key) ?? tensor(label, [size], type);
    this.#scratches.set(key, scratch);
    return scratch;
  }

  #pipeline(label: string, code: string): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      const module = this.#device.createShaderModule({ label, code });
      pipeline = this.#device
        .createComputePipelineAsync({ label, layout: 'auto', compute: { module, entryPoint: 'main' } })
        .catch((cause: unknown) => {
          throw new TrainError(`the GPU device did not compile kernel "${label}": ${String(cause)}`, { cause });
        });
      this.#pipelines.set(code, pipeline);
    }
    return pipeline;
  }

  #buffer(t: Tensor): GPUBuffer {
    let buffer = this.#buffers.get(t);
    if (!buffer) {
      if (this.#storage.halves.has(t)) {
        throw new TrainError(
          `tensor "${t.label}" expected products to be all that reads it: its signs are kept as f16`,
        );
      }
      const size = t.size * 4;
      const limit = Math.min(this.#device.limits.maxBufferSize, this.#device.limits.maxStorageBufferBindingSize);
      if (size > limit) {
        throw new TrainError(`tensor "${t.label}" expected up to ${limit} bytes on this GPU device, got ${size}`);
      }
      buffer = this.#device.createBuffer({ label: t.label, size, usage: STORAGE | COPY_SRC | COPY_DST });
      this.#buffers.set(t, buffer);
    }
    return buffer;
  }
}
