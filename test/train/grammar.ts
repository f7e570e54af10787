// A small language with a known entropy: noun, one to three times "very", a verb that agrees with the noun, end of line.
// A sentence takes ln 4 + ln 3 + ln 2 nats (noun, how often "very", which of two verbs) and 5 tokens on average, so that no
// model gets below a perplexity of 24^(1/5) = 1.888; one that has forgotten the noun gets 48^(1/5) = 2.169.
import { Random } from '../../src/numerics/random.js';
import { textData, type TextData, type TextUnit } from '../../src/train/data/text.js';

const VERBS = { cat: ['sees', 'hears'], dog: ['sees', 'hears'], cats: ['see', 'hear'], dogs: ['see', 'hear'] } as const;
const NOUNS = ['cat', 'dog', 'cats', 'dogs'] as const;

export const BEST_PERPLEXITY = 24 ** (1 / 5);
export const FORGETFUL_PERPLEXITY = 48 ** (1 / 5);

export function grammarText(sentences: number, seed: number): string {
  const random = new Random(seed);
  const lines = Array.from({ length: sentences }, () => {
    const noun = NOUNS[random.below(4)];
    return [noun, ...new Array<string>(1 + random.below(3)).fill('very'), VERBS[noun][random.below(2)]].join(' ');
  });
  return `${lines.join('\n')}\n`;
}

export function grammar(unit: TextUnit = 'word', sentences = 1500): TextData {
  const [train, validation, test] = [grammarText(sentences, 1), grammarText(100, 2), grammarText(200, 3)];
  return textData('grammar', unit, { train, validation, test });
}
