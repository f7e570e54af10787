// Text in the form of the Penn Treebank's language-model split (Mikolov et al. 2010): a sentence a line, words between
// blanks, and the mark <eos> for the end of a line. As words or as characters, and cut into batches for truncated
// back-propagation through time.
import { DataError } from '../../errors.js';

export const END = '<eos>';

/** Tokens by number; the numbers follow the order in which tokens first occur. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly numbers: ReadonlyMap<string, number>;
}

/** Words of each line, then END; or its characters, a blank as it stands, then END. */
export function tokenize(text: string, unit: 'word' | 'character'): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.flatMap((line) => [...(unit === 'word' ? line.trim().split(/ +/) : line.trim()), END]);
}

export function vocabularyOf(tokens: readonly string[]): Vocabulary {
  const unique = [...new Set(tokens)];
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

/** Inputs and targets of one step of training, each (steps, batch): row t holds the tokens of time t. */
export interface TokenBatch {
  readonly inputs: Uint32Array;
  readonly targets: Uint32Array;
}

/**
 * Cuts a text into `batch` equal parts that are read side by side, `steps` tokens at a time: part b continues from one
 * batch to the next, so that states may be carried over. What fills no whole batch is left out.
 */
export function* tokenBatches(tokens: Uint32Array, batch: number, steps: number): Generator<TokenBatch> {
  const length = Math.floor((tokens.length - 1) / batch);
  for (let start = 0; start + steps <= length; start += steps) {
    const at = (shift: number) =>
      Uint32Array.from({ length: steps * batch }, (_, i) => {
        return tokens[(i % batch) * length + start + Math.floor(i / batch) + shift];
      });
    yield { inputs: at(0), targets: at(1) };
  }
}
