// The file format: what is written is read back, and no damaged file does more than throw a ModelFormatError.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphError, ModelFormatError, UnsupportedError } from '../../src/errors.js';
import { loadBytes } from '../../src/load.js';
import type { Graph } from '../../src/model/graph.js';
import { ENCODINGS, type Field, FUNCTIONS, LAYOUTS, TABLES } from '../../src/model/layout.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { kernelBytes } from '../helpers/builds.js';
import { denseNetwork } from '../helpers/graphs.js';

const network = denseNetwork({ seed: 7, inputBits: 8, inputs: 30, widths: [20, 5] });
const file = writeModel(network);

/** The error that reading these bytes gives. */
function refusal(bytes: Uint8Array): ModelFormatError {
  try {
    readModel(bytes);
  } catch (error) {
    assert.instance(error, ModelFormatError);
    return error as ModelFormatError;
  }
  throw new Error('expected a ModelFormatError, got a graph');
}

test('readModel gives back the graph that writeModel was given', () => {
  assert.equal(readModel(file), network);
});

test('writeModel gives the same bytes for the same graph', () => {
  assert.equal(writeModel(readModel(file)), file);
});

test('readModel reads a view at an odd offset and nothing around it', () => {
  const pool = new Uint8Array(file.length + 200).fill(0xa5);
  pool.set(file, 101);
  const graph = readModel(pool.subarray(101, 101 + file.length));
  assert.equal(graph, network);
});

test('constants start at multiples of 16 in the file', () => {
  for (const constant of readModel(file).constants) {
    assert.is((constant.data.byteOffset - file.byteOffset) % 16, 0, constant.name);
  }
});

test('readModel says what came instead of a model', () => {
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /expected at least 16 bytes of a \.qnn model, got an empty file/],
    [Uint8Array.of(1, 2, 3), /got 3 bytes/],
    [Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, ...new Array<number>(40).fill(0)]), /got a PNG picture/],
    [Uint8Array.from([0x1f, 0x8b, ...new Array<number>(40).fill(0)]), /gzip archive: unpack it first/],
    [new Uint8Array(64), /identifier "QNN1".*got bytes 00 00 00 00/],
  ];
  for (const [bytes, pattern] of cases) assert.match(refusal(bytes).message, pattern);
});

test('readModel refuses another version and says which', () => {
  const other = file.slice();
  // The version is the only 16-bit 1 at the model's own table.
  const view = new DataView(other.buffer);
  const root = view.getUint32(0, true);
  const slot = view.getUint16(root - view.getInt32(root, true) + 4, true);
  assert.is(view.getUint16(root + slot, true), 1);
  view.setUint16(root + slot, 2, true);
  assert.match(refusal(other).message, /"model\.version" \(byte \d+\) expected 1, got 2/);
});

test('readModel refuses every truncation', () => {
  for (let length = 0; length < file.length; length++) refusal(file.slice(0, length));
  assert.match(refusal(file.slice(0, -1)).message, /expected \d+ bytes, as its header says, got \d+: it is truncated/);
  const longer = new Uint8Array(file.length + 4);
  longer.set(file);
  assert.match(refusal(longer).message, /expected \d+ bytes, as its header says, got \d+/);
});

test('no single damaged byte does more than throw a ModelFormatError, or give a model that runs', async () => {
  let ran = 0;
  const flips = [0x01, 0x80, 0xff];
  for (let at = 0; at < file.length; at++) {
    for (const flip of flips) {
      const damaged = file.slice();
      damaged[at] ^= flip;
      try {
        const model = await loadBytes(damaged, { build: 'simd', limits: { bytes: 1 << 20 } }, kernelBytes);
        model.run(new Uint8Array(model.inputs[0].length));
        model.dispose();
        ran++;
      } catch (error) {
        // A flip can make a valid model of another kind, for which there is no kernel.
        const refused = error instanceof ModelFormatError || error instanceof UnsupportedError;
        assert.ok(refused, `byte ${at} xor ${flip}: ${String(error)}`);
      }
    }
  }
  assert.ok(ran > 0, 'damaged weights still make a model');
});

/** Changes one place of a graph. */
function changed(change: (graph: { -readonly [K in keyof Graph]: Graph[K] }) => void): Graph {
  const copy = structuredClone(network) as { -readonly [K in keyof Graph]: Graph[K] };
  change(copy);
  return copy;
}

test('writeModel names the place, the expectation and what came', () => {
  const node = network.nodes[0];
  const tensor = network.tensors[0];
  const cases: [Graph, RegExp][] = [
    [changed((g) => (g.name = '')), /"model\.name" expected 1 to 256 bytes of text, got 0 bytes/],
    [changed((g) => (g.inputs = [])), /"model\.inputs" expected at least one tensor, got none/],
    [changed((g) => (g.outputs = [2, 2])), /"model\.outputs\[1\]" expected a tensor named once, got "scores" again/],
    [changed((g) => (g.outputs = [9])), /"model\.outputs\[0\]" expected an index below 3 tensors, got 9/],
    [
      changed((g) => (g.nodes = [...g.nodes].reverse())),
      /"model\.nodes\[0\]\.inputs\[0\]" expected a tensor that is written before, got "dense1\/signs"/,
    ],
    [
      changed((g) => (g.nodes = [node, node])),
      /"model\.nodes\[1\]\.name" expected a name used once, got "dense1" again/,
    ],
    [
      changed((g) => (g.tensors = [{ ...tensor, shape: [31] }, ...g.tensors.slice(1)])),
      /expected 30 elements, as the weights have, got "input": centered 8-bit \[31\]/,
    ],
    [
      changed((g) => (g.tensors = [{ ...tensor, bits: 9 }, ...g.tensors.slice(1)])),
      /"model\.tensors\[0\]\.bits" expected 1 to 8 with centered, got 9/,
    ],
    [
      changed((g) => (g.tensors = [{ ...tensor, scale: NaN }, ...g.tensors.slice(1)])),
      /expected a finite number above 0, got NaN/,
    ],
    [
      changed((g) => (g.tensors = [{ ...tensor, shape: [2 ** 30, 2 ** 30] }, ...g.tensors.slice(1)])),
      /expected at most 1073741824 bytes/,
    ],
  ];
  for (const [graph, pattern] of cases) {
    assert.throws(
      () => writeModel(graph),
      (error: Error) => error instanceof GraphError && pattern.test(error.message),
      String(pattern),
    );
  }
});

test('writeModel refuses bits of channels that are not there', () => {
  const constants = network.constants.map((constant) => ({ ...constant, data: constant.data.slice() }));
  const weights = constants.find((constant) => constant.name === 'dense1/weights')!;
  weights.data[weights.data.length - 1] = 1;
  assert.throws(() => writeModel({ ...network, constants }), /zero bytes behind the last output channel/);
  weights.data[weights.data.length - 1] = 0;
  weights.data[3 * 16] = 0x40;
  assert.throws(() => writeModel({ ...network, constants }), /zero bits behind the last input channel/);
});

/** Fields and members of the schema, as `[name, type, default]` and names. */
function parseSchema(): { tables: Record<string, [string, string, string][]>; unions: Record<string, string[]> } {
  const schema = readFileSync('schema/qnn.fbs', 'utf8').replace(/\/\/.*$/gm, '');
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const tables: Record<string, [string, string, string][]> = {};
  for (const [, name, body] of schema.matchAll(/table (\w+) \{([^}]*)\}/g)) {
    tables[name] = [...body.matchAll(/(\w+)\s*:\s*([^;=(]+?)\s*(?:=\s*([^;(]+?)\s*)?(\([^)]*\))?;/g)].map(
      ([, field, type, value, attributes]) => [
        camel(field),
        type,
        value ?? (attributes?.includes('required') ? 'required' : ''),
      ],
    );
  }
  const unions: Record<string, string[]> = {};
  for (const [, name, members] of schema.matchAll(/union (\w+) \{([^}]*)\}/g)) {
    unions[name] = members.split(',').map((member) => member.trim());
  }
  return { tables, unions };
}

/** conv2d -> Conv2d. */
const schemaName = (name: string): string => name[0].toUpperCase() + name.slice(1);

/** What the schema says of a field, from what layout.ts says. */
function asSchema(field: Field): [string, string] {
  const required = 'required' in field && field.required ? 'required' : '';
  switch (field.kind) {
    case 'scalar': {
      return [field.type.toLowerCase(), field.default === undefined ? 'null' : `${field.default}`];
    }
    case 'string':
      return ['string', required];
    case 'strings':
      return ['[string]', required];
    case 'vector':
      return [field.bytes === 1 ? '[ubyte]' : '[uint32]', required];
    case 'table':
      return [schemaName(field.table), required];
    case 'tables':
      return [`[${field.table}]`, required];
    case 'union':
      return [field.members[0] === 'dense' ? 'Operator' : 'Transform', required];
  }
}

test('layout.ts has the tables, fields, types and defaults of schema/qnn.fbs, in order', () => {
  const { tables, unions } = parseSchema();
  const enums = ['Encoding', 'Layout', 'Function'];
  assert.equal(Object.keys(TABLES).map(schemaName), Object.keys(tables));
  const ours = Object.fromEntries(Object.entries(TABLES).map(([name, fields]) => [schemaName(name), fields]));
  for (const [name, fields] of Object.entries(tables)) {
    assert.equal(
      Object.keys(ours[name]),
      fields.map(([field]) => field),
      name,
    );
    for (const [field, type, value] of fields) {
      const [ourType, ourDefault] = asSchema(ours[name][field]);
      if (enums.includes(type)) assert.is(ourType, 'uint8', `${name}.${field}`);
      else {
        assert.is(ourType, type, `${name}.${field}`);
        const number = /^(uint|int|float)\d/.test(ourType);
        const expected = number && value !== 'null' ? `${Number(value || 0)}` : value;
        assert.is(ourDefault, expected, `${name}.${field}`);
      }
    }
  }
  for (const [name, members] of Object.entries(unions)) {
    const field = Object.values(TABLES).flatMap((fields) => fields[name.toLowerCase()] ?? [])[0];
    assert.equal(field?.kind === 'union' && field.members.map(schemaName), members, name);
  }
});

test('enums of the reader stand in the order of the schema', () => {
  const schema = readFileSync('schema/qnn.fbs', 'utf8').replace(/\/\/.*$/gm, '');
  for (const [name, values] of Object.entries({ Encoding: ENCODINGS, Layout: LAYOUTS, Function: FUNCTIONS })) {
    const body = new RegExp(`enum ${name} : ubyte \\{([^}]*)\\}`).exec(schema)![1];
    const names = [...body.matchAll(/(\w+)\s*=/g)].map(([, value]) => value[0].toLowerCase() + value.slice(1));
    assert.equal(values, names, name);
  }
});

test.run();
