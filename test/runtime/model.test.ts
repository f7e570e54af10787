// What a caller of the runtime sees: results, errors, counts of allocations and bytes.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InputError } from '../../src/errors.js';
import { load } from '../../src/index.node.js';
import { loadBytes } from '../../src/load.js';
import { GraphBuilder, signs, threshold } from '../../src/model/index.js';
import { writeModel } from '../../src/model/write.js';
import { evaluate } from '../../src/reference/evaluate.js';
import type { Model } from '../../src/runtime/model.js';
import { kernelBytes } from '../helpers/builds.js';
import { denseNetwork, randomInput } from '../helpers/graphs.js';
import { zoo } from '../helpers/zoo.js';

const graph = denseNetwork({ seed: 21, inputBits: 8, inputs: 50, widths: [33, 10] });
const file = writeModel(graph);
const make = (batch = 1): Promise<Model> => loadBytes(file, { build: 'simd', batch }, kernelBytes);

test('run takes the array alone or by name and leaves it as it was', async () => {
  const model = await make();
  const input = randomInput(graph, 1, 1);
  const before = input.slice();
  const alone = model.run(input);
  const named = model.run({ input });
  assert.equal(Object.keys(alone), ['scores']);
  assert.equal(alone, named);
  assert.equal([...alone['scores']], [...evaluate(graph, [input])[0]]);
  assert.equal(input, before);
});

test('run gives fresh arrays', async () => {
  const model = await make();
  const first = model.run(randomInput(graph, 1, 1))['scores'];
  const copy = first.slice();
  model.run(randomInput(graph, 1, 2));
  assert.equal(first, copy);
});

test('run accepts views at any offset, and Uint8ClampedArray of a canvas', async () => {
  const model = await make();
  const input = randomInput(graph, 1, 3);
  const pool = new Uint8Array(100);
  pool.set(input, 13);
  const expected = model.run(input);
  assert.equal(model.run(pool.subarray(13, 63)), expected);
  assert.equal(model.run(new Uint8ClampedArray(input) as unknown as Uint8Array), expected);
});

test('run takes 1 to batch samples', async () => {
  const model = await make(5);
  const input = randomInput(graph, 5, 4);
  const all = model.run(input)['scores'];
  for (let samples = 1; samples <= 5; samples++) {
    assert.equal(model.run(input.subarray(0, 50 * samples))['scores'], all.slice(0, 10 * samples));
  }
});

test('runInto writes into the caller arrays and returns the samples', async () => {
  const model = await make(3);
  const input = randomInput(graph, 2, 5);
  const scores = new Int32Array(20);
  assert.is(model.runInto(input, scores), 2);
  assert.equal(scores, model.run(input)['scores']);
  assert.is(model.runInto({ input }, { scores }), 2);
});

test('runInto allocates nothing', async () => {
  const model = await make();
  const input = randomInput(graph, 1, 6);
  const scores = new Int32Array(10);
  const batch = (): void => {
    for (let i = 0; i < 20000; i++) model.runInto(input, scores);
  };
  batch();
  batch();
  // The smallest growth of several rounds: a collection or the engine's own work may fall into one of them.
  let least = Infinity;
  for (let round = 0; round < 5; round++) {
    const before = process.memoryUsage().heapUsed;
    batch();
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  // One object a call would be 16 bytes x 20,000 = 320 KB.
  assert.ok(least < 100_000, `${least} bytes for 20,000 calls`);
});

test('wrong inputs are refused with what was expected, and the model stays usable', async () => {
  const model = await make();
  const input = randomInput(graph, 1, 7);
  const expected = model.run(input);
  const cases: [() => unknown, RegExp][] = [
    [() => model.run(input.subarray(1)), /input "input" expected length 50 \(\[50\]\), got 49/],
    [() => model.run(new Uint8Array(100)), /expected length 50 \(\[50\]\), got 100/],
    [() => model.run(new Uint8Array(0)), /expected length 50/],
    [() => model.run(new Float32Array(50)), /expected Uint8Array, got Float32Array; this input takes bytes 0 to 255/],
    [() => model.run({ image: input }), /input "input" expected an array of that name, got image/],
    [() => model.run(undefined as unknown as Uint8Array), /expected an array of that name, got undefined/],
    [() => model.run([1, 2] as unknown as Uint8Array), /expected an array of that name, got 0, 1/],
    [
      () => model.runInto(input, new Int32Array(9)),
      /output "scores" expected length 10 \(\[10\]\) for 1 samples, got 9/,
    ],
    [() => model.runInto(input, new Float32Array(10)), /output "scores" expected Int32Array, got Float32Array/],
  ];
  for (const [act, pattern] of cases) {
    assert.throws(act, (error: Error) => error instanceof InputError && pattern.test(error.message), String(pattern));
    assert.equal(model.run(input), expected);
  }
});

test('a disposed model says so', async () => {
  const model = await make();
  model.dispose();
  assert.throws(() => model.run(new Uint8Array(50)), /model "dense-21" expected to be loaded, got disposed/);
});

test('models do not share memory', async () => {
  const [a, b] = [await make(), await make()];
  const [x, y] = [randomInput(graph, 1, 8), randomInput(graph, 1, 9)];
  const before = a.run(x);
  b.run(y);
  b.dispose();
  assert.equal(a.run(x), before);
});

test('summary counts what two layers share with the first', async () => {
  const tied = await loadBytes(writeModel(zoo.get('embedding in planes, tied to dense')!), {}, kernelBytes);
  const { layers, float32Bytes, structureBytes, fileBytes } = tied.summary();
  // 21 rows are 2 blocks of 16, 13 columns 2 bytes, in 3 planes.
  const columns = layers.map((l) => [l.weights, l.float32Bytes, l.packedBytes, l.fileBytes, l.weightBits, l.macs]);
  assert.equal(columns, [
    [273, 1092, 103, 192, 3, 0],
    [0, 0, 0, 0, 3, 273],
  ]);
  assert.equal([float32Bytes, structureBytes], [1092, fileBytes - 192]);
});

test('summary adds up to the file, byte for byte', async () => {
  const model = await make();
  const { layers, structureBytes, fileBytes, float32Bytes, ratio, macs } = model.summary();
  assert.is(fileBytes, file.length);
  assert.is(
    layers.reduce((sum, layer) => sum + layer.fileBytes, structureBytes),
    file.length,
  );
  assert.equal(
    layers.map((layer) => layer.weights),
    [50 * 33, 330],
  );
  // Weights, and 8 bytes of scale and shift per channel.
  assert.equal(
    layers.map((layer) => layer.float32Bytes),
    [4 * 50 * 33 + 8 * 33, 4 * 330 + 80],
  );
  assert.equal(
    layers.map((layer) => layer.packedBytes),
    [Math.ceil(1650 / 8), Math.ceil(330 / 8)],
  );
  // 50 inputs are 7 bytes, 33 outputs 48 channels of blocks; 33 thresholds. Then 33 inputs, 10 outputs; 2 x 10 values.
  assert.equal(
    layers.map((layer) => layer.fileBytes),
    [48 * 7 + 4 * 33, 16 * 5 + 8 * 10],
  );
  assert.is(macs, 1980);
  assert.is(ratio, float32Bytes / fileBytes);
});

test('load refuses options that make no sense', async () => {
  const failing = async (act: () => Promise<unknown>, pattern: RegExp): Promise<void> => {
    try {
      await act();
    } catch (error) {
      assert.match((error as Error).message, pattern);
      return;
    }
    assert.unreachable(String(pattern));
  };
  await failing(() => make(0), /"batch" expected 1 to 65536, got 0/);
  await failing(() => make(1.5), /"batch" expected 1 to 65536, got 1\.5/);
  await failing(
    () => loadBytes(file, { build: 'fast' as 'simd' }, kernelBytes),
    /"build" expected scalar, simd, relaxed, got fast/,
  );
  await failing(
    () => loadBytes(file, { kernel: 'fast' as 'table' }, kernelBytes),
    /"kernel" expected table, popcount or auto, got fast/,
  );
  await failing(() => loadBytes(file, { limits: { bytes: 100 } }, kernelBytes), /expected at most 100 bytes/);
  await failing(() => loadBytes(file, { limits: { count: 1 } }, kernelBytes), /expected at most 1, got/);
  await failing(
    () => load(42 as unknown as string),
    /"source" expected bytes, a path, a URL or a Response, got number/,
  );
});

test('load gives equal results with every kernel', async () => {
  const g = new GraphBuilder('map');
  const image = g.input('input', [40, 40, 64], signs);
  const values = Array.from(
    randomInput(denseNetwork({ seed: 1, inputBits: 8, inputs: 36864, widths: [1] }), 1, 12),
    (v) => v - 128,
  );
  const weights = { encoding: 'binary', shape: [64, 3, 3, 64], values } as const;
  const bytes = writeModel(
    g.output(g.conv2d('conv', image, { weights, padding: 'same-zero', transform: threshold(0) })).build(),
  );
  const input = randomInput(denseNetwork({ seed: 1, inputBits: 1, inputs: 40 * 40 * 64, widths: [1] }), 1, 11);
  const run = async (kernel: 'table' | 'popcount' | 'auto'): Promise<Record<string, unknown>> =>
    (await loadBytes(bytes, { build: 'simd', kernel }, kernelBytes)).run(input);
  const expected = await run('table');
  assert.equal(await run('popcount'), expected);
  // 59 million binary products: measured, and again from what was measured.
  assert.equal(await run('auto'), expected);
  assert.equal(await run('auto'), expected);
});

test('load takes the kernels from the caller', async () => {
  const module = new WebAssembly.Module(kernelBytes('scalar') as Uint8Array<ArrayBuffer>);
  const model = await loadBytes(file, { module: Promise.resolve(module) }, () => assert.unreachable() as never);
  assert.is(model.build, 'scalar');
  const input = randomInput(graph, 1, 10);
  assert.equal([...model.run(input)['scores']], [...evaluate(graph, [input])[0]]);
});

test.run();
