// The model that trains fastest of those that ship, trained again by the command in models/index.json: the same constants, bit for bit. A minute on
// two cores, and only where MNIST is at hand ($BITLANE_DATA/mnist).
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel } from '../../src/model/read.js';
import { bitlane, temporaryFolder } from '../cli/helper.js';

const FILE = 'mnist-mlp.qnn';
const entries = JSON.parse(readFileSync('models/index.json', 'utf8')) as { file: string; command: string }[];
const { command } = entries.find(({ file }) => file === FILE)!;
const data = join(process.env['BITLANE_DATA'] ?? '', 'mnist');

if (process.env['BITLANE_DATA'] === undefined || !existsSync(data)) {
  console.log(`skipped: ${FILE} trained again, for want of BITLANE_DATA/mnist`);
} else {
  test(`${FILE} comes of its command again`, () => {
    const again = join(temporaryFolder(), FILE);
    const places = new Map([
      ['DIR', data],
      [FILE, again],
    ]);
    const words = command.split(' ').slice(1);
    const { code, stderr } = bitlane(...words.map((word) => places.get(word) ?? word), '--device', 'cpu');
    assert.is(code, 0, stderr);
    const digests = (path: string) =>
      readModel(readFileSync(path)).constants.map(({ name, data }) => {
        return [name, createHash('sha256').update(data).digest('hex')];
      });
    assert.equal(digests(again), digests(join('models', FILE)));
  });
}

test.run();
