// What the recipes of language models have in common.
import type { Quantization } from './network.js';
import type { LanguageRecipe } from './trainer.js';

export interface LanguageRecipeOptions {
  /** `paper`: the published setting. `better`: what we found to do better at the same bits. Default: paper. */
  readonly variant?: 'paper' | 'better';
  /** The same network and training without quantizers. */
  readonly float?: boolean;
  /** Units of the recurrent layer, where they should differ from the recipe's. */
  readonly hidden?: number;
}

/** 4-bit weights by 4-bit activations. */
export const FOUR_BITS: Quantization = { weights: { kind: 'linear', bits: 4 }, activationBits: 4 };

/**
 * The same recipe without quantizers. Weights keep the factor that a quantized network needs, which divides the size of
 * Adam's steps on both alike.
 */
export function floatTwin(recipe: LanguageRecipe): LanguageRecipe {
  return { ...recipe, name: `${recipe.name}-float`, quantization: null };
}
