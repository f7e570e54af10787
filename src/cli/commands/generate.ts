// bitlane run --prompt: text from a language model, drawn token by token from what it gives for the next one.
import { Random } from '../../numerics/random.js';
import { encodeTokens, END, tokenize, type TextUnit } from '../../train/data/text.js';
import { type BuildChoice, openModel } from '../classifier.js';
import { Failure } from '../failure.js';
import { isLanguageModel, LanguageScorer } from '../language.js';
import { printable } from '../text.js';

export interface GenerateOptions {
  readonly prompt: string;
  /** Tokens to draw. */
  readonly length: number;
  readonly seed: number;
  /** Divides the scores: 1 draws by the model's probabilities, 0 takes the likeliest token, the first of equals. */
  readonly temperature: number;
  readonly build: BuildChoice;
  readonly json?: boolean;
}

export async function generate(modelPath: string, options: GenerateOptions): Promise<void> {
  const { prompt, length, seed, temperature, build } = options;
  const model = await openModel(modelPath, { build });
  if (!isLanguageModel(model)) {
    throw new Failure(`model "${model.name}" expected to be a language model for --prompt, got another: name inputs`);
  }
  const scorer = new LanguageScorer(model);
  const read = encodeTokens(promptTokens(prompt, scorer.unit), scorer.vocabulary);
  const start = performance.now();
  const drawn = scorer.draw(read, length, temperature, new Random(seed));
  const milliseconds = performance.now() - start;
  const { unit, vocabulary } = scorer;
  const textOf = (tokens: Iterable<number>) =>
    joined(
      Array.from(tokens, (token) => vocabulary.tokens[token]),
      unit,
    );
  if (options.json) {
    const tokens = drawn.length;
    console.log(JSON.stringify({ prompt, text: textOf(drawn), tokens, unit, seed, temperature, milliseconds }));
  } else {
    console.log(
      textOf([...read, ...drawn])
        .split('\n')
        .map(printable)
        .join('\n'),
    );
  }
}

/** The tokens of a text that goes on: its last line has no end yet, and characters may close with blanks. */
function promptTokens(text: string, unit: TextUnit): string[] {
  const tokens = tokenize(text, unit);
  if (text.endsWith('\n')) return tokens;
  const blanks = unit === 'character' ? text.length - text.trimEnd().length : 0;
  return [...tokens.slice(0, -1), ...new Array<string>(blanks).fill(' ')];
}

/** Words between blanks, or characters as they are; lines where the model ended them. */
function joined(tokens: readonly string[], unit: TextUnit): string {
  let text = '';
  for (const token of tokens) {
    if (token === END) text += '\n';
    else text += unit === 'word' && text !== '' && !text.endsWith('\n') ? ` ${token}` : token;
  }
  return text;
}
