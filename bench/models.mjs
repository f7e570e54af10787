// Times of the models that ship, one sample (of a language model: token) a call and 100: microseconds a sample, best and median
// of the rounds.
//   node bench/models.mjs [--rounds N]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../dist/index.node.js';
import { valuesOf } from './ours.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });
const rounds = Number(values.rounds);
/** A round is about this long, so that the clock is fine enough and a round is not often disturbed. */
const ROUND_MS = 5;

const rows = [];
for (const { file } of JSON.parse(readFileSync(new URL('../models/index.json', import.meta.url), 'utf8'))) {
  for (const batch of [1, 100]) {
    const model = await load(new URL(`../models/${file}`, import.meta.url), { batch });
    const samples = valuesOf(model, batch);
    const results = model.run(samples);
    const call = () => model.runInto(samples, results);
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
