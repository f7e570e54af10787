// Models written by hand: nodes are added in the order of execution, shapes and types follow from the operators' own rules,
// and numbers are packed into the file's layouts.
import { GraphError } from '../errors.js';
import { type Built, Assembler, type OutputOptions, plain } from './assemble.js';
import type { Add, Graph, Metadata, Operator, Requantize, TensorType } from './graph.js';
import { isDepthwise } from './operators/products.js';
import {
  type Clamp,
  int16,
  type Padding,
  paddingOf,
  type Pair,
  pairOf,
  signs,
  type TransformSpec,
  type WeightSpec,
} from './specs.js';
import { validate } from './validate.js';
import { unpackPlain } from './values.js';

export type { Built, OutputOptions } from './assemble.js';

export interface DenseOptions extends OutputOptions {
  readonly weights: WeightSpec;
  readonly transform?: TransformSpec;
  /** Second input of a transform with a residual. */
  readonly residual?: Built;
}

export interface ConvOptions extends DenseOptions {
  readonly strides?: Pair;
  readonly dilations?: Pair;
  /** Default `valid`. */
  readonly padding?: Padding;
  /** Default 1. */
  readonly groups?: number;
}

export interface ConvTransposeOptions extends DenseOptions {
  readonly strides?: Pair;
  readonly dilations?: Pair;
  /** Rows and columns taken away from the output. */
  readonly padding?: Exclude<Padding, 'same-zero'>;
  /** Rows and columns added at the far side. */
  readonly extra?: Pair;
}

export interface PoolOptions extends OutputOptions {
  readonly size: Pair;
  /** Default: the size. */
  readonly strides?: Pair;
  readonly padding?: Padding;
}

/** What recurrent cells share. Weights are (gates * H, I) and (gates * H, H). */
export interface CellOptions extends OutputOptions {
  readonly inputWeights: WeightSpec;
  readonly recurrentWeights: WeightSpec;
  /** Requantizations to 1/256 of a table step, channels are gates * H. */
  readonly input: TransformSpec;
  readonly recurrent: TransformSpec;
  /** 256 values in units of 2^-15: see gateTable. */
  readonly activation: ArrayLike<number>;
  /** From 2^-15 to what the output and the weights see. */
  readonly state: TransformSpec;
}

/**
 * Builds a graph node by node. Every method names its node, and throws a GraphError that names it too, with what was
 * expected and what came.
 *
 * @example
 * const g = new GraphBuilder('net');
 * const image = g.input('image', [28, 28, 1], centered(8), 1 / 255);
 * const a = g.conv2d('conv1', image, { weights, padding: 'same-zero', transform: threshold(thresholds) });
 * g.output(g.dense('scores', a, { weights: last }));
 * const bytes = writeModel(g.build());
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #metadata: Metadata;
  readonly #parts = new Assembler();
  readonly #inputs: number[] = [];
  readonly #outputs: number[] = [];

  constructor(name: string, metadata: Metadata = {}) {
    this.#name = name;
    this.#metadata = metadata;
  }

  /** An input of the model. */
  input(name: string, shape: readonly number[], type: TensorType, scale = 1): Built {
    const built = this.#parts.tensor(name, shape, type, scale);
    this.#inputs.push(built.index);
    return built;
  }

  /** Makes a tensor an output of the model. */
  output(...tensors: readonly Built[]): this {
    for (const tensor of tensors) {
      this.#parts.expectOwn(`graph "${this.#name}" output`, tensor);
      this.#outputs.push(tensor.index);
    }
    return this;
  }

  /** The finished graph. @throws GraphError at the first rule that does not hold */
  build(): Graph {
    const graph: Graph = {
      name: this.#name,
      tensors: [...this.#parts.tensors],
      constants: [...this.#parts.constants],
      nodes: [...this.#parts.nodes],
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      metadata: this.#metadata,
    };
    validate(graph, (path, expected, got) => {
      throw new GraphError(`graph: "${path}" expected ${expected}, got ${got}`);
    });
    return graph;
  }

  dense(name: string, input: Built, options: DenseOptions): Built {
    const weights = this.#parts.weights(name, 'weights', options.weights);
    const operator: Operator = {
      kind: 'dense',
      weights,
      transform: this.#parts.optional(name, options.transform, options.weights.shape[0]),
    };
    return this.#parts.one(name, operator, withResidual(input, options), options);
  }

  conv2d(name: string, input: Built, options: ConvOptions): Built {
    const { groups = 1 } = options;
    const [n, height, width] = filterShape(name, options.weights);
    const [strideY, strideX] = pairOf(options.strides);
    const [dilationY, dilationX] = pairOf(options.dilations);
    const reach = [dilationY * (height - 1) + 1, dilationX * (width - 1) + 1] as const;
    const size = [input.shape[0], input.shape[1]] as const;
    const depthwise = isDepthwise(input.shape[2], n, groups);
    const operator: Operator = {
      kind: 'conv2d',
      weights: this.#parts.weights(name, 'weights', options.weights, groups, depthwise),
      ...{ strideY, strideX, dilationY, dilationX },
      ...paddingOf(options.padding, size, reach, [strideY, strideX]),
      padValue: typeof options.padding === 'object' ? (options.padding.value ?? 0) : 0,
      groups,
      transform: this.#parts.optional(name, options.transform, options.weights.shape[0]),
    };
    return this.#parts.one(name, operator, withResidual(input, options), options);
  }

  convTranspose2d(name: string, input: Built, options: ConvTransposeOptions): Built {
    filterShape(name, options.weights);
    const [strideY, strideX] = pairOf(options.strides);
    const [dilationY, dilationX] = pairOf(options.dilations);
    const [extraBottom, extraRight] = pairOf(options.extra, 0);
    const pads = paddingOf(options.padding, [0, 0], [0, 0], [1, 1]);
    const operator: Operator = {
      kind: 'convTranspose2d',
      weights: this.#parts.weights(name, 'weights', options.weights),
      ...{ strideY, strideX, dilationY, dilationX, ...pads, extraBottom, extraRight },
      transform: this.#parts.optional(name, options.transform, options.weights.shape[0]),
    };
    return this.#parts.one(name, operator, withResidual(input, options), options);
  }

  /** @param options.smallest true for channels that give their smallest value */
  maxPool(name: string, input: Built, options: PoolOptions & { readonly smallest?: readonly boolean[] }): Built {
    const { smallest } = options;
    const flags = smallest?.map((flag) => (flag ? 1 : -1));
    const index = flags && this.#parts.constant(name, 'smallest', flags, plain([flags.length], signs));
    return this.#parts.one(name, { kind: 'maxPool', ...poolWindow(input, options), smallest: index }, [input], options);
  }

  /** The mean; with type int32 the sum. */
  avgPool(name: string, input: Built, options: PoolOptions): Built {
    return this.#parts.one(name, { kind: 'avgPool', ...poolWindow(input, options) }, [input], options);
  }

  globalAvgPool(name: string, input: Built, options: OutputOptions = {}): Built {
    return this.#parts.one(name, { kind: 'globalAvgPool' }, [input], options);
  }

  /** Thresholds, batch normalization or requantization on their own. */
  apply(name: string, input: Built, transform: TransformSpec, options: Omit<DenseOptions, 'weights'> = {}): Built {
    const channels = input.shape.at(-1)!;
    const operator: Operator = { kind: 'applyTransform', transform: this.#parts.transform(name, transform, channels) };
    return this.#parts.one(name, operator, withResidual(input, options), options);
  }

  sign(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'activate', function: 'sign', minimum: -1, maximum: 1 }, [input], {});
  }

  relu(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'activate', function: 'relu', minimum: -1, maximum: 1 }, [input], {});
  }

  floor(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'activate', function: 'floor', minimum: -1, maximum: 1 }, [input], {});
  }

  clip(name: string, input: Built, minimum: number, maximum: number): Built {
    return this.#parts.one(name, { kind: 'activate', function: 'clip', minimum, maximum }, [input], {});
  }

  hardTanh(name: string, input: Built): Built {
    return this.clip(name, input, -1, 1);
  }

  /** Any function of an 8-bit number: from v of the input to v of the output. */
  lookUp(name: string, input: Built, type: TensorType, f: (v: number) => number, options: OutputOptions = {}): Built {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const inputs = unpackPlain(input.encoding === 'int8' ? new Int8Array(bytes.buffer) : bytes, [256], input);
    // Bytes above the largest level do not occur; they repeat its value.
    const largest = 2 ** (input.bits || 8) - 1;
    const values = Array.from({ length: 256 }, (_, i) => f(inputs[Math.min(i, largest)]));
    const table = this.#parts.constant(name, 'table', values, plain([256], type));
    return this.#parts.one(name, { kind: 'lookUp', table }, [input], options);
  }

  /** Integers: (a * leftMultiplier + b * rightMultiplier) / 2^shift, rounded half up, clamped. Float32: a + b, clamped. */
  add(
    name: string,
    left: Built,
    right: Built,
    options: OutputOptions & Partial<Pick<Add, 'leftMultiplier' | 'rightMultiplier' | 'shift'>> & Clamp = {},
  ): Built {
    const { leftMultiplier = 1, rightMultiplier = 1, shift = 0, minimum, maximum } = options;
    const operator: Operator = { kind: 'add', leftMultiplier, rightMultiplier, shift, minimum, maximum };
    return this.#parts.one(name, operator, [left, right], options);
  }

  /** Real numbers to integers by the output's scale, or integers to real numbers by the input's. */
  convert(name: string, input: Built, type: TensorType, scale = 1): Built {
    return this.#parts.one(name, { kind: 'convert' }, [input], { type, scale });
  }

  /** @param axis default: the channels */
  concat(name: string, inputs: readonly Built[], axis = inputs[0].shape.length - 1): Built {
    return this.#parts.one(name, { kind: 'concat', axis }, inputs, {});
  }

  channelShuffle(name: string, input: Built, groups: number): Built {
    return this.#parts.one(name, { kind: 'channelShuffle', groups }, [input], {});
  }

  reshape(name: string, input: Built, shape: readonly number[]): Built {
    return this.#parts.one(name, { kind: 'reshape' }, [input], { shape });
  }

  flatten(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'reshape' }, [input], {});
  }

  pad(name: string, input: Built, before: readonly number[], after: readonly number[], value = 0): Built {
    return this.#parts.one(name, { kind: 'pad', before, after, value }, [input], {});
  }

  upsample(name: string, input: Built, factor: Pair): Built {
    const [height, width] = pairOf(factor);
    return this.#parts.one(name, { kind: 'upsample', height, width }, [input], {});
  }

  /**
   * @param table (V, E): numbers v of `type` as tensors have them, or binary or centered weights, packed, which may be those
   * of a dense layer too
   */
  embedding(
    name: string,
    input: Built,
    table:
      WeightSpec | { readonly type: TensorType; readonly shape: readonly number[]; readonly values: ArrayLike<number> },
    options: Pick<OutputOptions, 'scale'> = {},
  ): Built {
    const index =
      'type' in table
        ? this.#parts.constant(name, 'table', table.values, plain(table.shape, table.type))
        : this.#parts.weights(name, 'table', table);
    return this.#parts.one(name, { kind: 'embedding', table: index }, [input], options);
  }

  /** Sequence (T, H) and state (H). */
  rnn(
    name: string,
    inputs: { readonly sequence: Built; readonly hidden: Built },
    options: CellOptions,
  ): [Built, Built] {
    const operator: Operator = { kind: 'rnn', ...this.#cell(name, inputs.hidden, options) };
    return this.#parts.add(name, operator, [inputs.sequence, inputs.hidden], [options, options]) as [Built, Built];
  }

  /** Sequence (T, H), state (H) and cell (H). */
  lstm(
    name: string,
    inputs: { readonly sequence: Built; readonly hidden: Built; readonly cell: Built },
    options: CellOptions & {
      readonly sigmoid: ArrayLike<number>;
      readonly cellShift?: number;
      readonly indexShift?: number;
    },
  ): [Built, Built, Built] {
    const { cellShift = 3, indexShift = 0 } = options;
    const shared = this.#cell(name, inputs.hidden, options);
    const sigmoid = this.#parts.constant(name, 'sigmoid', options.sigmoid, plain([256], int16));
    const operator: Operator = { kind: 'lstm', ...shared, sigmoid, cellShift, indexShift };
    const { sequence, hidden, cell } = inputs;
    return this.#parts.add(name, operator, [sequence, hidden, cell], [options, options, {}]) as [Built, Built, Built];
  }

  /** Sequence (T, H) and int16 state (H). */
  gru(
    name: string,
    inputs: { readonly sequence: Built; readonly state: Built },
    options: CellOptions & { readonly sigmoid: ArrayLike<number> },
  ): [Built, Built] {
    const shared = this.#cell(name, inputs.state, options);
    const sigmoid = this.#parts.constant(name, 'sigmoid', options.sigmoid, plain([256], int16));
    const operator: Operator = { kind: 'gru', ...shared, sigmoid };
    return this.#parts.add(name, operator, [inputs.sequence, inputs.state], [options, {}]) as [Built, Built];
  }

  /** Probabilities of real numbers scale * v. */
  softmax(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'softmax' }, [input], {});
  }

  argMax(name: string, input: Built): Built {
    return this.#parts.one(name, { kind: 'argMax' }, [input], {});
  }

  #cell(name: string, hidden: Built, options: CellOptions) {
    const width = hidden.shape[0];
    const inputWeights = this.#parts.weights(name, 'inputWeights', options.inputWeights);
    const recurrentWeights = this.#parts.weights(name, 'recurrentWeights', options.recurrentWeights);
    const rows = options.inputWeights.shape[0];
    return {
      inputWeights,
      recurrentWeights,
      input: this.#parts.transform(name, options.input, rows, 'input/') as Requantize,
      recurrent: this.#parts.transform(name, options.recurrent, rows, 'recurrent/') as Requantize,
      activation: this.#parts.constant(name, 'activation', options.activation, plain([256], int16)),
      state: this.#parts.transform(name, options.state, width, 'state/'),
    };
  }
}

function filterShape(node: string, { shape }: WeightSpec): readonly [number, number, number] {
  if (shape.length !== 4) {
    throw new GraphError(`graph: node "${node}" weights expected shape (N, KH, KW, C), got [${shape.join(', ')}]`);
  }
  return shape as unknown as readonly [number, number, number];
}

function withResidual(input: Built, { residual }: { readonly residual?: Built }): Built[] {
  return residual === undefined ? [input] : [input, residual];
}

function poolWindow(input: Built, options: PoolOptions) {
  const [height, width] = pairOf(options.size);
  const [strideY, strideX] = pairOf(options.strides, options.size);
  const size = [input.shape[0], input.shape[1]] as const;
  const pads = paddingOf(options.padding, size, [height, width], [strideY, strideX]);
  return { height, width, strideY, strideX, ...pads };
}
