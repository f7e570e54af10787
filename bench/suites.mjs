// Operations a second of the calls that a user makes, by benny. Ratios beside rivals are bench/run.mjs's.
import b from 'benny';
import { readFileSync } from 'node:fs';
import { BUILDS, load, supports } from '../dist/index.node.js';

const file = readFileSync(new URL('../models/mnist-mlp.qnn', import.meta.url));
const digits = readFileSync(new URL('../models/digits/mnist-test-10.idx3-ubyte', import.meta.url)).subarray(16);

for (const build of BUILDS.filter((name) => supports(name))) {
  const one = await load(file, { build });
  const ten = await load(file, { build, batch: 10 });
  const digit = digits.subarray(0, 784);
  const scores = new Int32Array(10);
  await b.suite(
    `mnist-mlp, ${build} build`,
    b.add('run', () => one.run(digit)),
    b.add('runInto', () => one.runInto(digit, scores)),
    b.add('run, 10 samples', () => ten.run(digits)),
    b.add('load', async () => (await load(file, { build })).dispose()),
    b.cycle(),
    b.complete(),
  );
}
