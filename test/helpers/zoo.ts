// One small model of each kind of operator and encoding, made from a seed: what tests of format, reference and runtime walk.
import { type Built, GraphBuilder } from '../../src/model/builder.js';
import type { Graph, TensorType } from '../../src/model/graph.js';
import {
  centered,
  float32,
  floatAffine,
  int16,
  int32,
  int8,
  integerAffine,
  levels,
  multiThreshold,
  requantize,
  roundingShift,
  shiftNorm,
  signs,
  threshold,
  type WeightSpec,
} from '../../src/model/specs.js';
import { gateTable, sigmoid } from '../../src/numerics/tables.js';
import { randomInts } from './random.js';

/** Random weights of an encoding. */
export function randomWeights(
  encoding: WeightSpec['encoding'],
  shape: readonly number[],
  random: (n: number) => number,
  bits = encoding === 'powerOfTwo' ? 3 : 2,
): WeightSpec {
  const draw = {
    binary: () => 2 * random(2) - 1,
    ternary: () => random(3) - 1,
    centered: () => 2 * random(2 ** bits) - (2 ** bits - 1),
    powerOfTwo: () => [0, 1, -1, 2, -2, 4, -4][random(7)],
    int8: () => random(256) - 128,
    float32: () => Math.fround((random(2001) - 1000) / 500),
  }[encoding];
  const leveled = encoding === 'centered' || encoding === 'powerOfTwo';
  const count = shape.reduce((a, b) => a * b, 1);
  return { encoding, shape, values: Array.from({ length: count }, draw), ...(leveled && { bits }) };
}

/** Numbers of each channel. */
function each(n: number, value: (i: number) => number): number[] {
  return Array.from({ length: n }, (_, i) => value(i));
}

type Make = (g: GraphBuilder, random: (n: number) => number) => readonly Built[];

const map = (g: GraphBuilder, type: TensorType, shape: readonly number[] = [5, 4, 6], scale = 1): Built =>
  g.input('input', shape, type, scale);

const tables = { activation: gateTable(Math.tanh, 1 / 16), sigmoid: gateTable(sigmoid, 1 / 16) };

function cell(gates: number, inputs: number, width: number, random: (n: number) => number) {
  const rows = gates * width;
  const recurrent = requantize(
    each(rows, (i) => 2 ** 30 + 1000 * i),
    32,
    { biases: each(rows, (i) => i - 3) },
  );
  return {
    inputWeights: randomWeights('centered', [gates * width, inputs], random),
    recurrentWeights: randomWeights('centered', [gates * width, width], random),
    input: requantize(2 ** 30, 31),
    recurrent,
    state: multiThreshold(
      each(15 * width, (i) => (Math.floor(i / width) - 7) * 4096),
      4,
    ),
    type: centered(4),
    scale: 2 ** -4,
    ...tables,
  };
}

const MAKERS: Readonly<Record<string, Make>> = {
  'conv2d binary by bits, threshold': (g, random) => [
    g.conv2d('conv', map(g, signs), {
      weights: randomWeights('binary', [5, 3, 3, 6], random),
      padding: 'same-zero',
      transform: threshold(each(5, (i) => i - 2)),
    }),
  ],
  'conv2d binary by bytes, padded with ones': (g, random) => [
    g.conv2d('conv', map(g, centered(8)), {
      weights: randomWeights('binary', [5, 3, 3, 6], random),
      padding: { top: 1, left: 1, bottom: 0, right: 1, value: 1 },
      strides: [2, 1],
      transform: integerAffine(
        each(5, (i) => 3 * i - 5),
        7,
      ),
    }),
  ],
  'conv2d ternary by levels, multiThreshold': (g, random) => [
    g.conv2d('conv', map(g, levels(3)), {
      weights: randomWeights('ternary', [17, 2, 2, 6], random),
      dilations: 2,
      transform: multiThreshold(
        each(7 * 17, (i) => Math.floor(i / 17) * 2 - 6),
        3,
      ),
      type: centered(3),
    }),
  ],
  'conv2d grouped, 4 by 3 bits': (g, random) => [
    g.conv2d('conv', map(g, centered(4)), { weights: randomWeights('centered', [4, 1, 3, 3], random, 3), groups: 2 }),
  ],
  'conv2d int8 with residual, requantize': (g, random) => {
    const x = map(g, int8);
    return [
      g.conv2d('conv', x, {
        weights: randomWeights('int8', [6, 3, 3, 6], random),
        padding: 1,
        transform: requantize(
          each(6, (i) => 2 ** 29 + i),
          40,
          { biases: 100, minimum: 0, residualMultiplier: 2 ** 30 },
        ),
        residual: x,
        scale: 0.5,
      }),
    ];
  },
  'conv2d int8 grouped': (g, random) => [
    g.conv2d('conv', map(g, int8), {
      weights: randomWeights('int8', [4, 2, 2, 3], random),
      groups: 2,
      transform: roundingShift(each(4, (i) => i + 5)),
    }),
  ],
  'conv2d int8 depthwise': (g, random) => [
    g.conv2d('conv', map(g, int8), {
      weights: randomWeights('int8', [6, 3, 3, 1], random),
      groups: 6,
      padding: 'same-zero',
      transform: roundingShift(6),
    }),
  ],
  'conv2d power of two': (g, random) => [
    g.conv2d('conv', map(g, int8), {
      weights: randomWeights('powerOfTwo', [3, 3, 3, 6], random),
      transform: floatAffine(
        each(3, (i) => 0.5 + i),
        each(3, (i) => 0.25 * i),
      ),
    }),
  ],
  'conv2d float32': (g, random) => [
    g.conv2d('conv', map(g, float32), {
      weights: randomWeights('float32', [3, 3, 3, 6], random),
      transform: floatAffine(1.5, 0.25, { minimum: 0, maximum: 6 }),
    }),
  ],
  'conv2d float32 depthwise': (g, random) => [
    g.conv2d('conv', map(g, float32), { weights: randomWeights('float32', [6, 3, 2, 1], random), groups: 6 }),
  ],
  'conv2d in one dimension': (g, random) => [
    g.conv2d('conv', map(g, signs, [1, 20, 3]), {
      weights: randomWeights('binary', [8, 1, 5, 3], random),
      strides: [1, 2],
    }),
  ],
  'convTranspose2d int8': (g, random) => [
    g.convTranspose2d('up', map(g, int8), {
      weights: randomWeights('int8', [3, 3, 3, 6], random),
      strides: 2,
      padding: 1,
      extra: 1,
      transform: roundingShift(9),
    }),
  ],
  'dense binary': (g, random) => [
    g.dense('dense', map(g, signs, [33]), {
      weights: randomWeights('binary', [17, 33], random),
      transform: threshold(1),
    }),
  ],
  'dense int8': (g, random) => [
    g.dense('dense', map(g, int8, [9]), {
      weights: randomWeights('int8', [5, 9], random),
      transform: roundingShift(7),
    }),
  ],
  'dense power of two by int16': (g, random) => [
    g.dense('dense', map(g, int16, [9]), { weights: randomWeights('powerOfTwo', [5, 9], random) }),
  ],
  'dense float32, threshold': (g, random) => [
    g.dense('dense', map(g, float32, [9]), {
      weights: randomWeights('float32', [5, 9], random),
      transform: threshold(
        each(5, (i) => i / 4),
        float32,
      ),
    }),
  ],
  'maxPool of bits, some smallest': (g) => [
    g.maxPool('pool', map(g, signs), { size: 2, smallest: [true, false, false, true, false, false] }),
  ],
  'maxPool int8, padded': (g) => [g.maxPool('pool', map(g, int8), { size: 3, strides: 2, padding: 1 })],
  'avgPool int8': (g) => [g.avgPool('pool', map(g, int8), { size: 3, strides: 1, padding: 1 })],
  'avgPool of bits to sums': (g) => [g.avgPool('pool', map(g, signs), { size: 2, type: int32 })],
  globalAvgPool: (g) => [g.globalAvgPool('pool', map(g, float32))],
  'applyTransform shiftNorm, threshold': (g) => {
    const norm = shiftNorm({
      means: 100,
      exponents: each(6, (i) => i - 4),
      signs: [1, -1, 1, 0, 1, -1],
      biases: 9,
      fraction: 4,
    });
    return [g.apply('bits', g.apply('norm', map(g, int8), norm), threshold(20))];
  },
  'applyTransform batch normalization': (g) => [g.apply('norm', map(g, int32), floatAffine(0.125, -1))],
  'activate sign': (g) => [g.sign('sign', map(g, float32))],
  'activate relu and clip': (g) => [g.clip('clip', g.relu('relu', map(g, int16)), 0, 100)],
  'activate floor and hard tanh': (g) => [g.hardTanh('tanh', g.floor('floor', map(g, float32)))],
  lookUp: (g) => [g.lookUp('squares', map(g, centered(4)), int16, (v) => v * v)],
  'add int8': (g) => {
    const other = g.input('other', [5, 4, 6], int8, 0.5);
    return [g.add('sum', map(g, int8), other, { leftMultiplier: 3, rightMultiplier: 5, shift: 2, minimum: 0 })];
  },
  'add float32': (g) => [g.add('sum', map(g, float32), g.input('other', [5, 4, 6], float32), { maximum: 1 })],
  'convert to 4 bits and back': (g) => {
    const quantized = g.convert('quantize', map(g, float32), centered(4), 0.25);
    return [quantized, g.convert('real', quantized, float32)];
  },
  'concat, shuffle': (g) => {
    const x = map(g, signs);
    const other = g.input('other', [5, 4, 10], signs);
    return [g.channelShuffle('shuffle', g.concat('both', [x, other]), 4)];
  },
  'reshape and flatten': (g) => [g.flatten('flat', g.reshape('rows', map(g, levels(2)), [20, 6]))],
  pad: (g) => [g.pad('pad', map(g, int8), [1, 0, 0], [0, 2, 1], -7)],
  upsample: (g) => [g.upsample('up', map(g, centered(2)), [2, 3])],
  embedding: (g, random) => {
    const values = each(7 * 5, () => 2 * random(2) - 1);
    return [g.embedding('embed', g.input('tokens', [3], int32), { type: signs, shape: [7, 5], values })];
  },
  rnn: (g, random) => {
    const inputs = {
      sequence: g.input('sequence', [3, 6], centered(4), 2 ** -4),
      hidden: g.input('h', [5], centered(4), 2 ** -4),
    };
    return g.rnn('rnn', inputs, cell(1, 6, 5, random));
  },
  lstm: (g, random) => {
    const hidden = g.input('h', [5], centered(4), 2 ** -4);
    const memory = g.input('c', [5], int16, 2 ** -12);
    const sequence = g.input('sequence', [3, 6], centered(4), 2 ** -4);
    return g.lstm('lstm', { sequence, hidden, cell: memory }, cell(4, 6, 5, random));
  },
  gru: (g, random) => {
    const sequence = g.input('sequence', [3, 6], centered(4), 2 ** -4);
    return g.gru('gru', { sequence, state: g.input('s', [5], int16, 2 ** -15) }, cell(3, 6, 5, random));
  },
  'softmax, argMax': (g) => {
    const x = g.input('scores', [2, 5], int32, 0.125);
    return [g.softmax('probabilities', x), g.argMax('best', x)];
  },
  'embedding in planes, tied to dense': (g, random) => {
    const table = randomWeights('centered', [21, 13], random, 3);
    const rows = g.embedding('embed', g.input('tokens', [1], int32), table);
    return [rows, g.dense('scores', rows, { weights: table })];
  },
};

/** Every model by what it is. */
export const zoo: ReadonlyMap<string, Graph> = new Map(
  Object.entries(MAKERS).map(([name, make], i) => {
    const g = new GraphBuilder(name, { task: 'test' });
    g.output(...make(g, randomInts(i + 1)));
    return [name, g.build()] as const;
  }),
);

/** Random stored data of one sample of each input; floats lie in -4..4. */
export function randomSample(
  graph: Graph,
  seed: number,
): (Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array)[] {
  const random = randomInts(seed);
  return graph.inputs.map((index) => {
    const { shape, encoding, bits } = graph.tensors[index];
    const count = shape.reduce((a, b) => a * b, 1);
    switch (encoding) {
      case 'float32':
        return Float32Array.from({ length: count }, () => (random(8001) - 4000) / 1000);
      case 'int32':
        return Int32Array.from({ length: count }, () => random(21) - 10);
      case 'int16':
        return Int16Array.from({ length: count }, () => random(65536) - 32768);
      case 'int8':
        return Int8Array.from({ length: count }, () => random(256) - 128);
      default:
    }
    if (encoding === 'levels' || bits > 1) return Uint8Array.from({ length: count }, () => random(2 ** bits));
    const channels = shape.at(-1)!;
    const row = Math.ceil(channels / 8);
    const tail = channels % 8 === 0 ? 255 : (1 << (channels % 8)) - 1;
    const bytes = (count / channels) * row;
    return Uint8Array.from({ length: bytes }, (_, i) => random(256) & (i % row === row - 1 ? tail : 255));
  });
}
