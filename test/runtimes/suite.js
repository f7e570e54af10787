// What every engine has to do, written for none: no module but what is handed in, no host API but WebAssembly, atob and a
// clock. Answers are compared with those of the reference: integers bit for bit, floats within a tolerance.

const BUILDS = ['scalar', 'simd', 'relaxed'];

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

const TYPES = { Uint8Array, Int8Array, Int16Array, Int32Array, Float32Array };
/** Sums of floats may be taken in another order; integers are equal. As FLOAT_TOLERANCE of the unit tests. */
const FLOAT_TOLERANCE = 1e-4;

/** Arrays of a fixture, by name. */
function decodePorts(ports) {
  return Object.fromEntries(ports.map(([name, type, text]) => [name, new TYPES[type](fromBase64(text).buffer)]));
}

/** Sample `i` of `samples` in arrays by name. */
function sampleOf(arrays, i, samples) {
  const part = (array) => array.subarray((i * array.length) / samples, ((i + 1) * array.length) / samples);
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, part(array)]));
}

function close(a, b) {
  return (
    a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) <= FLOAT_TOLERANCE * Math.max(1, Math.abs(b[i])))
  );
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
 * @returns build used, counts, failures, digest of all outputs that are integers, milliseconds from load to the first answer
 */
export async function runSuite({ api, fixtures, kernels = () => undefined, pool, light = false }) {
  const cases = fixtures.map(({ name, model, samples, inputs, outputs }) => ({
    name,
    model: fromBase64(model),
    samples,
    inputs: decodePorts(inputs),
    outputs: decodePorts(outputs),
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
    for (const [name, expected] of Object.entries(outputs)) {
      const got = result[name];
      check(got !== undefined, `${what} has no "${name}"`);
      const right = expected instanceof Float32Array ? close(got, expected) : same(bytesOf(got), bytesOf(expected));
      check(right, `${what} "${name}" differs from the reference`);
    }
  };

  const [first] = cases;
  const [digits] = Object.values(first.inputs);
  const pixels = (i) => digits.subarray(784 * i, 784 * (i + 1));
  const start = performance.now();
  let build = '';
  await test(`${first.name} answers first`, async () => {
    const model = await api.load(first.model);
    const result = model.run(pixels(0));
    times.coldStart = performance.now() - start;
    build = model.build;
    compare(result, sampleOf(first.outputs, 0, first.samples));
  });

  const all = [];
  for (const { name, model: file, samples, inputs, outputs } of cases) {
    await test(`${name}, all samples at once`, async () => {
      const model = await api.load(file, { batch: samples });
      const result = model.run(inputs);
      compare(result, outputs);
      for (const output of Object.keys(outputs)) {
        if (!(result[output] instanceof Float32Array)) all.push(bytesOf(result[output]));
      }
    });
    await test(`${name}, sample by sample and in batches`, async () => {
      const model = await api.load(file, { batch: 2 });
      compare(model.runBatch(inputs), outputs, 'runBatch');
      for (let i = 0; i < samples; i++) {
        compare(model.run(sampleOf(inputs, i, samples)), sampleOf(outputs, i, samples), `sample ${i},`);
      }
    });
    for (const name_ of BUILDS) {
      const module = api.supports(name_) ? await kernels(name_) : undefined;
      if (module === undefined) continue;
      await test(`${name}, ${name_} build`, async () => {
        compare((await api.load(file, { batch: samples, module })).run(inputs), outputs);
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
    await throwsNamed('InputError', () => model.run(digits.subarray(1, 784)));
    await throwsNamed('InputError', () => model.run(new Float32Array(784)));
    model.dispose();
    await throwsNamed('InputError', () => model.run(pixels(0)));
  });
  await test('100 requests at once are answered, with one model and with a model each', async () => {
    const shared = await api.load(first.model);
    const requests = Array.from({ length: 100 }, async (_, i) => {
      const digit = i % first.samples;
      await new Promise((resolve) => resolve());
      const own = i < 10 ? await api.load(first.model) : shared;
      compare(own.run(pixels(digit)), sampleOf(first.outputs, digit, first.samples), `request ${i}`);
    });
    await Promise.all(requests);
  });
  const manyTimes = light ? async () => {} : test;
  await manyTimes('1,000 models are loaded, run and disposed', async () => {
    const { model: file, inputs, samples } = cases[1];
    const one = sampleOf(inputs, 0, samples);
    for (let i = 0; i < 1000; i++) {
      const model = await api.load(file);
      model.run(one);
      model.dispose();
    }
  });
  await manyTimes('100,000 runs take no further memory', async () => {
    const { model: file, inputs, samples } = cases[1];
    const model = await api.load(file);
    const { total } = model.summary().memory;
    const one = sampleOf(inputs, 0, samples);
    for (let i = 0; i < 100_000; i++) model.run(one);
    check(model.summary().memory.total === total, 'linear memory has grown');
  });
  if (pool !== undefined) {
    await test('a pool of two threads answers as one does, also when asked again at once', async () => {
      const threads = await pool.loadPool(first.model, { threads: 2, batch: 2 });
      const answers = await Promise.all([threads.runBatch(digits), threads.runBatch(digits)]);
      for (const result of answers) compare(result, first.outputs, 'pool');
      await throwsNamed('InputError', () => threads.runBatch(digits.subarray(1)));
      await threads.dispose();
      await throwsNamed('InputError', () => threads.runBatch(digits));
    });
    await test('a pool refuses a damaged model and leaves no thread behind', async () => {
      await throwsNamed('ModelFormatError', () => pool.loadPool(first.model.subarray(0, 1000), { threads: 2 }));
    });
  }
  return { build, passed, failed: failures.length, failures, digest: digestOf(all), coldStart: times.coldStart };
}
