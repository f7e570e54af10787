// Post-training quantization to powers of two: integers as the runtime computes them, shortcuts, and accuracy beside the
// float network. Trained on MNIST where its files are at hand ($BITLANE_MNIST or ../shared/data/mnist), else on pictures of
// its size that are made here.
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ExportError } from '../../src/errors.js';
import { quantizeDataflow } from '../../src/export/dataflow.js';
import { evaluateFloat, type FloatNetwork } from '../../src/export/floatnet.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/numerics/random.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { CpuBackend } from '../../src/train/cpu/backend.js';
import { loadMnist } from '../../src/train/data/mnist.js';
import { addBias, conv2d, dense, map, pool, reshape } from '../../src/train/layers.js';
import { compileStep } from '../../src/train/loop.js';
import { crossEntropy } from '../../src/train/losses.js';
import { RELU } from '../../src/train/maps.js';
import { adam } from '../../src/train/optimizers.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { load } from '../../src/index.node.js';
import { kernelBytes } from '../helpers/builds.js';

const test = suite('export/dataflow');

const SIMD = { build: 'simd', module: kernelBytes('simd') } as const;
const random = new Random(6);
const floats = (length: number, limit: number) => Float32Array.from({ length }, () => random.uniform(-limit, limit));

/** Two convolutions, a join with a projection, a pool, a join with an identity, and scores. */
function residualNetwork(): FloatNetwork {
  const conv = (name: string, inputs: number, kernel: number, extra: object) => ({
    kind: 'conv2d' as const,
    name,
    weights: floats(6 * kernel * kernel * inputs, 0.4),
    outputs: 6,
    bias: floats(6, 0.3),
    kernel,
    padding: kernel >> 1,
    relu: true,
    ...extra,
  });
  return {
    name: 'residual',
    inputShape: [9, 8, 3],
    modules: [
      conv('first', 3, 3, {}),
      conv('projection', 3, 1, { input: 'first', weights: floats(6 * 6, 0.4), relu: false }),
      conv('joined', 6, 3, { input: 'first', residual: 'projection' }),
      { kind: 'maxPool', name: 'pool', size: 2 },
      conv('identity', 6, 3, { residual: 'pool', bias: undefined }),
      { kind: 'dense', name: 'scores', weights: floats(4 * 96, 0.2), outputs: 4, bias: floats(4, 1), relu: false },
    ],
  };
}

test('quantizeDataflow() gives a graph that computes its integers, with shortcuts, on every way to run it', async () => {
  const network = residualNetwork();
  const samples = Array.from({ length: 12 }, () => floats(9 * 8 * 3, 1));
  const { graph, quantize, modules, roundings } = quantizeDataflow(network, samples.slice(0, 8));
  const model = await load(writeModel(graph), SIMD);
  let [signal, noise] = [0, 0];
  for (const sample of samples) {
    const input = quantize(sample);
    const { scores } = model.run(input) as Record<string, Int32Array>;
    const [reference] = evaluate(graph, [input]);
    assert.equal([...scores], [...reference]);
    const exact = evaluateFloat(network, sample);
    exact.forEach((value, i) => {
      signal += value ** 2;
      noise += (value - scores[i] * 2 ** -modules.at(-1)!.output) ** 2;
    });
  }
  model.dispose();
  const error = Math.sqrt(noise / signal);
  console.log(
    `residual net: relative error of the scores ${error.toFixed(4)}; by module ${modules.map((m) => m.error.toFixed(4)).join(', ')}`,
  );
  assert.ok(error < 0.05, `relative error ${error}`);
  // One rounding for each fused module: the joins add none.
  assert.is(roundings, 4);
  assert.is(
    graph.nodes.filter(({ operator }) => 'transform' in operator && operator.transform?.kind === 'requantize').length,
    4,
  );
});

test('quantizeDataflow() weighs clipping against rounding: scales are those of the least error', () => {
  // One large value among small ones is better clipped than resolved at the cost of all others.
  const weights = Float32Array.from({ length: 400 }, (_, i) => (i === 7 ? 1.05 : ((i % 21) - 10) / 100));
  const network: FloatNetwork = {
    name: 'one',
    inputShape: [400],
    modules: [{ kind: 'dense', name: 'one', weights, outputs: 1, relu: false, bias: Float32Array.of(0.1) }],
  };
  const samples = Array.from({ length: 30 }, () => floats(400, 0.9));
  const { modules } = quantizeDataflow(network, samples);
  assert.is(modules[0].weights, 7);
  const plain = quantizeDataflow(
    {
      ...network,
      modules: [{ ...network.modules[0], weights: weights.map((w) => Math.max(-0.1, Math.min(0.1, w))) }],
    } as FloatNetwork,
    samples,
  );
  assert.ok(plain.modules[0].weights >= 9);
});

test('quantizeDataflow() refuses networks that do not fit, by the name of the module', () => {
  const network = residualNetwork();
  const sample = [floats(216, 1)];
  const refused = (change: Partial<FloatNetwork>, expected: RegExp) => {
    assert.throws(
      () => quantizeDataflow({ ...network, ...change }, sample),
      (error: unknown) => error instanceof ExportError && expected.test(error.message),
    );
  };
  const [first, ...rest] = network.modules;
  refused({ modules: [{ ...first, input: 'later' }, ...rest] }, /"first" expected a module before it/);
  refused({ inputShape: [216] }, /module "first" expected height, width and channels, got \[216\]/);
  refused({ inputShape: [9, 8, 2] }, /module "first" expected 6 x 18 weights and 6 biases, got 162 and 6/);
  refused({ modules: [first] }, /module "first" expected no ReLU and no residual at the end/);
  refused({ modules: [] }, /expected modules and samples, got 0 and 1/);
  refused({ inputShape: [9, 9, 3] }, /sample 0 expected 243 numbers, got 216/);
});

interface Pictures {
  readonly name: string;
  readonly train: { readonly samples: Uint8Array; readonly labels: Uint8Array };
  readonly test: { readonly samples: Uint8Array; readonly labels: Uint8Array };
}

async function pictures(): Promise<Pictures> {
  const folder = process.env['BITLANE_MNIST'] ?? '../shared/data/mnist';
  if (existsSync(`${folder}/t10k-images-idx3-ubyte.gz`) || existsSync(`${folder}/t10k-images-idx3-ubyte`)) {
    const { train, test: held } = await loadMnist(folder);
    const part = ({ samples, labels }: typeof train, count: number) => {
      return { samples: samples.subarray(0, 784 * count), labels: labels.subarray(0, count) };
    };
    return { name: 'MNIST', train: part(train, 9600), test: part(held, 500) };
  }
  // A blurred pattern for each class, shifted and noisy.
  const patterns = Array.from({ length: 10 }, () => Array.from({ length: 49 }, () => random.below(256)));
  const make = (count: number) => {
    const labels = Uint8Array.from({ length: count }, () => random.below(10));
    const samples = new Uint8Array(784 * count);
    labels.forEach((label, i) => {
      const [down, right] = [random.below(3), random.below(3)];
      for (let p = 0; p < 784; p++) {
        const [y, x] = [(Math.floor(p / 28) + down) % 28, ((p % 28) + right) % 28];
        const value = patterns[label][(y >> 2) * 7 + (x >> 2)] + random.below(401) - 200;
        samples[784 * i + p] = Math.max(0, Math.min(255, value));
      }
    });
    return { samples, labels };
  };
  return { name: 'pictures made here', train: make(9600), test: make(500) };
}

const pixels = (bytes: Uint8Array) => Float32Array.from(bytes, (p) => p / 255);

/** Trains 8C3-MP2-16C3-MP2-10 for an epoch on the processor. */
async function trainFloat({ train }: Pictures): Promise<FloatNetwork> {
  const backend = await CpuBackend.create({ threads: 2, wasm: readFileSync('dist/train.simd.wasm') });
  const batch = 64;
  const shapes = [
    [8, 9],
    [16, 72],
    [10, 784],
  ] as const;
  const weights = shapes.map((shape, i) => tensor(`w${i}`, shape));
  const biases = shapes.map(([outputs], i) => tensor(`b${i}`, [outputs]));
  const x = tensor('x', [batch * 784, 1]);
  const labels = tensor('labels', [batch], 'u32');
  const tape = new Tape();
  for (const t of [...weights, ...biases]) tape.watch(t);
  const block = (from: Tensor, i: number, side: number, channels: number): Tensor => {
    const image = { images: batch, height: side, width: side, channels };
    const sums = conv2d(tape, from, weights[i], image, { kernel: 3, stride: 1, padding: 1 }, `c${i}`);
    const active = map(tape, addBias(tape, sums, biases[i], `s${i}`), RELU, `r${i}`);
    return pool(tape, active, { ...image, channels: shapes[i][0] }, { size: 2 }, `p${i}`);
  };
  const features = reshape(tape, block(block(x, 0, 28, 1), 1, 14, 8), [batch, 784], 'features');
  const scores = addBias(tape, dense(tape, features, weights[2], 'd'), biases[2], 'scores');
  const optimizer = adam();
  const rule = { stepScale: 1, clip: null };
  const moving = [...weights, ...biases].map((t) => ({ tensor: t, rule }));
  const { program } = await compileStep(
    backend,
    tape,
    crossEntropy(tape, scores, labels, tensor('totals', [2])),
    optimizer,
    moving,
  );
  weights.forEach((t, i) => backend.write(t, floats(t.size, Math.sqrt(6 / shapes[i][1]))));
  for (let step = 0; (step + 1) * batch <= train.labels.length; step++) {
    backend.write(x, pixels(train.samples.subarray(step * batch * 784, (step + 1) * batch * 784)));
    backend.write(labels, Uint32Array.from(train.labels.subarray(step * batch, (step + 1) * batch)));
    backend.write(optimizer.rates, optimizer.ratesAt(step + 1, 2e-3));
    program.run();
  }
  const read = async (i: number) => ({
    weights: await backend.read(weights[i]),
    bias: await backend.read(biases[i]),
    outputs: shapes[i][0],
  });
  const conv = { kind: 'conv2d', kernel: 3, padding: 1, relu: true } as const;
  const modules = [
    { ...conv, name: 'conv1', ...(await read(0)) },
    { kind: 'maxPool', name: 'pool1', size: 2 },
    { ...conv, name: 'conv2', ...(await read(1)) },
    { kind: 'maxPool', name: 'pool2', size: 2 },
    { kind: 'dense', name: 'scores', relu: false, ...(await read(2)) },
  ] as const;
  backend.dispose();
  return { name: 'digits', inputShape: [28, 28, 1], modules };
}

test('quantizeDataflow() of a trained network loses no more than a point of accuracy', async () => {
  const data = await pictures();
  const network = await trainFloat(data);
  const sample = (from: { readonly samples: Uint8Array }, i: number) =>
    pixels(from.samples.subarray(784 * i, 784 * (i + 1)));
  const { graph, quantize } = quantizeDataflow(
    network,
    Array.from({ length: 32 }, (_, i) => sample(data.train, i)),
  );
  const model = await load(writeModel(graph), SIMD);
  const argmax = (values: ArrayLike<number>) =>
    Array.from(values).reduce((best, v, i, all) => (v > all[best] ? i : best), 0);
  let [float, int8] = [0, 0];
  data.test.labels.forEach((label, i) => {
    const x = sample(data.test, i);
    if (argmax(evaluateFloat(network, x)) === label) float++;
    if (argmax((model.run(quantize(x)) as Record<string, Int32Array>)['scores']) === label) int8++;
  });
  model.dispose();
  const count = data.test.labels.length;
  console.log(
    `${data.name}: float32 ${((100 * float) / count).toFixed(1)} %, int8 with powers of two ${((100 * int8) / count).toFixed(1)} %`,
  );
  assert.ok(float > 0.8 * count, `the float network answers ${float} of ${count}`);
  assert.ok(int8 >= float - 0.01 * count, `int8 answers ${int8}, float32 ${float} of ${count}`);
});

test.run();
