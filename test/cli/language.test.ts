// bitlane train, eval and inspect of language models, on a small grammar in files that are named as the Penn Treebank's.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LanguageScorer } from '../../src/cli/language.js';
import type { Model } from '../../src/index.node.js';
import { Random } from '../../src/numerics/random.js';
import { END } from '../../src/train/data/text.js';
import { grammarText } from '../train/grammar.js';
import { bitlane, put, temporaryFolder } from './helper.js';

const test = suite('cli/language');
const folder = temporaryFolder();
const data = join(folder, 'ptb');
put(data, 'ptb.train.txt.gz', gzipSync(grammarText(1500, 1)));
put(data, 'ptb.valid.txt', grammarText(100, 2));
put(data, 'ptb.test.txt', grammarText(150, 3));
const file = join(folder, 'lstm.qnn');

type Answer = Readonly<Record<string, number | string | boolean>>;

function answer(...args: readonly string[]): Answer {
  const { code, stdout, stderr } = bitlane(...args, '--json');
  assert.is(code, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Answer;
}

test('train ptb-lstm writes a file that eval scores alike on every build, and inspect shows', () => {
  const trained = answer(
    'train',
    'ptb-lstm',
    '--data',
    data,
    '--out',
    file,
    '--device',
    'cpu',
    '--hidden',
    '24',
    '--epochs',
    '12',
  );
  assert.ok((trained['perplexity'] as number) < 4, JSON.stringify(trained));
  assert.is(trained['file'], file);
  assert.is(trained['bytes'], readFileSync(file).length);
  for (const build of ['scalar', 'simd']) {
    const scored = answer('eval', file, '--data', data, '--build', build);
    assert.is(scored['perplexity'], trained['perplexity']);
    assert.is(scored['samples'], trained['samples']);
    assert.not.ok('bitsPerCharacter' in scored);
  }
  assert.is(answer('eval', file, '--data', data, '--limit', '100')['samples'], 100);
  const { stdout } = bitlane('eval', file, '--data', data);
  assert.match(stdout, /perplexity \d\.\d\d per word, on \d+ words of the test part/);
  const { metadata } = JSON.parse(bitlane('inspect', file, '--json').stdout) as {
    metadata: { labels: string[]; training: Record<string, string> };
  };
  assert.is(metadata.labels.length, 10);
  assert.is(metadata.training['unit'], 'word');
  assert.is(
    metadata.training['command'],
    'bitlane train ptb-lstm --data DIR --out lstm.qnn --hidden 24 --epochs 12 --seed 1',
  );
  assert.match(bitlane('inspect', file).stdout, /\ntokens {2}one word a run, as the number of its label/);
  assert.match(bitlane('run', file, file).stderr, /is a language model: expected --prompt TEXT, got inputs/);
});

test('run --prompt goes on with a text, the same for the same seed', () => {
  const run = (...args: readonly string[]) => answer('run', file, ...args);
  const first = run('--prompt', 'dogs', '--length', '60', '--seed', '3');
  assert.is(first['tokens'], 60);
  assert.is(first['unit'], 'word');
  const again = run('--prompt', 'dogs', '--length', '60', '--seed', '3', '--build', 'scalar');
  assert.is(again['text'], first['text']);
  assert.is.not(run('--prompt', 'dogs', '--length', '60', '--seed', '4')['text'], first['text']);
  // At 0 the seed does not matter, and what comes first does not depend on how much is asked for.
  const sure = ['--prompt', 'cat very', '--temperature', '0'];
  const short = String(run(...sure, '--length', '5', '--seed', '1')['text']);
  assert.ok(String(run(...sure, '--length', '20', '--seed', '2')['text']).startsWith(short));
  // The prompt is shown as it was read; one that ends with a line starts the next one.
  const shown = (prompt: string): string =>
    bitlane('run', file, '--prompt', prompt, '--length', '1', '--temperature', '0').stdout;
  assert.match(shown('cat  very sees\n'), /^cat very sees\n\w+\n$/);
  assert.match(shown(''), /^\w+\n$/);
  assert.match(
    bitlane('run', file, '--prompt', 'mouse').stderr,
    /token 0 expected to be in the vocabulary, got "mouse"/,
  );
});

test('LanguageScorer draws by softmax(scores / temperature), each token from those before it', () => {
  const tensor = (name: string, encoding: string, length: number, scale: number) => {
    return { name, encoding, length, shape: [length], bits: 0, scale };
  };
  const labels = [END, 'a', 'b', 'c'];
  // The scores are 0, 2, 4, 6 steps of 1/4, turned by the last token; the state counts what was read.
  const steps = [0, 2, 4, 6];
  const read: number[] = [];
  const model = {
    name: 'counter',
    batch: 1,
    inputs: [tensor('token', 'int32', 1, 1), tensor('count', 'int16', 1, 1)],
    outputs: [tensor('scores', 'int32', 4, 0.25), tensor('next', 'int16', 1, 1)],
    metadata: { labels },
    run({ token, count }: Record<string, Int32Array>) {
      assert.is(count[0], read.length);
      read.push(token[0]);
      return { scores: Int32Array.from(steps, (_, i) => steps[(i + token[0]) % 4]), next: Int16Array.of(count[0] + 1) };
    },
  } as unknown as Model;
  const drawn = (length: number, temperature: number): Uint32Array => {
    read.length = 0;
    return new LanguageScorer(model).draw(Uint32Array.of(2, 1), length, temperature, new Random(9));
  };
  assert.equal(drawn(4, 0), Uint32Array.of(2, 1, 2, 1));
  assert.equal(read, [0, 2, 1, 2, 1, 2]);
  for (const temperature of [0.5, 1, 3]) {
    const length = 20_000;
    const tokens = drawn(length, temperature);
    const counts = [0, 0, 0, 0];
    tokens.forEach((token, i) => counts[(token + (i === 0 ? 1 : tokens[i - 1])) % 4]++);
    const weights = steps.map((step) => Math.exp(step / 4 / temperature));
    const total = weights.reduce((sum, weight) => sum + weight);
    counts.forEach((count, i) => {
      const p = weights[i] / total;
      // Five standard deviations.
      const most = 5 * Math.sqrt((p * (1 - p)) / length);
      assert.ok(
        Math.abs(count / length - p) < most,
        `temperature ${temperature}, rank ${i}: ${count / length}, not ${p}`,
      );
    });
  }
});

test('train ptb-char-rnn reports bits per character, and its float twin has no file', () => {
  const args = ['train', 'ptb-char-rnn', '--data', data, '--device', 'cpu', '--hidden', '16', '--epochs', '1'];
  const run = join(folder, 'run');
  const out = join(folder, 'char.qnn');
  const trained = answer(...args, '--out', out, '--run', run);
  assert.ok(Math.abs(2 ** (trained['bitsPerCharacter'] as number) - (trained['perplexity'] as number)) < 1e-9);
  assert.equal(readdirSync(run).sort(), [
    'accuracy.svg',
    'checkpoint.bin',
    'config.json',
    'loss.svg',
    'metrics.jsonl',
    'report.html',
    'result.json',
  ]);
  assert.match(readFileSync(join(run, 'report.html'), 'utf8'), /<th>validation loss<\/th>/);
  const again = answer(...args, '--out', join(folder, 'again.qnn'), '--run', run, '--resume');
  assert.is(again['perplexity'], trained['perplexity']);
  assert.match(bitlane('eval', out, '--data', data).stdout, /bits per character/);
  const text = answer('run', out, '--prompt', 'cats very ', '--length', '40');
  assert.is(text['unit'], 'character');
  assert.is(String(text['text']).length, 40);
  assert.match(bitlane('run', out, '--prompt', 'cats very ', '--length', '1').stdout, /^cats very ./);
  const twin = answer(...args, '--float');
  assert.is(twin['recipe'], 'ptb-char-rnn-float');
  assert.is(twin['float'], true);
  assert.not.ok('file' in twin);
  assert.match(bitlane(...args, '--float').stdout, /^ptb-char-rnn-float, \d\.\d{4} bits per character on \d/);
});

test('what fits no language recipe is refused', () => {
  const fails = (code: number, message: RegExp, ...args: readonly string[]): void => {
    const result = bitlane(...args);
    assert.is(result.code, code, result.stderr);
    assert.match(result.stderr, message);
  };
  const train = ['train', 'ptb-lstm', '--data', data, '--device', 'cpu'];
  fails(2, /--out expected a file to write/, ...train);
  fails(2, /--float expected no --out/, ...train, '--float', '--out', file);
  fails(2, /--limit expected at least one batch, 701 tokens, got 700/, ...train, '--out', file, '--limit', '700');
  fails(2, /--resume expected --run/, ...train, '--out', file, '--resume');
  fails(
    2,
    /--hidden expected ptb-lstm or ptb-char-rnn, got mnist-mlp/,
    'train',
    'mnist-mlp',
    '--data',
    data,
    '--out',
    file,
    '--hidden',
    '9',
  );
  fails(2, /Allowed choices are paper, better/, ...train, '--out', file, '--variant', 'best');
  fails(
    1,
    /expected a file ptb.train.txt or ptb.train.txt.gz, got none/,
    'train',
    'ptb-lstm',
    '--data',
    folder,
    '--out',
    file,
    '--device',
    'cpu',
  );
  put(folder, 'ptb.test.txt', 'a cat barks\n');
  fails(1, /token 0 expected to be in the vocabulary, got "a"/, 'eval', file, '--data', folder);
});

test.run();
