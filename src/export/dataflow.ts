// Post-training quantization of a float32 network to int8 with one power-of-two scale for each layer's weights, biases and
// outputs: Geng et al., "Dataflow-based Joint Quantization of Weights and Activations for Deep Neural Networks", DCC 2019
// (arXiv 1901.02064). Mechanics and search are ours where the paper could not be read beyond its abstract:
//
//   integers     x^I = clip(round(x 2^N), -128, 127) stands for x^I 2^-N
//   a module     convolution or dense product (+ shortcut) (+ ReLU) is rounded once, at its end:
//                o^I = clip(rs(sum W^I x^I + (b^I << Nw + Nx - Nb) + (r^I << Nw + Nx - Nr), Nw + Nx - No)), rs a rounding shift
//   scales       in the order of the dataflow, every module takes the (Nw, Nb, No) whose outputs are nearest to the float
//                network's on the samples, ||O - O^I 2^-No||_2, with inputs that are quantized already: errors of weights,
//                biases and activations are weighed together, along the way that they take
//
// The last module keeps its 32-bit sums: its output is not rounded at all.
import { ExportError } from '../errors.js';
import { GraphBuilder, type Built } from '../model/builder.js';
import type { Graph } from '../model/graph.js';
import { int32, int8, integerAffine, roundingShift } from '../model/specs.js';
import {
  floatOutputs,
  type FloatNetwork,
  type FloatPool,
  type FloatProduct,
  maxima,
  type Placed,
  placed,
  sums,
} from './floatnet.js';

/** Scales of one module as bits behind the point: an integer v stands for v 2^-bits. */
export interface ModuleScales {
  readonly name: string;
  readonly weights: number;
  /** Null without biases. */
  readonly bias: number | null;
  readonly output: number;
  /** ||O - O^I 2^-No|| / ||O|| on the samples. */
  readonly error: number;
}

export interface QuantizedDataflow {
  readonly graph: Graph;
  readonly inputBits: number;
  readonly modules: readonly ModuleScales[];
  /** How many times a number is rounded between input and output: once for each module but the last. */
  readonly roundings: number;
  /** Samples as the graph's int8 input: clip(round(x 2^inputBits)). */
  readonly quantize: (sample: ArrayLike<number>) => Int8Array;
}

/** What the searched scales may lose by clipping: bits beyond the one at which the largest value still fits. */
const EXTRA_BITS = [0, 1, 2, 3];
/** Shifts that the file holds. */
const MOST_SHIFT = 30;

/**
 * Chooses scales on `samples`, some dozens of inputs of the kind that the network is for, and builds the int8 graph.
 * @throws ExportError naming the module that does not fit, or has no integer form
 * @example
 * const { graph, quantize } = quantizeDataflow(network, images.slice(0, 64));
 * const model = await load(writeModel(graph));
 * model.run(quantize(image));
 */
export function quantizeDataflow(network: FloatNetwork, samples: readonly ArrayLike<number>[]): QuantizedDataflow {
  const modules = placed(network);
  const size = network.inputShape.reduce((a, b) => a * b, 1);
  if (modules.length === 0 || samples.length === 0) {
    throw new ExportError(
      `"${network.name}" expected modules and samples, got ${modules.length} and ${samples.length}`,
    );
  }
  const wrong = samples.findIndex(({ length }) => length !== size);
  if (wrong >= 0) throw new ExportError(`sample ${wrong} expected ${size} numbers, got ${samples[wrong].length}`);
  const expected = samples.map((sample) => floatOutputs(modules, sample));
  const inputBits = nearestBits(samples.flatMap((sample) => Array.from(sample)));
  const quantize = (sample: ArrayLike<number>): Int8Array => Int8Array.from(integers(sample, inputBits));

  const builder = new GraphBuilder(network.name, { task: network.name });
  const input: Flow = {
    bits: inputBits,
    values: samples.map((sample) => integers(sample, inputBits)),
    built: builder.input('input', network.inputShape, int8, 2 ** -inputBits),
  };
  const flows: Flow[] = [];
  const scales: ModuleScales[] = [];
  modules.forEach((place, i) => {
    const from = place.from < 0 ? input : flows[place.from];
    if (isPool(place)) {
      const { name, size: side } = place.module;
      const values = from.values.map((x) => maxima(place, x));
      flows.push({ bits: from.bits, values, built: builder.maxPool(name, from.built, { size: side }) });
      return;
    }
    const { module } = place as Placed<FloatProduct>;
    const targets = expected.map((outputs) => outputs[i]);
    const residual = place.residual === null ? null : flows[place.residual];
    const last = i === modules.length - 1;
    if (last && (module.relu || residual)) {
      throw new ExportError(`module "${module.name}" expected no ReLU and no residual at the end of a network`);
    }
    const best = search(place as Placed<FloatProduct>, { from, residual, targets, last });
    const { name } = module;
    scales.push({ name, weights: best.weightBits, bias: best.biasBits, output: best.bits, error: best.error });
    const built = build(builder, place as Placed<FloatProduct>, from, residual, best, last);
    flows.push({ bits: best.bits, values: best.values, built });
  });
  const graph = builder.output(flows.at(-1)!.built).build();
  return { graph, inputBits, modules: scales, roundings: scales.length - 1, quantize };
}

function isPool(place: Placed): place is Placed<FloatPool> {
  return place.module.kind === 'maxPool';
}

/** Integers of all samples behind a module, and the tensor that stands for them. */
interface Flow {
  readonly bits: number;
  readonly values: readonly Float64Array[];
  readonly built: Built;
}

/** The largest N at which no value is clipped. */
function fittingBits(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  // Of nothing but zeros any scale is right.
  return most === 0 ? 7 : Math.floor(Math.log2(127.5 / most));
}

function integer(x: number, bits: number): number {
  return Math.max(-128, Math.min(127, Math.floor(x * 2 ** bits + 0.5)));
}

function integers(values: ArrayLike<number>, bits: number): Float64Array {
  return Float64Array.from(values, (x) => integer(x, bits));
}

/** The scale of an array alone: the N of the smallest error. */
function nearestBits(values: ArrayLike<number>): number {
  const fitting = fittingBits(values);
  const errorOf = (bits: number): number =>
    Array.from(values).reduce((sum, x) => sum + (integer(x, bits) * 2 ** -bits - x) ** 2, 0);
  const errors = EXTRA_BITS.map((extra) => errorOf(fitting + extra));
  return fitting + errors.indexOf(Math.min(...errors));
}

interface Choice {
  readonly weightBits: number;
  readonly biasBits: number | null;
  readonly bits: number;
  readonly weights: Float64Array;
  /** b^I << Nw + Nx - Nb. */
  readonly biases: Int32Array | null;
  readonly values: readonly Float64Array[];
  readonly error: number;
}

interface SearchContext {
  readonly from: Flow;
  readonly residual: Flow | null;
  readonly targets: readonly Float64Array[];
  readonly last: boolean;
}

/** Every combination of scales of one module; the products are the same for all scales of biases and outputs. */
function search(place: Placed<FloatProduct>, { from, residual, targets, last }: SearchContext): Choice {
  const { module } = place;
  const { outputs, bias, relu } = module;
  const norm = Math.sqrt(targets.reduce((sum, values) => values.reduce((s, v) => s + v * v, sum), 0));
  const outputBits = fittingBits(targets.flatMap((values) => Array.from(values)));
  let best: Choice | null = null;
  for (const extraWeights of EXTRA_BITS) {
    const weightBits = fittingBits(module.weights) + extraWeights;
    const weights = integers(module.weights, weightBits);
    const products = from.values.map((x) => sums(place, weights, x));
    const point = weightBits + from.bits;
    for (const biasBits of bias ? EXTRA_BITS.map((extra) => Math.min(fittingBits(bias) + extra, point)) : [null]) {
      const biases =
        bias && biasBits !== null ? shifted(integers(bias, biasBits), point - biasBits, module.name) : null;
      for (const bits of last ? [point] : EXTRA_BITS.map((extra) => outputBits + extra)) {
        const shift = point - bits;
        // A shortcut's multiplier is 2^(30 + No - Nr) in the file.
        if (shift < 0 || shift > MOST_SHIFT || (residual && bits > residual.bits)) continue;
        const low = relu ? 0 : -128;
        const values = products.map((row, sample) =>
          row.map((sum, i) => {
            const whole = sum + (biases?.[i % outputs] ?? 0);
            if (last) return whole;
            const shortcut = residual ? residual.values[sample][i] * 2 ** (bits - residual.bits) : 0;
            return Math.max(low, Math.min(127, Math.floor(whole * 2 ** -shift + shortcut + 0.5)));
          }),
        );
        const square = values.reduce(
          (sum, row, sample) => row.reduce((s, v, i) => s + (v * 2 ** -bits - targets[sample][i]) ** 2, sum),
          0,
        );
        const error = Math.sqrt(square) / (norm || 1);
        if (!best || error < best.error) best = { weightBits, biasBits, bits, weights, biases, values, error };
      }
    }
  }
  if (!best)
    throw new ExportError(`module "${module.name}" expected outputs that its sums can be shifted to, got none`);
  return best;
}

function shifted(biases: Float64Array, by: number, name: string): Int32Array {
  const out = Int32Array.from(biases, (value) => value * 2 ** by);
  const wrong = out.findIndex((value, i) => value !== biases[i] * 2 ** by);
  if (wrong >= 0)
    throw new ExportError(`module "${name}" expected biases of 32 bits, got ${biases[wrong]} shifted by ${by}`);
  return out;
}

function build(
  builder: GraphBuilder,
  { module, outputShape }: Placed<FloatProduct>,
  from: Flow,
  residual: Flow | null,
  { weights, weightBits, biases, bits }: Choice,
  last: boolean,
): Built {
  const { name, kind, outputs, kernel = 1, padding = 0, relu } = module;
  const shift = weightBits + from.bits - bits;
  const transform = last
    ? integerAffine(1, biases ?? 0)
    : roundingShift(shift, {
        ...(biases && { biases }),
        ...(residual && { residualMultiplier: 2 ** (30 + bits - residual.bits) }),
        ...(relu && { minimum: 0 }),
      });
  const common = {
    transform,
    type: last ? int32 : int8,
    scale: 2 ** -bits,
    ...(residual && { residual: residual.built }),
  };
  const inputs = weights.length / outputs;
  if (kind === 'dense') {
    const spec = { encoding: 'int8', shape: [outputs, inputs], values: weights } as const;
    return builder.dense(name, from.built, { weights: spec, ...common });
  }
  const channels = inputs / (kernel * kernel);
  const spec = { encoding: 'int8', shape: [outputs, kernel, kernel, channels], values: weights } as const;
  // A picture behind a convolution keeps its shape; outputShape is what the builder derives from the padding.
  const built = builder.conv2d(name, from.built, { weights: spec, padding, ...common });
  if (built.shape.join() !== outputShape.join()) {
    throw new Error(`internal: module "${name}" expected [${outputShape.join(', ')}], got [${built.shape.join(', ')}]`);
  }
  return built;
}
