// GraphBuilder: shapes and types that follow, and errors that name the node, what was expected and what came.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphError } from '../../src/errors.js';
import { type Built, GraphBuilder } from '../../src/model/builder.js';
import type { Graph, TensorType } from '../../src/model/graph.js';
import {
  centered,
  float32,
  floatAffine,
  int16,
  int32,
  int8,
  levels,
  multiThreshold,
  requantize,
  roundingShift,
  signs,
  threshold,
  type WeightSpec,
} from '../../src/model/specs.js';

/** The tensor that a node gives for an input. */
function infer(
  type: TensorType,
  shape: readonly number[],
  make: (g: GraphBuilder, x: Built) => Built,
  scale = 1,
): Built {
  const g = new GraphBuilder('test');
  const y = make(g, g.input('x', shape, type, scale));
  g.output(y).build();
  return y;
}

const ones = (...shape: number[]) =>
  ({ encoding: 'int8', shape, values: new Array<number>(shape.reduce((a, b) => a * b)).fill(1) }) as const;

test('GraphBuilder derives shapes', () => {
  const conv = (options: object): readonly number[] =>
    infer(int8, [32, 31, 4], (g, x) => g.conv2d('c', x, { weights: ones(8, 3, 5, 4), ...options })).shape;
  assert.equal(conv({}), [30, 27, 8]);
  assert.equal(conv({ padding: 'same-zero' }), [32, 31, 8]);
  assert.equal(conv({ padding: 'same-zero', strides: 2 }), [16, 16, 8]);
  assert.equal(conv({ padding: 1, strides: [2, 3] }), [16, 10, 8]);
  assert.equal(conv({ dilations: 2 }), [28, 23, 8]);
  const pool = (options: object): readonly number[] =>
    infer(int8, [5, 7, 4], (g, x) => g.maxPool('p', x, { size: 2, ...options })).shape;
  assert.equal(pool({}), [2, 3, 4]);
  assert.equal(pool({ padding: 'same-zero' }), [3, 4, 4]);
  assert.equal(
    infer(int8, [4, 4, 2], (g, x) =>
      g.convTranspose2d('c', x, { weights: ones(3, 3, 3, 2), strides: 2, padding: 1, extra: 1 }),
    ).shape,
    [8, 8, 3],
  );
});

test('GraphBuilder chooses types, and scales where numbers are copied', () => {
  const apply = (transform: Parameters<GraphBuilder['apply']>[2], options = {}): string => {
    const { encoding, bits } = infer(int32, [2], (g, x) => g.apply('t', x, transform, options));
    return `${encoding} ${bits}`;
  };
  assert.is(apply(threshold(0)), 'centered 1');
  assert.is(apply(multiThreshold([1, 1, 2, 2, 3, 3], 2)), 'levels 2');
  assert.is(apply(multiThreshold([1, 1, 2, 2, 3, 3], 2), { type: centered(2) }), 'centered 2');
  assert.is(apply(roundingShift(3)), 'int8 0');
  assert.is(apply(roundingShift(3), { type: int16 }), 'int16 0');
  assert.is(apply(floatAffine(1)), 'float32 0');
  assert.is(infer(levels(4), [3], (g, x) => g.reshape('r', x, [3, 1]), 0.5).scale, 0.5);
  assert.is(infer(int8, [3], (g, x) => g.relu('r', x), 0.1).scale, Math.fround(0.1));
});

test('GraphBuilder stores weights that come as one object once, and equal ones of two objects twice', () => {
  const table = { encoding: 'centered', bits: 2, shape: [3, 8], values: new Array<number>(24).fill(-3) } as const;
  const graphOf = (weights: WeightSpec): Graph => {
    const g = new GraphBuilder('tied');
    const rows = g.embedding('embed', g.input('token', [1], int32), table);
    const transform = multiThreshold([0, 0, 0], 1);
    return g.output(g.dense('scores', rows, { weights, transform })).build();
  };
  const [tied, apart] = [graphOf(table), graphOf({ ...table })];
  const names = ({ constants }: Graph): string[] => constants.map(({ name }) => name);
  assert.equal(names(tied), ['embed/table', 'scores/thresholds']);
  assert.equal(names(apart), ['embed/table', 'scores/weights', 'scores/thresholds']);
});

test('GraphBuilder errors name node, expectation and what came', () => {
  const cases: [TensorType, readonly number[], (g: GraphBuilder, x: Built) => Built, RegExp][] = [
    [
      int8,
      [8, 8, 3],
      (g, x) => g.conv2d('conv1', x, { weights: ones(4, 3, 3, 2) }),
      /^graph: node "conv1" \(conv2d\) weights expected filters over 3 channels, as the input has in each of 1 groups, got "conv1\/weights": int8 \[4, 3, 3, 2\]$/,
    ],
    [
      int8,
      [8, 8, 3],
      (g, x) => g.conv2d('c', x, { weights: ones(4, 9) }),
      /node "c" weights expected shape \(N, KH, KW, C\), got \[4, 9\]/,
    ],
    [
      int8,
      [8, 3],
      (g, x) => g.conv2d('c', x, { weights: ones(4, 1, 1, 3) }),
      /inputs\[0\] expected a shape of height, width, channels, got "x": int8 \[8, 3\]/,
    ],
    [
      int8,
      [8, 8, 4],
      (g, x) => g.conv2d('c', x, { weights: ones(4, 3, 3, 2), groups: 3 }),
      /groups expected a divisor of 4 input and 4 output channels, got 3/,
    ],
    [
      int8,
      [2, 2, 1],
      (g, x) => g.conv2d('c', x, { weights: ones(1, 3, 3, 1) }),
      /inputs\[0\] expected at least 3 in dimension Y, got 2/,
    ],
    [
      int8,
      [4, 4, 1],
      (g, x) => g.conv2d('c', x, { weights: ones(1, 3, 3, 1), padding: 3 }),
      /padding from 0 to 2, less than the window's reach, got 3/,
    ],
    [
      signs,
      [4, 4, 1],
      (g, x) => g.conv2d('c', x, { weights: ones(1, 3, 3, 1), padding: { top: 1, value: 2 } }),
      /padValue expected 0 or a value of centered 1-bit, got 2/,
    ],
    [
      float32,
      [4],
      (g, x) => g.dense('d', x, { weights: ones(2, 4) }),
      /weights expected float32 weights for an input of float32, got "d\/weights": int8 \[2, 4\]/,
    ],
    [
      int32,
      [4],
      (g, x) => g.dense('d', x, { weights: ones(2, 4) }),
      /inputs\[0\] expected levels, centered, int8, int16 or float32, got "x": int32 \[4\]/,
    ],
    [
      int8,
      [5],
      (g, x) => g.dense('d', x, { weights: ones(2, 4) }),
      /inputs\[0\] expected 4 elements, as the weights have, got "x": int8 \[5\]/,
    ],
    [
      int16,
      [40000],
      (g, x) => g.dense('d', x, { weights: ones(1, 40000) }),
      /weights expected at most 511 products of int16 and int8 in a sum, got 40000/,
    ],
    [
      int8,
      [2],
      (g, x) => g.dense('d', x, { weights: { encoding: 'powerOfTwo', shape: [1, 2], values: [1, 3] } }),
      /node "d" weights expected values of powerOfTwo 4-bit, got 3 at 1/,
    ],
    [
      int8,
      [2],
      (g, x) => g.dense('d', x, { weights: { encoding: 'ternary', shape: [1, 2], values: [1] } }),
      /node "d" weights expected 2 values of shape \[1, 2\], got 1/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, threshold([1, 2])),
      /node "t" thresholds expected 3 values of shape \[3\], got 2/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, threshold(0.5)),
      /node "t" thresholds expected values of int32, got 0.5 at 0/,
    ],
    [
      float32,
      [3],
      (g, x) => g.apply('t', x, roundingShift(1)),
      /transform expected a transform of float32 numbers, got requantize/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, requantize(1, 29)),
      /transform.shift expected a whole number from 30 to 62, got 29/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, requantize(-1, 40)),
      /transform.multipliers expected values from 0 to 2147483647, got -1 at 0/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, requantize(1, 40, { minimum: 2, maximum: 1 })),
      /expected minimum <= maximum, got 2 > 1/,
    ],
    [int32, [3], (g, x) => g.apply('t', x, threshold(1), { type: int8 }), /type expected centered 1-bit, got int8/],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, roundingShift(1, { residualMultiplier: 1 })),
      /inputs expected 2 tensors, got 1/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, roundingShift(1, { residualMultiplier: 1 }), { residual: x }),
      /inputs\[1\] expected a residual of int8 or int16 \[3\], got "x": int32 \[3\]/,
    ],
    [
      int32,
      [3],
      (g, x) => g.apply('t', x, multiThreshold([1, 2, 3], 2)),
      /thresholds expected 9 values of shape \[3, 3\], got 3/,
    ],
    [
      int8,
      [3],
      (g, x) => g.add('s', x, g.input('y', [4], int8)),
      /inputs\[1\] expected the shape \[3\] of the other, got "y": int8 \[4\]/,
    ],
    [
      int8,
      [3],
      (g, x) => g.concat('s', [x, g.input('y', [3], int16)]),
      /inputs\[1\] expected int8 like the first, got "y": int16 \[3\]/,
    ],
    [
      int8,
      [3],
      (g, x) => g.concat('s', [x, g.input('y', [3], int8, 2)]),
      /inputs\[1\] expected the scale 1 of the first, got "y": 2/,
    ],
    [
      int8,
      [3],
      (g, x) => g.reshape('s', x, [2, 2]),
      /outputs\[0\] expected a shape of 3 elements, as "x": int8 \[3\] has, got \[2, 2\]/,
    ],
    [int8, [3], (g, x) => g.pad('s', x, [1], [1, 2]), /after expected 1 numbers, one for each dimension, got 2/],
    [signs, [3], (g, x) => g.pad('s', x, [1], [1]), /value expected a value of centered 1-bit, got 0/],
    [
      signs,
      [3],
      (g, x) => g.relu('s', x),
      /inputs\[0\] expected float32 or int32 or int16 or int8 or levels, got "x": centered 1-bit \[3\]/,
    ],
    [
      signs,
      [3],
      (g, x) => g.lookUp('s', x, int8, Math.abs),
      /inputs\[0\] expected one byte for each value, got "x": centered 1-bit \[3\]/,
    ],
    [int8, [6], (g, x) => g.channelShuffle('s', x, 4), /groups expected a divisor of 6 channels, got 4/],
  ];
  for (const [type, shape, make, pattern] of cases) {
    try {
      infer(type, shape, make);
    } catch (error) {
      assert.instance(error, GraphError, String(error));
      assert.match((error as Error).message, pattern);
      continue;
    }
    assert.unreachable(String(pattern));
  }
});

test('GraphBuilder.build refuses what no single node shows', () => {
  const g = new GraphBuilder('net');
  const x = g.input('x', [3], int8);
  assert.throws(() => g.build(), /"model\.outputs" expected at least one tensor, got none/);
  g.output(g.relu('r', x));
  g.build();
  g.relu('r', x);
  assert.throws(() => g.build(), /"model\.tensors\[2\]\.name" expected a name used once, got "r" again/);
  assert.throws(() => new GraphBuilder('n').output(x), /graph "n" output expected a tensor of this graph, got "x"/);
  assert.throws(() => new GraphBuilder('n').relu('r', x), /node "r" \(activate\) expected a tensor of this graph/);
});

test('GraphBuilder refuses numbers that the file would round', () => {
  const g = new GraphBuilder('rounded');
  const x = g.input('x', [2, 2, 2], int32);
  const expected = /whole numbers that float32 holds, got 16777217/;
  assert.throws(() => g.pad('pad', x, [0, 0, 0], [1, 0, 0], 2 ** 24 + 1), expected);
  assert.throws(() => g.clip('clip', x, 0, 2 ** 24 + 1), expected);
  assert.throws(() => g.add('add', x, x, { maximum: 2 ** 24 + 1 }), expected);
  g.pad('even', x, [0, 0, 0], [1, 0, 0], 2 ** 24 + 2);
});

test.run();
