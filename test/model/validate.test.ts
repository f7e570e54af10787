// Graphs that somebody changed: every rule that no builder would break.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphError } from '../../src/errors.js';
import type { Constant, Graph, Node, Operator, Tensor } from '../../src/model/graph.js';
import { writeModel } from '../../src/model/write.js';
import { zoo } from '../helpers/zoo.js';

/** A model of the zoo with one thing changed. */
function changed(
  name: string,
  change: {
    readonly tensor?: readonly [number, Partial<Tensor>];
    readonly constant?: readonly [number, Partial<Constant>];
    readonly node?: Partial<Node>;
    readonly operator?: Readonly<Record<string, unknown>>;
    readonly transform?: Readonly<Record<string, unknown>>;
  },
): Graph {
  const graph = zoo.get(name)!;
  const replace = <T>(list: readonly T[], at: readonly [number, Partial<T>] | undefined): T[] =>
    list.map((item, i) => (at !== undefined && i === at[0] ? { ...item, ...at[1] } : item));
  const [first, ...others] = graph.nodes;
  let operator = { ...first.operator, ...change.operator };
  if (change.transform && 'transform' in operator) {
    operator = { ...operator, transform: { ...operator.transform, ...change.transform } } as Operator;
  }
  return {
    ...graph,
    tensors: replace(graph.tensors, change.tensor),
    constants: replace(graph.constants, change.constant),
    nodes: [{ ...first, operator, ...change.node }, ...others],
  };
}

const CONV = 'conv2d binary by bits, threshold';
const INT8 = 'conv2d int8 with residual, requantize';
const TIED = 'embedding in planes, tied to dense';

test('validate names the place, the rule and what came', () => {
  const bytes = (n: number): Uint8Array => new Uint8Array(n);
  const cases: [Graph, RegExp][] = [
    [
      changed(CONV, { operator: { weights: 9 } }),
      /"model\.nodes\[0\]\.operator\.weights" expected an index below 2 constants, got 9/,
    ],
    [
      changed(CONV, { operator: { weights: 1 } }),
      /operator\.weights" expected weights of shape \(N, KH, KW, C\), got "conv\/thresholds"/,
    ],
    [
      changed(CONV, { transform: { thresholds: 0 } }),
      /transform\.thresholds" expected int32 values of shape \[5\], got "conv\/weights"/,
    ],
    [
      changed(CONV, { transform: { thresholds: 77 } }),
      /transform\.thresholds" expected an index below 2 constants, got 77/,
    ],
    [changed(CONV, { operator: { strideX: 0 } }), /operator\.strideX" expected a whole number from 1 to 65535, got 0/],
    [
      changed(CONV, { operator: { dilationY: 0 } }),
      /operator\.dilationY" expected a whole number from 1 to 65535, got 0/,
    ],
    [
      changed(CONV, { operator: { groups: 0 } }),
      /operator\.groups" expected a whole number from 1 to 2147483647, got 0/,
    ],
    [
      changed(CONV, { tensor: [1, { shape: [5, 4, 4] }] }),
      /outputs\[0\]" expected the shape \[5, 4, 5\], got "conv": centered 1-bit \[5, 4, 4\]/,
    ],
    [changed(CONV, { tensor: [1, { bits: 2 }] }), /outputs\[0\]" expected centered 1-bit, got "conv": centered 2-bit/],
    [changed(CONV, { node: { outputs: [] } }), /outputs" expected 1 tensor, got 0/],
    [changed(CONV, { node: { inputs: [] } }), /inputs" expected 1 tensor, got 0/],
    [changed(CONV, { node: { inputs: [0, 0] } }), /inputs" expected 1 tensor, got 2/],
    [
      changed(CONV, { constant: [0, { layout: 'quads' }] }),
      /constants\[0\]\.encoding" expected int8 in quads, got centered/,
    ],
    [changed(CONV, { constant: [0, { layout: 'plain' }] }), /constants\[0\]\.data" expected 45 bytes, got 144 bytes/],
    [changed(CONV, { constant: [0, { groups: 5 }] }), /constants\[0\]\.groups" expected 1 with blocks16, got 5/],
    [
      changed(CONV, { constant: [0, { shape: [5, 9, 6] }] }),
      /constants\[0\]\.shape" expected 2 or 4 dimensions in blocks16, got 3/,
    ],
    [
      changed(CONV, { constant: [1, { sha256: bytes(31) }] }),
      /constants\[1\]\.sha256" expected 32 bytes, got 31 bytes/,
    ],
    [changed(INT8, { constant: [0, { groups: 4 }] }), /constants\[0\]\.groups" expected a divisor of 6, got 4/],
    [changed(INT8, { operator: { groups: 2 } }), /filters over 3 channels, as the input has in each of 2 groups/],
    [changed(INT8, { transform: { shift: 63 } }), /transform\.shift" expected a whole number from 30 to 62, got 63/],
    [changed(INT8, { transform: { minimum: 0.5 } }), /transform" expected whole bounds, got 0\.5/],
    [
      changed(INT8, { tensor: [0, { encoding: 'int32' }] }),
      /inputs\[0\]" expected levels, centered, int8, int16 or float32/,
    ],
    [changed('conv2d int8 grouped', { operator: { groups: 1 } }), /filters over 6 channels/],
    [
      changed('conv2d int8 depthwise', { constant: [0, { shape: [6, 3, 3, 2] }] }),
      /depthwise filters \(C, KH, KW, 1\) in pairs/,
    ],
    [
      changed('conv2d float32', { operator: { padValue: 0.5 } }),
      /padValue" expected 0 or a value of float32, got 0\.5/,
    ],
    [
      changed('convTranspose2d int8', { operator: { extraRight: 2 } }),
      /extraRight" expected a whole number from 0 to 1, got 2/,
    ],
    [
      changed('convTranspose2d int8', { operator: { padTop: 3 } }),
      /padding from 0 to 2, less than the window's reach, got 3/,
    ],
    [
      changed('maxPool of bits, some smallest', { operator: { smallest: 4 } }),
      /smallest" expected an index below 1 constants, got 4/,
    ],
    [
      changed('maxPool int8, padded', { operator: { padTop: 3 } }),
      /padding from 0 to 2, less than the window's reach, got 3/,
    ],
    [
      changed('maxPool int8, padded', { tensor: [1, { scale: 2 }] }),
      /outputs\[0\]" expected the scale 1 of "input", not 2/,
    ],
    [
      changed('activate relu and clip', { tensor: [1, { encoding: 'int8' }] }),
      /outputs\[0\]" expected int16, got "relu": int8/,
    ],
    [
      changed('activate floor and hard tanh', { tensor: [0, { encoding: 'int32' }] }),
      /inputs\[0\]" expected float32, got "input": int32/,
    ],
    [changed('lookUp', { constant: [0, { shape: [128] }] }), /constants\[0\]\.data" expected 256 bytes, got 512 bytes/],
    [changed('lookUp', { constant: [0, { shape: [2, 128] }] }), /table" expected 256 values of a byte or more each/],
    [changed('add int8', { operator: { shift: 32 } }), /shift" expected a whole number from 0 to 31, got 32/],
    [
      changed('convert to 4 bits and back', { tensor: [1, { encoding: 'float32', bits: 0 }] }),
      /outputs\[0\]" expected integers, got/,
    ],
    [changed('concat, shuffle', { operator: { axis: 3 } }), /axis" expected a whole number from 0 to 2, got 3/],
    [
      changed('concat, shuffle', { operator: { axis: 0 } }),
      /inputs\[1\]" expected \[5, 4, 6\] but for dimension 0, got "other"/,
    ],
    [changed('pad', { operator: { before: [1, 0] } }), /before" expected 3 numbers, one for each dimension, got 2/],
    [changed('upsample', { operator: { height: 0 } }), /height" expected a whole number from 1 to 65535, got 0/],
    [
      changed('embedding', { tensor: [0, { encoding: 'float32' }] }),
      /inputs\[0\]" expected int32 or int16 or levels, got "tokens": float32/,
    ],
    [changed('embedding', { constant: [0, { shape: [35] }] }), /constants\[0\]\.data" expected 5 bytes, got 7 bytes/],
    [
      changed(TIED, { constant: [0, { encoding: 'ternary', bits: 2, data: bytes(128) }] }),
      /operator\.table" expected plain values of an encoding that tensors have, got "embed\/table": ternary 2-bit/,
    ],
    [changed('lstm', { operator: { cellShift: 9 } }), /cellShift" expected a whole number from 0 to 8, got 9/],
    [changed('lstm', { operator: { indexShift: -9 } }), /indexShift" expected a whole number from -8 to 8, got -9/],
    [changed('lstm', { node: { inputs: [2, 0, 0] } }), /inputs\[2\]" expected an int16 state of shape \[5\], got "h"/],
    [
      changed('lstm', { operator: { inputWeights: 1 } }),
      /inputWeights" expected weights of shape \[20, 6\], got "lstm\/recurrentWeights"/,
    ],
    [changed('rnn', { operator: { activation: 0 } }), /activation" expected int16 values of shape \[256\], got/],
    [
      changed('rnn', { tensor: [1, { bits: 3 }] }),
      /inputs\[1\]" expected levels 4-bit or centered 4-bit, as operator\.state makes it, got "h"/,
    ],
    [changed('gru', { node: { inputs: [1, 0] } }), /inputs\[1\]" expected a state of shape \(H\), got "sequence"/],
    [
      changed('softmax, argMax', { tensor: [1, { encoding: 'int8' }] }),
      /outputs\[0\]" expected float32, got "probabilities": int8/,
    ],
  ];
  for (const [graph, pattern] of cases) {
    try {
      writeModel(graph);
    } catch (error) {
      assert.instance(error, GraphError, String(error));
      assert.match((error as Error).message, pattern);
      continue;
    }
    assert.unreachable(String(pattern));
  }
});

test('validate looks into constants', () => {
  const touched = (name: string, constant: number, at: number, value: number): Graph => {
    const data = zoo.get(name)!.constants[constant].data.slice();
    data[at < 0 ? data.length + at : at] = value;
    return changed(name, { constant: [constant, { data }] });
  };
  const cases: [Graph, RegExp][] = [
    [touched(CONV, 0, 0, 0xff), /zero bits behind the last input channel, got byte 0 has some/],
    [touched(CONV, 0, 15, 1), /zero bytes behind the last output channel, got byte 15 is 1/],
    [touched(INT8, 0, -1, 1), /zeros where quads leaves places empty, got byte \d+ is 1/],
    [touched('conv2d int8 depthwise', 0, -1, 1), /zeros where pairs leaves places empty/],
    [touched('conv2d float32', 0, -1, 1), /zeros where lanes leaves places empty/],
    [touched('conv2d float32 depthwise', 0, -1, 1), /zeros where columns leaves places empty/],
    [touched('embedding', 0, 6, 0xff), /zero bits behind the last value, got byte 6 has some/],
    [touched('conv2d power of two', 0, -1, 0xff), /zero bits behind the last value/],
    [
      touched('applyTransform shiftNorm, threshold', 1, 0, 100),
      /exponents" expected values from -62 to 31, got 100 at 0/,
    ],
    [touched('applyTransform shiftNorm, threshold', 2, 1, 2), /signs" expected values from -1 to 1, got 2 at 1/],
  ];
  for (const [graph, pattern] of cases) assert.throws(() => writeModel(graph), pattern, String(pattern));
});

test.run();
