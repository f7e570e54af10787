// One engine's results: bitlane beside its rivals, in this process.
//   node bench/run.mjs [--quick] [--json] [--works PATTERN] [--kernel table|popcount] [--build NAME]
// Prints progress to stderr and a table, or one JSON object with --json, to stdout.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { race } from './measure.mjs';
import { prepare } from './ours.mjs';
import { rival } from './rivals/ort.mjs';
import * as tfjs from './rivals/tfjs.mjs';
import { macsOf, WORKS } from './works.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    works: { type: 'string', default: '' },
    kernel: { type: 'string' },
    build: { type: 'string' },
  },
});

const runtime = globalThis.Deno
  ? `Deno ${globalThis.Deno.version.deno} (V8 ${globalThis.Deno.version.v8})`
  : process.versions.bun
    ? `Bun ${process.versions.bun} (JavaScriptCore)`
    : `Node ${process.versions.node} (V8 ${process.versions.v8})`;

/** A rival that this engine cannot start is named and left out. */
async function attempt(name, start) {
  try {
    const started = await start();
    if (started !== undefined) return started;
    console.error(`left out: ${name} does not run on ${runtime}`);
  } catch (error) {
    console.error(`left out: ${name} on ${runtime}: ${error.message}`);
  }
  return undefined;
}

const rivals = [
  await attempt(tfjs.name, async () => {
    await tfjs.start();
    return { name: tfjs.name, version: tfjs.version, takes: () => true, prepare: (work) => tfjs.prepare(work) };
  }),
];
for (const kind of ['ortweb-f32', 'ortweb-int8', 'ortnode-f32']) rivals.push(await attempt(kind, () => rival(kind)));
const present = rivals.filter((entry) => entry !== undefined);

// tfjs and onnxruntime are large modules that an engine optimizes while they run: without a warm-up of the whole of them,
// the first works would be measured against their unoptimized code.
const settings = options.quick ? { rounds: 5, warmMs: 40, roundMs: 1 } : { rounds: 25, warmMs: 400, roundMs: 5 };
const pattern = new RegExp(options.works);
const works = WORKS.filter(({ name }) => pattern.test(name));
const results = [];
let build;
const ours = { ...(options.kernel && { kernel: options.kernel }), ...(options.build && { build: options.build }) };
const warm = WORKS.find(({ name }) => name === 'conv3x3-128@32');
for (const entry of present) {
  if (!entry.takes(warm)) continue;
  const work = await entry.prepare(warm);
  const until = performance.now() + (options.quick ? 1000 : 3000);
  while (performance.now() < until) await work();
}
for (const work of works) {
  console.error(`measuring ${work.name} ...`);
  const { model, run } = await prepare(work, ours);
  build = model.build;
  const contenders = { ours: run };
  for (const entry of present) if (entry.takes(work)) contenders[entry.name] = await entry.prepare(work);
  const times = await race(contenders, settings);
  const gops = (2 * macsOf(work)) / times.ours.best / 1e6;
  for (const { name } of present) {
    if (times[name] === undefined) continue;
    results.push({
      work: work.name,
      rival: name,
      oursMs: times.ours,
      rivalMs: times[name],
      ratio: { best: times[name].best / times.ours.best, median: times[name].median / times.ours.median },
      gops,
    });
  }
  model.dispose();
}

const report = {
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, threads: 1 },
  engine: runtime,
  build,
  date: new Date().toISOString().slice(0, 10),
  versions: Object.fromEntries(present.map(({ name, version }) => [name, version])),
  quick: options.quick,
  results,
};
if (options.json) console.log(JSON.stringify(report));
else {
  console.log(`${report.machine.cpu}, ${runtime}, ${build} build; milliseconds best / median`);
  for (const { work, rival: other, oursMs, rivalMs, ratio, gops } of results) {
    const pair = ({ best, median }) => `${best.toFixed(3)} / ${median.toFixed(3)}`;
    console.log(
      `${work.padEnd(26)}${pair(oursMs).padEnd(20)}${`${gops.toFixed(0)} GOPS`.padEnd(12)}${other.padEnd(14)}${pair(rivalMs).padEnd(20)}` +
        `${ratio.best.toFixed(1)}x / ${ratio.median.toFixed(1)}x`,
    );
  }
}
process.exit(0);
