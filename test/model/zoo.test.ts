// Every operator and encoding through the file: written, read back, damaged byte by byte.
import { readFileSync } from 'node:fs';
import { ByteBuffer } from 'flatbuffers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ModelFormatError } from '../../src/errors.js';
import { addDigests, verifyDigests } from '../../src/model/digests.js';
import { Conv2d } from '../../src/model/generated/bitlane/fb/conv2d.js';
import { Lstm } from '../../src/model/generated/bitlane/fb/lstm.js';
import { Model } from '../../src/model/generated/bitlane/fb/model.js';
import { Requantize } from '../../src/model/generated/bitlane/fb/requantize.js';
import { constantsOf } from '../../src/model/graph.js';
import { readModel } from '../../src/model/read.js';
import { DEFAULT_LIMITS } from '../../src/model/validate.js';
import { unpackConstant } from '../../src/model/values.js';
import { writeModel } from '../../src/model/write.js';
import { evaluateAll } from '../../src/reference/evaluate.js';
import { randomSample, zoo } from '../helpers/zoo.js';

test('the zoo has every operator, transform and layout of the schema', () => {
  const schema = readFileSync('schema/qnn.fbs', 'utf8').replace(/\/\/.*$/gm, '');
  const names = (pattern: RegExp): string[] =>
    pattern
      .exec(schema)![1]
      .split(',')
      .map((name) => name.replace(/=.*/, '').trim())
      .filter((name) => name !== '')
      .map((name) => name[0].toLowerCase() + name.slice(1));
  const operators = new Set<string>();
  const transforms = new Set<string>();
  const layouts = new Set<string>();
  const encodings = new Set<string>();
  for (const graph of zoo.values()) {
    for (const { operator } of graph.nodes) {
      operators.add(operator.kind);
      if ('transform' in operator && operator.transform !== undefined) transforms.add(operator.transform.kind);
    }
    for (const { layout, encoding } of graph.constants) {
      layouts.add(layout);
      encodings.add(encoding);
    }
    for (const { encoding } of graph.tensors) encodings.add(encoding);
  }
  assert.equal([...operators].sort(), names(/union Operator \{([^}]*)\}/).sort());
  assert.equal([...transforms].sort(), names(/union Transform \{([^}]*)\}/).sort());
  assert.equal([...layouts].sort(), names(/enum Layout : ubyte \{([^}]*)\}/).sort());
  assert.equal([...encodings].sort(), names(/enum Encoding : ubyte \{([^}]*)\}/).sort());
});

test('readModel gives back every graph that writeModel was given, and the same bytes again', () => {
  for (const [name, graph] of zoo) {
    const file = writeModel(graph);
    const read = readModel(file);
    assert.equal(read, graph, name);
    assert.equal(writeModel(read), file, name);
    const used = new Set(graph.nodes.flatMap(({ operator }) => constantsOf(operator)));
    assert.is(used.size, graph.constants.length, `${name}: every constant is some operator's`);
    for (const constant of graph.constants) unpackConstant(constant);
  }
});

test("writeModel's operators are what flatc's own accessors read", () => {
  const model = (name: string): Model => Model.getRootAsModel(new ByteBuffer(writeModel(zoo.get(name)!)));
  const conv = model('conv2d int8 with residual, requantize').nodes(0)!.operator(new Conv2d()) as Conv2d;
  const requantize = conv.transform(new Requantize()) as Requantize;
  assert.equal(
    [conv.strideY(), conv.dilationX(), conv.padTop(), conv.padRight(), conv.padValue(), conv.groups()],
    [1, 1, 1, 1, 0, 1],
  );
  assert.equal(
    [requantize.shift(), requantize.minimum(), requantize.maximum(), requantize.residualMultiplier()],
    [40, 0, null, 2 ** 30],
  );
  const lstm = model('lstm').nodes(0)!.operator(new Lstm()) as Lstm;
  assert.equal([lstm.cellShift(), lstm.indexShift(), lstm.input()!.shift()], [3, 0, 31]);
});

test('readModel refuses every truncation of every kind', () => {
  for (const [name, graph] of zoo) {
    const file = writeModel(graph);
    for (let length = 0; length < file.length; length += 3) {
      assert.throws(
        () => readModel(file.slice(0, length)),
        (error: Error) => error instanceof ModelFormatError,
        `${name}: ${length} bytes`,
      );
    }
  }
});

test('a damaged byte of any kind of model gives a ModelFormatError or a graph that can be evaluated', () => {
  const limits = { ...DEFAULT_LIMITS, bytes: 1 << 16, memory: 1 << 18, work: 1 << 20 };
  let graphs = 0;
  for (const [name, graph] of zoo) {
    const file = writeModel(graph);
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] ^= [0x01, 0x80, 0xff, 0x04][at % 4];
      try {
        const read = readModel(damaged, limits);
        graphs++;
        if (at % 16 === 0) evaluateAll(read, randomSample(read, at));
      } catch (error) {
        assert.instance(error, ModelFormatError, `${name}, byte ${at}: ${String(error)}`);
      }
    }
  }
  assert.ok(graphs > 0, 'damaged weights still make a graph');
});

test('limits of work and memory stop a small file that asks for much', () => {
  const file = writeModel(zoo.get('conv2d binary by bits, threshold')!);
  const work = 5 * 4 * 5 * 9 * 6;
  readModel(file, { ...DEFAULT_LIMITS, work });
  assert.throws(
    () => readModel(file, { ...DEFAULT_LIMITS, work: work - 1 }),
    /"model\.nodes\[0\]" expected a model of at most 5399 steps of work, got 5400 up to here/,
  );
  assert.throws(() => readModel(file, { ...DEFAULT_LIMITS, memory: 30 }), /at most 30 bytes together, got 40 or more/);
});

test('verifyDigests finds a constant that was changed', async () => {
  const graph = await addDigests(zoo.get('dense int8')!);
  const file = writeModel(graph);
  assert.is(await verifyDigests(readModel(file)), graph.constants.length);
  assert.is(await verifyDigests(zoo.get('dense int8')!), 0);
  const weights = readModel(file).constants.find(({ name }) => name === 'dense/weights')!;
  file[weights.data.byteOffset - file.byteOffset] ^= 1;
  try {
    await verifyDigests(readModel(file));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ModelFormatError);
    assert.match((error as Error).message, /constants\[0\]\.data" expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/);
  }
});

test.run();
