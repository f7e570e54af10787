// Scores a text with a language model, token by token, as the exported file is scored: streams side by side, each with a
// state of its own that starts at 0. Scores of the quantized network are integers times a power of two, so the losses, in
// double precision, are those of the file to the bit.
import { negativeLogLikelihood } from '../../numerics/likelihood.js';
import { scoringOf, SCORING_STREAMS } from '../data/text.js';
import type { Backend, Call, Program } from '../kernels.js';
import { stopIfAborted } from '../loop.js';
import { Tape } from '../tape.js';
import { tensor, type Tensor } from '../tensor.js';
import type { LanguageModel, Unrolled } from './model.js';

/** Steps of time of one program. */
const STEPS = 10;

export class LanguageEvaluator {
  readonly #backend: Backend;
  readonly #unrolled: Unrolled;
  readonly #vocabulary: number;
  readonly #labels: Tensor;
  readonly #parts: Tensor;
  /** Rounds the weights, which stay as they are while a text is scored. */
  readonly #weights: Program;
  readonly #program: Program;

  private constructor(
    backend: Backend,
    unrolled: Unrolled,
    labels: Tensor,
    parts: Tensor,
    [weights, program]: readonly [Program, Program],
  ) {
    this.#backend = backend;
    this.#unrolled = unrolled;
    this.#vocabulary = unrolled.scores.shape[1]!;
    this.#labels = labels;
    this.#parts = parts;
    this.#weights = weights;
    this.#program = program;
  }

  static async create(backend: Backend, model: LanguageModel): Promise<LanguageEvaluator> {
    const tape = new Tape();
    const unrolled = model.unroll(tape, SCORING_STREAMS, STEPS);
    const [rows, channels] = unrolled.scores.shape as [number, number];
    const [labels, parts] = [tensor('scored tokens', [rows], 'u32'), tensor('losses', [rows, 4])];
    const losses: Call = {
      kernel: 'crossEntropyRows',
      params: { rows, channels },
      tensors: [unrolled.scores, labels, parts],
    };
    const calls = tape.forward();
    const ofWeights = calls.filter(({ kernel, tensors: [x] }) => kernel === 'map' && model.state.includes(x));
    const ofTokens = calls.filter((call) => !ofWeights.includes(call));
    const programs = [
      await backend.compile(ofWeights),
      await backend.compile([...ofTokens, losses, carry(unrolled)]),
    ] as const;
    return new LanguageEvaluator(backend, unrolled, labels, parts, programs);
  }

  /**
   * -log p of every token, in nats.
   *
   * @param first the token that is read before the first one
   * @param exact whether in double precision from the scores, which have to leave the device for it, or in the device's own
   */
  async losses(tokens: Uint32Array, first: number, exact: boolean, signal?: AbortSignal): Promise<Float64Array> {
    const { carried, tokens: read, scores } = this.#unrolled;
    const { length, place, input } = scoringOf(tokens, first);
    const losses = new Float64Array(tokens.length);
    this.#backend.write(carried, new Float32Array(carried.size));
    this.#weights.run();
    for (let start = 0; start < length; start += STEPS) {
      stopIfAborted(signal);
      const at = (row: number) => [row % SCORING_STREAMS, start + Math.floor(row / SCORING_STREAMS)] as const;
      const rows = Array.from({ length: read.size }, (_, row) => place(...at(row)));
      this.#backend.write(
        read,
        Uint32Array.from(rows, (_, row) => input(...at(row))),
      );
      this.#backend.write(
        this.#labels,
        Uint32Array.from(rows, (token) => (token === null ? 0 : tokens[token])),
      );
      this.#program.run();
      const values = await this.#backend.read(exact ? scores : this.#parts);
      rows.forEach((token, row) => {
        if (token === null) return;
        const from = row * this.#vocabulary;
        losses[token] = exact
          ? negativeLogLikelihood(values, 1, tokens[token], from, this.#vocabulary)
          : values[4 * row];
      });
    }
    return losses;
  }
}

/** The call that hands the last state of an unrolled tape to its next run. */
export function carry({ last, carried }: Unrolled): Call {
  return { kernel: 'scale', params: { size: carried.size, factor: 1, accumulate: false }, tensors: [last, carried] };
}

export function mean(losses: Float64Array): number {
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
