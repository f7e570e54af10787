// The recipes that bitlane train knows by name, each with the data set that it is made for.
import { cifar10Convnet, mnistCnn, mnistMlp, ptbCharRnn, ptbLstm, type Recipe } from '../train/index.js';
import type { DatasetName } from './datasets.js';

interface Entry {
  readonly recipe: () => Recipe;
  readonly dataset: DatasetName;
}

export const RECIPES = {
  'mnist-mlp': { recipe: mnistMlp, dataset: 'mnist' },
  'mnist-cnn': { recipe: mnistCnn, dataset: 'mnist' },
  'cifar10-convnet': { recipe: cifar10Convnet, dataset: 'cifar10' },
} as const satisfies Record<string, Entry>;

export type RecipeName = keyof typeof RECIPES;

/** Recipes of language models, for the Penn Treebank. */
export const LANGUAGE_RECIPES = { 'ptb-lstm': ptbLstm, 'ptb-char-rnn': ptbCharRnn } as const;

export type LanguageRecipeName = keyof typeof LANGUAGE_RECIPES;
