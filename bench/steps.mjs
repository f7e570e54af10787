// Where the time of a work or a model goes: every step of its plan, a kernel call each, timed inside whole runs, so that caches
// are as a network leaves them.
//   npm run setup && node bench/steps.mjs WORK|FILE.qnn [--rounds 200] [--build NAME] [--kernel table|popcount]
// WORK is a name of works.mjs. Prints microseconds, best and median of the rounds, each step's share of the best times, and
// multiply-accumulates a nanosecond. A clock's reading costs about 0.05 us a step.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { modelOf, valuesOf } from './ours.mjs';
import { WORKS } from './works.mjs';
import { prepare } from '../dist/load.js';
import { weightsOf, workOf } from '../dist/model/index.js';
import { PAGE } from '../dist/plan/plan.js';
import { Model } from '../dist/runtime/model.js';
import { BUILDS, supports } from '../dist/wasm/builds.js';
import { instantiateKernels } from '../dist/wasm/instantiate.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '200' },
    build: { type: 'string' },
    kernel: { type: 'string' },
  },
});
const [name] = positionals;
const work = WORKS.find((known) => known.name === name);
if (work === undefined && !(name?.endsWith('.qnn') && existsSync(name))) {
  const names = WORKS.map((known) => known.name).join(', ');
  console.error(`expected a model file (.qnn) or one of ${names}, got ${name ?? 'none'}`);
  process.exit(2);
}

const network = work ? modelOf(work) : new Uint8Array(readFileSync(name));
const source = (name) => readFileSync(new URL(`../dist/kernels.${name}.wasm`, import.meta.url));
const loading = { ...(options.build && { build: options.build }), ...(options.kernel && { kernel: options.kernel }) };
const { graph, plan, module, bytes, build } = await prepare(network, loading, source, BUILDS.filter(supports));
const { kernels, memory } = instantiateKernels(module, plan.memory.total / PAGE);

/** Times of each step, by the address of its parameter block: no two steps share one. */
const times = new Map(plan.steps.map(({ block }) => [block, []]));
const timed = (kernel) => (block, samples) => {
  const start = performance.now();
  kernel(block, samples);
  times.get(block)?.push(performance.now() - start);
};
const clocked = Object.fromEntries(Object.entries(kernels).map(([name, kernel]) => [name, timed(kernel)]));
const model = new Model(graph, plan, { kernels: clocked, memory }, bytes, build);
const input = valuesOf(model);
const output = model.run(input);
for (const until = performance.now() + 300; performance.now() < until;) model.runInto(input, output);
for (const list of times.values()) list.length = 0;
for (let round = Number(options.rounds); round > 0; round--) model.runInto(input, output);

const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
const rows = plan.steps.map(({ node, kernel, block }) => {
  const list = times.get(block).sort((a, b) => a - b);
  const operator = nodes.get(node);
  const macs = weightsOf(operator.operator).length > 0 && kernel !== 'rows' ? workOf(graph, operator) : 0;
  return { node, kernel, best: list[0] * 1000, median: list[list.length >> 1] * 1000, macs };
});
const total = (field) => rows.reduce((sum, row) => sum + row[field], 0);
const line = ({ node, kernel, best, median, macs }) =>
  node.padEnd(24) +
  kernel.padEnd(16) +
  best.toFixed(1).padStart(9) +
  median.toFixed(1).padStart(9) +
  `${((100 * best) / total('best')).toFixed(1)} %`.padStart(9) +
  (macs > 0 ? (macs / best / 1000).toFixed(0) : '').padStart(9);
console.log(`${name}, Node ${process.versions.node}, ${build} build, ${options.rounds} rounds`);
console.log(
  'step'.padEnd(24) +
    'kernel'.padEnd(16) +
    ['us best', 'median', 'share', 'MACs/ns'].map((title) => title.padStart(9)).join(''),
);
for (const row of rows) console.log(line(row));
console.log(line({ node: 'all', kernel: '', best: total('best'), median: total('median'), macs: total('macs') }));
