// Words of the Penn Treebank by an LSTM of 300 units with 4-bit weights and activations: the setting of Hubara et al. 2016
// ("Quantized Neural Networks"), who report a perplexity of 100 at 4/4 bits and 97 in float. What the paper leaves open is
// ours: an embedding as wide as the layer, 35 steps, 20 parts of the text, Adam.
import { floatTwin, FOUR_BITS, type LanguageRecipeOptions } from '../language/recipes.js';
import type { LanguageRecipe } from '../language/trainer.js';

/**
 * `better` has 650 units, dropout of one half, and halves its rate when the validation loss stops falling (Zaremba et al.
 * 2014 with one layer).
 */
export function ptbLstm({ variant = 'paper', float = false, hidden }: LanguageRecipeOptions = {}): LanguageRecipe {
  const better = variant === 'better';
  const width = hidden ?? (better ? 650 : 300);
  const recipe: LanguageRecipe = {
    name: better ? 'ptb-lstm-better' : 'ptb-lstm',
    task: 'the next word of English newspaper text',
    unit: 'word',
    cell: 'lstm',
    embedding: width,
    hidden: width,
    quantization: FOUR_BITS,
    dropout: better ? 0.5 : 0,
    batchSize: 20,
    steps: 35,
    epochs: better ? 40 : 15,
    learningRate: better
      ? { kind: 'plateau', start: 1e-2, factor: 0.5 }
      : { kind: 'exponential', start: 1e-2, end: 1e-4 },
  };
  return float ? floatTwin(recipe) : recipe;
}
