// Random graphs of one operator each, made from a seed, at sizes where kernels go wrong: one channel, tails of bytes and
// lanes, windows larger than the map, padding, gaps, groups, extremes of every type.
import { type Built, GraphBuilder } from '../../src/model/builder.js';
import type { Graph, TensorType } from '../../src/model/graph.js';
import { holdsValue, valueRange } from '../../src/model/graph.js';
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
  type TransformSpec,
  type WeightSpec,
} from '../../src/model/specs.js';
import { gateTable, sigmoid } from '../../src/numerics/tables.js';
import { randomInts } from './random.js';
import { randomWeights } from './zoo.js';

type Random = (n: number) => number;

const CHANNELS = [1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 33];
const INTEGERS: readonly TensorType[] = [
  signs,
  ...[2, 3, 4, 5, 6, 7, 8].map(centered),
  ...[1, 2, 3, 4, 5, 6, 7, 8].map(levels),
  int8,
  int16,
];
/** Every type that tensors have. */
export const TENSOR_TYPES: readonly TensorType[] = [...INTEGERS, int32, float32];

function one<T>(random: Random, list: readonly T[]): T {
  return list[random(list.length)];
}

function many(count: number, value: (i: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => value(i));
}

/** A number that the type has. */
function valueOf(type: TensorType, random: Random): number {
  if (type.encoding === 'float32') return Math.fround((random(2001) - 1000) / 100);
  const [low, high] = valueRange(type);
  for (;;) {
    const v = low + random(Math.min(high - low + 1, 2 ** 31));
    if (holdsValue(type, v)) return v;
  }
}

function weightsFor(random: Random, input: TensorType, shape: readonly number[]): WeightSpec {
  if (input.encoding === 'float32') return randomWeights('float32', shape, random);
  const encoding = one(random, ['binary', 'ternary', 'centered', 'powerOfTwo', 'int8'] as const);
  const bits = encoding === 'powerOfTwo' ? 2 + random(3) : 1 + random(8);
  if (encoding !== 'powerOfTwo') return randomWeights(encoding, shape, random, bits);
  const spec = randomWeights('int8', shape, random);
  const most = 2 ** (bits - 1) - 1;
  const values = Array.from({ length: spec.values.length }, () => {
    const m = random(most + 1);
    return m === 0 ? 0 : (random(2) ? 1 : -1) * 2 ** (m - 1);
  });
  return { encoding, bits, shape, values };
}

/** A transform over n channels of sums of about this size; `unusual` ones are those that few products have of their own. */
export function randomTransform(
  random: Random,
  n: number,
  size: number,
  float: boolean,
): { readonly transform: TransformSpec; readonly type: TensorType; readonly residual?: TensorType } {
  const around = (): number => random(2 * size + 1) - size;
  const bits = 1 + random(8);
  const kind = one(
    random,
    float
      ? (['threshold', 'multiThreshold', 'floatAffine'] as const)
      : (['threshold', 'multiThreshold', 'integerAffine', 'requantize', 'floatAffine', 'shiftNorm'] as const),
  );
  const type = float ? float32 : int32;
  const real = (): number => Math.fround(around() / 7);
  switch (kind) {
    case 'threshold':
      return { transform: threshold(many(n, float ? real : around), type), type: signs };
    case 'multiThreshold': {
      const values = many((2 ** bits - 1) * n, float ? real : around);
      return {
        transform: multiThreshold(values, bits, type),
        type: bits === 1 || random(2) ? levels(bits) : centered(bits),
      };
    }
    case 'integerAffine':
      return {
        transform: integerAffine(
          many(n, () => random(2001) - 1000),
          many(n, () => random(2 ** 20) - 2 ** 19),
        ),
        type: int32,
      };
    case 'floatAffine': {
      const clamp = [{}, { minimum: 0 }, { minimum: -1.5, maximum: 6 }][random(3)];
      const multipliers = random(3) ? many(n, () => Math.fround((random(2001) - 1000) / 512)) : 1;
      return { transform: floatAffine(multipliers, random(3) ? many(n, real) : undefined, clamp), type: float32 };
    }
    case 'shiftNorm':
      return {
        transform: shiftNorm({
          means: many(n, around),
          exponents: many(n, () => random(94) - 62),
          signs: many(n, () => random(3) - 1),
          biases: many(n, around),
          fraction: random(17),
        }),
        type: int32,
      };
    case 'requantize': {
      const residual = random(2) ? one(random, [int8, int16]) : undefined;
      const options = {
        ...(random(2) && { biases: many(n, around) }),
        ...[{}, { minimum: 0 }, { minimum: -20, maximum: 90 }, { minimum: 200 }, { maximum: -40000 }][random(5)],
        ...(residual && { residualMultiplier: random(2) ? random(2 ** 31) - 2 ** 30 : -(2 ** 30) * 2 ** -random(12) }),
      };
      const shift = 30 + random(random(2) ? 3 : 33);
      // Multipliers with powers of two in common make sums that may fit 32 bits.
      const [unit, factors] = random(2) ? [1, 2 ** 30] : [2 ** (30 - random(14)), 1 + random(3)];
      const transform = random(3)
        ? requantize(
            many(n, () => Math.min(unit * random(factors), 2 ** 30)),
            shift,
            options,
          )
        : roundingShift(
            many(n, () => random(31)),
            options,
          );
      return { transform, type: one(random, [int8, int16]), ...(residual && { residual }) };
    }
  }
}

type Make = (g: GraphBuilder, random: Random) => readonly Built[];

/** What a node is asked to give: a transform with its type, and its residual as an input. */
function finishing(g: GraphBuilder, random: Random, shape: readonly number[], size: number, float: boolean) {
  if (random(5) === 0) return {};
  const { transform, type, residual } = randomTransform(random, shape.at(-1)!, size, float);
  return { transform, type, ...(residual && { residual: g.input('residual', shape, residual) }) };
}

const conv: Make = (g, random) => {
  const type = one(random, [...INTEGERS, float32]);
  const depthwise = random(4) === 0;
  const groups = depthwise ? 1 + random(20) : one(random, [1, 1, 1, 2, 3]);
  const depth = depthwise ? 1 : one(random, CHANNELS);
  const n = depthwise ? groups : groups * one(random, [1, 3, 4, 8, 16, 17]);
  const [kh, kw] = [1 + random(4), 1 + random(4)];
  const dilations = [1 + random(2), 1 + random(2)] as const;
  const strides = [1 + random(3), 1 + random(3)] as const;
  const reach = [dilations[0] * (kh - 1) + 1, dilations[1] * (kw - 1) + 1];
  const shape = [reach[0] + random(5), reach[1] + random(5), groups * depth];
  const float = type.encoding === 'float32';
  const value = random(3) ? 0 : valueOf(float ? int8 : type, random);
  const padding = {
    ...{ top: random(reach[0]), left: random(reach[1]), bottom: random(reach[0]), right: random(reach[1]) },
    value,
  };
  const out = [0, 1].map((d) => {
    const pads = d === 0 ? padding.top + padding.bottom : padding.left + padding.right;
    return Math.floor((shape[d] + pads - reach[d]) / strides[d]) + 1;
  });
  const weights = weightsFor(random, type, [n, kh, kw, depth]);
  const size = Math.ceil(Math.sqrt(kh * kw * depth) * Math.min(valueRange(type)[1], 2 ** 15)) * 8;
  const finish = finishing(g, random, [...out, n], float ? 40 : size, float);
  return [g.conv2d('conv', g.input('x', shape, type), { weights, dilations, strides, padding, groups, ...finish })];
};

const dense: Make = (g, random) => {
  const type = one(random, [...INTEGERS, float32]);
  const float = type.encoding === 'float32';
  const [n, k] = [one(random, CHANNELS), one(random, [...CHANNELS, 64, 100, 127, 257])];
  const weights = weightsFor(random, type, [n, k]);
  const finish = finishing(g, random, [n], float ? 40 : 64 * k, float);
  return [g.dense('dense', g.input('x', [k], type), { weights, ...finish })];
};

const transposed: Make = (g, random) => {
  const type = one(random, [...INTEGERS, float32]);
  const [n, c] = [one(random, CHANNELS), one(random, CHANNELS)];
  const [kh, kw] = [1 + random(3), 1 + random(3)];
  const strides = [1 + random(3), 1 + random(3)] as const;
  const shape = [2 + random(4), 2 + random(4), c];
  const weights = weightsFor(random, type, [n, kh, kw, c]);
  const options = {
    ...{ weights, strides, dilations: 1 + random(2) },
    padding: { top: random(kh), left: random(kw) },
    extra: [random(strides[0]), random(strides[1])] as const,
  };
  return [g.convTranspose2d('up', g.input('x', shape, type), options)];
};

function map(g: GraphBuilder, random: Random, type: TensorType, name = 'x'): Built {
  return g.input(name, [1 + random(6), 1 + random(6), one(random, CHANNELS)], type, one(random, [1, 0.25, 2 ** -7]));
}

function window(random: Random, [height, width]: readonly number[]) {
  const size = [1 + random(height), 1 + random(width)] as const;
  const padding = { top: random(size[0]), left: random(size[1]), bottom: random(size[0]), right: random(size[1]) };
  return { size, padding, strides: [1 + random(3), 1 + random(3)] as const };
}

const pools: Make = (g, random) => {
  const x = map(g, random, one(random, TENSOR_TYPES));
  const smallest = random(2) ? many(x.shape[2], () => random(2)).map((flag) => flag === 1) : undefined;
  return [g.maxPool('largest', x, { ...window(random, x.shape), ...(smallest && { smallest }) })];
};

const averages: Make = (g, random) => {
  const x = map(g, random, one(random, TENSOR_TYPES));
  const type = x.encoding === 'float32' ? float32 : x.encoding === 'centered' || random(2) ? int32 : x;
  return [g.avgPool('mean', x, { ...window(random, x.shape), type }), g.globalAvgPool('all', x, { type })];
};

const apply: Make = (g, random) => {
  const x = map(g, random, one(random, TENSOR_TYPES));
  const float = x.encoding === 'float32';
  const size = float ? 40 : Math.min(valueRange(x)[1], 40000);
  const { transform, type, residual } = randomTransform(random, x.shape[2], size, float);
  const options = { type, ...(residual && { residual: g.input('residual', x.shape, residual) }) };
  return [g.apply('apply', x, transform, options)];
};

const activate: Make = (g, random) => {
  const x = map(g, random, one(random, TENSOR_TYPES));
  if (x.encoding === 'centered') return [g.sign('sign', x)];
  const [low, high] = [random(300) - 200, random(300)];
  const clip = g.clip('clip', x, low, low + high);
  const all = [g.sign('sign', x), g.relu('relu', x), clip];
  return x.encoding === 'float32' ? [...all, g.floor('floor', x), g.hardTanh('tanh', x)] : all;
};

const lookUp: Make = (g, random) => {
  const x = map(g, random, one(random, [int8, levels(1), levels(3), levels(8), centered(2), centered(8)]));
  const type = one(random, [int8, int16, int32, float32, levels(5), centered(3)]);
  return [g.lookUp('look', x, type, () => valueOf(type, random))];
};

const add: Make = (g, random) => {
  const float = random(4) === 0;
  const x = map(g, random, float ? float32 : one(random, [...INTEGERS, int32]));
  const y = g.input('y', x.shape, float ? float32 : one(random, [...INTEGERS, int32]), 0.5);
  const clamp = [{}, { minimum: 0 }, { minimum: -30, maximum: 20 }][random(3)];
  if (float) return [g.add('sum', x, y, clamp)];
  const multiplier = (): number => (random(2) ? random(200) - 100 : random(2 ** 32) - 2 ** 31);
  const type = one(random, [int8, int16, int32]);
  const options = { leftMultiplier: multiplier(), rightMultiplier: multiplier(), shift: random(32) };
  return [g.add('sum', x, y, { ...options, ...clamp, type })];
};

const convert: Make = (g, random) => {
  const from = one(random, TENSOR_TYPES);
  if (from.encoding !== 'float32') return [g.convert('real', map(g, random, from), float32)];
  return [g.convert('integers', map(g, random, from), one(random, [...INTEGERS, int32]), one(random, [1, 0.125, 0.3]))];
};

const concat: Make = (g, random) => {
  const type = one(random, TENSOR_TYPES);
  const axis = random(3);
  const shape = [1 + random(3), 1 + random(3), one(random, CHANNELS)];
  const parts = many(1 + random(4), () => (axis === 2 ? one(random, CHANNELS) : 1 + random(3)));
  const inputs = parts.map((size, i) => {
    const own = shape.map((dimension, d) => (d === axis ? size : dimension));
    return g.input(`x${i}`, own, type);
  });
  return [g.concat('both', inputs, axis)];
};

const shuffle: Make = (g, random) => {
  const [groups, width] = [1 + random(5), 1 + random(9)];
  const x = g.input('x', [2, 1 + random(3), groups * width], one(random, TENSOR_TYPES));
  return [g.channelShuffle('shuffle', x, groups)];
};

const reshape: Make = (g, random) => {
  const [a, b, c] = [1 + random(6), 1 + random(5), one(random, CHANNELS)];
  const x = g.input('x', [a, b, c], one(random, TENSOR_TYPES));
  const shape = one(random, [[a * b * c], [c, b, a], [b, a * c], [a * b, 1, c], [1, a * b * c, 1]]);
  return [g.reshape('rows', x, shape), g.flatten('flat', x)];
};

const pad: Make = (g, random) => {
  const x = map(g, random, one(random, TENSOR_TYPES));
  const sides = (): number[] => [random(3), random(3), random(2) ? random(10) : 0];
  // The file keeps the value as float32.
  return [g.pad('pad', x, sides(), sides(), valueOf(x.encoding === 'int32' ? int16 : x, random))];
};

const upsample: Make = (g, random) => [
  g.upsample('up', map(g, random, one(random, TENSOR_TYPES)), [1 + random(3), 1 + random(3)]),
];

const embedding: Make = (g, random) => {
  const type = one(random, TENSOR_TYPES);
  const shape = [1 + random(9), one(random, CHANNELS)];
  const tokens = g.input('tokens', [1 + random(5)], one(random, [int32, int16, levels(3)]));
  return [
    g.embedding('embed', tokens, { type, shape, values: many(shape[0] * shape[1], () => valueOf(type, random)) }),
  ];
};

/** Rows out of planes of bits, and sums with the same constant for weights. */
const packedEmbedding: Make = (g, random) => {
  const [bits, tied] = [1 + random(8), random(2) === 1];
  // Bits that a product reads fill their bytes.
  const width = tied && bits === 1 ? 8 * (1 + random(4)) : one(random, CHANNELS);
  const table = randomWeights('centered', [one(random, CHANNELS), width], random, bits);
  const tokens = g.input('tokens', [tied ? 1 : 1 + random(5)], one(random, [int32, int16, levels(5)]));
  const rows = g.embedding('embed', tokens, table);
  return tied ? [rows, g.dense('scores', rows, { weights: table })] : [rows];
};

const heads: Make = (g, random) => {
  const shape = random(2) ? [one(random, CHANNELS)] : [3, one(random, CHANNELS)];
  const x = g.input('x', shape, one(random, TENSOR_TYPES), 0.0625);
  return [g.softmax('probabilities', x), g.argMax('best', x)];
};

const recurrent: Make = (g, random) => {
  const kind = one(random, ['rnn', 'lstm', 'gru'] as const);
  const gates = { rnn: 1, lstm: 4, gru: 3 }[kind];
  const [steps, inputs, width] = [1 + random(6), one(random, CHANNELS), one(random, CHANNELS)];
  const rows = gates * width;
  const type = one(random, [signs, centered(4), centered(2), levels(3), int8, int16]);
  const factor = (): TransformSpec =>
    requantize(
      many(rows, () => 2 ** 24 + random(2 ** 27)),
      30 + random(4),
      { biases: many(rows, () => random(41) - 20) },
    );
  const state =
    type.encoding === 'int8' || type.encoding === 'int16'
      ? requantize(2 ** 29, type.encoding === 'int8' ? 37 : 30)
      : type.bits === 1 && type.encoding === 'centered'
        ? threshold(many(width, () => random(2001) - 1000))
        : multiThreshold(
            many((2 ** type.bits - 1) * width, () => random(2 ** 16) - 2 ** 15),
            type.bits,
          );
  const sequenceType = one(random, INTEGERS);
  const cell = {
    inputWeights: weightsFor(random, sequenceType, [rows, inputs]),
    recurrentWeights: weightsFor(random, type, [rows, width]),
    ...{ input: factor(), recurrent: factor(), state, type, scale: 0.5 },
    activation: gateTable(Math.tanh, 1 / 16),
    sigmoid: gateTable(sigmoid, 1 / 16),
  };
  const sequence = g.input('sequence', [steps, inputs], sequenceType);
  const hidden = (): Built => g.input('hidden', [width], type, 0.5);
  const carry = (): Built => g.input('carry', [width], int16, 2 ** -15);
  if (kind === 'rnn') return g.rnn('rnn', { sequence, hidden: hidden() }, cell);
  if (kind === 'gru') return g.gru('gru', { sequence, state: carry() }, cell);
  const shifts = { cellShift: random(9), indexShift: random(17) - 8 };
  return g.lstm('lstm', { sequence, hidden: hidden(), cell: carry() }, { ...cell, ...shifts });
};

/** Makers of random graphs by the operator that they are about. */
export const CASES: Readonly<Record<string, Make>> = {
  conv,
  dense,
  transposed,
  pools,
  averages,
  apply,
  activate,
  lookUp,
  add,
  convert,
  concat,
  shuffle,
  reshape,
  pad,
  upsample,
  embedding,
  packedEmbedding,
  heads,
  recurrent,
};

/** The graph of a maker and a seed; undefined where the draw breaks a rule of the format, such as sums beyond 31 bits. */
export function randomCase(kind: string, seed: number): Graph | undefined {
  const g = new GraphBuilder(`${kind} ${seed}`);
  try {
    g.output(...CASES[kind](g, randomInts(seed)));
    return g.build();
  } catch (error) {
    if (error instanceof Error && /products of .* in a sum/.test(error.message)) return undefined;
    throw error;
  }
}
