// What a graph must mean, whoever made it: indices that point at something, shapes and encodings that fit each other, sizes
// that fit memory, an order in which every tensor is written once before it is read, and no more work than allowed. Files
// and hand-made graphs go through the same checks; only the class of the error differs. The rules of each operator stand in
// operators/.
import { checkConstantData } from './constants.js';
import { type Constant, type ConstantEncoding, type Graph, type Node, plainBytes, type Tensor } from './graph.js';
import { infer } from './operators/index.js';
import {
  describe,
  describeType,
  listed,
  type OutputRule,
  type Report,
  sameShape,
  sameType,
  type Scope,
} from './operators/rules.js';

export type { Report } from './operators/rules.js';

/** Upper bounds that a caller can lower for models that it does not trust. */
export interface Limits {
  /** Nodes, tensors and constants each. */
  readonly count: number;
  /** Bytes of one tensor or constant. */
  readonly bytes: number;
  /** Bytes of all tensors together, for one sample. */
  readonly memory: number;
  /** Multiply-accumulates and elements touched by one run, for one sample. */
  readonly work: number;
}

/** The work of the default is some ten seconds to minutes; ResNet-50 takes 2^32. */
export const DEFAULT_LIMITS: Limits = { count: 65536, bytes: 2 ** 30, memory: 2 ** 31, work: 2 ** 38 };

const MAX_NAME_BYTES = 256;
const MAX_RANK = 6;

/** @throws what `report` throws, at the first rule that does not hold */
export function validate(graph: Graph, report: Report, limits: Limits = DEFAULT_LIMITS): void {
  checkName('model.name', graph.name, report);
  for (const [key, list] of Object.entries({
    tensors: graph.tensors,
    constants: graph.constants,
    nodes: graph.nodes,
  })) {
    if (list.length > limits.count) report(`model.${key}`, `at most ${limits.count}`, list.length);
    const names = new Set<string>();
    list.forEach((item, i) => {
      checkName(`model.${key}[${i}].name`, item.name, report);
      if (names.has(item.name)) report(`model.${key}[${i}].name`, 'a name used once', `"${item.name}" again`);
      names.add(item.name);
    });
  }
  let memory = 0;
  graph.tensors.forEach((tensor, i) => {
    memory += checkTensor(tensor, `model.tensors[${i}]`, report, limits);
    if (memory > limits.memory) report('model.tensors', `at most ${limits.memory} bytes together`, `${memory} or more`);
  });
  graph.constants.forEach((constant, i) => {
    const path = `model.constants[${i}]`;
    checkShape(constant.shape, `${path}.shape`, report);
    checkEncoding(constant, path, report);
    checkConstantData(constant, path, report, limits.bytes);
  });
  checkFlow(graph, report, limits);
}

function checkName(path: string, name: string, report: Report): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > MAX_NAME_BYTES) report(path, `1 to ${MAX_NAME_BYTES} bytes of text`, `${bytes} bytes`);
}

function checkShape(shape: readonly number[], path: string, report: Report): void {
  if (shape.length < 1 || shape.length > MAX_RANK) report(path, `1 to ${MAX_RANK} dimensions`, shape.length);
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1 || size >= 2 ** 31) {
      report(path, 'dimensions of 1 to 2^31 - 1', listed(shape));
    }
  }
}

/** Least and most bits of an encoding. */
const BITS_OF: Readonly<Record<ConstantEncoding, readonly [number, number]>> = {
  float32: [0, 0],
  int32: [0, 0],
  int16: [0, 0],
  int8: [0, 0],
  levels: [1, 8],
  centered: [1, 8],
  ternary: [2, 2],
  powerOfTwo: [2, 4],
};

function checkEncoding(item: Tensor | Constant, path: string, report: Report): void {
  const { encoding, bits } = item;
  const [least, most] = BITS_OF[encoding];
  if (!(Number.isInteger(bits) && bits >= least && bits <= most)) {
    const range = least === most ? `${least}` : `${least} to ${most}`;
    report(`${path}.bits`, `${range} with ${encoding}`, bits);
  }
}

/** Returns the bytes of the tensor. */
function checkTensor(tensor: Tensor, path: string, report: Report, limits: Limits): number {
  checkShape(tensor.shape, `${path}.shape`, report);
  checkEncoding(tensor, path, report);
  const bytes = plainBytes(tensor.shape, tensor.encoding, tensor.bits);
  if (!(bytes <= limits.bytes)) report(`${path}.shape`, `at most ${limits.bytes} bytes`, `${bytes} bytes`);
  if (!(Number.isFinite(tensor.scale) && tensor.scale > 0)) {
    report(`${path}.scale`, 'a finite number above 0', tensor.scale);
  }
  return bytes;
}

/** Every tensor is written once, before it is read; every index points at something; the work stays below its limit. */
function checkFlow(graph: Graph, report: Report, limits: Limits): void {
  const written = new Set<number>();
  const tensor = (path: string, index: number): Tensor =>
    graph.tensors[index] ?? report(path, `an index below ${graph.tensors.length} tensors`, index);
  const write = (path: string, index: number): void => {
    if (written.has(index)) report(path, 'a tensor that nothing else writes', `"${tensor(path, index).name}"`);
    written.add(index);
  };
  for (const key of ['inputs', 'outputs'] as const) {
    if (graph[key].length === 0) report(`model.${key}`, 'at least one tensor', 'none');
    graph[key].forEach((index, i) => tensor(`model.${key}[${i}]`, index));
  }
  graph.inputs.forEach((index, i) => write(`model.inputs[${i}]`, index));
  let work = 0;
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
    work += checkNode(graph, node, path, report);
    if (!(work <= limits.work)) report(path, `a model of at most ${limits.work} steps of work`, `${work} up to here`);
  });
  const seen = new Set<number>();
  graph.outputs.forEach((index, i) => {
    const path = `model.outputs[${i}]`;
    if (!written.has(index)) report(path, 'a tensor that a node writes', `"${tensor(path, index).name}"`);
    if (seen.has(index)) report(path, 'a tensor named once', `"${tensor(path, index).name}" again`);
    seen.add(index);
  });
}

/** What a rule sees of a node. */
function scopeOf(graph: Graph, node: Node, path: string, report: Report): Scope {
  return {
    path,
    report,
    inputs: node.inputs.map((index) => graph.tensors[index]),
    outputs: node.outputs.map((index) => graph.tensors[index]),
    constant: (field, index) =>
      graph.constants[index] ??
      report(`${path}.operator.${field}`, `an index below ${graph.constants.length} constants`, index),
  };
}

/** Multiply-accumulates, or elements touched, of one run of a node of a valid graph, for one sample. */
export function workOf(graph: Graph, node: Node): number {
  const scope = scopeOf(graph, node, node.name, (path, expected, got) => {
    throw new Error(`internal: "${path}" expected ${expected}, got ${got}`);
  });
  return infer(node.operator, scope).work;
}

/** Compares what the node says with what its operator's rule says; returns the work. */
function checkNode(graph: Graph, node: Node, path: string, report: Report): number {
  const scope = scopeOf(graph, node, path, report);
  const { outputs, work } = infer(node.operator, scope);
  if (node.outputs.length !== outputs.length) {
    report(`${path}.outputs`, `${outputs.length} tensor${outputs.length === 1 ? '' : 's'}`, node.outputs.length);
  }
  outputs.forEach((rule, i) => {
    const output = graph.tensors[node.outputs[i]];
    const fault = outputFault(rule, output, scope.inputs);
    if (fault !== undefined) report(`${path}.outputs[${i}]`, fault, describe(output));
  });
  return work;
}

/** What the rule expected where the tensor is something else. */
function outputFault(rule: OutputRule, output: Tensor, inputs: readonly Tensor[]): string | undefined {
  if (!sameShape(output.shape, rule.shape)) return `the shape ${listed(rule.shape)}`;
  if (!rule.types.some((type) => sameType(type, output))) {
    const [first] = rule.types;
    return rule.types.length > 4 ? 'integers' : rule.types.map(describeType).join(' or ') || describeType(first);
  }
  if (rule.scaleOf !== undefined && output.scale !== inputs[rule.scaleOf].scale) {
    return `the scale ${inputs[rule.scaleOf].scale} of "${inputs[rule.scaleOf].name}", not ${output.scale}`;
  }
  return undefined;
}
