// bitlane train, eval and inspect of language models, on a small grammar in files that are named as the Penn Treebank's.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grammarText } from '../train/grammar.js';
import { bitlane, put, temporaryFolder } from './helper.js';

const test = suite('cli/language');
const folder = temporaryFolder();
const data = join(folder, 'ptb');
put(data, 'ptb.train.txt.gz', gzipSync(grammarText(1500, 1)));
put(data, 'ptb.valid.txt', grammarText(100, 2));
put(data, 'ptb.test.txt', grammarText(150, 3));
const file = join(folder, 'lstm.qnn');

type Answer = Readonly<Record<string, number | string>>;

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
    '6',
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
    'bitlane train ptb-lstm --data DIR --out lstm.qnn --hidden 24 --epochs 6 --seed 1',
  );
  assert.match(bitlane('inspect', file).stdout, /\ntokens {2}one word a run, as the number of its label/);
  assert.match(bitlane('run', file, file).stderr, /expected one input and one output, got 3 and 3/);
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
  const twin = answer(...args, '--float');
  assert.is(twin['recipe'], 'ptb-char-rnn-float');
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
