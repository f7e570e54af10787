// Timing of single kernels in one process: every contender of a layer takes turns, and ratios are taken within a round, so
// that a disturbed machine disturbs all of them.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { supports } from '../../dist/wasm/builds.js';
import { heapBase, instantiateKernels } from '../../dist/wasm/instantiate.js';

/** Kernels over a memory of their own; addresses only grow. */
export function kernelsOf(build, pages = 2048) {
  const module = new WebAssembly.Module(readFileSync(`dist/kernels.${build}.wasm`));
  const { kernels, memory } = instantiateKernels(module, pages);
  let top = Math.ceil(heapBase(module) / 64) * 64;
  const reserve = (bytes) => {
    const at = top;
    top = Math.ceil((at + bytes + 64) / 64) * 64;
    if (top > memory.buffer.byteLength) throw new RangeError('internal: bench memory is too small');
    return at;
  };
  const put = (data) => {
    const at = reserve(data.byteLength);
    new Uint8Array(memory.buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    return at;
  };
  const bind = (fields, { kernel, params }) => {
    const block = put(Int32Array.from(fields, (field) => params[field]));
    const call = kernels[kernel];
    return (samples = 1) => call(block, samples);
  };
  return { build, kernels, memory, reserve, put, bind };
}

export const builds = ['simd', 'relaxed'].filter(supports);

/** The rivals' packages: a folder with node_modules, named by RIVALS; absent where it is not set. */
export async function rivals() {
  const folder = process.env.RIVALS;
  if (!folder) return {};
  const require = createRequire(pathToFileURL(join(resolve(folder), 'x.js')));
  const ort = await import(pathToFileURL(join(resolve(folder), 'node_modules/onnxruntime-web/dist/ort.node.min.mjs')).href).catch(() =>
    require('onnxruntime-web'),
  );
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const tf = require('@tensorflow/tfjs-core');
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(join(resolve(folder), 'node_modules/@tensorflow/tfjs-backend-wasm/dist/'));
  await tf.setBackend('wasm');
  await tf.ready();
  return { ort, tf, session: (model) => ort.InferenceSession.create(model, { executionProviders: ['wasm'] }) };
}

/** Integers in [0, n). */
export function random(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * n);
  };
}

/**
 * Times contenders in turns.
 *
 * @param contenders name -> function; one that returns a promise is awaited
 * @param operations arithmetic operations of one call (2 per multiply-add)
 */
export async function race(label, contenders, operations, { rounds = 15, milliseconds = 4 } = {}) {
  const names = Object.keys(contenders);
  const repeats = {};
  for (const name of names) {
    const run = contenders[name];
    for (let i = 0; i < 5; i++) await run();
    for (const until = performance.now() + 60; performance.now() < until; ) await run();
    const start = performance.now();
    for (let i = 0; i < 3; i++) await run();
    repeats[name] = Math.max(1, Math.ceil((3 * milliseconds) / (performance.now() - start)));
  }
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const run = contenders[name];
      const start = performance.now();
      for (let i = 0; i < repeats[name]; i++) {
        const pending = run();
        if (pending) await pending;
      }
      times[name].push((performance.now() - start) / repeats[name]);
    }
  }
  const row = names.map((name) => {
    const sorted = times[name].toSorted((a, b) => a - b);
    return { name, best: sorted[0], median: sorted[rounds >> 1] };
  });
  const first = row[0];
  console.log(
    label.padEnd(26),
    row
      .map(({ name, best, median }) => {
        const ratio = `${(best / first.best).toFixed(2)}x/${(median / first.median).toFixed(2)}x`;
        return `${name} ${best.toFixed(3)}/${median.toFixed(3)} ms ${(operations / best / 1e6).toFixed(0)}G ${ratio}`;
      })
      .join(' | '),
  );
  return row;
}
