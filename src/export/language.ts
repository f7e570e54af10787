// A trained language model to a graph of one step of time: token and state in, scores of the next token and state out.
// Embedding -> LSTM or RNN -> dense. Sums are the trainer's, integer for integer: numerics/cells.ts has the units.
import { ExportError } from '../errors.js';
import { GraphBuilder, type CellOptions } from '../model/builder.js';
import type { Graph } from '../model/graph.js';
import {
  centered,
  int16,
  int32,
  integerAffine,
  multiThreshold,
  roundingShift,
  type WeightSpec,
} from '../model/specs.js';
import { cellArithmetic, centeredThresholds } from '../numerics/cells.js';
import { weightIntegers, type WeightQuantizer } from '../numerics/quantizers.js';
import { languageUnits, OUTPUT_BIAS_LIMIT, type TrainedLanguageModel } from '../train/language/network.js';

/**
 * Exports a language model. Inputs: `token` (a number below V), `hidden`, and `cell` of an LSTM; outputs: scores of the next
 * token, int32 times a power of two, and the state to hand in with it. A text starts with hidden levels of 2^(k-1), which
 * stand for what the quantizer makes of 0, and cell 0. The vocabulary stands in the labels: a model without it cannot be
 * used, and it holds single tokens, no text.
 *
 * @throws ExportError if the sizes do not fit each other
 */
export function exportLanguageModel(network: TrainedLanguageModel): Graph {
  const { cell, embedding, hidden, quantization, vocabulary } = network;
  const { weights: quantizer, activationBits } = quantization;
  const rows = hidden * (cell === 'lstm' ? 4 : 1);
  const tokens = vocabulary.length;
  checkSizes(network, rows);
  const units = languageUnits(network);
  const arithmetic = cellArithmetic(units.inputUnit, units.recurrentUnit);
  const activation = centered(activationBits);
  const activationUnit = 2 ** -activationBits;

  const g = new GraphBuilder(network.name, metadataOf(network));
  const token = g.input('token', [1], int32);
  const before = g.input('hidden', [hidden], activation, activationUnit);
  const table = weightsOf(network.table, [tokens, embedding], { kind: 'linear', bits: activationBits });
  const sequence = g.embedding('embedding', token, table, { scale: activationUnit });
  const { limit, lastIndex, step } = arithmetic;
  const range = { minimum: -limit, maximum: limit };
  const biases = roundedBiases(network.bias, units.inputUnit, lastIndex * step);
  const perChannel = centeredThresholds(activationBits).flatMap((t) => new Array<number>(hidden).fill(t));
  const options: CellOptions = {
    inputWeights: weightsOf(network.inputWeights, [rows, embedding], quantizer),
    recurrentWeights: weightsOf(network.recurrentWeights, [rows, hidden], quantizer),
    input: roundingShift(arithmetic.inputShift, { ...range, biases }),
    recurrent: roundingShift(arithmetic.recurrentShift, range),
    activation: arithmetic.tanh,
    state: multiThreshold(perChannel, activationBits),
    type: activation,
    scale: activationUnit,
  };
  const states =
    cell === 'rnn'
      ? g.rnn('rnn', { sequence, hidden: before }, options)
      : g.lstm(
          'lstm',
          { sequence, hidden: before, cell: g.input('cell', [hidden], int16, 2 ** (arithmetic.cellShift - 15)) },
          {
            ...options,
            sigmoid: arithmetic.sigmoid,
            cellShift: arithmetic.cellShift,
            indexShift: arithmetic.indexShift,
          },
        );
  const [outputs, ...state] = states;
  const outputWeights = weightsOf(network.outputWeights, [tokens, hidden], quantizer);
  const scores = g.dense('scores', outputs, {
    weights: sameWeights(table, outputWeights) ? table : outputWeights,
    transform: integerAffine(1, roundedBiases(network.outputBias, units.outputUnit, OUTPUT_BIAS_LIMIT)),
    scale: units.outputUnit,
  });
  return g.output(scores, ...state).build();
}

function metadataOf({ task, unit, cell, vocabulary, quantization, record }: TrainedLanguageModel) {
  const start = 2 ** (quantization.activationBits - 1);
  const state = cell === 'lstm' ? `hidden = ${start} and cell = 0` : `hidden = ${start}`;
  return {
    task,
    labels: vocabulary,
    preprocessing:
      `one ${unit} a run, as the number of its label; <eos> ends a line and comes before a text. A text starts with ${state} ` +
      'in every element; the state that comes out goes in with the next one',
    training: { unit, ...Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)])) },
  };
}

function weightsOf(latent: Float32Array, shape: readonly number[], quantizer: WeightQuantizer): WeightSpec {
  const encoding = quantizer.kind === 'linear' ? 'centered' : 'powerOfTwo';
  return { encoding, bits: quantizer.bits, shape, values: weightIntegers(latent, quantizer) };
}

/** Whether both are one matrix, as tied ones of as many bits are: the file holds it once. */
function sameWeights(a: WeightSpec, b: WeightSpec): boolean {
  const equal = a.encoding === b.encoding && a.bits === b.bits && a.shape[1] === b.shape[1];
  return equal && Float64Array.from(a.values).every((value, i) => value === b.values[i]);
}

/** As the map `linear` of the trainer rounds, float32 addition included. */
function roundedBiases(biases: Float32Array, unit: number, limit: number): Int32Array {
  const most = limit / unit;
  return Int32Array.from(biases, (b) => Math.max(-most, Math.min(most, Math.floor(Math.fround(b / unit + 0.5)))));
}

function checkSizes(network: TrainedLanguageModel, rows: number): void {
  const { embedding, hidden, vocabulary } = network;
  const expected = {
    table: vocabulary.length * embedding,
    inputWeights: rows * embedding,
    recurrentWeights: rows * hidden,
    outputWeights: vocabulary.length * hidden,
    bias: rows,
    outputBias: vocabulary.length,
  } as const;
  for (const [name, size] of Object.entries(expected)) {
    const values = network[name as keyof typeof expected];
    if (values.length !== size) {
      throw new ExportError(`language model "${name}" expected ${size} values, got ${values.length}`);
    }
    if (!values.every(Number.isFinite)) throw new ExportError(`language model "${name}" expected finite values`);
  }
}
