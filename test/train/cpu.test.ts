// The CPU backend: the kernels on one thread, training on two.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../src/numerics/random.js';
import { CpuBackend } from '../../src/train/cpu/backend.js';
import type { Checkpoint } from '../../src/train/checkpoint.js';
import { Prefetcher } from '../../src/train/data/prefetch.js';
import type { Backend, Call } from '../../src/train/kernels.js';
import { SIGN } from '../../src/train/maps.js';
import { train, type Recipe, type TrainOptions, type TrainProgress } from '../../src/train/trainer.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { CpuReference } from './cpu.js';
import { kernelTests } from './kernels.js';
import { CONV_RECIPE, DATA, rejects, trainingTests } from './training.js';

const test = suite('train/cpu');
const wasm = readFileSync('dist/train.simd.wasm');

kernelTests(test, { 'one thread': () => CpuBackend.create({ threads: 1, wasm }) });

const two = await CpuBackend.create({ threads: 2, wasm });
trainingTests(test, () => two);

test('products with signs are exact for integers and close for others, whatever the shape and the threads', async () => {
  const random = new Random(4);
  for (const [m, n, k] of [
    [1, 64, 1],
    [17, 67, 41],
    [100, 130, 83],
    [130, 601, 40],
  ] as const) {
    for (const [transposeA, transposeB] of [
      [false, true],
      [false, false],
      [true, false],
    ] as const) {
      const accumulate = m % 2 === 1;
      // Rows of bits end with whole bytes, so that a matrix has to have its own shape.
      const shape = transposeB ? [n, k] : [k, n];
      const [a, s, v, w, c, d] = [
        tensor('a', [m, k]),
        tensor('s', shape),
        tensor('v', shape),
        tensor('w', [k, n]),
        tensor('c', [m, n]),
        tensor('d', [m, n]),
      ];
      const product = (right: Tensor, out: Tensor): Call => {
        return { kernel: 'matmul', params: { m, n, k, transposeA, transposeB, accumulate }, tensors: [a, right, out] };
      };
      const signs: Call = { kernel: 'map', params: { ...SIGN, size: w.size, alpha: 1 }, tensors: [w, s] };
      const integers = m === 17;
      const left = Float32Array.from({ length: a.size }, () =>
        integers ? 2 * random.below(256) - 255 : random.uniform(-1, 1),
      );
      const latent = Float32Array.from({ length: w.size }, () => random.uniform(-1, 1));
      const results: Float32Array[] = [];
      for (const backend of [await CpuBackend.create({ threads: 1, wasm }), two]) {
        backend.write(a, left);
        backend.write(w, latent);
        (await backend.compile([signs, product(s, c)])).run();
        // Compiled apart, the product does not know that its operand holds signs: the plain path.
        const plainSigns: Call = { ...signs, tensors: [w, v] };
        (await backend.compile([plainSigns])).run();
        (await backend.compile([product(v, d)])).run();
        results.push(await backend.read(c));
        const plain = await backend.read(d);
        const largest = results[0].reduce((max, value, i) => Math.max(max, Math.abs(value - plain[i])), 0);
        assert.ok(largest <= (integers ? 0 : 1e-5), `${m} x ${n} x ${k}: ${largest}`);
      }
      assert.equal(results[1], results[0]);
    }
  }
});

test('patches of signs are looked up as well, and what zero padding adds is taken back', async () => {
  const random = new Random(7);
  const one = await CpuBackend.create({ threads: 1, wasm });
  let keptAsBits = 0;
  for (const [images, height, width, channels, kernel, stride, padding, outputs] of [
    [3, 5, 7, 8, 3, 1, 1, 16],
    [2, 6, 6, 3, 5, 1, 2, 17],
    [5, 7, 5, 8, 3, 2, 1, 67],
    [1, 9, 9, 1, 9, 1, 4, 1],
    [70, 1, 1, 8, 3, 1, 1, 5],
    [2, 6, 6, 11, 3, 1, 0, 33],
    [4, 4, 4, 7, 3, 1, 2, 130],
    [3, 5, 5, 33, 3, 1, 1, 40],
    [2, 8, 8, 64, 3, 1, 1, 16],
    [9, 3, 3, 100, 1, 1, 0, 3],
  ] as const) {
    const out = (side: number): number => Math.floor((side + 2 * padding - kernel) / stride) + 1;
    const [outHeight, outWidth] = [out(height), out(width)];
    const [positions, inputs] = [images * outHeight * outWidth, kernel * kernel * channels];
    const x = tensor('x', [images * height * width, channels]);
    const s = tensor('s', x.shape);
    const [w, dy] = [tensor('w', [outputs, inputs]), tensor('dy', [positions, outputs])];
    const results = () => [tensor('y', dy.shape), tensor('dw', w.shape)] as const;
    const geometry = { images, height, width, channels, kernel, stride, padding, outHeight, outWidth };
    const made = (p: Tensor): Call[] => [
      { kernel: 'map', params: { ...SIGN, size: x.size, alpha: 1 }, tensors: [x, s] },
      { kernel: 'im2col', params: geometry, tensors: [s, p] },
    ];
    const forward = { m: positions, n: outputs, k: inputs, transposeA: false, transposeB: true, accumulate: false };
    const weights = { m: outputs, n: inputs, k: positions, transposeA: true, transposeB: false, accumulate: true };
    const products = (p: Tensor, [y, dw]: ReturnType<typeof results>): Call[] => [
      { kernel: 'matmul', params: forward, tensors: [p, w, y] },
      { kernel: 'matmul', params: weights, tensors: [dy, p, dw] },
    ];
    const latent = Float32Array.from({ length: x.size }, () => random.uniform(-1, 1));
    // Integers, whose sums are exact in any order.
    const factors = [w, dy].map((t) => Float32Array.from({ length: t.size }, () => random.below(15) - 7));
    for (const backend of [one, two]) {
      const [looked, plain] = [results(), results()];
      backend.write(x, latent);
      [w, dy].forEach((t, i) => backend.write(t, factors[i]));
      const [bits, numbers] = [tensor('bits', [positions, inputs]), tensor('patches', [positions, inputs])];
      (await backend.compile([...made(bits), ...products(bits, looked)])).run();
      // Both products look up from 64 positions and 64 inputs on: nothing else reads such patches, and nobody can.
      const read = await backend.read(bits).catch(() => null);
      assert.is(read === null, positions >= 64 && inputs >= 64);
      if (read === null) keptAsBits++;
      // Compiled apart, products do not know what the patches hold, which are numbers for them.
      (await backend.compile(made(numbers))).run();
      (await backend.compile(products(numbers, plain))).run();
      for (const [i, what] of ['y', 'dW'].entries()) {
        const label = `${what} of ${[images, height, width, channels, kernel, stride, padding, outputs].join(' ')}`;
        assert.equal(await backend.read(looked[i]), await backend.read(plain[i]), label);
      }
    }
  }
  assert.is(keptAsBits, 14);
});

for (const [transposeA, transposeB] of [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const) {
  test(`products of any k are cut into slices: a ${transposeA ? 'transposed' : 'as is'}, b ${transposeB ? 'transposed' : 'as is'}`, async () => {
    for (const k of [65_535, 65_537, 140_001]) {
      const random = new Random(k);
      const [m, n] = [5, 9];
      const [a, b, c] = [tensor('a', [m, k]), tensor('b', [k, n]), tensor('c', [m, n])];
      const judge = new CpuReference();
      // Integers, whose sums stay below 2^24: exact in any order.
      const integers = (t: Tensor) => Float32Array.from({ length: t.size }, () => random.below(9) - 4);
      for (const t of [a, b, c]) {
        const values = integers(t);
        two.write(t, values);
        judge.write(t, values);
      }
      const params = { m, n, k, transposeA, transposeB, accumulate: k % 3 === 0 };
      const calls: Call[] = [{ kernel: 'matmul', params, tensors: [a, b, c] }];
      (await two.compile(calls)).run();
      (await judge.compile(calls)).run();
      assert.equal(await two.read(c), await judge.read(c), `k ${k}`);
    }
  });
}

test('every sum of a product runs along k in order, whatever its tiles, panels, tasks and threads', async () => {
  const one = await CpuBackend.create({ threads: 1, wasm });
  for (const [m, n, k] of [
    [1, 1, 1],
    [4, 8, 512],
    [3, 7, 513],
    [5, 9, 511],
    // Panels of the first matrix, as the second is larger.
    [13, 70, 1027],
    [20, 129, 40],
    // Several tasks side by side, and of several tiles, whose sums wait between parts of k.
    [67, 307, 601],
    [150, 129, 601],
    [129, 150, 601],
    [307, 67, 601],
    [150, 600, 129],
    // A second matrix so large that it is read in strides rather than copied.
    [6, 1499, 1501],
  ] as const) {
    const random = new Random(m + n + k);
    const [left, right, before] = [m * k, k * n, m * n].map((size) =>
      Float32Array.from({ length: size }, () => random.uniform(-1, 1)),
    );
    const orders = [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ];
    for (const [transposeA, transposeB] of orders) {
      const sums = new Float32Array(m * n);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) {
            const product = left[transposeA ? l * m + i : i * k + l] * right[transposeB ? j * k + l : l * n + j];
            sum = Math.fround(sum + Math.fround(product));
          }
          sums[i * n + j] = sum;
        }
      }
      for (const accumulate of [false, true]) {
        const expected = accumulate ? sums.map((sum, i) => before[i] + sum) : sums;
        for (const backend of [one, two]) {
          const [a, b, c] = [tensor('a', [m, k]), tensor('b', [k, n]), tensor('c', [m, n])];
          [left, right, before].forEach((values, i) => backend.write([a, b, c][i], values));
          const params = { m, n, k, transposeA, transposeB, accumulate };
          (await backend.compile([{ kernel: 'matmul', params, tensors: [a, b, c] }])).run();
          assert.equal(await backend.read(c), expected, `${JSON.stringify(params)}: ${backend.description}`);
        }
      }
    }
  }
  one.dispose();
});

test('the softmax of a vocabulary is right to single precision however far its scores lie apart', async () => {
  const [rows, channels] = [4, 1003];
  const [scores, labels] = [tensor('scores', [rows, channels]), tensor('labels', [rows], 'u32')];
  const [parts, loss] = [tensor('parts', [rows, 4]), tensor('dloss', [1])];
  const gradient = tensor('dscores', [rows, channels]);
  // Neighbours, a spread over all exponents, one far above the others, and a number that is none.
  const values = Float32Array.from({ length: scores.size }, (_, i) => {
    const [row, c] = [Math.floor(i / channels), i % channels];
    return [c / 1e4, 40 - c / 7, c === 500 ? 300 : -c, c === 77 ? NaN : 0][row];
  });
  two.write(scores, values);
  two.write(labels, Uint32Array.of(3, 1002, 500, 0));
  two.write(loss, Float32Array.of(rows));
  const backward = { rows, channels, accumulate: false };
  const program = await two.compile([
    { kernel: 'crossEntropyRows', params: { rows, channels }, tensors: [scores, labels, parts] },
    { kernel: 'crossEntropyBackward', params: backward, tensors: [scores, labels, parts, loss, gradient] },
  ]);
  program.run();
  const [got, slopes] = [await two.read(parts), await two.read(gradient)];
  let [largestLoss, largest] = [0, 0];
  for (const [row, label] of [3, 1002, 500].entries()) {
    const own = values.subarray(row * channels, (row + 1) * channels);
    const highest = Math.max(...own);
    const total = highest + Math.log(own.reduce((sum, v) => sum + Math.exp(v - highest), 0));
    largestLoss = Math.max(largestLoss, Math.abs(got[4 * row] - (total - own[label])) / Math.max(1, total));
    own.forEach((v, c) => {
      // By the sum as it was rounded: what is judged is exp.
      const share = Math.exp(Math.fround(v - got[4 * row + 2]));
      const error = Math.abs(slopes[row * channels + c] - share + (c === label ? 1 : 0));
      if (share < 2 ** -125) assert.ok(error < 2 ** -124);
      else if (c !== label) largest = Math.max(largest, error / share);
    });
  }
  console.log(
    `  softmax of ${channels}: loss at most ${largestLoss.toExponential(1)} off, shares ${largest.toExponential(1)}`,
  );
  assert.ok(largestLoss < 3e-7 && largest < 3e-7);
  assert.ok(Number.isNaN(got[12]));
});

test('batches that a thread prepares ahead change neither results nor checkpoints, and the thread ends with the run', async () => {
  const recipe: Recipe = { ...CONV_RECIPE, epochs: 3, augmentation: { padding: 1, flip: true } };
  // A device that says that it leaves the host free.
  const concurrent: Backend = {
    concurrent: true,
    description: two.description,
    compile: (calls) => two.compile(calls),
    write: (t, data) => two.write(t, data),
    read: (t) => two.read(t),
    dispose: () => {},
  };
  const create = Prefetcher.create.bind(Prefetcher);
  let [begun, ended] = [0, 0];
  Prefetcher.create = async (...args) => {
    const prefetcher = await create(...args);
    const dispose = prefetcher.dispose.bind(prefetcher);
    begun++;
    prefetcher.dispose = async () => {
      await dispose();
      ended++;
    };
    return prefetcher;
  };
  try {
    const run = async (device: Backend, options: TrainOptions = {}) => {
      const checkpoints: Checkpoint[] = [];
      const onCheckpoint = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
      const trained = train(recipe, DATA, { device, onCheckpoint, checkpointSeconds: 0, ...options });
      return { checkpoints, trained, result: await trained.catch(() => null) };
    };
    const usual = await run(two);
    assert.is(begun, 0);
    const ahead = await run(concurrent);
    assert.equal([begun, ended], [1, 1]);
    assert.equal(ahead.result, usual.result);
    // The order, and the generator as if nothing had been drawn ahead.
    assert.ok(usual.checkpoints.length >= 6);
    assert.equal(ahead.checkpoints, usual.checkpoints);
    const inside = ahead.checkpoints.find(({ epoch, step }) => epoch === 2 && step === 10)!;
    assert.equal((await run(concurrent, { resume: inside })).result, usual.result);
    const stop = new AbortController();
    const onProgress = ({ epoch }: TrainProgress) => epoch === 2 && stop.abort();
    const stopped = await run(concurrent, { signal: stop.signal, onProgress });
    await rejects(stopped.trained, /training was stopped/);
    assert.equal([begun, ended], [3, 3]);
    const last = stopped.checkpoints.at(-1)!;
    assert.is(last.epoch, 2);
    assert.equal((await run(two, { resume: last })).result, usual.result);
  } finally {
    Prefetcher.create = create;
  }
});

test('a backend of no threads is refused', async () => {
  const error: unknown = await CpuBackend.create({ threads: 0, wasm }).catch((reason: unknown) => reason);
  assert.instance(error, RangeError);
  assert.match((error as RangeError).message, /"threads" expected an integer >= 1, got 0/);
});

test.after(() => two.dispose());
test.run();
