// What a graph must mean, whoever made it: indices that point at something, shapes and encodings that fit each other, sizes
// that fit memory, an order in which every tensor is written once before it is read. Files and hand-made graphs go through
// the same checks; only the class of the error differs.
import { CHANNEL_BLOCK, packedBytes } from '../numerics/bits.js';
import { type Constant, constantBytes, elements, type Graph, type Node, plainBytes, type Tensor } from './graph.js';

/** Reports a violation; must throw. */
export type Report = (path: string, expected: string, got: string) => never;

/** Upper bounds that a caller can lower for models that it does not trust. */
export interface Limits {
  /** Nodes, tensors and constants each. */
  readonly count: number;
  /** Bytes of one tensor or constant. */
  readonly bytes: number;
}

export const DEFAULT_LIMITS: Limits = { count: 65536, bytes: 2 ** 30 };

const MAX_NAME_BYTES = 256;
const MAX_RANK = 6;
/** product_values sums 255 * K, and 2 * mismatch <= 510 * K, in 32 bits. */
const MAX_U8_DEPTH = 2 ** 20;
/** product_bits counts K in 32 bits; its own limit. */
const MAX_BIT_DEPTH = 2 ** 27;

/** @throws what `report` throws, at the first rule that does not hold */
export function validate(graph: Graph, report: Report, limits: Limits = DEFAULT_LIMITS): void {
  checkName('model.name', graph.name, report);
  for (const [key, list] of Object.entries({
    tensors: graph.tensors,
    constants: graph.constants,
    nodes: graph.nodes,
  })) {
    if (list.length > limits.count) report(`model.${key}`, `at most ${limits.count}`, `${list.length}`);
    const names = new Set<string>();
    list.forEach((item, i) => {
      checkName(`model.${key}[${i}].name`, item.name, report);
      if (names.has(item.name)) report(`model.${key}[${i}].name`, 'a name used once', `"${item.name}" again`);
      names.add(item.name);
    });
  }
  graph.tensors.forEach((tensor, i) => checkTensor(tensor, `model.tensors[${i}]`, report, limits));
  graph.constants.forEach((constant, i) => checkConstant(constant, `model.constants[${i}]`, report, limits));
  checkFlow(graph, report);
}

function checkName(path: string, name: string, report: Report): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > MAX_NAME_BYTES) report(path, `1 to ${MAX_NAME_BYTES} bytes of text`, `${bytes} bytes`);
}

function checkShape(shape: readonly number[], path: string, report: Report): void {
  if (shape.length < 1 || shape.length > MAX_RANK) report(path, `1 to ${MAX_RANK} dimensions`, `${shape.length}`);
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1 || size >= 2 ** 31) {
      report(path, 'dimensions of 1 to 2^31 - 1', `[${shape.join(', ')}]`);
    }
  }
}

function checkEncoding(item: Tensor | Constant, path: string, report: Report): void {
  const { encoding, bits } = item;
  const leveled = encoding === 'levels' || encoding === 'centered';
  if (leveled ? !(bits >= 1 && bits <= 8) : bits !== 0) {
    report(`${path}.bits`, leveled ? `1 to 8 with ${encoding}` : `0 with ${encoding}`, `${bits}`);
  }
}

function checkTensor(tensor: Tensor, path: string, report: Report, limits: Limits): void {
  checkShape(tensor.shape, `${path}.shape`, report);
  checkEncoding(tensor, path, report);
  const bytes = plainBytes(tensor.shape, tensor.encoding, tensor.bits);
  if (!(bytes <= limits.bytes)) report(`${path}.shape`, `at most ${limits.bytes} bytes`, `${bytes} bytes`);
  if (!(Number.isFinite(tensor.scale) && tensor.scale > 0)) {
    report(`${path}.scale`, 'a finite number above 0', `${tensor.scale}`);
  }
}

function checkConstant(constant: Constant, path: string, report: Report, limits: Limits): void {
  checkShape(constant.shape, `${path}.shape`, report);
  checkEncoding(constant, path, report);
  if (constant.layout === 'blocks16') {
    if (constant.encoding !== 'centered') report(`${path}.encoding`, 'centered in blocks16', constant.encoding);
    const rank = constant.shape.length;
    if (rank !== 2 && rank !== 4) report(`${path}.shape`, '2 or 4 dimensions in blocks16', `${rank}`);
  }
  const bytes = constantBytes(constant);
  if (!(bytes <= limits.bytes)) report(`${path}.shape`, `at most ${limits.bytes} bytes`, `${bytes} bytes`);
  if (constant.data.length !== bytes) report(`${path}.data`, `${bytes} bytes`, `${constant.data.length} bytes`);
  if (constant.layout === 'blocks16') checkAbsentChannels(constant, path, report);
}

/** Bits of channels that are not there are 0: the kernels count on it. */
function checkAbsentChannels(constant: Constant, path: string, report: Report): void {
  const { data, shape } = constant;
  const inputs = shape.at(-1)!;
  const outputs = shape[0];
  const row = packedBytes(inputs);
  const tail = inputs % 8 === 0 ? 0 : (0xff << (inputs % 8)) & 0xff;
  if (tail !== 0) {
    for (let group = row - 1; group * CHANNEL_BLOCK < data.length; group += row) {
      for (let i = 0; i < CHANNEL_BLOCK; i++) {
        if ((data[group * CHANNEL_BLOCK + i] & tail) !== 0) {
          report(
            `${path}.data`,
            'zero bits behind the last input channel',
            `byte ${group * CHANNEL_BLOCK + i} has some`,
          );
        }
      }
    }
  }
  const absent = outputs % CHANNEL_BLOCK;
  if (absent !== 0) {
    const blockBytes = data.length / Math.ceil(outputs / CHANNEL_BLOCK);
    for (let i = data.length - blockBytes; i < data.length; i++) {
      if (i % CHANNEL_BLOCK >= absent && data[i] !== 0) {
        report(`${path}.data`, 'zero bytes behind the last output channel', `byte ${i} is ${data[i]}`);
      }
    }
  }
}

/** Every tensor is written once, before it is read; every index points at something. */
function checkFlow(graph: Graph, report: Report): void {
  const written = new Set<number>();
  const tensor = (path: string, index: number): Tensor =>
    graph.tensors[index] ?? report(path, `an index below ${graph.tensors.length} tensors`, `${index}`);
  const write = (path: string, index: number): void => {
    if (written.has(index)) report(path, 'a tensor that nothing else writes', `"${tensor(path, index).name}"`);
    written.add(index);
  };
  for (const key of ['inputs', 'outputs'] as const) {
    if (graph[key].length === 0) report(`model.${key}`, 'at least one tensor', 'none');
    graph[key].forEach((index, i) => tensor(`model.${key}[${i}]`, index));
  }
  graph.inputs.forEach((index, i) => write(`model.inputs[${i}]`, index));
  graph.nodes.forEach((node, n) => {
    const path = `model.nodes[${n}]`;
    node.inputs.forEach((index, i) => {
      const place = `${path}.inputs[${i}]`;
      const name = tensor(place, index).name;
      if (!written.has(index)) report(place, 'a tensor that is written before', `"${name}"`);
    });
    node.outputs.forEach((index, i) => {
      tensor(`${path}.outputs[${i}]`, index);
      write(`${path}.outputs[${i}]`, index);
    });
    checkDense(graph, node, path, report);
  });
  const seen = new Set<number>();
  graph.outputs.forEach((index, i) => {
    const path = `model.outputs[${i}]`;
    if (!written.has(index)) report(path, 'a tensor that a node writes', `"${tensor(path, index).name}"`);
    if (seen.has(index)) report(path, 'a tensor named once', `"${tensor(path, index).name}" again`);
    seen.add(index);
  });
}

function checkDense(graph: Graph, node: Node, path: string, report: Report): void {
  const { operator } = node;
  const constant = (place: string, index: number): Constant =>
    graph.constants[index] ?? report(place, `an index below ${graph.constants.length} constants`, `${index}`);
  if (node.inputs.length !== 1) report(`${path}.inputs`, 'one tensor for Dense', `${node.inputs.length}`);
  if (node.outputs.length !== 1) report(`${path}.outputs`, 'one tensor for Dense', `${node.outputs.length}`);
  const input = graph.tensors[node.inputs[0]];
  const output = graph.tensors[node.outputs[0]];
  const weights = constant(`${path}.operator.weights`, operator.weights);

  if (weights.layout !== 'blocks16' || weights.shape.length !== 2 || weights.bits !== 1) {
    report(`${path}.operator.weights`, 'binary weights (N, K) in blocks16', describe(weights));
  }
  const [n, k] = weights.shape as [number, number];
  if (elements(input.shape) !== k) report(`${path}.inputs[0]`, `${k} elements, as the weights have`, describe(input));
  if (input.encoding !== 'centered' || (input.bits !== 1 && input.bits !== 8)) {
    report(`${path}.inputs[0]`, 'centered values of 1 or 8 bits', describe(input));
  }
  if (input.bits === 1 && input.shape.length > 1 && input.shape.at(-1)! % 8 !== 0) {
    report(`${path}.inputs[0]`, 'rows of bits that fill whole bytes, or one row', describe(input));
  }
  const deepest = input.bits === 8 ? MAX_U8_DEPTH : MAX_BIT_DEPTH;
  if (k > deepest) report(`${path}.operator.weights`, `at most ${deepest} inputs`, `${k}`);
  if (output.shape.length !== 1 || output.shape[0] !== n)
    report(`${path}.outputs[0]`, `the shape [${n}]`, describe(output));

  const { transform } = operator;
  const channelwise = (place: string, index: number): void => {
    const values = constant(place, index);
    if (
      values.encoding !== 'int32' ||
      values.layout !== 'plain' ||
      values.shape.length !== 1 ||
      values.shape[0] !== n
    ) {
      report(place, `int32 values of shape [${n}]`, describe(values));
    }
  };
  if (transform?.kind === 'threshold') {
    channelwise(`${path}.operator.transform.thresholds`, transform.thresholds);
    if (output.encoding !== 'centered' || output.bits !== 1) {
      report(`${path}.outputs[0]`, 'centered values of 1 bit after a threshold', describe(output));
    }
    return;
  }
  if (transform !== undefined) {
    channelwise(`${path}.operator.transform.multipliers`, transform.multipliers);
    channelwise(`${path}.operator.transform.biases`, transform.biases);
  }
  if (output.encoding !== 'int32') report(`${path}.outputs[0]`, 'int32 accumulators or scores', describe(output));
}

function describe(item: Tensor | Constant): string {
  const bits = item.bits > 0 ? ` ${item.bits}-bit` : '';
  return `"${item.name}": ${item.encoding}${bits} [${item.shape.join(', ')}]`;
}
