// Kernels as hosts hand them over: bytes, responses, promises, and modules of another realm.
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UnsupportedError } from '../../src/errors.js';
import { load } from '../../src/index.node.js';
import { loadBytes } from '../../src/load.js';
import { writeModel } from '../../src/model/write.js';
import { evaluate } from '../../src/reference/evaluate.js';
import type { ModuleSource } from '../../src/wasm/instantiate.js';
import { denseNetwork, randomInput } from '../helpers/graphs.js';

const graph = denseNetwork({ seed: 5, inputBits: 8, inputs: 30, widths: [17, 3] });
const file = writeModel(graph);
const input = randomInput(graph, 1, 1);
const expected = [...evaluate(graph, [input])[0]];
const wasm = readFileSync('dist/kernels.simd.wasm');
const none = (): never => {
  throw new Error('the host was asked for kernels');
};

/** The same module, compiled in a realm of its own. */
function foreignModule(): WebAssembly.Module {
  return runInContext('new WebAssembly.Module(bytes)', createContext({ bytes: wasm })) as WebAssembly.Module;
}

test('load takes the kernels as a module of any realm, bytes, a response, or a promise', async () => {
  const sources: Record<string, ModuleSource | Promise<ModuleSource>> = {
    module: new WebAssembly.Module(wasm),
    foreign: foreignModule(),
    bytes: wasm,
    response: new Response(wasm),
    promise: Promise.resolve(new Response(wasm)),
  };
  assert.not.ok(sources['foreign'] instanceof WebAssembly.Module);
  for (const [name, module] of Object.entries(sources)) {
    const model = await loadBytes(file, { module }, none);
    assert.equal([...model.run(input)['scores']], expected, name);
    assert.is(model.build, 'simd');
  }
});

test('load says which address gave no kernels', async () => {
  const failed = new Response('', { status: 404 });
  try {
    await loadBytes(file, { module: failed }, none);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnsupportedError);
    assert.match((error as Error).message, 'HTTP 404');
  }
});

test('load refuses a build that an entry does not ship, and names what it has', async () => {
  try {
    await loadBytes(file, { build: 'scalar' }, none, ['simd']);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UnsupportedError);
    assert.match((error as Error).message, /this entry of the package has \(simd\), got scalar/);
  }
});

test('load takes a model as bytes of any realm or a response', async () => {
  const foreign = runInContext('new Uint8Array(bytes).buffer', createContext({ bytes: file })) as ArrayBuffer;
  const padded = new Uint8Array(file.length + 7);
  padded.set(file, 7);
  const module = new WebAssembly.Module(wasm);
  const given = { file, foreign, view: new DataView(padded.buffer, 7), response: new Response(file.slice()) };
  for (const [name, source] of Object.entries(given)) {
    const model = await load(source as ArrayBuffer, { module });
    assert.equal([...model.run(input)['scores']], expected, name);
  }
  try {
    await load(7 as unknown as string, { module });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, TypeError);
  }
});

test.run();
