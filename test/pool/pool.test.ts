// A pool of threads answers as one thread does, whatever the number of samples; on the package as it is built in dist/.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InputError } from '../../src/errors.js';
import { loadBytes } from '../../src/load.js';
import { writeModel } from '../../src/model/write.js';
import type * as pool from '../../src/pool/node.js';
import { kernelBytes } from '../helpers/builds.js';
import { denseNetwork, randomInput } from '../helpers/graphs.js';

const built = new URL('../../../dist/pool/node.js', import.meta.url);
const { loadPool } = (await import(built.href)) as typeof pool;
const graph = denseNetwork({ seed: 31, inputBits: 8, inputs: 50, widths: [33, 10] });
const file = writeModel(graph);

test('runBatch of a model and of a pool give what run gives', async () => {
  const model = await loadBytes(file, { batch: 4 }, kernelBytes);
  const threads = await loadPool(file, { threads: 2, batch: 4 });
  for (const samples of [1, 3, 4, 5, 8, 33, 100]) {
    const input = randomInput(graph, samples, samples);
    const expected = Array.from({ length: samples }, (_, i) => [
      ...model.run(input.subarray(i * 50, (i + 1) * 50))['scores'],
    ]).flat();
    assert.equal([...model.runBatch(input)['scores']], expected, `${samples} samples`);
    assert.equal([...(await threads.runBatch({ input }))['scores']], expected, `${samples} samples, pool`);
    assert.is(input.length, 50 * samples);
  }
  await threads.dispose();
});

test('runBatch refuses what is not whole samples, of a model and of a pool', async () => {
  const model = await loadBytes(file, { batch: 4 }, kernelBytes);
  const threads = await loadPool(file, { threads: 1 });
  for (const input of [new Uint8Array(0), new Uint8Array(51), new Float32Array(50)]) {
    assert.throws(
      () => model.runBatch(input),
      (error: Error) => error instanceof InputError,
    );
    try {
      await threads.runBatch(input);
      assert.unreachable();
    } catch (error) {
      // The pool is compiled apart from the tests: its classes are others of the same name.
      assert.is((error as Error).name, 'InputError');
    }
  }
  const input = randomInput(graph, 2, 1);
  assert.equal(await threads.runBatch(input), model.runBatch(input), 'a refused input breaks nothing');
  await threads.dispose();
});

const messageOf = (failing: Promise<unknown>): Promise<string> =>
  failing.then(
    () => 'no error',
    (error: Error) => error.message,
  );

test('dispose fails what is under way, and what comes after', async () => {
  const threads = await loadPool(file, { threads: 2 });
  const running = messageOf(threads.runBatch(randomInput(graph, 1000, 1)));
  await threads.dispose();
  assert.match(await running, 'got disposed');
  assert.match(await messageOf(threads.runBatch(randomInput(graph, 1, 1))), 'got disposed');
});

test('loadPool refuses a number of threads that is none', async () => {
  for (const threads of [0, 1.5, 257]) {
    const failed = await loadPool(file, { threads }).catch((error: Error) => error);
    assert.instance(failed, RangeError);
  }
});

test.run();
