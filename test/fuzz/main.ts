// npm run fuzz -- --count N --seed S [--from K] [--json]
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});
const [count, seed, from] = [values.count, values.seed, values.from].map(Number);
const result = await fuzz(count, seed, from, (done, failures) => {
  console.error(`${done} of ${count}, ${failures} failures; goes on with --from ${done}`);
});
if (values.json) {
  const { failures: found, ...counts } = result;
  console.log(JSON.stringify({ ...counts, failures: found.length, found }));
} else {
  const { rejected, ran, failures, seconds } = result;
  for (const failure of failures) console.log(`case ${failure.case}, ${failure.model}: ${failure.error}`);
  const rate = Math.round(result.count / seconds);
  console.log(`${result.count} cases in ${seconds.toFixed(1)} s (${rate} a second): ${rejected} refused, ${ran} ran,`);
  console.log(`${failures.length} failures`);
}
process.exitCode = result.failures.length > 0 ? 1 : 0;
