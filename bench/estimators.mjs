// What the papers' estimators and gradient quantizers are worth on a small net: MNIST, 784-256-10, 10,000 training samples,
// 5 epochs, the same seeds for all. Prints mean and spread of the test accuracy of the network as it would be exported.
//   npm run setup && node bench/estimators.mjs --data DIR [--seeds 5] [--samples 10000] [--epochs 5] [--json]
import { parseArgs } from 'node:util';
import { CpuBackend, loadMnist, mnistMlp, train, withPrecision } from '../dist/train/index.js';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    samples: { type: 'string', default: '10000' },
    epochs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
if (options.data === undefined) {
  console.error('expected --data DIR, the folder with the MNIST files');
  process.exit(2);
}

const binary = (aqe) => ({ weights: { kind: 'sign', aqe }, activation: { kind: 'sign', aqe } });
const ternary = (aqe) => ({ weights: { kind: 'power', bits: 2, aqe }, activation: { kind: 'power', bits: 2, aqe } });
const gradient = (quantizer, bits) => ({ ...binary(), gradient: { quantizer, bits } });
const variants = [
  ...[
    ['1/1', binary],
    ['2/2 ternary', ternary],
  ].flatMap(([name, precision]) => [
    [`${name}, straight-through`, precision(undefined)],
    [`${name}, AQE alpha 1/2`, precision({ alpha: 0.5 })],
    [`${name}, AQE alpha 3/4`, precision({ alpha: 0.75 })],
    [`${name}, AQE alpha 1/2 to 1`, precision({ alpha: 'ramp' })],
  ]),
  ['1/1, gradients DoReFa 6 bits', gradient('dorefa', 6)],
  ['1/1, gradients logarithmic 6 bits', gradient('log', 6)],
  ['1/1, gradients PTQ 6 bits', gradient('ptq', 6)],
  ['1/1, gradients BHQ 6 bits', gradient('bhq', 6)],
];

const data = await loadMnist(options.data);
const device = await CpuBackend.create();
const base = mnistMlp([256]);
// Differences show without what helps all.
delete base.augmentation;
delete base.settleBatches;
const results = [];
for (const [name, precision] of variants) {
  const recipe = { ...base, layers: (classes) => withPrecision(base.layers(classes), precision) };
  const accuracies = [];
  for (let seed = 1; seed <= Number(options.seeds); seed++) {
    const run = { device, seed, epochs: Number(options.epochs), limit: Number(options.samples) };
    accuracies.push((await train(recipe, data, run)).test.accuracy);
  }
  const mean = accuracies.reduce((sum, a) => sum + a, 0) / accuracies.length;
  const squares = accuracies.reduce((sum, a) => sum + (a - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, accuracies.length - 1));
  results.push({ name, accuracies, mean, deviation, worst: Math.min(...accuracies), best: Math.max(...accuracies) });
  const percent = (value) => (100 * value).toFixed(2);
  const line = `${name.padEnd(36)} ${percent(mean)} % +- ${percent(deviation)}   ${percent(results.at(-1).worst)} to ${percent(results.at(-1).best)}`;
  (options.json ? console.error : console.log)(line);
}
device.dispose();
if (options.json) console.log(JSON.stringify({ ...options, date: new Date().toISOString().slice(0, 10), results }));
