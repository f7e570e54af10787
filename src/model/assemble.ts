// The parts of a graph that is being built: packs numbers to constants, and adds nodes whose outputs follow from the rules of
// their operators. GraphBuilder puts names to it.
import { GraphError } from '../errors.js';
import type { Constant, Node, Operator, Tensor, TensorType, Transform, ValueType } from './graph.js';
import { infer } from './operators/index.js';
import { describeType, type OutputRule, type Report, sameType } from './operators/rules.js';
import { checkValues, type TransformSpec, weightPacking, type WeightSpec } from './specs.js';
import { packConstant, type Packing } from './values.js';

/** A tensor of a graph that is being built. */
export interface Built extends Tensor {
  readonly index: number;
}

/** What the output of a node should be, where its operator leaves a choice. */
export interface OutputOptions {
  /** Default: the first that the operator offers, such as int8 after requantize and levels after multiThreshold. */
  readonly type?: TensorType;
  /** The real number that v = 1 stands for. Default: that of the input where values are copied, else 1. */
  readonly scale?: number;
}

/** What a node may be told about one of its outputs. */
type Wanted = OutputOptions & { readonly shape?: readonly number[] };

export class Assembler {
  readonly tensors: Tensor[] = [];
  readonly constants: Constant[] = [];
  readonly nodes: Node[] = [];
  /** Where weights stand that several nodes read, by the object that they came in and their layout. */
  readonly #weights = new Map<WeightSpec, Map<string, number>>();

  tensor(name: string, shape: readonly number[], type: TensorType, scale: number): Built {
    const tensor: Tensor = {
      name,
      shape: [...shape],
      encoding: type.encoding,
      bits: type.bits,
      scale: Math.fround(scale),
    };
    this.tensors.push(tensor);
    return { ...tensor, index: this.tensors.length - 1 };
  }

  /** @throws GraphError where a tensor of another builder came */
  expectOwn(what: string, { index, name }: Built): void {
    if (this.tensors[index]?.name !== name) {
      throw new GraphError(`${what} expected a tensor of this graph, got "${name}" of another`);
    }
  }

  constant(node: string, role: string, values: ArrayLike<number>, packing: Packing): number {
    checkValues(`graph: node "${node}" ${role}`, values, packing.shape, packing);
    const data = packConstant(values, packing);
    this.constants.push({ name: `${node}/${role}`, ...packing, shape: [...packing.shape], data });
    return this.constants.length - 1;
  }

  /** One object that is handed in twice is one constant. */
  weights(node: string, role: string, spec: WeightSpec, groups = 1, depthwise = false): number {
    const { packing, values } = weightPacking(spec, groups, depthwise);
    const layout = `${packing.layout} ${packing.groups ?? 1}`;
    const known = this.#weights.get(spec) ?? new Map<string, number>();
    const index = known.get(layout) ?? this.constant(node, role, values, packing);
    this.#weights.set(spec, known.set(layout, index));
    return index;
  }

  optional(node: string, spec: TransformSpec | undefined, channels: number): Transform | undefined {
    return spec && this.transform(node, spec, channels);
  }

  transform(node: string, spec: TransformSpec, channels: number, prefix = ''): Transform {
    const indices = Object.entries(spec.constants).map(([role, { values, type, rows }]) => {
      const all = typeof values === 'number' ? new Array<number>((rows ?? 1) * channels).fill(values) : values;
      const shape = rows === undefined ? [channels] : [rows, channels];
      return [role, this.constant(node, `${prefix}${role}`, all, plain(shape, type))] as const;
    });
    const absent = spec.constants['biases'] === undefined ? { biases: undefined } : {};
    const needsBiases = spec.kind === 'requantize' || spec.kind === 'floatAffine';
    return {
      kind: spec.kind,
      ...(needsBiases && absent),
      ...Object.fromEntries(indices),
      ...spec.fields,
    } as unknown as Transform;
  }

  one(name: string, operator: Operator, inputs: readonly Built[], options: Wanted): Built {
    return this.add(name, operator, inputs, [options])[0];
  }

  add(name: string, operator: Operator, inputs: readonly Built[], options: readonly Wanted[]): Built[] {
    const report: Report = (place, expected, got) => {
      const where = place.replace(/^\./, '').replace(/^operator\./, '');
      throw new GraphError(`graph: node "${name}" (${operator.kind}) ${where} expected ${expected}, got ${got}`);
    };
    for (const input of inputs) this.expectOwn(`graph: node "${name}" (${operator.kind})`, input);
    const { outputs } = infer(operator, {
      path: '',
      inputs,
      outputs: options.map(({ shape, type }) => ({ ...(shape && { shape }), ...type })),
      constant: (_, index) => this.constants[index],
      report,
    });
    const built = outputs.map((rule, i) => {
      const { scale } = options[i];
      const given = scale ?? (rule.scaleOf === undefined ? 1 : inputs[rule.scaleOf].scale);
      const suffix = outputs.length === 1 ? '' : `/${i}`;
      return this.tensor(`${name}${suffix}`, rule.shape, chooseType(rule, options[i].type, report), given);
    });
    const indices = (list: readonly Built[]): number[] => list.map(({ index }) => index);
    this.nodes.push({ name, operator, inputs: indices(inputs), outputs: indices(built) });
    return built;
  }
}

/** Row-major elements. */
export function plain(shape: readonly number[], { encoding, bits }: ValueType): Packing {
  return { shape, encoding, bits, layout: 'plain' };
}

function chooseType(rule: OutputRule, wanted: TensorType | undefined, report: Report): TensorType {
  if (wanted === undefined) return rule.types[0];
  const found = rule.types.find((type) => sameType(type, wanted));
  return found ?? report('type', rule.types.map(describeType).join(' or '), describeType(wanted));
}
