// What every engine has to do, written for none: no module but what is handed in, no host API but WebAssembly, atob and a
// clock. Answers are compared bit for bit with those of the reference.

const BUILDS = ['scalar', 'simd', 'relaxed'];

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function same(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Stored bytes of an output array. */
function bytesOf(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** FNV-1a, 32 bits: tells at a glance that two engines gave equal bytes. */
function digestOf(arrays) {
  let hash = 0x811c9dc5;
  for (const bytes of arrays) for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function throwsNamed(name, work) {
  try {
    await work();
  } catch (error) {
    return check(error.name === name, `expected ${name}, got ${error.name}: ${error.message}`);
  }
  throw new Error(`expected ${name}, got no error`);
}

/**
 * Runs the suite.
 *
 * @param api the package, as this host imports it
 * @param fixtures what fixtures.mjs wrote
 * @param kernels kernels of a build for `module`, or undefined where the host has no other than the package's
 * @param pool `bitlane/pool`, where the host has threads
 * @param light leaves out the thousands: an emulator keeps books of every page that a memory only reserves
 * @returns build used, counts, failures, digest of all outputs, milliseconds from load to the first answer
 */
export async function runSuite({ api, fixtures, kernels = () => undefined, pool, light = false }) {
  const cases = fixtures.map(({ name, model, samples, input, outputs }) => ({
    name,
    model: fromBase64(model),
    samples,
    input: fromBase64(input),
    outputs: Object.entries(outputs).map(([output, text]) => [output, fromBase64(text)]),
  }));
  const failures = [];
  const times = {};
  let passed = 0;
  const test = async (name, work) => {
    try {
      await work();
      passed++;
    } catch (error) {
      failures.push(`${name}: ${error.stack ?? error.message}`);
    }
  };
  const compare = (result, outputs, what = 'output') => {
    for (const [output, expected] of outputs) {
      check(result[output] !== undefined, `${what} has no "${output}"`);
      check(same(bytesOf(result[output]), expected), `${what} "${output}" differs from the reference`);
    }
  };

  const [first] = cases;
  const sample = first.input.length / first.samples;
  const start = performance.now();
  let build = '';
  await test(`${first.name} answers first`, async () => {
    const model = await api.load(first.model);
    const result = model.run(first.input.subarray(0, sample));
    times.coldStart = performance.now() - start;
    build = model.build;
    const row = first.outputs.map(([name, bytes]) => [name, bytes.subarray(0, bytes.length / first.samples)]);
    compare(result, row);
  });

  const all = [];
  for (const { name, model: file, samples, input, outputs } of cases) {
    await test(`${name}, all samples at once`, async () => {
      const model = await api.load(file, { batch: samples });
      const result = model.run(input);
      for (const [output] of outputs) all.push(bytesOf(result[output]));
      compare(result, outputs);
    });
    await test(`${name}, sample by sample and in batches`, async () => {
      const model = await api.load(file, { batch: 2 });
      compare(model.runBatch(input), outputs, 'runBatch');
      const length = input.length / samples;
      for (let i = 0; i < samples; i++) {
        const result = model.run(input.subarray(i * length, (i + 1) * length));
        for (const [output, expected] of outputs) {
          const row = expected.length / samples;
          check(same(bytesOf(result[output]), expected.subarray(i * row, (i + 1) * row)), `sample ${i} differs`);
        }
      }
    });
    for (const name_ of BUILDS) {
      const module = api.supports(name_) ? await kernels(name_) : undefined;
      if (module === undefined) continue;
      await test(`${name}, ${name_} build`, async () => {
        compare((await api.load(file, { batch: samples, module })).run(input), outputs);
      });
    }
  }

  await test('a damaged model is refused', async () => {
    await throwsNamed('ModelFormatError', () => api.load(first.model.subarray(0, 1000)));
    await throwsNamed('ModelFormatError', () => api.load(first.model.slice().fill(255, 4, 400)));
    await throwsNamed('ModelFormatError', () => api.load(new Uint8Array(0)));
  });
  await test('a wrong input is refused', async () => {
    const model = await api.load(first.model);
    await throwsNamed('InputError', () => model.run(first.input.subarray(1, sample)));
    await throwsNamed('InputError', () => model.run(new Float32Array(sample)));
    model.dispose();
    await throwsNamed('InputError', () => model.run(first.input.subarray(0, sample)));
  });
  await test('100 requests at once are answered, with one model and with a model each', async () => {
    const shared = await api.load(first.model);
    const requests = Array.from({ length: 100 }, async (_, i) => {
      const digit = i % first.samples;
      const pixels = first.input.subarray(digit * sample, (digit + 1) * sample);
      await new Promise((resolve) => resolve());
      const own = i < 10 ? await api.load(first.model) : shared;
      for (const [name, bytes] of first.outputs) {
        const row = bytes.length / first.samples;
        const expected = bytes.subarray(digit * row, (digit + 1) * row);
        check(same(bytesOf(own.run(pixels)[name]), expected), `request ${i} differs`);
      }
    });
    await Promise.all(requests);
  });
  const manyTimes = light ? async () => {} : test;
  await manyTimes('1,000 models are loaded, run and disposed', async () => {
    const { model: file, input, samples } = cases[1];
    for (let i = 0; i < 1000; i++) {
      const model = await api.load(file);
      model.run(input.subarray(0, input.length / samples));
      model.dispose();
    }
  });
  await manyTimes('100,000 runs take no further memory', async () => {
    const { model: file, input, samples } = cases[1];
    const model = await api.load(file);
    const { total } = model.summary().memory;
    const one = input.subarray(0, input.length / samples);
    for (let i = 0; i < 100_000; i++) model.run(one);
    check(model.summary().memory.total === total, 'linear memory has grown');
  });
  if (pool !== undefined) {
    await test('a pool of two threads answers as one does, also when asked again at once', async () => {
      const threads = await pool.loadPool(first.model, { threads: 2, batch: 2 });
      const answers = await Promise.all([threads.runBatch(first.input), threads.runBatch(first.input)]);
      for (const result of answers) compare(result, first.outputs, 'pool');
      await throwsNamed('InputError', () => threads.runBatch(first.input.subarray(1)));
      await threads.dispose();
      await throwsNamed('InputError', () => threads.runBatch(first.input));
    });
    await test('a pool refuses a damaged model and leaves no thread behind', async () => {
      await throwsNamed('ModelFormatError', () => pool.loadPool(first.model.subarray(0, 1000), { threads: 2 }));
    });
  }
  return { build, passed, failed: failures.length, failures, digest: digestOf(all), coldStart: times.coldStart };
}
