// Words of the Penn Treebank by an LSTM of 300 units with 4-bit weights and activations: the setting of Hubara et al. 2016
// ("Quantized Neural Networks"), who report a perplexity of 100 at 4/4 bits and 97 in float. What the paper leaves open is
// ours: an embedding as wide as the layer, 35 steps, 20 parts of the text (10 in `better`), Adam.
import { floatTwin, FOUR_BITS, type LanguageRecipeOptions } from '../language/recipes.js';
import type { LanguageRecipe } from '../language/trainer.js';

/**
 * `better` has the same cell with the scores' weights tied to the embedding (Press and Wolf 2017), and dropout around the
 * cell (Zaremba et al. 2014): 10,000 words leave most of a small net's weights in those two matrices. Its rate starts high,
 * chosen for latent weights that are held in [-1, 1]; the float twin's are held there too, so that it shares the rate.
 */
export function ptbLstm({ variant = 'paper', float = false, hidden }: LanguageRecipeOptions = {}): LanguageRecipe {
  const better = variant === 'better';
  const width = hidden ?? 300;
  const recipe: LanguageRecipe = {
    name: better ? 'ptb-lstm-better' : 'ptb-lstm',
    task: 'the next word of English newspaper text',
    unit: 'word',
    cell: 'lstm',
    embedding: width,
    hidden: width,
    quantization: FOUR_BITS,
    ...(better && { tied: true, bounded: true }),
    dropout: better ? 0.3 : 0,
    batchSize: better ? 10 : 20,
    steps: 35,
    epochs: 15,
    learningRate: { kind: 'exponential', start: better ? 4e-2 : 1e-2, end: better ? 4e-4 : 1e-4 },
  };
  return float ? floatTwin(recipe) : recipe;
}
