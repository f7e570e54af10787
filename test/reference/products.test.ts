// Products of M-bit activations with N-bit weights by their definitions: the numbers that are multiplied are those that the
// levels stand for, and plane by plane they are sums of sign products.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/model/builder.js';
import { centered, int8, levels } from '../../src/model/specs.js';
import { elements } from '../../src/model/graph.js';
import { unpackConstant } from '../../src/model/values.js';
import { unpackBlocks } from '../../src/numerics/blocks.js';
import { outHeight, outWidth } from '../../src/numerics/geometry.js';
import { evaluate, evaluateAll } from '../../src/reference/evaluate.js';
import { conv2d } from '../../src/reference/conv.js';
import { convInt8 } from '../../src/reference/int8.js';
import { randomInts } from '../helpers/random.js';
import { randomSample, randomWeights } from '../helpers/zoo.js';

test('centered weights are sums of powers of two times the signs of their planes', () => {
  const random = randomInts(1);
  for (let bits = 1; bits <= 8; bits++) {
    const shape = [17, 2, 3, 9];
    const g = new GraphBuilder('planes');
    const x = g.input('x', [2, 3, 9], centered(1));
    const weights = randomWeights('centered', shape, random, bits);
    const graph = g.output(g.conv2d('c', x, { weights })).build();
    const [constant] = graph.constants;
    const sums = new Float64Array(elements(shape));
    for (let p = 0; p < bits; p++) {
      unpackBlocks(constant.data, 17, 6, 9, bits, p).forEach((sign, i) => (sums[i] += 2 ** p * sign));
    }
    assert.equal([...sums], [...Array.from(weights.values)], `${bits} bits`);
    assert.equal([...unpackConstant(constant)], [...sums], `${bits} bits`);
  }
});

test('M-bit activations times N-bit weights, 1 <= M, N <= 8', () => {
  const random = randomInts(2);
  for (let m = 1; m <= 8; m++) {
    for (let n = 1; n <= 8; n++) {
      for (const type of [centered(m), levels(m)]) {
        const weights = randomWeights('centered', [3, 11], random, n);
        const g = new GraphBuilder('product');
        const x = g.input('x', [11], type);
        const graph = g.output(g.dense('d', x, { weights })).build();
        const [stored] = randomSample(graph, 100 * m + n);
        const v = Array.from({ length: 11 }, (_, i) => {
          const level = m === 1 && type.encoding === 'centered' ? (stored[i >> 3] >> (i & 7)) & 1 : stored[i];
          return type.encoding === 'levels' ? level : 2 * level - (2 ** m - 1);
        });
        const expected = [0, 1, 2].map((o) => v.reduce((sum, value, i) => sum + value * weights.values[o * 11 + i], 0));
        assert.equal([...evaluate(graph, [stored])[0]], expected, `${m} x ${n} bits, ${type.encoding}`);
      }
    }
  }
});

test('conv2d is the convolution that the kernels are judged by', () => {
  const random = randomInts(3);
  for (const [strideY, dilationX, pad, groups] of [
    [1, 1, 0, 1],
    [2, 1, 1, 1],
    [1, 2, 1, 3],
    [1, 1, 1, 6],
  ]) {
    const geometry = {
      height: 7,
      width: 6,
      channels: 6,
      kernelHeight: 3,
      kernelWidth: 2,
      strideY,
      strideX: 1,
      dilationY: 1,
      dilationX,
      padTop: pad,
      padBottom: pad,
      padLeft: pad,
      padRight: pad,
      groups,
      n: 6,
    };
    const weights = randomWeights('int8', [6, 3, 2, 6 / groups], random);
    const g = new GraphBuilder('conv');
    const x = g.input('x', [7, 6, 6], int8);
    const built = g.conv2d('c', x, { weights, groups, padding: pad, strides: [strideY, 1], dilations: [1, dilationX] });
    const graph = g.output(built).build();
    assert.equal(built.shape, [outHeight(geometry), outWidth(geometry), 6]);
    const [stored] = randomSample(graph, 4);
    const all = evaluateAll(graph, [stored]);
    assert.equal([...all[built.index]], [...convInt8(geometry, stored, weights.values)]);
    const around = { top: pad, left: pad, bottom: pad, right: pad, value: 1 };
    const ones = new GraphBuilder('ones');
    const padded = ones.conv2d('c', ones.input('x', [7, 6, 6], int8), {
      weights,
      groups,
      padding: around,
      strides: [strideY, 1],
      dilations: [1, dilationX],
    });
    const sums = evaluateAll(ones.output(padded).build(), [stored])[padded.index];
    assert.equal([...sums], [...conv2d(geometry, stored, weights.values, 1)]);
  }
});

test.run();
