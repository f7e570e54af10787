// Shaders on a WebGPU device, and time: every contender of a work takes a turn in each round, so that what disturbs the
// machine disturbs all of them.
import { shaderOf } from '../../dist/train/wgsl/index.js';

// GPUBufferUsage and GPUMapMode by value: Node has no such globals.
const STORAGE = 0x80 | 0x4 | 0x8;
const READ = 0x1 | 0x8;

/** Buffers and programs on the device of `handle` (openDevice() of bitlane/train). */
export class Bench {
  constructor(handle) {
    this.handle = handle;
    this.device = handle.device;
    this.pipelines = new Map();
  }

  /** The largest buffer that a shader may see, in bytes. */
  get limit() {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  /** A buffer of as many f32 or u32, or with the contents of a typed array. */
  buffer(contents) {
    const size = (typeof contents === 'number' ? contents : contents.length) * 4;
    const buffer = this.device.createBuffer({ size, usage: STORAGE });
    if (typeof contents !== 'number') this.device.queue.writeBuffer(buffer, 0, contents);
    return buffer;
  }

  /** A step by a kernel of the WebGPU backend. */
  step(kernel, params, buffers) {
    return { shader: shaderOf({ kernel, params, tensors: [] }, this.handle), buffers };
  }

  /** Steps in order; the program runs them `times` times in one submission and waits. */
  async program(steps) {
    const dispatches = [];
    for (const { shader, buffers } of steps) {
      const pipeline = await this.#pipeline(shader.code);
      const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const group = this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      dispatches.push({ pipeline, group, workgroups: shader.workgroups });
    }
    return async (times) => {
      const encoder = this.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < times; i++) {
        for (const { pipeline, group, workgroups } of dispatches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(...workgroups);
        }
      }
      pass.end();
      this.device.queue.submit([encoder.finish()]);
      await this.device.queue.onSubmittedWorkDone();
      this.handle.check();
    };
  }

  async read(buffer) {
    const staging = this.device.createBuffer({ size: buffer.size, usage: READ });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return values;
  }

  #pipeline(code) {
    if (!this.pipelines.has(code)) {
      const module = this.device.createShaderModule({ code });
      const compute = { module, entryPoint: 'main' };
      this.pipelines.set(code, this.device.createComputePipelineAsync({ layout: 'auto', compute }));
    }
    return this.pipelines.get(code);
  }
}

/** Milliseconds of one run. */
export async function timed(run, times = 1) {
  const start = performance.now();
  await run(times);
  return (performance.now() - start) / times;
}

/**
 * @param contenders { name: function that runs a number of times and resolves when the device is done }, each of which ran
 * once before
 * @param settings rounds; roundMs: how long a turn takes at least, where one run takes less; slowMs: runs that take longer
 * have two turns only
 * @returns { name: { best, median } } in milliseconds a run
 */
export async function race(contenders, { rounds, roundMs, slowMs }) {
  const entries = [];
  for (const [name, run] of Object.entries(contenders)) {
    const first = await timed(run);
    const times = Math.max(1, Math.min(1000, Math.ceil(roundMs / first)));
    entries.push({ name, run, times, samples: times === 1 ? [first] : [], turns: first > slowMs ? 2 : rounds });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, times, samples, turns } of entries) {
      if (samples.length < turns) samples.push(await timed(run, times));
    }
  }
  return Object.fromEntries(
    entries.map(({ name, samples }) => {
      samples.sort((a, b) => a - b);
      return [name, { best: samples[0], median: samples[samples.length >> 1] }];
    }),
  );
}
