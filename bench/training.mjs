// Training on the processor: the three products of a layer (y = x W^T, dx = dy W, dW += dy^T x) beside tfjs-wasm's matMul,
// one thread each, taking turns in one process: ours in float32, ours with signs for weights and activations, tfjs's.
//   npm run setup && node scripts/bench.mjs --quick   (once, for the rivals)
//   node bench/training.mjs [--rounds 15] [--json]
// Prints multiply-accumulates/ns of the best times, and how often each of ours is as fast as tfjs by best and by median
// times. Packing is part of a run; tfjs adds no gradients up, which flatters it.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { CpuBackend } from '../dist/train/cpu/backend.js';
import { SIGN } from '../dist/train/maps.js';
import { tensor } from '../dist/train/tensor.js';
import { race } from './measure.mjs';
import { start, version } from './rivals/tfjs.mjs';
import { floats, numbers } from './works.mjs';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, json: { type: 'boolean' } },
});

/** Rows of a batch (pixels of convolutions), inputs, outputs. */
const LAYERS = [
  { name: 'mnist-mlp, 2048 by 2048', rows: 100, inputs: 2048, outputs: 2048 },
  { name: 'mnist-mlp, 4096 by 4096', rows: 100, inputs: 4096, outputs: 4096 },
  { name: 'cifar10-tiny, 3x3x128 to 128', rows: 6400, inputs: 1152, outputs: 128 },
  { name: 'ptb-lstm, a step of 300 units', rows: 20, inputs: 300, outputs: 1200 },
  { name: 'ptb-lstm, scores of 10,000 words', rows: 700, inputs: 300, outputs: 10_000, signs: false },
];

const draw = numbers(7);
const backend = await CpuBackend.create({ threads: 1 });
setThreadsCount(1);
await start();

/** A program of one product, with what its operands hold: latent values, or the signs that a call before it makes. */
async function ours({ m, n, k, transposeA, transposeB, accumulate }, asSigns) {
  const operands = [tensor('a', transposeA ? [k, m] : [m, k]), tensor('b', transposeB ? [n, k] : [k, n])];
  const c = tensor('c', [m, n]);
  backend.write(c, new Float32Array(c.size));
  const calls = [];
  const used = operands.map((t, i) => {
    backend.write(t, floats(t.size, draw));
    if (!asSigns[i]) return t;
    const signs = tensor('signs', t.shape);
    calls.push({ kernel: 'map', params: { ...SIGN, size: t.size, alpha: 1 }, tensors: [t, signs] });
    return signs;
  });
  calls.push({ kernel: 'matmul', params: { m, n, k, transposeA, transposeB, accumulate }, tensors: [...used, c] });
  const program = await backend.compile(calls);
  return () => program.run();
}

function theirs({ m, n, k, transposeA, transposeB }) {
  const a = tf.tensor2d(floats(m * k, draw), transposeA ? [k, m] : [m, k]);
  const b = tf.tensor2d(floats(k * n, draw), transposeB ? [n, k] : [k, n]);
  return {
    run: () => tf.matMul(a, b, transposeA, transposeB).dispose(),
    dispose: () => tf.dispose([a, b]),
  };
}

const rows = [];
for (const { name, rows: batch, inputs, outputs, signs = true } of LAYERS) {
  const products = {
    'y = x W^T': { m: batch, n: outputs, k: inputs, transposeA: false, transposeB: true, accumulate: false },
    'dx = dy W': { m: batch, n: inputs, k: outputs, transposeA: false, transposeB: false, accumulate: false },
    'dW += dy^T x': { m: outputs, n: inputs, k: batch, transposeA: true, transposeB: false, accumulate: true },
  };
  // Which operand is of signs in a binary layer: x and W, W, x.
  const binary = { 'y = x W^T': [true, true], 'dx = dy W': [false, true], 'dW += dy^T x': [false, true] };
  for (const [product, shape] of Object.entries(products)) {
    const rival = theirs(shape);
    const times = await race(
      {
        float32: await ours(shape, [false, false]),
        ...(signs && { signs: await ours(shape, binary[product]) }),
        tfjs: rival.run,
      },
      { rounds: Number(options.rounds), warmMs: 100, roundMs: 60 },
    );
    rival.dispose();
    rows.push({ layer: name, product, macs: shape.m * shape.n * shape.k, times });
  }
}
backend.dispose();

const machine = `${cpus()[0].model}, Node ${process.versions.node}, V8 ${process.versions.v8}, ${version}, one thread`;
if (options.json) {
  console.log(JSON.stringify({ machine, rows }));
} else {
  console.log(`${machine}; multiply-accumulates/ns, times tfjs by best / median\n`);
  for (const { layer, product, macs, times } of rows) {
    const rate = ({ best }) => (macs / best / 1e6).toFixed(1);
    const ratio = (t) => `${(times.tfjs.best / t.best).toFixed(2)}x / ${(times.tfjs.median / t.median).toFixed(2)}x`;
    const cells = ['float32', 'signs']
      .filter((key) => times[key])
      .map((key) => `${key} ${rate(times[key])} (${ratio(times[key])})`);
    console.log([layer.padEnd(34), product.padEnd(14), `tfjs ${rate(times.tfjs)}`.padEnd(10), ...cells].join('  '));
  }
}
process.exit();
