// The parts that the commands are made of: pictures of every kind to pixels, drawing, tables, whole-file writes, progress.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { crc32, deflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawBar, drawPicture } from '../../src/cli/draw.js';
import { Failure } from '../../src/cli/failure.js';
import { writeWhole } from '../../src/cli/files.js';
import { readSamples } from '../../src/cli/inputs.js';
import { trainingProgress } from '../../src/cli/progress.js';
import { aligned, duration, printable, table } from '../../src/cli/text.js';
import type { TensorInfo } from '../../src/runtime/model.js';
import type { TrainProgress } from '../../src/train/index.js';
import { put, temporaryFolder } from './helper.js';

const folder = temporaryFolder();

function input(...shape: number[]): TensorInfo {
  const length = shape.reduce((a, b) => a * b, 1);
  return { name: 'input', shape, encoding: 'centered', bits: 8, scale: 1 / 255, length };
}

async function pixels(png: Uint8Array, info: TensorInfo): Promise<number[]> {
  const [sample] = await readSamples(put(folder, 'picture.png', png), info);
  return Array.from(sample.data);
}

/** A PNG by hand, for the kinds that the encoder does not write. */
function png(
  width: number,
  height: number,
  depth: number,
  colour: number,
  rows: number[][],
  extra: [string, number[]][] = [],
): Uint8Array {
  const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  const chunk = (type: string, data: ArrayLike<number>): number[] => {
    const body = [...Buffer.from(type), ...Array.from(data)];
    return [...word(data.length), ...body, ...word(crc32(Uint8Array.from(body)))];
  };
  const data = deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk('IHDR', [...word(width), ...word(height), depth, colour, 0, 0, 0]),
    ...extra.flatMap(([type, bytes]) => chunk(type, bytes)),
    ...chunk('IDAT', data),
    ...chunk('IEND', []),
  ]);
}

test('readSamples() takes grey PNGs of 1, 2, 4, 8 and 16 bits', async () => {
  const info = input(2, 3, 1);
  assert.equal(await pixels(png(3, 2, 1, 0, [[0b10100000], [0b01000000]]), info), [255, 0, 255, 0, 255, 0]);
  assert.equal(await pixels(png(3, 2, 2, 0, [[0b00011000], [0b11000000]]), info), [0, 85, 170, 255, 0, 0]);
  assert.equal(
    await pixels(
      png(3, 2, 4, 0, [
        [0x0f, 0x10],
        [0x20, 0x30],
      ]),
      info,
    ),
    [0, 255, 17, 34, 0, 51],
  );
  assert.equal(
    await pixels(encode({ width: 3, height: 2, channels: 1, data: Uint8Array.of(0, 1, 2, 3, 254, 255) }), info),
    [0, 1, 2, 3, 254, 255],
  );
  const deep = encode({
    width: 3,
    height: 2,
    channels: 1,
    depth: 16,
    data: Uint16Array.of(0, 257, 65535, 128, 129, 32896),
  });
  assert.equal(await pixels(deep, info), [0, 1, 255, 0, 1, 128]);
});

test('readSamples() makes luma of colours, and black of what is transparent', async () => {
  const rgb = encode({
    width: 2,
    height: 2,
    channels: 3,
    data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77),
  });
  assert.equal(await pixels(rgb, input(2, 2, 1)), [76, 150, 29, 77]);
  assert.equal(await pixels(rgb, input(2, 2, 3)), [255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77]);
  const rgba = encode({ width: 2, height: 1, channels: 4, data: Uint8Array.of(200, 200, 200, 255, 255, 255, 255, 51) });
  assert.equal(await pixels(rgba, input(1, 2, 1)), [200, 51]);
  const greyAlpha = encode({ width: 2, height: 1, channels: 2, data: Uint8Array.of(9, 255, 9, 0) });
  assert.equal(await pixels(greyAlpha, input(2)), [9, 0]);
  const palette: [string, number[]][] = [
    ['PLTE', [0, 0, 0, 10, 10, 10, 255, 255, 255]],
    ['tRNS', [255, 255, 0]],
  ];
  assert.equal(await pixels(png(3, 1, 2, 3, [[0b00011000]], palette), input(1, 3)), [0, 10, 0]);
  assert.equal(await pixels(png(2, 1, 8, 0, [[40, 41]], [['tRNS', [0, 40]]]), input(1, 2)), [0, 41]);
});

test('drawPicture() gives two rows a line and leaves out what is dark above and below', () => {
  const picture = [0, 0, 0, 0, 255, 0, 0, 255, 255, 255, 0, 0];
  assert.equal(drawPicture(picture, 2, 6, false), ['▀▄', '▀▀']);
  const [line] = drawPicture([255, 0], 1, 2, true);
  assert.is(line, '\u001b[38;5;255;48;5;16m▀\u001b[0m');
  assert.equal(drawPicture(new Uint8Array(784), 28, 28, false), []);
});

test('drawBar() is as long as its share', () => {
  assert.equal(
    [0, 0.5, 1, 7].map((share) => drawBar(share, 4)),
    ['', '██', '████', '████'],
  );
  assert.is(drawBar(1 / 32, 4), '▏');
});

test('table() aligns numbers to the right and puts a rule where a row is undefined', () => {
  const columns = [
    { title: 'layer', align: 'left' },
    { title: 'n', align: 'right' },
  ] as const;
  assert.equal(table(columns, [['a', '1'], undefined, ['total', '1,000']]), [
    'layer      n',
    '-----  -----',
    'a          1',
    '-----  -----',
    'total  1,000',
  ]);
});

test('text helpers keep output on one line with the digits that matter', () => {
  assert.is(printable('a\n  b\u001b[0m\u0007'), 'a b\\x1b[0m\\x07');
  assert.equal(aligned([1.23456, -20.5]), ['1.2', '-20.5']);
  assert.equal(aligned([0, 0]), ['0.00', '0.00']);
  assert.equal([0.0123, 1.5, 2500].map(duration), ['12.3 us', '1.50 ms', '2.50 s']);
});

test('writeWhole() replaces a file whole, and leaves nothing where it cannot', async () => {
  const place = join(folder, 'write');
  mkdirSync(place);
  const path = join(place, 'model.qnn');
  await writeWhole(path, Uint8Array.of(1));
  await writeWhole(path, Uint8Array.of(2, 3));
  assert.equal([...readFileSync(path)], [2, 3]);
  mkdirSync(join(place, 'taken'));
  try {
    await writeWhole(join(place, 'taken'), Uint8Array.of(1));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Failure);
    assert.match((error as Failure).message, /output ".*taken" expected to be writable, got a folder/);
  }
  assert.equal(readdirSync(place).sort(), ['model.qnn', 'taken']);
});

const progress = (epoch: number, step: number, validationAccuracy?: number): TrainProgress => ({
  epoch,
  epochs: 2,
  step,
  steps: 20,
  loss: 0.5,
  accuracy: 0.75,
  ...(validationAccuracy !== undefined && { validationAccuracy }),
  learningRate: 0.001,
  samplesPerSecond: 1000,
});

/** A stand-in for stderr, with what was written to it. */
function stream(isTTY: boolean): { stream: NodeJS.WriteStream; written: () => string } {
  const through = new PassThrough();
  const parts: string[] = [];
  through.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
  const terminal = { isTTY, columns: 200, cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  return { stream: Object.assign(through, terminal) as unknown as NodeJS.WriteStream, written: () => parts.join('') };
}

test('trainingProgress() prints one plain line an epoch where there is no terminal', () => {
  const { stream: out, written } = stream(false);
  const view = trainingProgress(out, 100);
  view.update(progress(1, 10));
  view.update(progress(1, 20, 0.8));
  view.update(progress(2, 20));
  view.stop();
  assert.is(
    written(),
    'epoch 1/2  step 20/20  loss 0.5000  accuracy 75.00 %  validation 80.00 %  1,000 samples/s  0:02 left\n' +
      'epoch 2/2  step 20/20  loss 0.5000  accuracy 75.00 %  1,000 samples/s  0:00 left\n',
  );
});

test('trainingProgress() draws a bar with loss, accuracy, rate and time left on a terminal', () => {
  const { stream: out, written } = stream(true);
  const view = trainingProgress(out, 100);
  view.update(progress(1, 20, 0.8));
  view.stop();
  assert.match(
    written(),
    /█+░+ 50% {2}epoch 1\/2 {2}loss 0\.5000 {2}accuracy 75\.00 % {2}validation 80\.00 % {2}1,000 samples\/s {2}0:02 left/,
  );
});

test.run();
