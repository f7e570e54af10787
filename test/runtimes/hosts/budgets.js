// Counts and times of the installed package in Node, with its collector exposed: memory of each model that ships, a million
// runs, a thousand models, samples a second on one thread and on two.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { load } from 'bitlane';
import { loadPool } from 'bitlane/pool';

const SPIN = `const { parentPort } = require('node:worker_threads');
  parentPort.on('message', () => {
    let sum = 0;
    for (let i = 0; i < 2e8; i++) sum = (sum + i) | 0;
    parentPort.postMessage(sum);
  });`;
const path = fileURLToPath(import.meta.resolve('bitlane/models/mnist-mlp.qnn'));
const model = await load(path);
const pixels = new Uint8Array(784);
const report = { models: [] };

const folder = path.slice(0, -'mnist-mlp.qnn'.length);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.qnn'))) {
  const shipped = await load(folder + file);
  report.models.push({ file, fileBytes: readFileSync(folder + file).length, memory: shipped.summary().memory.total });
}

/** Bytes that stay after collection: heap, and buffers outside it. */
async function settled() {
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const scores = new Int32Array(10);
for (let i = 0; i < 10_000; i++) model.runInto(pixels, scores);
for (let i = 0; i < 10_000; i++) model.run(pixels);
let before = await settled();
const { total } = model.summary().memory;
const heapBefore = process.memoryUsage().heapUsed;
for (let i = 0; i < 500_000; i++) model.run(pixels);
for (let i = 0; i < 500_000; i++) model.runInto(pixels, scores);
report.millionRuns = { heapPeak: process.memoryUsage().heapUsed - heapBefore, growth: (await settled()) - before };
report.linearGrowth = model.summary().memory.total - total;

const file = readFileSync(path);
const loadMany = async (count) => {
  for (let i = 0; i < count; i++) {
    const one = await load(file);
    one.run(pixels);
    one.dispose();
  }
};
await loadMany(100);
before = await settled();
await loadMany(1000);
report.thousandModels = { growth: (await settled()) - before, rss: process.memoryUsage().rss };

const batch = new Uint8Array(784 * 20_000).map((_, i) => i % 251);
const single = await load(file, { batch: 32 });
const pool = await loadPool(file, { threads: 2 });
const seconds = async (work) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
/** What the machine gives two threads beside its other work: sums that share nothing, on one thread and on two. */
const spinners = [0, 1].map(() => new Worker(SPIN, { eval: true }));
const spin = (threads) =>
  Promise.all(
    spinners.slice(0, threads).map((worker) => {
      worker.postMessage(0);
      return new Promise((resolve) => worker.once('message', resolve));
    }),
  );
await spin(2);
const times = { single: Infinity, pool: Infinity, spin: Infinity, spinTwo: Infinity };
// In turns, and the best of each: other work on the machine hits them all.
for (let i = 0; i < 8; i++) {
  times.single = Math.min(times.single, await seconds(() => single.runBatch(batch)));
  times.pool = Math.min(times.pool, await seconds(() => pool.runBatch(batch)));
  times.spin = Math.min(times.spin, await seconds(() => spin(1)));
  times.spinTwo = Math.min(times.spinTwo, await seconds(() => spin(2)));
}
await pool.dispose();
for (const worker of spinners) await worker.terminate();
report.samplesPerSecond = { single: 20_000 / times.single, pool: 20_000 / times.pool };
report.machineScaling = (2 * times.spin) / times.spinTwo;
console.log(`RESULT ${JSON.stringify({ ...report, failed: 0 })}`);
