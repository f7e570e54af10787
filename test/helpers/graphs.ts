// Small networks for tests, made from a seed.
import type { Constant, Graph, Node, Tensor, Transform } from '../../src/model/graph.js';
import { packBlocks } from '../../src/numerics/blocks.js';
import { randomInts } from './random.js';

export interface DenseNetwork {
  readonly seed: number;
  /** 1 or 8. */
  readonly inputBits: number;
  readonly inputs: number;
  /** Output channels of each layer; all but the last end in thresholds. */
  readonly widths: readonly number[];
  readonly last?: 'threshold' | 'integerAffine' | 'none';
}

/** A chain of dense layers with random weights and thresholds near the middle, where both answers occur. */
export function denseNetwork({ seed, inputBits, inputs, widths, last = 'integerAffine' }: DenseNetwork): Graph {
  const random = randomInts(seed);
  const tensors: Tensor[] = [{ name: 'input', shape: [inputs], encoding: 'centered', bits: inputBits, scale: 1 }];
  const constants: Constant[] = [];
  const nodes: Node[] = [];
  let k = inputs;
  let unit = inputBits === 8 ? 255 : 1;
  widths.forEach((n, i) => {
    const name = `dense${i + 1}`;
    const kind = i + 1 < widths.length ? 'threshold' : last;
    const values = (role: string, value: () => number): number => {
      const data = new Uint8Array(Int32Array.from({ length: n }, value).buffer);
      constants.push({ name: `${name}/${role}`, shape: [n], encoding: 'int32', bits: 0, layout: 'plain', data });
      return constants.length - 1;
    };
    const spread = Math.ceil(Math.sqrt(k)) * unit;
    let transform: Transform | undefined;
    if (kind === 'threshold') {
      transform = { kind, thresholds: values('thresholds', () => random(2 * spread + 1) - spread) };
    } else if (kind === 'integerAffine') {
      transform = {
        kind,
        multipliers: values('multipliers', () => random(2001) - 1000),
        biases: values('biases', () => random(2 ** 20) - 2 ** 19),
      };
    }
    const signs = Int8Array.from({ length: n * k }, () => (random(2) ? 1 : -1));
    const data = packBlocks(signs, n, 1, k);
    constants.push({ name: `${name}/weights`, shape: [n, k], encoding: 'centered', bits: 1, layout: 'blocks16', data });
    const bits = kind === 'threshold';
    tensors.push({
      name: i + 1 < widths.length ? `${name}/signs` : 'scores',
      shape: [n],
      encoding: bits ? 'centered' : 'int32',
      bits: bits ? 1 : 0,
      scale: 1,
    });
    nodes.push({
      name,
      operator: { kind: 'dense', weights: constants.length - 1, transform },
      inputs: [i],
      outputs: [i + 1],
    });
    k = n;
    unit = 1;
  });
  return {
    name: `dense-${seed}`,
    tensors,
    constants,
    nodes,
    inputs: [0],
    outputs: [widths.length],
    metadata: { task: 'test', labels: ['a', 'b'], preprocessing: 'none', training: { seed: `${seed}` } },
  };
}

/** Random stored data of `samples` samples of the graph's first input; bits behind the last channel are 0. */
export function randomInput(graph: Graph, samples: number, seed: number): Uint8Array {
  const random = randomInts(seed);
  const { bits, shape } = graph.tensors[graph.inputs[0]];
  const channels = shape[0];
  if (bits === 8) return Uint8Array.from({ length: samples * channels }, () => random(256));
  const row = Math.ceil(channels / 8);
  const tail = channels % 8 === 0 ? 255 : (1 << (channels % 8)) - 1;
  return Uint8Array.from({ length: samples * row }, (_, i) => random(256) & (i % row === row - 1 ? tail : 255));
}
