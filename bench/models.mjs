// Times of the models that ship, one sample a call and 100: microseconds a sample, best and median of the rounds.
//   node bench/models.mjs [--rounds N]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../dist/index.node.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });
const rounds = Number(values.rounds);
/** A round is about this long, so that the clock is fine enough and a round is not often disturbed. */
const ROUND_MS = 5;
const sizeOf = ({ shape }) => shape.reduce((size, side) => size * side, 1);

const rows = [];
for (const { file } of JSON.parse(readFileSync(new URL('../models/index.json', import.meta.url), 'utf8'))) {
  for (const batch of [1, 100]) {
    const model = await load(new URL(`../models/${file}`, import.meta.url), { batch });
    const samples = Uint8Array.from({ length: batch * sizeOf(model.inputs[0]) }, (_, i) => (i * 2654435761) >>> 24);
    const scores = new Int32Array(batch * sizeOf(model.outputs[0]));
    const call = () => model.runInto(samples, scores);
    const time = (calls) => {
      const start = performance.now();
      for (let i = 0; i < calls; i++) call();
      return (performance.now() - start) / calls;
    };
    for (const start = performance.now(); performance.now() - start < 300;) call();
    const calls = Math.max(1, Math.round(ROUND_MS / time(3)));
    const times = Array.from({ length: rounds }, () => (1000 * time(calls)) / batch).sort((a, b) => a - b);
    const [best, median] = [times[0], times[rounds >> 1]].map((us) => Number(us.toFixed(1)));
    rows.push({ file, build: model.build, batch, 'us, best': best, 'us, median': median });
    model.dispose();
  }
}
console.log(`${process.version}, microseconds a sample`);
console.table(rows);
