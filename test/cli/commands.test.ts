// The commands on good input: what they print, and that it agrees with the library and with itself.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadBytes } from '../../src/load.js';
import { bitlane, DIGITS, digitModel, IDX, idx, PNG, put, type Ran, ROOT, temporaryFolder } from './helper.js';

const folder = temporaryFolder();
const bytes = digitModel();
const model = put(folder, 'digits.qnn', bytes);
const images = readFileSync(IDX).subarray(16);
const LABELS = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

interface Line {
  readonly file: string;
  readonly index?: number;
  readonly class: number;
  readonly label: string;
  readonly scores: readonly number[];
  readonly milliseconds: number;
}

function linesOf(ran: Ran): Line[] {
  assert.is(ran.code, 0, ran.stderr);
  assert.is(ran.stderr, '');
  return ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** The build that the command takes by itself; the engine's flags may differ from this process's. */
const best = (JSON.parse(bitlane('inspect', model, '--json').stdout) as { build: string }).build;

/** Real scores of each sample of `images`, by the library. */
async function expectedScores(): Promise<number[][]> {
  const loaded = await loadBytes(bytes, { build: 'scalar' }, (build) =>
    readFileSync(join(ROOT, `dist/kernels.${build}.wasm`)),
  );
  return Array.from({ length: 10 }, (_, i) => {
    const { scores } = loaded.run(images.subarray(784 * i, 784 * (i + 1)));
    return Array.from(scores, (score) => score * 0.125);
  });
}

test('run answers each image of an idx file as the library does', async () => {
  const expected = await expectedScores();
  const lines = linesOf(bitlane('run', model, IDX, '--json'));
  assert.equal(
    lines.map((line) => line.scores),
    expected,
  );
  lines.forEach((line, i) => {
    assert.is(line.index, i);
    assert.is(line.class, expected[i].indexOf(Math.max(...expected[i])));
    assert.is(line.label, ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][line.class]);
    assert.ok(line.milliseconds > 0);
  });
});

test('run answers alike on every build and for idx, gzipped idx, PNG and raw bytes of the same picture', () => {
  const seven = images.subarray(7 * 784, 8 * 784);
  const raw = put(folder, 'seven.raw', seven);
  const packed = put(folder, 'seven.gz', gzipSync(idx([1, 28, 28], seven)));
  const deep = put(folder, 'seven.idx4', idx([1, 28, 28, 1], seven));
  for (const build of ['scalar', best, 'auto']) {
    const lines = linesOf(bitlane('run', model, PNG, raw, packed, deep, '--json', '--build', build));
    assert.is(lines.length, 4);
    for (const line of lines) assert.equal(line.scores, lines[0].scores);
    assert.equal(
      lines.map((line) => line.file),
      [PNG, raw, packed, deep],
    );
  }
});

test('run prints one line per sample, and --limit bounds those of an idx file', () => {
  const { code, stdout } = bitlane('run', model, IDX, PNG, '--limit', '3');
  assert.is(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.is(lines.length, 4);
  assert.match(lines[0], /mnist-test-10\.idx3-ubyte\[0\]\s+\w+\s+zero:-?[\d.]+ one:.* nine:-?[\d.]+\s+[\d.]+ (us|ms)$/);
});

test('eval counts right answers, alike with and without batches that are full', () => {
  const data = join(folder, 'mnist');
  put(data, 't10k-images-idx3-ubyte', readFileSync(IDX));
  put(data, 't10k-labels-idx1-ubyte', idx([10], LABELS));
  const answers = linesOf(bitlane('run', model, IDX, '--json')).map((line) => line.class);
  const correct = answers.filter((answer, i) => answer === i).length;
  const { code, stdout, stderr } = bitlane('eval', model, '--data', data, '--json');
  assert.is(code, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.is(stdout.split('\n').length, 2);
  assert.is(result['accuracy'], correct / 10);
  assert.is(result['correct'], correct);
  assert.is(result['samples'], 10);
  assert.is(result['build'], best);
  assert.type(result['seconds'], 'number');
  const scalar = JSON.parse(
    bitlane('eval', model, '--data', data, '--json', '--build', 'scalar').stdout,
  ) as typeof result;
  assert.is(scalar['build'], 'scalar');
  assert.is(scalar['correct'], correct);
  const limited = JSON.parse(bitlane('eval', model, '--data', data, '--json', '--limit', '4').stdout) as typeof result;
  assert.is(limited['samples'], 4);
  assert.match(bitlane('eval', model, '--data', data).stdout, /accuracy +[\d.]+ %: \d+ of 10 test samples right/);
});

test('inspect adds up to the size of the file', () => {
  const { code, stdout } = bitlane('inspect', model, '--json');
  assert.is(code, 0);
  const summary = JSON.parse(stdout) as {
    layers: { name: string; float32Bytes: number; packedBytes: number; fileBytes: number }[];
    structureBytes: number;
    fileBytes: number;
    metadata: { training: Record<string, string> };
  };
  const size = statSync(model).size;
  assert.is(summary.fileBytes, size);
  assert.is(
    summary.layers.reduce((sum, layer) => sum + layer.fileBytes, summary.structureBytes),
    size,
  );
  assert.equal(
    summary.layers.map(({ name, float32Bytes, packedBytes }) => [name, float32Bytes, packedBytes]),
    [
      ['hidden', 4 * 64 * 784 + 8 * 64, (64 * 784) / 8],
      ['last', 4 * 10 * 64 + 8 * 10, (10 * 64) / 8],
    ],
  );
  assert.is(summary.metadata.training['recipe'], 'none');
});

test('inspect prints a table with the same total, memory and the training record', () => {
  const { code, stdout } = bitlane('inspect', model);
  assert.is(code, 0);
  const size = statSync(model).size.toLocaleString('en-US');
  assert.match(stdout, new RegExp(`total .*${size} +[\\d.]+x\\n`));
  assert.match(stdout, /memory +[\d,]+ bytes/);
  assert.match(stdout, /training\n +recipe +none\n +seed +1\n/);
});

test('inspect writes out the control characters of a file it was given', () => {
  const strange = put(folder, 'red\u001b[31m.qnn', bytes);
  const { stdout } = bitlane('inspect', strange);
  assert.not(stdout.includes('\u001b'));
  assert.ok(stdout.includes('red\\x1b[31m.qnn'));
});

test('demo draws ten digits without colours where there is no terminal', () => {
  const { code, stdout, stderr } = bitlane('demo', model);
  assert.is(code, 0, stderr);
  assert.not(stdout.includes('\u001b'));
  assert.is(stdout.match(/^.{28} {2}answer \w+ \((right|wrong, it is \w+)\) {2}[\d.]+ (us|ms)$/gm)?.length, 10);
  assert.match(stdout, /▀|▄|█/);
  assert.match(stdout, /\d+ of 10 right/);
  assert.match(stdout, /[\d.]+x smaller than [\d,]+ bytes of float32 parameters/);
});

test('the sample digits are one of each class, in the order of their labels', () => {
  assert.equal(new Uint8Array(readFileSync(join(DIGITS, 'mnist-test-10.idx1-ubyte'))), idx([10], LABELS));
  assert.is(images.length, 7840);
});

test('--help of every command exits with 0 and says what the command takes', () => {
  for (const command of ['run', 'eval', 'inspect', 'train', 'demo']) {
    const { code, stdout, stderr } = bitlane(command, '--help');
    assert.is(code, 0, command);
    assert.is(stderr, '');
    assert.match(stdout, new RegExp(`^Usage: bitlane ${command} `));
  }
  assert.match(bitlane('run', '--help').stdout, /bright strokes \(255\) on a dark\s+background/);
  assert.match(bitlane('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test.run();
