// The cases of the conformance kit: one model each, with inputs at which runtimes tend to differ.
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
  requantize,
  roundingShift,
  shiftNorm,
  signs,
  threshold,
  type WeightSpec,
} from '../../src/model/specs.js';
import { encode, type Stored } from '../../src/reference/evaluate.js';
import { randomInts } from '../helpers/random.js';
import { randomSample, randomWeights, zoo } from '../helpers/zoo.js';

export interface ConformanceCase {
  readonly name: string;
  /** What the case is about. */
  readonly about: string;
  readonly graph: Graph;
  /** Stored data of one sample of each input. */
  readonly inputs: readonly Stored[];
}

function graphOf(name: string, make: (g: GraphBuilder) => Built | readonly Built[]): Graph {
  const g = new GraphBuilder(name);
  g.output(...[make(g)].flat());
  return g.build();
}

/** A case with inputs from a seed, or with the numbers v given. */
function conformanceCase(
  name: string,
  about: string,
  make: (g: GraphBuilder) => Built | readonly Built[],
  values?: readonly (readonly number[])[],
): ConformanceCase {
  const graph = graphOf(name, make);
  const inputs =
    values?.map((v, i) => encode(graph.tensors[graph.inputs[i]], Float64Array.from(v))) ?? randomSample(graph, 1);
  return { name, about, graph, inputs };
}

function repeat(count: number, ...values: readonly number[]): number[] {
  return Array.from({ length: count }, (_, i) => values[i % values.length]);
}

const typeName = ({ encoding, bits }: TensorType): string => (bits > 0 ? `${encoding}${bits}` : encoding);

function tails(): ConformanceCase[] {
  const counts = [1, 7, 8, 9, 15, 16, 17, 31, 33];
  return counts.flatMap((k) => {
    const random = randomInts(k);
    const binary = (n: number): WeightSpec => randomWeights('binary', [n, k], random);
    return [
      conformanceCase(`tail-bits-${k}`, `${k} inputs of one bit, ${k + 1} outputs: rows that end inside a byte`, (g) =>
        g.dense('dense', g.input('x', [k], signs), { weights: binary(k + 1), transform: threshold(0) }),
      ),
      conformanceCase(`tail-conv-${k}`, `${k} channels of 4 bits, a 3 x 3 filter over borders`, (g) =>
        g.conv2d('conv', g.input('x', [3, 4, k], centered(4)), {
          weights: randomWeights('centered', [3, 3, 3, k], random),
          padding: 1,
        }),
      ),
    ];
  });
}

function borders(): ConformanceCase[] {
  const random = randomInts(2);
  const pads = [
    ['zeros', 0],
    ['ones', 1],
    ['minus-ones', -1],
  ] as const;
  return [signs, centered(3), int8].flatMap((type) =>
    pads.map(([name, value]) =>
      conformanceCase(`border-${typeName(type)}-${name}`, `${value} outside a map of ${typeName(type)}`, (g) =>
        g.conv2d('conv', g.input('x', [4, 3, 5], type), {
          weights: randomWeights(type === int8 ? 'int8' : 'binary', [4, 3, 3, 5], random),
          strides: [2, 1],
          padding: { top: 2, left: 1, bottom: 1, right: 2, value },
        }),
      ),
    ),
  );
}

function pairs(): ConformanceCase[] {
  const inputs = [signs, ...[2, 3, 4, 5, 6, 7, 8].map(centered), ...[1, 2, 3, 4, 5, 6, 7, 8].map(levels), int8, int16];
  const weights: readonly (readonly [WeightSpec['encoding'], number])[] = [
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((bits) => ['centered', bits] as const),
    ['ternary', 2],
    ['powerOfTwo', 3],
    ['int8', 0],
  ];
  return inputs.map((type) =>
    conformanceCase(`pairs-${typeName(type)}`, `${typeName(type)} by weights of every encoding`, (g) => {
      const random = randomInts(type.bits + 10);
      const x = g.input('x', [11], type);
      return weights.map(([encoding, bits]) =>
        g.dense(`${encoding}${bits || ''}`, x, { weights: randomWeights(encoding, [5, 11], random, bits) }),
      );
    }),
  );
}

function numbers(): ConformanceCase[] {
  const ramp = Array.from({ length: 33 }, (_, i) => i - 16);
  const identity = (n: number): WeightSpec => ({
    encoding: 'int8',
    shape: [n, n],
    values: Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
  });
  const extremes = repeat(32, -128, 127);
  return [
    conformanceCase(
      'overflow-int8',
      'sums of the largest products, wrapped 32-bit scores, saturation to int8 and int16',
      (g) => {
        const x = g.input('x', [32], int8);
        const weights: WeightSpec = { encoding: 'int8', shape: [4, 32], values: repeat(128, -128, -128, 127, 127) };
        return [
          g.dense('sums', x, { weights }),
          g.dense('scores', x, { weights, transform: integerAffine(2 ** 31 - 1, 2 ** 31 - 1) }),
          g.dense('wrapped', x, { weights, transform: roundingShift(0, { biases: 2 ** 31 - 1 }) }),
          g.dense('wide', x, { weights, transform: roundingShift(3), type: int16 }),
        ];
      },
      [extremes],
    ),
    conformanceCase(
      'ties-shift',
      'halves go up, also below zero',
      (g) => [
        g.dense('one', g.input('x', [33], int8), { weights: identity(33), transform: roundingShift(1) }),
        g.apply('two', g.input('y', [33], int8), roundingShift(2), { type: int16 }),
        g.apply('multiplied', g.input('z', [33], int8), requantize(2 ** 29, 32), { type: int8 }),
      ],
      [ramp, ramp, ramp],
    ),
    conformanceCase(
      'ties-residual',
      'one rounding of product and residual together',
      (g) => {
        const x = g.input('x', [33], int8);
        const transform = requantize(2 ** 30, 32, { residualMultiplier: 2 ** 31 - 2 ** 30, minimum: -3 });
        return g.dense('join', x, { weights: identity(33), transform, residual: g.input('r', [33], int16) });
      },
      [ramp, [...ramp].reverse()],
    ),
    conformanceCase(
      'ties-mean',
      'means of integers: halves go up',
      (g) => {
        const x = g.input('x', [2, 8, 1], int8);
        return [
          g.avgPool('pairs', x, { size: [1, 2] }),
          g.avgPool('squares', x, { size: 2 }),
          g.globalAvgPool('all', x),
        ];
      },
      [[-3, -2, -1, 0, 1, 2, 3, 4, -128, 127, -127, -128, 126, 127, 5, 0]],
    ),
    conformanceCase(
      'ties-convert',
      'real numbers to integers: halves go up, then saturation; what is not a number becomes the lowest',
      (g) => {
        const x = g.input('x', [12], float32);
        return [int8, int16, int32, levels(3), centered(2), signs].map((type) =>
          g.convert(typeName(type), x, type, 0.5),
        );
      },
      [[0.25, 0.75, -0.25, -0.75, 0.249, -0.26, 1e9, -1e9, 0, -0, NaN, 1.25]],
    ),
    conformanceCase(
      'sign-zero',
      'the sign of both zeros is +1; a sum that equals its threshold gives +1',
      (g) => [
        g.sign('real', g.input('x', [5], float32)),
        g.sign('integer', g.input('y', [5], int8)),
        g.apply('reached', g.input('z', [5], int32), threshold([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])),
        g.apply('real-reached', g.input('w', [5], float32), threshold([0, 0, 0.5, -0.5, 1], float32)),
      ],
      [
        [0, -0, 1e-40, -1e-40, NaN],
        [0, 1, -1, 127, -128],
        [0, 0, -1, 2 ** 31 - 1, -(2 ** 31)],
        [0, -0, 0.5, -0.5, 0.99],
      ],
    ),
    conformanceCase(
      'negative-gamma',
      'channels whose normalization turns the order: thresholds after a pool take the smallest, factors below zero',
      (g) => {
        const x = g.input('x', [4, 4, 3], int16);
        const norm = { means: [3, -3, 0], exponents: [-2, 1, 0], signs: [-1, -1, 0], biases: [10, -7, 5], fraction: 2 };
        return [
          g.maxPool('pool', x, { size: 2, smallest: [true, false, true] }),
          g.apply('shift', x, shiftNorm(norm)),
          g.apply('affine', x, floatAffine([-0.5, -1.25, 0], [1, 0.75, -0.125], { minimum: 0 })),
        ];
      },
    ),
    conformanceCase('lstm-saturation', 'a cell that runs into both ends of its range', (g) => {
      const steps = 24;
      const table = Array.from({ length: 256 }, (_, i) => (i < 128 ? 32767 : -32768));
      const cell = {
        inputWeights: { encoding: 'binary', shape: [8, 2], values: repeat(16, 1, -1, 1) } as WeightSpec,
        recurrentWeights: { encoding: 'ternary', shape: [8, 2], values: repeat(16, 1, 0, -1) } as WeightSpec,
        ...{ input: requantize(2 ** 30, 30), recurrent: requantize(2 ** 30, 31) },
        ...{ activation: table, sigmoid: table.map((v) => Math.max(v, 0)), cellShift: 1 },
        ...{ state: threshold([1, -1]), type: signs },
      };
      const sequence = g.input('sequence', [steps, 2], signs);
      return g.lstm('lstm', { sequence, hidden: g.input('h', [2], signs), cell: g.input('c', [2], int16) }, cell);
    }),
  ];
}

/** All cases, in the order of the manifest. */
export function conformanceCases(): ConformanceCase[] {
  const kinds = [...zoo].map(([name, graph]): ConformanceCase => {
    const file = `kind-${name.replace(/[^a-zA-Z0-9]+/g, '-')}`;
    return { name: file, about: name, graph, inputs: randomSample(graph, 1) };
  });
  return [...kinds, ...tails(), ...borders(), ...pairs(), ...numbers()];
}
