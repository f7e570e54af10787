// Characters of the Penn Treebank by a plain recurrent layer of 2048 units with 4-bit weights and activations: the setting of
// Hubara et al. 2016 ("Quantized Neural Networks"). What the paper leaves open is ours: an embedding of 128, 50 steps, 50
// parts of the text, Adam.
import { floatTwin, FOUR_BITS, type LanguageRecipeOptions } from '../language/recipes.js';
import type { LanguageRecipe } from '../language/trainer.js';

/** `better` is an LSTM of 1024 units with some dropout, which halves its rate when the validation loss stops falling. */
export function ptbCharRnn({ variant = 'paper', float = false, hidden }: LanguageRecipeOptions = {}): LanguageRecipe {
  const better = variant === 'better';
  const recipe: LanguageRecipe = {
    name: better ? 'ptb-char-rnn-better' : 'ptb-char-rnn',
    task: 'the next character of English newspaper text',
    unit: 'character',
    cell: better ? 'lstm' : 'rnn',
    embedding: 128,
    hidden: hidden ?? (better ? 1024 : 2048),
    quantization: FOUR_BITS,
    dropout: better ? 0.1 : 0,
    batchSize: 50,
    steps: 50,
    epochs: 20,
    learningRate: better
      ? { kind: 'plateau', start: 1e-2, factor: 0.5 }
      : { kind: 'exponential', start: 1e-2, end: 1e-4 },
  };
  return float ? floatTwin(recipe) : recipe;
}
