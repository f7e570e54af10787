// bitlane train on a data set of 300 images, on the processor.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bitlane, IDX, idx, MAIN, put, ROOT, temporaryFolder } from './helper.js';

const folder = temporaryFolder();
const data = join(folder, 'mnist');
const digits = [...readFileSync(IDX).subarray(16)];
const classes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const thirty = Array.from({ length: 30 }, (_, i) => i);
const repeat = (values: number[]): Uint8Array => Uint8Array.from(thirty.flatMap(() => values));
put(data, 'train-images-idx3-ubyte', idx([300, 28, 28], repeat(digits)));
put(data, 'train-labels-idx1-ubyte', idx([300], repeat(classes)));
put(data, 't10k-images-idx3-ubyte', idx([10, 28, 28], Uint8Array.from(digits)));
put(data, 't10k-labels-idx1-ubyte', idx([10], Uint8Array.from(classes)));
const target = join(folder, 'out');
mkdirSync(target);
const out = join(target, 'model.qnn');
const ARGS = ['train', 'mnist-mlp', '--data', data, '--out', out, '--device', 'cpu'];

test('train writes a model that eval finds as accurate as train said', () => {
  const { code, stdout, stderr } = bitlane(...ARGS, '--epochs', '2', '--seed', '7', '--json');
  assert.is(code, 0, stderr);
  assert.match(stderr, /epoch 2\/2 {2}step \d+\/\d+ {2}loss [\d.]+ {2}accuracy [\d.]+ %/);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.is(result['file'], out);
  assert.is(result['bytes'], statSync(out).size);
  assert.is(result['samples'], 10);
  assert.equal(readdirSync(target), ['model.qnn']);
  const evaluated = JSON.parse(bitlane('eval', out, '--data', data, '--json').stdout) as Record<string, unknown>;
  assert.is(evaluated['accuracy'], result['accuracy']);
  const { metadata } = JSON.parse(bitlane('inspect', out, '--json').stdout) as {
    metadata: { training: Record<string, string> };
  };
  assert.is(metadata.training['seed'], '7');
  assert.is(metadata.training['command'], 'bitlane train mnist-mlp --data DIR --out model.qnn --epochs 2 --seed 7');
});

test('train stops at the first signal and leaves an earlier file as it is', async () => {
  const before = readFileSync(out);
  const child = spawn(process.execPath, [MAIN, ...ARGS, '--epochs', '10000'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    // Once: the second one would end the process at once.
    if (stderr.includes('epoch ') && !child.killed) child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.is(code, 130, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /\nbitlane: stopped before the end; no file was written\n$/);
  assert.equal(readFileSync(out), before);
  assert.equal(readdirSync(target), ['model.qnn']);
});

test('train --run can be stopped and continued to the same file, with metrics, curves and a report', async () => {
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
  const start = (out: string, run: string, ...more: string[]): string[] => {
    const target = join(folder, out);
    return [
      'train',
      'mnist-mlp',
      '--data',
      data,
      '--device',
      'cpu',
      '--epochs',
      '40',
      '--out',
      target,
      '--run',
      run,
      ...more,
    ];
  };
  assert.is(bitlane(...start('a.qnn', whole)).code, 0);
  const child = spawn(process.execPath, [MAIN, ...start('b.qnn', parts)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (chunk.toString().includes('epoch ') && !child.killed) child.kill('SIGINT');
  });
  assert.is(await new Promise((resolve) => child.on('close', resolve)), 130);
  assert.ok(readdirSync(parts).includes('checkpoint.bin'));
  assert.not.ok(readdirSync(folder).includes('b.qnn'));
  assert.match(
    bitlane(...start('b.qnn', parts)).stderr,
    /expected no run yet, got one: pass --resume or another folder/,
  );
  assert.match(bitlane(...start('b.qnn', parts, '--resume', '--seed', '9')).stderr, /--resume expected seed 1 as in/);
  const { code, stderr } = bitlane(...start('b.qnn', parts, '--resume'));
  assert.is(code, 0, stderr);
  const lines = (run: string): unknown[] =>
    readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const metric = JSON.parse(line) as Record<string, unknown>;
        delete metric['samplesPerSecond'];
        return metric;
      });
  assert.equal(lines(parts), lines(whole));
  // The commands differ in the name of the file, so the metadata does; the weights may not.
  const model = (out: string): string => readFileSync(join(folder, out)).toString('latin1').replaceAll(out, 'x.qnn');
  assert.is(model('b.qnn'), model('a.qnn'));
  const files = [
    'accuracy.svg',
    'checkpoint.bin',
    'config.json',
    'loss.svg',
    'metrics.jsonl',
    'report.html',
    'result.json',
  ];
  assert.equal(readdirSync(parts).sort(), files);
  assert.match(readFileSync(join(parts, 'report.html'), 'utf8'), /<polyline points="[\d.]+,[\d.]+ /);
});

test('train mnist-cnn writes a convolutional net whose record eval reads the data set from', () => {
  const file = join(folder, 'cnn.qnn');
  const args = ['mnist-cnn', '--data', data, '--out', file, '--device', 'cpu', '--dataset', 'fashion-mnist'];
  const { code, stdout, stderr } = bitlane('train', ...args, '--epochs', '1', '--limit', '100', '--json');
  assert.is(code, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.ok((result['bytes'] as number) <= 60_000);
  const evaluated = JSON.parse(bitlane('eval', file, '--data', data, '--json').stdout) as Record<string, unknown>;
  assert.is(evaluated['correct'], result['correct']);
  const { metadata } = JSON.parse(bitlane('inspect', file, '--json').stdout) as {
    metadata: { task: string; labels: string[]; training: Record<string, string> };
  };
  assert.is(metadata.task, 'pictures of clothes');
  assert.is(metadata.training['dataset'], 'Fashion-MNIST');
  assert.is(metadata.labels[9], 'Ankle boot');
});

test('train --bits writes a net of more bits, and refuses those that there are not', () => {
  const file = join(folder, 'bits.qnn');
  const args = [
    'train',
    'mnist-cnn',
    '--data',
    data,
    '--out',
    file,
    '--device',
    'cpu',
    '--epochs',
    '1',
    '--limit',
    '100',
  ];
  const { code, stderr } = bitlane(...args, '--bits', '3/2');
  assert.is(code, 0, stderr);
  const { layers, metadata } = JSON.parse(bitlane('inspect', file, '--json').stdout) as {
    layers: { name: string; weightBits: number }[];
    metadata: { training: Record<string, string> };
  };
  assert.is(layers.find(({ name }) => name === 'conv2')?.weightBits, 3);
  assert.match(metadata.training['command'], /--limit 100 --bits 3\/2$/);
  const refused = (...more: string[]): string => {
    const result = bitlane(...args, ...more);
    assert.is(result.code, 2);
    return result.stderr;
  };
  assert.match(refused('--bits', '5/1'), /--bits expected weights\/activations of 1 to 4 bits with aqe, got 5\/1/);
  assert.match(refused('--bits', '8/8', '--quantizer', 'dorefa'), /1 to 7 bits with dorefa, got 8\/8/);
  assert.match(refused('--variant', 'paper'), /--variant of mnist-cnn expected better, got paper/);
  assert.match(
    refused('--widths', '8,8'),
    /--widths of mnist-cnn expected 3 widths of 1 to 65536, for its convolutions, got 8,8/,
  );
  assert.match(refused('--widths', '8,0,8'), /got 8,0,8/);
});

test('train --float measures the recipe without quantizers and writes nothing', () => {
  const args = ['train', 'mnist-cnn', '--data', data, '--device', 'cpu', '--epochs', '2', '--limit', '200', '--float'];
  const before = readdirSync(folder);
  const { code, stdout, stderr } = bitlane(...args, '--json');
  assert.is(code, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.is(result['float'], true);
  assert.is(result['recipe'], 'mnist-cnn');
  assert.is(result['samples'], 10);
  assert.is(result['accuracy'], (result['correct'] as number) / 10);
  assert.not.ok('file' in result || 'bytes' in result);
  assert.match(bitlane(...args).stdout, /^mnist-cnn-float, \d+\.00 % of 10 test samples right/);
  assert.equal(readdirSync(folder), before);
  const refused = (...more: string[]): string => {
    const result = bitlane(...args, ...more);
    assert.is(result.code, 2);
    return result.stderr;
  };
  assert.match(refused('--out', out), /--float expected no --out, got ".*": a float twin is measured, not written/);
  assert.match(refused('--bits', '2/2'), /--bits expected a quantized net, got --float/);
});

test('train and eval read CIFAR-10 by its own names', () => {
  const cifar = join(folder, 'cifar10');
  const records = (count: number): Uint8Array =>
    Uint8Array.from({ length: count * 3073 }, (_, i) => (i % 3073 ? i : i % 10));
  for (let i = 1; i <= 5; i++) put(cifar, `data_batch_${i}.bin`, records(1));
  const missing = bitlane('train', 'cifar10-convnet', '--data', cifar, '--out', join(folder, 'x.qnn'));
  assert.is(missing.code, 1);
  assert.match(missing.stderr, /test_batch.bin" could not be read: ENOENT; the binary version of CIFAR-10 is at/);
  put(cifar, 'test_batch.bin', records(3));
  const { code, stderr } = bitlane('eval', out, '--data', cifar, '--dataset', 'cifar10');
  assert.is(code, 1);
  assert.match(stderr, /expected to take the data set's 32 x 32 x 3 bytes, got a model for 28 x 28 x 1/);
});

test('train refuses --resume without a run', () => {
  const missing = bitlane(...ARGS, '--resume');
  assert.is(missing.code, 2);
  assert.match(missing.stderr, /--resume expected --run/);
  const none = bitlane(...ARGS, '--run', join(folder, 'nowhere'), '--resume');
  assert.is(none.code, 2);
  assert.match(none.stderr, /expected a run to continue, got none/);
});

test.run();
