// Bad input of every kind: one line on stderr that says what was expected, an exit code that says whose mistake it was,
// nothing on stdout, no stack without --debug, and no file left behind.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeModel } from '../../src/model/write.js';
import { bitlane, digitGraph, digitModel, IDX, idx, MAIN, PNG, put, ROOT, temporaryFolder } from './helper.js';

const folder = temporaryFolder();
const bytes = digitModel();
const model = put(folder, 'digits.qnn', bytes);
const data = join(folder, 'mnist');
put(data, 't10k-images-idx3-ubyte', readFileSync(IDX));
put(data, 't10k-labels-idx1-ubyte', idx([10], Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)));

function fails(code: 1 | 2, message: RegExp, ...args: string[]): void {
  const ran = bitlane(...args);
  const shown = `bitlane ${args.join(' ')}: ${ran.stderr}`;
  assert.is(ran.code, code, shown);
  assert.is(ran.stdout, '', shown);
  assert.match(ran.stderr, /^bitlane: [^\n]+\n$/, shown);
  assert.not.match(ran.stderr, /internal|\n\s+at /, shown);
  assert.match(ran.stderr, message);
}

/** The version stands in the Model table; its place is where two files that differ in nothing else differ. */
function withVersion(version: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  view.setUint16(table + view.getUint16(vtable + 4, true), version, true);
  return copy;
}

test('a command line that cannot be meant exits with 2', () => {
  fails(2, /unknown command 'rnu' \(Did you mean run\?\)/, 'rnu');
  fails(2, /missing required argument 'model'/, 'run');
  fails(2, /expected inputs, or --prompt for a language model, got neither/, 'run', model);
  fails(2, /expected inputs or --prompt, got both/, 'run', model, IDX, '--prompt', 'a');
  fails(2, /--length expected --prompt, got none/, 'run', model, IDX, '--length', '5');
  fails(2, /--limit expected inputs, got none/, 'run', model, '--prompt', 'a', '--limit', '5');
  fails(2, /--temperature <t>.*'-1' is invalid.*from 0 to 100/, 'run', model, '--prompt', 'a', '--temperature', '-1');
  fails(1, /expected to be a language model for --prompt, got another/, 'run', model, '--prompt', 'a');
  fails(2, /does not say what it was trained on: expected --dataset or --data, got neither/, 'eval', model);
  fails(2, /unknown option '--jsn'/, 'inspect', model, '--jsn');
  fails(2, /too many arguments/, 'inspect', model, model);
  fails(2, /--limit <n>.*'0' is invalid.*from 1/, 'eval', model, '--data', data, '--limit', '0');
  fails(2, /Allowed choices are scalar, simd, relaxed, auto/, 'eval', model, '--data', data, '--build', 'avx');
  fails(
    2,
    /Allowed choices are mnist-mlp, mnist-cnn, cifar10-convnet, cifar10-tiny, cifar10-resnet, ptb-lstm, ptb-char-rnn/,
    'train',
    'resnet',
    '--data',
    data,
    '--out',
    join(folder, 'x.qnn'),
  );
  fails(2, /at least one batch, 100/, 'train', 'mnist-mlp', '--data', data, '--out', join(folder, 'x'), '--limit', '5');
  const alone = bitlane();
  assert.is(alone.code, 2);
  assert.is(alone.stdout, '');
  assert.match(alone.stderr, /^Usage: bitlane /);
});

test('a file that is no model exits with 1 and says what it is', () => {
  const commands: [string, ...string[]][] = [['inspect'], ['run', PNG], ['eval', '--data', data], ['demo']];
  const cases: [string, RegExp][] = [
    [join(folder, 'none.qnn'), /none\.qnn" expected to be a readable file, got no such file/],
    [folder, /expected to be a readable file, got a folder/],
    [put(folder, 'empty.qnn', ''), /got an empty file; the first argument is the model/],
    [PNG, /got a PNG picture; the first argument is the model/],
    [put(folder, 'text.qnn', 'this is only text, no model'), /the identifier "QNN1"/],
    [
      put(folder, 'version.qnn', withVersion(99)),
      /model\.version" \(byte \d+\) expected 1, got 99.*export the model again/,
    ],
  ];
  for (const [path, message] of cases) {
    for (const [command, ...rest] of commands) fails(1, message, command, path, ...rest);
  }
});

test('a truncated model exits with 1, wherever it was cut', () => {
  for (const length of [1, 7, 15, 16, 40, 200, bytes.length >> 1, bytes.length - 16, bytes.length - 1]) {
    fails(
      1,
      /model file: "[^"]+"( \(byte \d+\))? expected .+, got .+; /,
      'inspect',
      put(folder, 'cut.qnn', bytes.subarray(0, length)),
    );
  }
});

test('an input that does not fit exits with 1 and names the sizes, before anything is printed', () => {
  const png = (width: number, height: number): string =>
    put(
      folder,
      `${width}x${height}.png`,
      encode({ width, height, channels: 1, depth: 8, data: new Uint8Array(width * height) }),
    );
  const wholePng = readFileSync(PNG);
  const cases: [string, RegExp][] = [
    [join(folder, 'none.png'), /input ".*none\.png" expected to be a readable file, got no such file/],
    [put(folder, 'empty.png', ''), /got an empty file/],
    [
      put(folder, 'short.raw', new Uint8Array(783)),
      /exactly 784 bytes of raw values .*28 x 28 x 1.*got a file of 783 bytes/,
    ],
    [put(folder, 'photo.jpg', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)), /got a JPEG picture \(convert it to PNG\)/],
    [model, /got a \.qnn model of/],
    [png(28, 27), /fits 28 x 28 x 1 \(height x width x channels\), got 27 x 28; scale or crop/],
    [put(folder, 'cut.png', wholePng.subarray(0, 200)), /expected a whole PNG, got a damaged one/],
    [put(folder, 'header.png', wholePng.subarray(0, 10)), /expected a whole PNG, got a damaged one/],
    [
      put(
        folder,
        'flipped.png',
        wholePng.map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
      ),
      /expected a whole PNG/,
    ],
    [put(folder, 'wide.idx', idx([1, 32, 32], new Uint8Array(1024))), /idx items of 28 x 28 x 1, got 32 x 32/],
    [put(folder, 'labels.idx', idx([4], new Uint8Array(4))), /got single numbers \(is it the file of labels\?\)/],
    [put(folder, 'none.idx', idx([0, 28, 28], new Uint8Array(0))), /idx items of 28 x 28 x 1, got none/],
    [put(folder, 'cut.idx', idx([2, 28, 28], new Uint8Array(1000))), /expected 1568 bytes of data/],
    [put(folder, 'float.idx', idx([1, 28, 28], new Uint8Array(4 * 784), 0x0d)), /idx magic .*unsigned bytes/],
    [put(folder, 'cut.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0)), /expected a whole gzip archive/],
  ];
  for (const [path, message] of cases) {
    fails(1, message, 'run', model, path);
    // Inputs before the wrong one are not answered either.
    fails(1, message, 'run', model, PNG, path, '--json');
  }
});

test('a model that takes bits refuses pictures and takes raw bytes', () => {
  const { tensors, constants, nodes, ...rest } = digitGraph();
  const bits = writeModel({
    ...rest,
    tensors: tensors.slice(1),
    constants,
    nodes: [{ ...nodes[1], inputs: [0], outputs: [1] }],
    inputs: [0],
    outputs: [1],
  });
  const path = put(folder, 'bits.qnn', bits);
  fails(
    1,
    /expected raw values \(8 bytes, "hidden\/signs".*got a PNG: pictures fit only inputs of 8-bit values/,
    'run',
    path,
    PNG,
  );
  fails(1, /expected raw values .* got an idx file/, 'run', path, IDX);
  assert.is(bitlane('run', path, put(folder, 'bits.raw', new Uint8Array(8))).code, 0);
  fails(1, /expected to take the data set's 28 x 28 x 1 bytes/, 'eval', path, '--data', data);
});

test('a data folder that is missing or damaged exits with 1', () => {
  fails(
    1,
    /data folder ".*nowhere" expected to be a folder, got no such/,
    'eval',
    model,
    '--data',
    join(folder, 'nowhere'),
  );
  fails(1, /expected to be a folder, got a file/, 'eval', model, '--data', model);
  fails(1, /t10k-images-idx3-ubyte/, 'eval', model, '--data', ROOT);
  const broken = join(folder, 'broken');
  put(broken, 't10k-images-idx3-ubyte', readFileSync(IDX).subarray(0, 5000));
  put(broken, 't10k-labels-idx1-ubyte', readFileSync(join(data, 't10k-labels-idx1-ubyte')));
  fails(1, /expected 7840 bytes of data/, 'eval', model, '--data', broken);
});

test('a build that the engine lacks exits with 1 and says which engine has it', () => {
  const args = ['eval', model, '--data', data, '--build', 'relaxed'];
  if (Number(process.versions.node.split('.')[0]) >= 22) return assert.is(bitlane(...args).code, 0);
  const message = /got relaxed.*Node has relaxed SIMD from version 22 on, this is v/;
  fails(1, message, ...args);
});

test('train refuses a target or a data folder before it starts, and leaves nothing behind', () => {
  const target = join(folder, 'out');
  put(target, 'keep', '');
  const out = join(target, 'new.qnn');
  fails(
    1,
    /output folder ".*nowhere" expected to be a folder/,
    'train',
    'mnist-mlp',
    '--data',
    data,
    '--out',
    join(folder, 'nowhere', 'x.qnn'),
  );
  fails(1, /expected to be a file, got a folder/, 'train', 'mnist-mlp', '--data', data, '--out', target);
  fails(1, /data folder .* got no such/, 'train', 'mnist-mlp', '--data', join(folder, 'nowhere'), '--out', out);
  fails(1, /train-images-idx3-ubyte/, 'train', 'mnist-mlp', '--data', data, '--out', out);
  assert.equal(readdirSync(target), ['keep']);
});

test('--debug adds the stack and the cause, wherever it stands', () => {
  const missing = join(folder, 'none.qnn');
  for (const args of [
    ['inspect', missing, '--debug'],
    ['--debug', 'inspect', missing],
  ]) {
    const { code, stderr } = bitlane(...args);
    assert.is(code, 1);
    assert.match(stderr, /^bitlane: model [^\n]+\n/);
    assert.match(stderr, /\n {4}at /);
    assert.match(stderr, /\[cause\]: Error: ENOENT/);
  }
});

test('a reader that closes the pipe early ends the command without a word', async () => {
  const many = put(folder, 'many.idx', idx([3000, 28, 28], new Uint8Array(3000 * 784)));
  const child = spawn(process.execPath, [MAIN, 'run', model, many, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.is(stderr, '');
  assert.is.not(code, 0);
});

test.run();
