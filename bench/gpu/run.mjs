// The WebGPU adapter at hand: products of signs as bits beside float32, the paper's MLP, and training steps.
//   node bench/gpu/run.mjs [--quick] [--json] [--size N] [--images N] [--batch N]
// Needs dist/ and the package `webgpu`; a table, or one JSON object with --json, goes to stdout. Without --quick the result
// is also written to bench/results/gpu-ADAPTER.json.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { openDevice } from '../../dist/train/device.js';
import { Bench, race, timed } from './device.mjs';
import { rivals } from './rivals.mjs';
import { matmulWork, mlpWork, probe, trainingWork } from './works.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    size: { type: 'string' },
    images: { type: 'string' },
    batch: { type: 'string' },
  },
});

/** Courbariaux et al. 2016, section 4, on an NVIDIA GTX 750. */
const PAPER = { unoptimized: 23, cublas: 3.4, mlp: 7 };

function count(name, automatic) {
  const given = options[name];
  if (given === undefined) return automatic;
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} expected an integer >= 1, got ${given}`);
  process.exit(1);
}

const handle = await openDevice().catch((error) => {
  console.error(`no WebGPU: ${error.message}`);
  process.exit(1);
});
const bench = new Bench(handle);
const { adapterInfo: info } = bench.device;
const software = handle.software || /llvmpipe|swiftshader|software/i.test(handle.description);
console.error(handle.description);

// The unoptimized float32 work may take this long; large works make better use of a GPU than the probe, never worse.
const seconds = options.quick ? 1 : 10;
const rate = (2 * 256 ** 3) / (await probe(bench, timed));
const fits = (macs, floats) => (2 * macs) / rate <= seconds * 1000 && floats * 4 <= bench.limit;
const size = count('size', [8192, 4096, 2048, 1024, 512].find((n) => fits(n ** 3, n * n)) ?? 256);
const images = count(
  'images',
  [10000, 5000, 2000, 1000, 500, 200, 100, 50].find((n) => fits(n * 36806656, n * 4096)) ?? 10,
);
// Patches of the second convolution are the largest array of the ConvNet: 1024 x 1152 numbers an image.
const batch = count('batch', software ? 2 : 50);
const settings = options.quick ? { rounds: 3, roundMs: 50, slowMs: 300 } : { rounds: 5, roundMs: 300, slowMs: 3000 };

const others = await rivals();
const results = [];
async function measure(work, opsOf = () => 2 * work.macs) {
  console.error(`measuring ${work.name} ...`);
  const times = await race(work.contenders, settings);
  for (const [kernel, ms] of Object.entries(times)) {
    const ops = kernel === 'packing' ? null : opsOf(kernel);
    results.push({ work: work.name, kernel, ms, gops: ops === null ? null : ops / ms.best / 1e6 });
  }
  work.release();
  return (kernel) => times[kernel]?.best;
}

const product = await measure(await matmulWork(bench, size, others));
const mlp = await measure(await mlpWork(bench, images));
// Forward, input gradients (not of the first convolution) and weight gradients.
const convnet = { forward: 616_976_384, first: 3_538_944 };
const training = await measure(
  await trainingWork(bench, batch),
  () => 2 * batch * (3 * convnet.forward - convnet.first),
);
const ratio = (slow, fast) => (slow === undefined ? null : slow / fast);
const binary = product('binary');
const ratios = {
  'matmul, unoptimized f32 / binary with packing': ratio(product('unoptimized'), binary),
  'matmul, our f32 / binary with packing': ratio(product('f32'), binary),
  'matmul, jax-js f32 / binary with packing': ratio(product('jax-js'), binary),
  'matmul, tfjs f32 / binary with packing': ratio(product('tfjs'), binary),
  'matmul, unoptimized f32 / our f32': ratio(product('unoptimized'), product('f32')),
  'MLP, unoptimized f32 / binary': ratio(mlp('unoptimized'), mlp('binary')),
  'MLP, our f32 / binary': ratio(mlp('f32'), mlp('binary')),
};

/** Version of an installed package, from the nearest folder that has it; null if none does. */
function versionOf(name) {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const path = folders.map((folder) => `${folder}/${name}/package.json`).find(existsSync);
  return path === undefined ? null : JSON.parse(readFileSync(path, 'utf8')).version;
}

const report = {
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length },
  adapter: {
    vendor: info?.vendor,
    architecture: info?.architecture,
    device: info?.device,
    description: info?.description,
    software,
  },
  date: new Date().toISOString().slice(0, 10),
  versions: {
    node: process.versions.node,
    bitlane: JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
    webgpu: versionOf('webgpu'),
    'jax-js': versionOf('@jax-js/jax'),
    tfjs: versionOf('@tensorflow/tfjs-backend-webgpu'),
  },
  quick: options.quick,
  sizes: { matmul: size, images, batch },
  results,
  imagesPerSecond: { 'CIFAR-10 ConvNet training': (batch * 1000) / training('training step') },
  ratios,
  paper: {
    device: 'NVIDIA GTX 750',
    'XNOR / unoptimized f32': PAPER.unoptimized,
    'XNOR / cuBLAS': PAPER.cublas,
    'MLP end to end': PAPER.mlp,
  },
};

function table() {
  const lines = results.map(({ work, kernel, ms, gops }) => {
    const time = `${ms.best.toFixed(3)} / ${ms.median.toFixed(3)} ms`;
    return `${work.padEnd(42)}${kernel.padEnd(15)}${time.padStart(26)}${gops === null ? '' : `${gops.toFixed(1)} GOPS`.padStart(16)}`;
  });
  const shown = Object.entries(ratios).filter(([, value]) => value !== null);
  return [
    `${handle.description}; best / median`,
    ...lines,
    `training: ${report.imagesPerSecond['CIFAR-10 ConvNet training'].toFixed(2)} images/s`,
    '"binary" packs both operands and counts; "packing" and "counting" are its parts.',
    ...shown.map(([name, value]) => `${value.toFixed(1).padStart(8)}x  ${name}`),
    `The paper, on an NVIDIA GTX 750: ${PAPER.unoptimized}x over unoptimized f32, ${PAPER.cublas}x over cuBLAS, ${PAPER.mlp}x for the MLP end to end.`,
    ...(software ? ['A processor plays the GPU here: these ratios say nothing about GPUs.'] : []),
  ].join('\n');
}

if (!options.quick) {
  const slug = `${info?.vendor ?? ''} ${info?.architecture ?? ''}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const path = new URL(`../results/gpu-${slug || 'unknown'}.json`, import.meta.url);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  console.error(`wrote ${path.pathname}`);
}
console.log(options.json ? JSON.stringify(report) : table());
// Dawn's threads would keep Node alive.
process.exit(0);
