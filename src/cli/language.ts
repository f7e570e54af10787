// A language model as the commands use it: one token and a state in, scores of the next token and the state out. Texts are
// scored in streams side by side, as the trainer does it.
import { argmax } from '../export/agreement.js';
import type { Model, TensorData, TensorInfo } from '../index.node.js';
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
    if (model.batch < SCORING_STREAMS) {
      throw new RangeError(`"model" expected a batch of at least ${SCORING_STREAMS}, got ${model.batch}`);
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

  /** Scores every token of a text, each from all that came before it in its stream. */
  score(tokens: Uint32Array): Scored {
    const { length, place, input } = scoringOf(tokens, this.vocabulary.numbers.get(END) ?? 0);
    const count = this.#scores.length;
    const read = new Int32Array(SCORING_STREAMS);
    const data: Record<string, TensorData> = { [this.#token.name]: read };
    for (const [state] of this.#states) data[state.name] = startOf(state);
    const losses = new Float64Array(tokens.length);
    let correct = 0;
    let milliseconds = 0;
    for (let t = 0; t < length; t++) {
      for (let s = 0; s < SCORING_STREAMS; s++) read[s] = input(s, t);
      const start = performance.now();
      const results = this.model.run(data);
      milliseconds += performance.now() - start;
      for (const [before, after] of this.#states) data[before.name] = results[after.name]!;
      const scores = results[this.#scores.name];
      for (let s = 0; s < SCORING_STREAMS; s++) {
        const at = place(s, t);
        if (at === null) continue;
        losses[at] = negativeLogLikelihood(scores, this.#scores.scale, tokens[at], s * count, count);
        if (argmax(scores, s * count, count) === tokens[at]) correct++;
      }
    }
    return { losses, correct, seconds: milliseconds / 1000 };
  }
}

/** The state before a text, of all streams: what stands for 0, and of centered numbers, which have none, the one above. */
function startOf(state: TensorInfo): TensorData {
  const data = arrayOver(new ArrayBuffer(sampleBytes(state) * SCORING_STREAMS), state);
  return state.encoding === 'centered' ? data.fill(2 ** (state.bits - 1)) : data;
}
