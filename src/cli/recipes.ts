// The recipes that bitlane train knows by name: the data set that each is made for, and its variants.
import {
  atPrecision,
  cifar10Convnet,
  cifar10ConvnetBetter,
  cifar10Resnet,
  cifar10ResnetBetter,
  cifar10Tiny,
  floatTwin,
  lowBits,
  mnistCnn,
  mnistCnnBetter,
  mnistMlp,
  mnistMlpBetter,
  mnistMlpPaper,
  ptbCharRnn,
  ptbLstm,
  type Recipe,
} from '../train/index.js';
import type { DatasetName } from './datasets.js';
import { UsageError } from './failure.js';

/** `paper`: the settings of the paper that the net is from. `better`: its net with methods that came later. */
export type Variant = 'paper' | 'better';

/** Makes a recipe, of the widths asked for or its own. */
type Maker = (widths?: readonly number[]) => Recipe;

interface Entry {
  readonly recipe: Maker;
  readonly dataset: DatasetName;
  readonly variants: Partial<Record<Variant, Maker>>;
  /** The layers whose widths can be asked for, and how many those are if not any number. */
  readonly widths: { readonly of: string; readonly count?: number };
  /** Its activations are signs, whatever the weights are. */
  readonly signs?: true;
}

/** A maker of a fixed number of widths: `count` below sees to it that they are so many. */
const fixed =
  <Widths>(maker: (widths?: Widths) => Recipe): Maker =>
  (widths) =>
    maker(widths as Widths | undefined);

export const RECIPES: Readonly<Record<RecipeName, Entry>> = {
  'mnist-mlp': {
    recipe: mnistMlp,
    dataset: 'mnist',
    variants: { paper: mnistMlpPaper, better: mnistMlpBetter },
    widths: { of: 'hidden layers' },
  },
  'mnist-cnn': {
    recipe: fixed(mnistCnn),
    dataset: 'mnist',
    variants: { better: fixed(mnistCnnBetter) },
    widths: { of: 'convolutions', count: 3 },
  },
  'cifar10-convnet': {
    recipe: fixed(cifar10Convnet),
    dataset: 'cifar10',
    variants: { paper: fixed(cifar10Convnet), better: fixed(cifar10ConvnetBetter) },
    widths: { of: 'convolutions and hidden layers', count: 8 },
  },
  'cifar10-tiny': {
    recipe: fixed(cifar10Tiny),
    dataset: 'cifar10',
    variants: {},
    widths: { of: 'convolutions', count: 6 },
  },
  'cifar10-resnet': {
    recipe: fixed(cifar10Resnet),
    dataset: 'cifar10',
    variants: { paper: fixed(cifar10Resnet), better: fixed(cifar10ResnetBetter) },
    widths: { of: 'stages', count: 3 },
    signs: true,
  },
};

/** Recipes of language models, for the Penn Treebank. */
export const LANGUAGE_RECIPES = { 'ptb-lstm': ptbLstm, 'ptb-char-rnn': ptbCharRnn } as const;

export type LanguageRecipeName = keyof typeof LANGUAGE_RECIPES;

export type RecipeName = 'mnist-mlp' | 'mnist-cnn' | 'cifar10-convnet' | 'cifar10-tiny' | 'cifar10-resnet';

export interface RecipeOptions {
  readonly variant?: Variant;
  /** Widths of layers, `2048,2048,2048`. */
  readonly widths?: string;
  /** Bits of weights and activations, `2/1`. */
  readonly bits?: string;
  /** Whose quantizers they are. */
  readonly quantizer?: 'aqe' | 'dorefa';
  /** The float twin, which has no bits. */
  readonly float?: boolean;
}

/** @throws UsageError if the recipe has no such variant or widths, or the quantizer no such bits */
export function recipeOf(name: RecipeName, options: RecipeOptions): Recipe {
  const { variant, bits, quantizer = 'aqe', float } = options;
  const { recipe, variants, signs } = RECIPES[name];
  const maker = variant === undefined ? recipe : variants[variant];
  if (!maker) {
    const known = Object.keys(variants).join(' or ');
    throw new UsageError(`option --variant of ${name} expected ${known || 'to be left out'}, got ${String(variant)}`);
  }
  const widths = widthsOf(name, options.widths);
  const made = (): Recipe => maker(widths);
  const quantized = (['bits', 'quantizer'] as const).find((option) => options[option] !== undefined);
  if (float && quantized) throw new UsageError(`option --${quantized} expected a quantized net, got --float`);
  if (float) return floatTwin(made());
  if (bits === undefined) return made();
  const most = quantizer === 'aqe' ? 4 : 7;
  const [weights, activations] = (/^([1-9])\/([1-9])$/.exec(bits)?.slice(1) ?? []).map(Number);
  if (!weights || !activations || weights > most || activations > most) {
    throw new UsageError(
      `option --bits expected weights/activations of 1 to ${most} bits with ${quantizer}, got ${bits}`,
    );
  }
  if (signs && (quantizer !== 'aqe' || activations !== 1)) {
    throw new UsageError(
      `option --bits of ${name} expected activations of 1 bit with aqe, got ${bits} with ${quantizer}`,
    );
  }
  return atPrecision(made(), lowBits(quantizer, weights, activations));
}

/** A layer wider than this is a slip of the pen. */
const MOST_WIDTH = 65536;

function widthsOf(name: RecipeName, text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const { widths: known } = RECIPES[name];
  const widths = text.split(',').map((width) => (/^[1-9]\d{0,5}$/.test(width) ? Number(width) : NaN));
  if (!widths.every((width) => width <= MOST_WIDTH) || (known.count ?? widths.length) !== widths.length) {
    const what = `${known.count ?? 'the'} widths of 1 to ${MOST_WIDTH}`;
    throw new UsageError(`option --widths of ${name} expected ${what}, for its ${known.of}, got ${text}`);
  }
  return widths;
}
