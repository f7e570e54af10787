// The models that ship: each answers as models/index.json says, on every build. Whole test sets are read from the folders of
// $BITLANE_DATA (mnist, fashion-mnist, cifar10) where those are; some samples are always tried, digits where they are the task.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { argmax } from '../../src/export/agreement.js';
import { loadBytes } from '../../src/load.js';
import { readModel } from '../../src/model/read.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { DATASETS, type DatasetName } from '../../src/cli/datasets.js';
import { Random } from '../../src/numerics/random.js';
import { parseIdx } from '../../src/train/index.js';
import { builds, kernelBytes } from '../helpers/builds.js';

interface Entry {
  readonly file: string;
  readonly dataset: DatasetName;
  readonly metric: string;
  readonly value: number;
  readonly samples: number;
  readonly bytes: number;
  readonly floatBytes: number;
}
const entries = JSON.parse(readFileSync('models/index.json', 'utf8')) as Entry[];
const digits = parseIdx(readFileSync('models/digits/mnist-test-10.idx3-ubyte'), 3, 'digits').data;

function someSamples({ dataset }: Entry, bytes: number): Uint8Array {
  if (dataset === 'mnist') return digits.subarray(0, bytes);
  const random = new Random(1);
  return Uint8Array.from({ length: bytes }, () => random.below(256));
}

for (const entry of entries) {
  const file = readFileSync(join('models', entry.file));
  const { inputShape, loadTest } = DATASETS[entry.dataset];
  const bytes = inputShape.reduce<number>((product, side) => product * side, 1);

  test(`${entry.file} weighs what models/index.json says`, async () => {
    assert.is(statSync(join('models', entry.file)).size, entry.bytes);
    const model = await loadBytes(file, {}, kernelBytes);
    assert.is(model.summary().float32Bytes, entry.floatBytes);
    assert.is(model.metadata.training?.['testAccuracy'], String(entry.value));
  });

  test(`${entry.file} gives equal scores on every build and in the reference`, async () => {
    const graph = readModel(file);
    // The reference takes seconds for each sample of a large one.
    const count = entry.bytes > 2e6 ? 2 : 10;
    const samples = someSamples(entry, count * bytes);
    const expected = Array.from({ length: count }, (_, i) => [
      ...evaluate(graph, [samples.subarray(bytes * i, bytes * (i + 1))])[0],
    ]).flat();
    for (const build of builds) {
      const model = await loadBytes(file, { build, batch: count }, kernelBytes);
      assert.equal([...model.run(samples)['scores']], expected, build);
    }
  });

  const folder = process.env['BITLANE_DATA'] === undefined ? '' : join(process.env['BITLANE_DATA'], entry.dataset);
  if (!existsSync(folder)) {
    console.log(`skipped: the whole test set of ${entry.file}, for want of BITLANE_DATA/${entry.dataset}`);
    continue;
  }
  test(`${entry.file} is as accurate as models/index.json says, to the sample, on every build`, async () => {
    const { samples, labels, count } = await loadTest(folder);
    assert.is(count, entry.samples);
    for (const build of builds) {
      const model = await loadBytes(file, { build, batch: 100 }, kernelBytes);
      const classes = model.outputs[0].length;
      let right = 0;
      for (let i = 0; i < count; i += 100) {
        const { scores } = model.run(samples.subarray(bytes * i, bytes * (i + 100)));
        for (let j = 0; j < 100; j++) if (argmax(scores, classes * j, classes) === labels[i + j]) right++;
      }
      assert.is(right / count, entry.value, build);
    }
  });
}

test.run();
