// The committed conformance kit: what the generator makes, and what every build answers.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TensorData } from '../../src/runtime/model.js';
import { builds } from '../helpers/builds.js';
import { compareNumbers, instantiateModel } from '../helpers/models.js';
import { conformanceKit, type Entry, FOLDER, MANIFEST } from './kit.js';

const MOST_BYTES = 1 << 20;
const ARRAYS = { float32: Int32Array, int32: Int32Array, int16: Int16Array, int8: Int8Array } as const;

function stored({ encoding, data }: Entry['inputs'][number]): TensorData {
  const array = (ARRAYS[encoding as keyof typeof ARRAYS] ?? Uint8Array).from(data);
  return encoding === 'float32' ? new Float32Array(array.buffer) : array;
}

const manifest = JSON.parse(readFileSync(join(FOLDER, MANIFEST), 'utf8')) as Entry[];

test('the committed files are what the generator makes', async () => {
  const kit = await conformanceKit();
  assert.equal(readdirSync(FOLDER).sort(), [...kit.keys()].sort());
  let bytes = 0;
  for (const [name, data] of kit) {
    bytes += data.length;
    assert.ok(readFileSync(join(FOLDER, name)).equals(data), `${name}: run npm run conformance`);
  }
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

for (const build of builds) {
  test(`${build}: every case gives what the manifest says`, () => {
    for (const { name, model: file, sha256, inputs, outputs } of manifest) {
      const bytes = readFileSync(join(FOLDER, file));
      assert.is(createHash('sha256').update(bytes).digest('hex'), sha256, name);
      for (const kernel of build === 'scalar' ? (['popcount'] as const) : (['table', 'popcount'] as const)) {
        const { model } = instantiateModel(new Uint8Array(bytes), build, 1, kernel);
        const got = model.run(Object.fromEntries(inputs.map((port) => [port.name, stored(port)])));
        for (const port of outputs) {
          const label = `${name}, ${kernel}: "${port.name}"`;
          compareNumbers(label, got[port.name], stored(port), port.encoding === 'float32');
        }
      }
    }
  });
}

test.run();
