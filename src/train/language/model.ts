// A language model from its description to tapes: embedding, a recurrent layer unrolled over some steps of time, and scores
// of the next token. Quantized, the tape computes what the exported file will, to the bit: weights, embeddings and hidden
// states take few values, sums are integers times powers of two that float32 holds exactly, biases are rounded to those
// units, and the cell is the file format's (tableLstmCell, tableTanh). Straight-through estimators pass all roundings. The
// float twin is the same tape without quantizers, over the cell in real numbers.
//
// Letters: V tokens, E width of the embedding, H of the state, G gates (4 or 1), B streams, T steps.
import { cellArithmetic, type CellArithmetic } from '../../numerics/cells.js';
import type { WeightQuantizer } from '../../numerics/quantizers.js';
import type { Random } from '../../numerics/random.js';
import type { Backend } from '../kernels.js';
import { addBias, dense, dropout, map, slice, weightedSum, type NoiseSource } from '../layers.js';
import { centeredQuantizer, grid, logQuantizer, powerQuantizer, TANH, type MapSpec } from '../maps.js';
import { embedding, lstmCell, stackRows, tableLstmCell, tableTanh, takeRows, type GateTables } from '../recurrent.js';
import type { Tape } from '../tape.js';
import { tensor, type Tensor } from '../tensor.js';
import { languageUnits, OUTPUT_BIAS_LIMIT, type Quantization, type TrainedLanguageModel } from './network.js';

/** The network of a language model. */
export interface LanguageSpec {
  readonly cell: 'lstm' | 'rnn';
  readonly vocabulary: number;
  readonly embedding: number;
  readonly hidden: number;
  /** Null for the float twin. */
  readonly quantization: Quantization | null;
  /** One latent matrix is both the embedding and the weights of the scores (Press and Wolf 2017). Takes E = H. */
  readonly tied?: boolean;
}

/** Dropout in front of the recurrent layer and behind it, not along time (Zaremba et al. 2014). */
export interface Dropout {
  readonly rate: number;
  /** (1) u32, another number for every step of training. */
  readonly key: Tensor;
}

/** What a tape of T steps of B streams takes and gives. */
export interface Unrolled {
  /** (T * B) u32, row t * B + b. */
  readonly tokens: Tensor;
  /** (B, states): the state before the first step, which whoever runs the tape copies `last` to; 0 at first. */
  readonly carried: Tensor;
  readonly last: Tensor;
  /** (T * B, V). */
  readonly scores: Tensor;
}

/** A parameter; latent ones stay in [-1, 1] where they are quantized. */
export interface LanguageParameter {
  readonly tensor: Tensor;
  readonly latent: boolean;
}

/** Forget gates start open (Gers et al. 2000, Jozefowicz et al. 2015). */
const FORGET_BIAS = 1;

const MAPS: Readonly<Record<WeightQuantizer['kind'], (bits: number) => MapSpec>> = {
  linear: centeredQuantizer,
  log: logQuantizer,
  power: powerQuantizer,
};

/** Rounding of everything that a quantized network rounds. */
interface Rounding {
  readonly weights: MapSpec;
  readonly activations: MapSpec;
  readonly bias: MapSpec;
  readonly outputBias: MapSpec;
  /** Of each of the two sums, and of both together. */
  readonly sum: MapSpec;
  readonly gates: MapSpec;
  readonly arithmetic: CellArithmetic;
}

function roundingOf(spec: LanguageSpec): Rounding | null {
  if (!spec.quantization) return null;
  const { weights, activationBits } = spec.quantization;
  const { inputUnit, recurrentUnit, outputUnit } = languageUnits(spec);
  const arithmetic = cellArithmetic(inputUnit, recurrentUnit);
  const { unit, limit, step, lastIndex } = arithmetic;
  return {
    weights: MAPS[weights.kind](weights.bits),
    activations: centeredQuantizer(activationBits),
    bias: grid(inputUnit, lastIndex * step),
    outputBias: grid(outputUnit, OUTPUT_BIAS_LIMIT),
    sum: grid(unit, limit * unit),
    gates: grid(step, lastIndex * step),
    arithmetic,
  };
}

/** The tensors of a language model, shared by the tapes of training and evaluation. */
export class LanguageModel {
  readonly spec: LanguageSpec;
  readonly parameters: readonly LanguageParameter[];
  readonly #rounding: Rounding | null;
  readonly #tables: Tensor;
  readonly #table: Tensor;
  readonly #inputWeights: Tensor;
  readonly #recurrentWeights: Tensor;
  readonly #bias: Tensor;
  readonly #outputWeights: Tensor;
  readonly #outputBias: Tensor;

  /** @throws RangeError if a tied embedding is not as wide as the state */
  constructor(spec: LanguageSpec) {
    const { cell, vocabulary, embedding, hidden, tied = false } = spec;
    if (tied && embedding !== hidden) {
      throw new RangeError(`a tied embedding expected the width of the state, ${hidden}, got ${embedding}`);
    }
    const rows = hidden * (cell === 'lstm' ? 4 : 1);
    this.spec = spec;
    this.#rounding = roundingOf(spec);
    this.#tables = tensor('gate tables', [512]);
    this.#table = tensor('embedding', [vocabulary, embedding]);
    this.#inputWeights = tensor('input weights', [rows, embedding]);
    this.#recurrentWeights = tensor('recurrent weights', [rows, hidden]);
    this.#bias = tensor('bias', [rows]);
    this.#outputWeights = tied ? this.#table : tensor('output weights', [vocabulary, hidden]);
    this.#outputBias = tensor('output bias', [vocabulary]);
    this.parameters = [
      { tensor: this.#table, latent: true },
      { tensor: this.#inputWeights, latent: true },
      { tensor: this.#recurrentWeights, latent: true },
      { tensor: this.#bias, latent: false },
      ...(tied ? [] : [{ tensor: this.#outputWeights, latent: true }]),
      { tensor: this.#outputBias, latent: false },
    ];
  }

  /** Everything that training changes, apart from the optimizer's state and the carried state. */
  get state(): readonly Tensor[] {
    return this.parameters.map(({ tensor }) => tensor);
  }

  /** Columns of a state: h, or h and c. */
  get stateWidth(): number {
    return this.spec.hidden * (this.spec.cell === 'lstm' ? 2 : 1);
  }

  /** Writes the first values: weights uniform in (-1, 1), biases 0 but for those of forget gates, and the tables. */
  initialize(backend: Backend, random: Random): void {
    for (const { tensor: t, latent } of this.parameters) {
      backend.write(
        t,
        Float32Array.from({ length: t.size }, () => (latent ? random.uniform(-1, 1) : 0)),
      );
    }
    const { cell, hidden } = this.spec;
    if (cell === 'lstm') backend.write(this.#bias, new Float32Array(4 * hidden).fill(FORGET_BIAS, hidden, 2 * hidden));
    if (!this.#rounding) return;
    const { sigmoid, tanh } = this.#rounding.arithmetic;
    backend.write(this.#tables, Float32Array.from([...sigmoid, ...tanh]));
  }

  /** Marks the parameters of a tape that is to be differentiated. */
  watch(tape: Tape): void {
    for (const { tensor: t } of this.parameters) tape.watch(t);
  }

  /** Records `steps` steps of `streams` streams. */
  unroll(tape: Tape, streams: number, steps: number, regularization: Dropout | null = null): Unrolled {
    const { hidden } = this.spec;
    const rounding = this.#rounding;
    const units = languageUnits(this.spec);
    const round = (x: Tensor, spec: MapSpec | undefined, label: string): Tensor =>
      spec ? map(tape, x, spec, label) : x;
    const scaled = (x: Tensor, factor: number): Tensor => weightedSum(tape, [[x, factor]], `scaled ${x.label}`);
    const dropped = (x: Tensor, stream: number): Tensor => {
      if (!regularization || regularization.rate === 0) return x;
      const source: NoiseSource = { key: regularization.key, stream };
      return dropout(tape, x, regularization.rate, source, `${x.label} kept`);
    };

    const tokens = tensor('tokens', [steps * streams], 'u32');
    const carried = tensor('carried state', [streams, this.stateWidth]);
    const table = round(this.#table, rounding?.activations, 'embedding values');
    const inputs = dropped(embedding(tape, table, tokens, 'inputs'), 0);
    const inputWeights = round(this.#inputWeights, rounding?.weights, 'input weight values');
    const products = dense(tape, scaled(inputs, units.inputScale), inputWeights, 'input sums');
    const bias = round(this.#bias, rounding?.bias, 'bias values');
    const fromInputs = round(addBias(tape, products, bias, 'biased sums'), rounding?.sum, 'from inputs');

    const recurrentWeights = round(this.#recurrentWeights, rounding?.weights, 'recurrent weight values');
    const visible = (state: Tensor, t: number): Tensor => {
      const h = this.spec.cell === 'lstm' ? slice(tape, state, 0, hidden, `h ${t}`) : state;
      return round(h, rounding?.activations, `hidden ${t}`);
    };
    let state = carried;
    let h = visible(carried, 0);
    const outputs: Tensor[] = [];
    for (let t = 1; t <= steps; t++) {
      const sums = dense(tape, scaled(h, units.recurrentScale), recurrentWeights, `recurrent sums ${t}`);
      const parts = [
        [takeRows(tape, fromInputs, (t - 1) * streams, streams, `from inputs ${t}`), 1],
        [round(sums, rounding?.sum, `from state ${t}`), 1],
      ] as const;
      const gates = round(weightedSum(tape, parts, `pre-activations ${t}`), rounding?.gates, `gates ${t}`);
      state = this.#cell(tape, gates, state, `state ${t}`);
      h = visible(state, t);
      outputs.push(h);
    }

    const rows = dropped(stackRows(tape, outputs, 'outputs'), 1);
    const outputWeights = round(this.#outputWeights, rounding?.weights, 'output weight values');
    const scores = dense(tape, scaled(rows, units.outputScale), outputWeights, 'output sums');
    const outputBias = round(this.#outputBias, rounding?.outputBias, 'output bias values');
    return { tokens, carried, last: state, scores: addBias(tape, scores, outputBias, 'scores') };
  }

  /** The latent weights and biases, for export. */
  async read(
    backend: Backend,
  ): Promise<
    Pick<TrainedLanguageModel, 'table' | 'inputWeights' | 'recurrentWeights' | 'outputWeights' | 'bias' | 'outputBias'>
  > {
    return {
      table: await backend.read(this.#table),
      inputWeights: await backend.read(this.#inputWeights),
      recurrentWeights: await backend.read(this.#recurrentWeights),
      outputWeights: await backend.read(this.#outputWeights),
      bias: await backend.read(this.#bias),
      outputBias: await backend.read(this.#outputBias),
    };
  }

  /** The first parameter that holds a number that is not finite, if one does. */
  async firstNonFinite(backend: Backend): Promise<string | undefined> {
    for (const { tensor: t } of this.parameters) {
      if (!(await backend.read(t)).every(Number.isFinite)) return t.label;
    }
    return undefined;
  }

  #cell(tape: Tape, gates: Tensor, previous: Tensor, label: string): Tensor {
    const lstm = this.spec.cell === 'lstm';
    if (!this.#rounding) return lstm ? lstmCell(tape, gates, previous, label) : map(tape, gates, TANH, label);
    const { arithmetic } = this.#rounding;
    const tables: GateTables = { values: this.#tables, step: arithmetic.step };
    return lstm
      ? tableLstmCell(tape, gates, previous, tables, arithmetic, label)
      : tableTanh(tape, gates, tables, label);
  }
}
