// Text in the form of the Penn Treebank's language-model split (Mikolov et al. 2010): a sentence a line, words between
// blanks, and the mark <eos> for the end of a line. As words or as characters, and cut into batches for truncated
// back-propagation through time.
import { DataError } from '../../errors.js';

export const END = '<eos>';

/** Tokens by number. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly numbers: ReadonlyMap<string, number>;
}

export type TextUnit = 'word' | 'character';

/** Words of each line, then END; or its characters, a blank as it stands, then END. */
export function tokenize(text: string, unit: TextUnit): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.flatMap((line) => [...(unit === 'word' ? line.trim().split(/ +/) : line.trim()), END]);
}

/** Numbers follow the order of code units: that of first occurrence would tell how the text begins, and files hold it. */
export function vocabularyOf(tokens: Iterable<string>): Vocabulary {
  const unique = [...new Set(tokens)].sort();
  return { tokens: unique, numbers: new Map(unique.map((token, i) => [token, i])) };
}

/** @throws DataError for a token that the vocabulary lacks and has no <unk> for */
export function encodeTokens(tokens: readonly string[], { numbers }: Vocabulary): Uint32Array {
  const unknown = numbers.get('<unk>');
  return Uint32Array.from(tokens, (token, i) => {
    const number = numbers.get(token) ?? unknown;
    if (number === undefined) throw new DataError(`token ${i} expected to be in the vocabulary, got "${token}"`);
    return number;
  });
}

/** Inputs and targets of one step, each (steps, batch): row t holds the tokens of time t. */
export interface TokenBatch {
  readonly inputs: Uint32Array;
  readonly targets: Uint32Array;
}

/** Batches of `steps` tokens from each of `batch` parts of a text. */
export function tokenBatchCount(tokens: Uint32Array, batch: number, steps: number): number {
  return Math.floor(Math.floor((tokens.length - 1) / batch) / steps);
}

/**
 * Batch `index` of a text that is cut into `batch` equal parts, which are read side by side, `steps` tokens at a time: part b
 * continues from one batch to the next, so that states may be carried over. What fills no whole batch is left out.
 */
export function tokenBatch(tokens: Uint32Array, batch: number, steps: number, index: number): TokenBatch {
  const length = Math.floor((tokens.length - 1) / batch);
  const at = (shift: number) =>
    Uint32Array.from({ length: steps * batch }, (_, i) => {
      return tokens[(i % batch) * length + index * steps + Math.floor(i / batch) + shift];
    });
  return { inputs: at(0), targets: at(1) };
}

/** Streams in which every text is scored: each starts with a fresh state, and all run side by side. */
export const SCORING_STREAMS = 10;

/**
 * The whole of a text in `streams` parts of equal length but for the last: position t of stream s predicts token
 * s * length + t from the one before it; before the first token of the text stands `first`.
 */
export interface Scoring {
  readonly length: number;
  /** Index in the text of what stream s predicts at t, or null behind the end. */
  readonly place: (stream: number, t: number) => number | null;
  /** The token that is read for it; `first` behind the end. */
  readonly input: (stream: number, t: number) => number;
}

export function scoringOf(tokens: Uint32Array, first: number, streams = SCORING_STREAMS): Scoring {
  const length = Math.ceil(tokens.length / streams);
  const place = (stream: number, t: number): number | null => {
    const at = stream * length + t;
    return t < length && at < tokens.length ? at : null;
  };
  return {
    length,
    place,
    input(stream, t) {
      const at = place(stream, t);
      return at === null || at === 0 ? first : tokens[at - 1];
    },
  };
}

/** A text in three parts, as tokens of one vocabulary. */
export interface TextData {
  readonly name: string;
  readonly unit: TextUnit;
  readonly vocabulary: Vocabulary;
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
}

/** The parts as text; the vocabulary is that of the training part. @throws DataError for a token that it lacks */
export function textData(
  name: string,
  unit: TextUnit,
  parts: { readonly train: string; readonly validation: string; readonly test: string },
): TextData {
  const train = tokenize(parts.train, unit);
  const vocabulary = vocabularyOf(train);
  const encode = (text: string): Uint32Array => encodeTokens(tokenize(text, unit), vocabulary);
  return {
    ...{ name, unit, vocabulary },
    train: encodeTokens(train, vocabulary),
    validation: encode(parts.validation),
    test: encode(parts.test),
  };
}
