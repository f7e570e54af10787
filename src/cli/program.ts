// The command line: commands, options and help. What a command does is loaded only when it is asked for, so that --help and
// mistakes answer at once.
import { readFileSync } from 'node:fs';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { BUILDS } from '../wasm/builds.js';
import type { DemoOptions } from './commands/demo.js';
import type { EvalOptions } from './commands/eval.js';
import type { GenerateOptions } from './commands/generate.js';
import type { InspectOptions } from './commands/inspect.js';
import type { RunOptions } from './commands/run.js';
import type { TrainCommandOptions } from './commands/train.js';
import type { TrainLanguageOptions } from './commands/train-language.js';
import type { DatasetName } from './datasets.js';
import { UsageError } from './failure.js';
import type { LanguageRecipeName, RecipeName } from './recipes.js';
import { printable } from './text.js';

// By name only: the modules behind them load the trainer, which --help does not need.
const RECIPE_NAMES: readonly RecipeName[] = [
  'mnist-mlp',
  'mnist-cnn',
  'cifar10-convnet',
  'cifar10-tiny',
  'cifar10-resnet',
];
const LANGUAGE_NAMES: readonly LanguageRecipeName[] = ['ptb-lstm', 'ptb-char-rnn'];
/** Options of run that belong to --prompt. */
const DRAW_OPTIONS = ['length', 'seed', 'temperature'] as const;
const DATASET_NAMES: readonly DatasetName[] = ['mnist', 'fashion-mnist', 'cifar10'];

const INPUT_HELP = `
An input is told by its content:
  idx    images of the model's size, plain or gzipped; every image is one sample
  PNG    of the model's size; colours become luma, 16 bits become 8, transparent pixels become black
  raw    exactly the bytes of one sample, row by row

Pixels are used as they stand in the file. A model trained on MNIST expects bright strokes (255) on a dark
background (0): invert dark-on-bright scans before.

Examples
  bitlane run models/mnist-mlp.qnn models/digits/digit-7.png
  bitlane run models/mnist-mlp.qnn models/digits/mnist-test-10.idx3-ubyte --json
  bitlane run ptb-lstm.qnn --prompt "the company said" --length 30 --seed 7`;

const DATA_HELP = `
Without --data, the data set is fetched from where it is published, checked by SHA-256, and kept in the folder
$BITLANE_CACHE (default: bitlane in the user's cache). A folder of your own holds the files of MNIST or Fashion-MNIST:
train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, plain or with .gz; or
of CIFAR-10's binary version: data_batch_1.bin to data_batch_5.bin, test_batch.bin; or of the Penn Treebank:
ptb.train.txt, ptb.valid.txt, ptb.test.txt, plain or with .gz.
Evaluation reads the test set only.`;

const TRAIN_HELP = `${DATA_HELP}

Training runs on the processor, or on WebGPU where a GPU is found: in Node, install the package "webgpu" beside bitlane.
The file is written when the exported network has answered every test sample as the trainer did; Ctrl-C before that
leaves nothing behind. With --run, a checkpoint is kept every 30 seconds, less often where it is large, and at Ctrl-C;
--resume continues to the same bytes. --float trains the same layers without quantizers, for comparison.

Language recipes (ptb-lstm, ptb-char-rnn) report perplexity per word, or bits per character, on every test token.

Examples
  bitlane train mnist-mlp --out mnist-mlp.qnn --run runs/first
  bitlane train ptb-lstm --data ptb --out ptb-lstm.qnn --variant better`;

/** The program `bitlane`. */
export function createProgram(): Command {
  const program = new Command('bitlane');
  // Subcommands copy these settings, so they come first.
  program
    .description('Runs binarized and quantized neural networks from a flat file, and trains them.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('--debug', 'print the stack of an error')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
    .exitOverride();

  program
    .command('run')
    .description('classify inputs and print the answer, the scores and the time of each, or go on with a text')
    .argument('<model>', 'model file (.qnn)')
    .argument('[inputs...]', 'idx, PNG or raw files')
    .option('--prompt <text>', 'what a language model goes on from, in place of inputs; may be empty')
    .option('--length <n>', 'words or characters to draw (default: 100)', positive)
    .option('--seed <n>', 'the same seed draws the same text (default: 1)', natural)
    .option('--temperature <t>', '0 takes the likeliest, 1 draws by probability (default: 1)', temperature)
    .option('--limit <n>', 'use at most n samples of each idx file', positive)
    .addOption(buildOption())
    .option('--json', 'print one line of JSON per sample')
    .addHelpText('after', INPUT_HELP)
    .action(async (model: string, inputs: string[], options: RunOptions & Partial<GenerateOptions>) => {
      const { prompt, build, json } = options;
      const foreign = (prompt === undefined ? DRAW_OPTIONS : (['limit'] as const)).find((name) => name in options);
      if (foreign !== undefined) {
        throw new UsageError(`option --${foreign} expected ${prompt === undefined ? '--prompt' : 'inputs'}, got none`);
      }
      if (prompt === undefined) {
        if (inputs.length === 0)
          throw new UsageError('run expected inputs, or --prompt for a language model, got neither');
        return (await import('./commands/run.js')).run(model, inputs, options);
      }
      if (inputs.length > 0) throw new UsageError(`run expected inputs or --prompt, got both`);
      const { length = 100, seed = 1, temperature = 1 } = options;
      const settings = { prompt, length, seed, temperature, build, ...(json && { json }) };
      return (await import('./commands/generate.js')).generate(model, settings);
    });

  program
    .command('eval')
    .description('measure the accuracy of a model on a test set, or the perplexity of a language model')
    .argument('<model>', 'model file (.qnn)')
    .option('--data <folder>', 'folder of the data set (default: fetched once, kept in a cache)')
    .addOption(datasetOption('the one that the model was trained on'))
    .option('--limit <n>', 'use only the first n test samples or tokens', positive)
    .addOption(buildOption())
    .option('--json', 'print one line of JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (model: string, options: EvalOptions) =>
      (await import('./commands/eval.js')).evaluate(model, options),
    );

  program
    .command('inspect')
    .description('show the layers of a model, where its bytes go, and how it was trained')
    .argument('<model>', 'model file (.qnn)')
    .option('--json', 'print one line of JSON')
    .action(async (model: string, options: InspectOptions) =>
      (await import('./commands/inspect.js')).inspect(model, options),
    );

  program
    .command('train')
    .description('train a recipe and write the model file')
    .addArgument(new Argument('<recipe>', 'what to train').choices([...RECIPE_NAMES, ...LANGUAGE_NAMES]))
    .option('--data <folder>', 'folder of the data set (default: fetched once, kept in a cache)')
    .option('--out <file>', 'model file to write; required but for --float')
    .addOption(datasetOption("the recipe's"))
    .option('--epochs <n>', "passes over the training set (default: the recipe's)", positive)
    .option('--seed <n>', 'the same seed on the same device gives the same file', natural, 1)
    .option('--limit <n>', 'use only the first n training samples or tokens', positive)
    .addOption(
      new Option('--device <name>', 'where to train')
        .choices(['auto', 'gpu', 'cpu'])
        .default('auto', 'auto: a GPU if there is one, else the processor'),
    )
    .addOption(
      new Option('--variant <name>', "paper: the paper's settings; better: with later methods").choices([
        'paper',
        'better',
      ]),
    )
    .option('--widths <n,...>', "widths of a classifier's layers, such as 2048,2048,2048 for mnist-mlp")
    .option('--bits <w/a>', "bits of a classifier's weights and activations, such as 2/1 (default: 1/1)")
    .addOption(
      new Option('--quantizer <name>', 'whose quantizers --bits takes (default: aqe)').choices(['aqe', 'dorefa']),
    )
    .option('--hidden <n>', "units of a language recipe's recurrent layer (default: the recipe's)", positive)
    .option('--float', "the recipe's float twin, without quantizers: measured, not written")
    .option('--run <folder>', 'keep metrics, curves, a report and checkpoints in a folder of this run')
    .option('--resume', 'continue the run of --run from its last checkpoint')
    .option('--json', 'print one line of JSON at the end; progress goes to stderr')
    .addHelpText('after', TRAIN_HELP)
    .action(async (recipe: RecipeName | LanguageRecipeName, options: AnyTrainOptions) => {
      const { out, float } = options;
      if (out === undefined && !float) throw new UsageError('option --out expected a file to write, got none');
      const language = isLanguage(recipe);
      const others = language ? (['widths', 'bits', 'quantizer', 'dataset'] as const) : (['hidden'] as const);
      const foreign = others.find((name) => options[name] !== undefined);
      if (foreign !== undefined) {
        const names = language ? RECIPE_NAMES : LANGUAGE_NAMES;
        throw new UsageError(`option --${foreign} expected ${names.join(' or ')}, got ${recipe}`);
      }
      if (isLanguage(recipe)) return (await import('./commands/train-language.js')).trainLanguage(recipe, options);
      return (await import('./commands/train.js')).train(recipe, options);
    });

  program
    .command('demo')
    .description('classify ten handwritten digits that come with bitlane and draw them (npm start)')
    .argument('[model]', 'model file (.qnn) to use instead of the one that comes with bitlane')
    .addOption(buildOption())
    .action(async (model: string | undefined, options: DemoOptions) =>
      (await import('./commands/demo.js')).demo(model, options),
    );

  return program;
}

/** What commander hands over, before it is known what trains. */
type AnyTrainOptions = TrainCommandOptions & TrainLanguageOptions;

function isLanguage(recipe: RecipeName | LanguageRecipeName): recipe is LanguageRecipeName {
  return (LANGUAGE_NAMES as readonly string[]).includes(recipe);
}

/** commander's message, which may be two lines that end with a full stop, as one. */
function usageLine(text: string): string {
  const message = printable(text.trim())
    .replace(/^error:/, 'bitlane:')
    .replace(/\.$/, '');
  return `${message}; see --help\n`;
}

function buildOption(): Option {
  return new Option('--build <name>', 'build of the kernels; all give equal answers')
    .choices([...BUILDS, 'auto'])
    .default('auto', 'auto: the fastest that runs here');
}

function datasetOption(fallback: string): Option {
  return new Option('--dataset <name>', `what the data folder holds (default: ${fallback})`).choices(DATASET_NAMES);
}

function integer(text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
}

const positive = (text: string): number => integer(text, 1, 2 ** 31 - 1);
const natural = (text: string): number => integer(text, 0, 2 ** 32 - 1);

function temperature(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= 100) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 100.');
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
