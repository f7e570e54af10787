// What is measured: one large product of sign matrices, the MLP of the BNN paper over one large batch, and training steps of
// its ConvNet. Products and networks run as float32 without any optimization (the paper's baseline), as bitlane's float32,
// and as bitlane's bits, on equal numbers; results are compared before anything is timed.
import { matmulSigns, packSigns, wordsOf } from '../../dist/train/wgsl/bits.js';
import { GpuBackend } from '../../dist/train/gpu.js';
import { gatherBytes } from '../../dist/train/layers.js';
import { compileStep } from '../../dist/train/loop.js';
import { squaredHinge } from '../../dist/train/losses.js';
import { Model } from '../../dist/train/model.js';
import { adam } from '../../dist/train/optimizers.js';
import { cifar10Convnet } from '../../dist/train/recipes/cifar10-convnet.js';
import { Tape } from '../../dist/train/tape.js';
import { tensor } from '../../dist/train/tensor.js';
import { Random } from '../../dist/numerics/random.js';

/** One thread an output, no shared memory, no vectors: a (m, k), b (n, k), c (m, n). */
function unoptimized({ m, n, k }) {
  const code = `@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@compute @workgroup_size(16, 16) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.y >= ${m}u || id.x >= ${n}u) { return; }
  var sum = 0.0;
  for (var s = 0u; s < ${k}u; s++) { sum += a[id.y * ${k}u + s] * b[id.x * ${k}u + s]; }
  c[id.y * ${n}u + id.x] = sum;
}`;
  return { code, workgroups: [Math.ceil(n / 16), Math.ceil(m / 16), 1] };
}

const shapeOf = (m, n, k) => ({ m, n, k, transposeA: false, transposeB: true, accumulate: false });

/** Steps of c = a b^T for a (m, k) and b (n, k) in three ways, in buffers of their own. */
function products(bench, [m, n, k], [a, b], c) {
  const shape = shapeOf(m, n, k);
  const words = wordsOf(k);
  const packed = [bench.buffer(m * words), bench.buffer(n * words)];
  const packing = [
    { shader: packSigns({ lines: m, k, transposed: false }), buffers: [a, packed[0]] },
    { shader: packSigns({ lines: n, k, transposed: true }), buffers: [b, packed[1]] },
  ];
  const counting = [{ shader: matmulSigns(shape, bench.handle), buffers: [...packed, c] }];
  return {
    unoptimized: [{ shader: unoptimized({ m, n, k }), buffers: [a, b, c] }],
    f32: [bench.step('matmul', shape, [a, b, c])],
    binary: [...packing, ...counting],
    counting,
    packing,
  };
}

const signs = (length, random) => Float32Array.from({ length }, () => (random.uint32() & 1 ? 1 : -1));

/** Milliseconds of an unoptimized product of side 256: what sizes are chosen by. */
export async function probe(bench, timed) {
  const [a, b, c] = [0, 1, 2].map(() => bench.buffer(256 * 256));
  const run = await bench.program(products(bench, [256, 256, 256], [a, b], c).unoptimized);
  await run(1);
  return Math.min(await timed(run), await timed(run));
}

/** Contenders of a product of side `size`; `rivals` bring theirs. */
export async function matmulWork(bench, size, rivals) {
  const random = new Random(1);
  const [left, right] = [signs(size * size, random), signs(size * size, random)];
  const [a, b, c] = [bench.buffer(left), bench.buffer(right), bench.buffer(size * size)];
  const exact = (row, column) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += left[row * size + k] * right[column * size + k];
    return sum;
  };
  const check = (name, values) => {
    for (let i = 0; i < 200; i++) {
      const [row, column] = [(i * 7919 + 3) % size, (i * 104729 + 11) % size];
      const [got, expected] = [values[row * size + column], exact(row, column)];
      if (got !== expected) throw new Error(`${name}: sum (${row}, ${column}) is ${got}, not ${expected}`);
    }
  };
  const ways = products(bench, [size, size, size], [a, b], c);
  const contenders = {};
  for (const [name, steps] of Object.entries(ways)) {
    contenders[name] = await bench.program(steps);
    await contenders[name](1);
    if (name !== 'packing') check(name, await bench.read(c));
  }
  for (const rival of rivals) {
    const { run, values } = await rival.matmul(left, right, size);
    check(rival.name, values);
    contenders[rival.name] = run;
  }
  const release = () => [a, b, c].forEach((buffer) => buffer.destroy());
  return { name: `matmul ${size} x ${size} x ${size}`, macs: size ** 3, contenders, release };
}

const MLP = [784, 4096, 4096, 4096, 10];

/** Contenders of the MLP over `images` images: pixels as odd integers, signs between layers, sums of the last as scores. */
export async function mlpWork(bench, images) {
  const random = new Random(2);
  const pixels = Float32Array.from({ length: images * MLP[0] }, () => 2 * random.below(256) - 255);
  const input = bench.buffer(pixels);
  const weights = MLP.slice(1).map((outputs, i) => bench.buffer(signs(outputs * MLP[i], random)));
  // Scale 1 and shift 0.5: the sign of a sum, where 0 is +1.
  const affine = bench.buffer(Float32Array.from({ length: 2 * 4096 }, (_, i) => (i < 4096 ? 1 : 0.5)));
  const [sums, bits] = [bench.buffer(images * 4096), bench.buffer(images * 4096)];
  const scores = bench.buffer(images * 10);
  const network = (way) =>
    MLP.slice(1).flatMap((outputs, i) => {
      const last = i === MLP.length - 2;
      const target = last ? scores : sums;
      const from = i === 0 ? input : bits;
      // Pixels are no signs: the first layer of the binary network is the float32 one.
      const kind = i === 0 && way === 'binary' ? 'f32' : way;
      const product = products(bench, [images, outputs, MLP[i]], [from, weights[i]], target)[kind];
      if (last) return product;
      return [...product, bench.step('affineSign', { rows: images, channels: outputs }, [sums, affine, bits])];
    });
  const contenders = {};
  let expected;
  for (const way of ['unoptimized', 'f32', 'binary']) {
    contenders[way] = await bench.program(network(way));
    await contenders[way](1);
    const got = await bench.read(scores);
    expected ??= got;
    const wrong = got.findIndex((value, i) => value !== expected[i]);
    if (wrong >= 0) throw new Error(`MLP, ${way}: score ${wrong} is ${got[wrong]}, not ${expected[wrong]}`);
  }
  const macs = images * MLP.slice(1).reduce((sum, outputs, i) => sum + outputs * MLP[i], 0);
  const release = () => [input, ...weights, sums, bits].forEach((buffer) => buffer.destroy());
  return { name: `MLP 784-4096x3-10, ${images} images`, macs, contenders, release };
}

/** Training steps of the CIFAR-10 ConvNet: forward, backward, Adam. */
export async function trainingWork(bench, batch) {
  const backend = new GpuBackend(bench.handle);
  const model = new Model([32, 32, 3], cifar10Convnet().layers(10));
  const random = new Random(3);
  model.initialize(backend, random, 'uniform');
  const data = tensor('images', [(batch * 3072) / 4], 'u32');
  backend.write(
    data,
    Uint32Array.from({ length: data.size }, () => random.uint32()),
  );
  const [indices, labels] = ['indices', 'labels'].map((label) => tensor(label, [batch], 'u32'));
  backend.write(
    indices,
    Uint32Array.from({ length: batch }, (_, i) => i),
  );
  backend.write(
    labels,
    Uint32Array.from({ length: batch }, () => random.below(10)),
  );
  const tape = new Tape();
  const scores = model.trainingPass(tape, gatherBytes(tape, data, indices, 3072));
  const loss = squaredHinge(tape, scores, labels, tensor('totals', [2]));
  const optimizer = adam();
  const moving = model.parameters.map(({ tensor: parameter, fan }) => {
    return { tensor: parameter, rule: { stepScale: 1, clip: fan ? 1 : null } };
  });
  const { program } = await compileStep(backend, tape, loss, optimizer, moving);
  backend.write(optimizer.rates, optimizer.ratesAt(1, 1e-3));
  const run = async (times) => {
    for (let i = 0; i < times; i++) program.run();
    await bench.device.queue.onSubmittedWorkDone();
    bench.handle.check();
  };
  await run(1);
  const [value] = await backend.read(loss);
  if (!Number.isFinite(value)) throw new Error(`training: the loss is ${value}`);
  return {
    name: `CIFAR-10 ConvNet, training, batch ${batch}`,
    contenders: { 'training step': run },
    release: () => backend.dispose(),
  };
}
