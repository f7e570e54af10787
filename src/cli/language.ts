// A language model as the commands use it: one token and a state in, scores of the next token and the state out. Texts are
// scored in streams side by side, as the trainer does it, and drawn token by token.
import { argmax } from '../export/agreement.js';
import type { Model, TensorData, TensorInfo } from '../index.node.js';
import type { Random } from '../numerics/random.js';
import { bitsOf, negativeLogLikelihood, perplexity } from '../numerics/likelihood.js';
import {
  encodeTokens,
  END,
  scoringOf,
  SCORING_STREAMS,
  tokenize,
  type TextUnit,
  type Vocabulary,
} from '../train/data/text.js';
import { arrayOver, sampleBytes } from './classifier.js';
import { Failure } from './failure.js';

/** What a text came to. */
export interface Scored {
  /** -log p of each token in nats. */
  readonly losses: Float64Array;
  /** Tokens that had the highest score. */
  readonly correct: number;
  /** Time of the runs alone. */
  readonly seconds: number;
}

/** The figures of a text, by name for JSON and in words: bits of a character, perplexity of a word. */
export function figuresOf(losses: Float64Array, unit: TextUnit) {
  const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
  const values = { perplexity: perplexity(loss), ...(unit === 'character' && { bitsPerCharacter: bitsOf(loss) }) };
  const text =
    values.bitsPerCharacter === undefined
      ? `perplexity ${values.perplexity.toFixed(2)} per word`
      : `${values.bitsPerCharacter.toFixed(4)} bits per character`;
  return { values, text };
}

/** Whether a model reads one token and carries a state: its other inputs come out again behind the scores. */
export function isLanguageModel({ inputs, outputs }: Pick<Model, 'inputs' | 'outputs'>): boolean {
  const [token, ...states] = inputs;
  const [scores, ...next] = outputs;
  const same = (a: TensorInfo, b: TensorInfo | undefined): boolean =>
    a.encoding === b?.encoding && a.bits === b.bits && a.length === b.length;
  const reads = token?.encoding === 'int32' && token.length === 1;
  return (
    reads &&
    scores !== undefined &&
    states.length > 0 &&
    states.length === next.length &&
    states.every((s, i) => same(s, next[i]))
  );
}

/** A loaded language model with its vocabulary. */
export class LanguageScorer {
  readonly model: Model;
  readonly unit: TextUnit;
  readonly vocabulary: Vocabulary;
  readonly #token: TensorInfo;
  readonly #scores: TensorInfo;
  /** Each input of state with the output that is the next one's. */
  readonly #states: readonly (readonly [TensorInfo, TensorInfo])[];

  /** @param model one of isLanguageModel() */
  constructor(model: Model) {
    const [token, ...states] = model.inputs as readonly [TensorInfo, ...TensorInfo[]];
    const [scores, ...next] = model.outputs as readonly [TensorInfo, ...TensorInfo[]];
    const tokens = model.metadata.labels ?? [];
    if (tokens.length !== scores.length) {
      throw new Failure(
        `model "${model.name}" expected ${scores.length} labels, one per token, got ${tokens.length}: its vocabulary is missing`,
      );
    }
    this.model = model;
    this.unit = model.metadata.training?.['unit'] === 'character' ? 'character' : 'word';
    this.vocabulary = { tokens, numbers: new Map(tokens.map((name, i) => [name, i])) };
    this.#token = token;
    this.#scores = scores;
    this.#states = states.map((state, i) => [state, next[i]]);
  }

  /** The tokens of a text. @throws DataError for one that the model does not know */
  encode(text: string): Uint32Array {
    return encodeTokens(tokenize(text, this.unit), this.vocabulary);
  }

  /**
   * Scores every token of a text, each from all that came before it in its stream.
   * @throws RangeError if the model was loaded for a batch of less than SCORING_STREAMS
   */
  score(tokens: Uint32Array): Scored {
    if (this.model.batch < SCORING_STREAMS) {
      throw new RangeError(`"model" expected a batch of at least ${SCORING_STREAMS}, got ${this.model.batch}`);
    }
    const { length, place, input } = scoringOf(tokens, this.vocabulary.numbers.get(END) ?? 0);
    const count = this.#scores.length;
    const read = new Int32Array(SCORING_STREAMS);
    const data = this.#start(read);
    const losses = new Float64Array(tokens.length);
    let correct = 0;
    let milliseconds = 0;
    for (let t = 0; t < length; t++) {
      for (let s = 0; s < SCORING_STREAMS; s++) read[s] = input(s, t);
      const start = performance.now();
      const scores = this.#step(data);
      milliseconds += performance.now() - start;
      for (let s = 0; s < SCORING_STREAMS; s++) {
        const at = place(s, t);
        if (at === null) continue;
        losses[at] = negativeLogLikelihood(scores, this.#scores.scale, tokens[at], s * count, count);
        if (argmax(scores, s * count, count) === tokens[at]) correct++;
      }
    }
    return { losses, correct, seconds: milliseconds / 1000 };
  }

  /**
   * Reads the beginning of a text and draws `length` tokens that go on from it, each by softmax(scores / temperature).
   *
   * @param temperature 0 for the token with the highest score
   */
  draw(beginning: Uint32Array, length: number, temperature: number, random: Random): Uint32Array {
    const read = Int32Array.of(this.vocabulary.numbers.get(END) ?? 0);
    const data = this.#start(read);
    let scores = this.#step(data);
    for (const token of beginning) {
      read[0] = token;
      scores = this.#step(data);
    }
    return Uint32Array.from({ length }, (_, i) => {
      if (i > 0) scores = this.#step(data);
      read[0] = drawn(scores, this.#scores, temperature, random);
      return read[0];
    });
  }

  /** The inputs of the first run: tokens of as many streams as `read` is long, which stays the caller's to write. */
  #start(read: Int32Array): Record<string, TensorData> {
    const states = this.#states.map(([state]) => [state.name, startOf(state, read.length)] as const);
    return { ...Object.fromEntries(states), [this.#token.name]: read };
  }

  /** Runs on `data`, puts the next state there, and returns the scores. */
  #step(data: Record<string, TensorData>): TensorData {
    const results = this.model.run(data);
    for (const [before, after] of this.#states) data[before.name] = results[after.name]!;
    return results[this.#scores.name];
  }
}

/** A token by softmax(scores / temperature), in double precision: its sums run in the order of the tokens. */
function drawn(scores: TensorData, { scale, length }: TensorInfo, temperature: number, random: Random): number {
  const likeliest = argmax(scores, 0, length);
  if (temperature === 0) return likeliest;
  const weights = Array.from({ length }, (_, i) => Math.exp((scale * (scores[i] - scores[likeliest])) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const token = weights.findIndex((weight) => (left -= weight) < 0);
  // Rounding may leave something behind the last one.
  return token < 0 ? likeliest : token;
}

/** The state before a text: what stands for 0, and of centered numbers, which have none, the one above. */
function startOf(state: TensorInfo, streams: number): TensorData {
  const data = arrayOver(new ArrayBuffer(sampleBytes(state) * streams), state);
  return state.encoding === 'centered' ? data.fill(2 ** (state.bits - 1)) : data;
}
