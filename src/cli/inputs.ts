// What `run` takes, as samples for a model: idx files (gzipped too), PNG pictures, and raw bytes. The kind is told by the
// file's content, never by its name. Pixels are taken as they are: nothing is scaled, centred or inverted.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { decode, type DecodedPng, hasPngSignature } from 'fast-png';
import type { TensorData, TensorInfo } from '../index.node.js';
import { isModel } from '../model/decode.js';
import { parseIdx } from '../train/data/idx.js';
import { arrayOver, sampleBytes, takesBytes } from './classifier.js';
import { Failure } from './failure.js';
import { readWhole } from './files.js';
import { shapeText } from './text.js';

/** One sample for a model. */
export interface Sample {
  readonly file: string;
  /** Place in an idx file; undefined for files of one sample. */
  readonly index: number | undefined;
  readonly data: TensorData;
}

/** An archive of a few KB can unpack to anything. */
const MAX_UNPACKED = 2 ** 30;
const inflate = promisify(gunzip);

/**
 * Reads the samples of one file.
 *
 * @param limit at most this many of an idx file, from the first on
 * @throws Failure or DataError naming the file, what was expected and what came
 */
export async function readSamples(path: string, input: TensorInfo, limit = Infinity): Promise<Sample[]> {
  const bytes = await unpack(path, await readWhole(path, 'input'));
  if (bytes.length === 0)
    throw new Failure(`input "${path}" expected a PNG, an idx file or raw values, got an empty file`);
  if (hasPngSignature(bytes)) return [{ file: path, index: undefined, data: readPng(path, bytes, input) }];
  // Raw values of the right length win: they may start with any bytes.
  if (bytes.length === sampleBytes(input)) {
    // Little-endian, and copied, because a file's bytes need not be aligned.
    return [{ file: path, index: undefined, data: arrayOver(bytes.slice().buffer, input) }];
  }
  if (isIdx(bytes)) return readIdx(path, bytes, input, limit);
  throw new Failure(
    `input "${path}" expected a PNG, an idx file or exactly ${sampleBytes(input)} bytes of raw values (${describe(input)}), ` +
      `got ${nameOf(bytes)} of ${bytes.length} bytes`,
  );
}

async function unpack(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await inflate(bytes, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    throw new Failure(
      `input "${path}" expected a whole gzip archive of at most 1 GiB, got ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function describe(input: TensorInfo): string {
  return `"${input.name}": ${shapeText(input.shape)} ${input.encoding}${input.bits > 0 ? ` ${input.bits}-bit` : ''}`;
}

function nameOf(bytes: Uint8Array): string {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  if (starts(0xff, 0xd8, 0xff)) return 'a JPEG picture (convert it to PNG)';
  if (starts(0x47, 0x49, 0x46)) return 'a GIF picture (convert it to PNG)';
  if (starts(0x42, 0x4d)) return 'a BMP picture (convert it to PNG)';
  if (isModel(bytes)) return 'a .qnn model';
  return 'a file';
}

/** Two zero bytes, a type code, 1 to 4 dimensions. */
function isIdx(bytes: Uint8Array): boolean {
  const [zero, alsoZero, type, dimensions] = bytes;
  return zero === 0 && alsoZero === 0 && type >= 0x08 && type <= 0x0e && dimensions >= 1 && dimensions <= 4;
}

function readIdx(path: string, bytes: Uint8Array, input: TensorInfo, limit: number): Sample[] {
  checkTakesPictures(path, 'an idx file', input);
  const { shape, data } = parseIdx(bytes, bytes[3], path);
  const [items, ...size] = shape as [number, ...number[]];
  if (!sameSize(size, input.shape)) {
    const got = size.length === 0 ? 'single numbers (is it the file of labels?)' : shapeText(size);
    throw new Failure(`input "${path}" expected idx items of ${shapeText(input.shape)}, got ${got}`);
  }
  if (items === 0) throw new Failure(`input "${path}" expected idx items of ${shapeText(input.shape)}, got none`);
  return Array.from({ length: Math.min(items, limit) }, (_, index) => ({
    file: path,
    index,
    data: data.subarray(index * input.length, (index + 1) * input.length),
  }));
}

function checkTakesPictures(path: string, kind: string, input: TensorInfo): void {
  if (takesBytes(input)) return;
  throw new Failure(
    `input "${path}" expected raw values (${sampleBytes(input)} bytes, ${describe(input)}), got ${kind}: ` +
      'pictures fit only inputs of 8-bit values',
  );
}

/** Equal apart from dimensions of 1; a flat input takes any arrangement of as many elements. */
function sameSize(given: readonly number[], wanted: readonly number[]): boolean {
  const significant = (shape: readonly number[]): number[] => shape.filter((size) => size !== 1);
  const flat = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
  if (given.length === 0) return false;
  if (significant(wanted).length <= 1) return flat(given) === flat(wanted);
  return significant(given).join() === significant(wanted).join();
}

function readPng(path: string, bytes: Uint8Array, input: TensorInfo): Uint8Array {
  checkTakesPictures(path, 'a PNG', input);
  // Width and height stand in the first chunk: a picture of another size is not unpacked at all.
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bytes.length < 24 ? undefined : [header.getUint32(20), header.getUint32(16)];
  if (size === undefined) throw damaged(path, `a file of ${bytes.length} bytes`);
  const channels = input.shape.length === 3 ? input.shape[2] : 1;
  const fits = input.shape.length === 3 ? sameSize(size, input.shape.slice(0, 2)) : sameSize(size, input.shape);
  if (!fits || (channels !== 1 && channels !== 3)) {
    throw new Failure(
      `input "${path}" expected a picture that fits ${shapeText(input.shape)} (height x width x channels), ` +
        `got ${shapeText(size)}; scale or crop it first`,
    );
  }
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    throw damaged(path, (error as Error).message, error);
  }
  return toBytes(png, channels);
}

function damaged(path: string, got: string, cause?: unknown): Failure {
  return new Failure(`input "${path}" expected a whole PNG, got a damaged one: ${got}`, { cause });
}

/** Pixels as bytes: one channel (luma of Rec. 601) or three. What is transparent counts as black. */
function toBytes(png: DecodedPng, channels: 1 | 3): Uint8Array {
  const { width, height } = png;
  const out = new Uint8Array(width * height * channels);
  const pixel = pixelReader(png);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b, alpha] = pixel(i % width, Math.floor(i / width));
    if (channels === 3) out.set([r * alpha, g * alpha, b * alpha].map(Math.round), 3 * i);
    // Not a weighted sum where the three are equal: its rounding would move grey values.
    else out[i] = Math.round((r === g && g === b ? r : 0.299 * r + 0.587 * g + 0.114 * b) * alpha);
  }
  return out;
}

type Pixel = readonly [r: number, g: number, b: number, alpha: number];

/** Reads a pixel of any PNG kind: colours 0 to 255, alpha 0 to 1. */
function pixelReader(png: DecodedPng): (x: number, y: number) => Pixel {
  const { width, depth, channels, data, palette, transparency } = png;
  const maximum = 2 ** depth - 1;
  // Below 8 bits, pixels are packed from the high bit on and rows end at a byte.
  const rowBytes = Math.ceil((width * depth) / 8);
  const element = (x: number, y: number, channel: number): number => {
    if (depth >= 8) return data[(y * width + x) * channels + channel];
    const bit = x * depth;
    return (data[y * rowBytes + (bit >> 3)] >> (8 - depth - (bit & 7))) & maximum;
  };
  if (palette !== undefined) {
    return (x, y) => {
      const [r = 0, g = 0, b = 0, alpha = 255] = palette[element(x, y, 0)] ?? [];
      return [r, g, b, alpha / 255];
    };
  }
  const colours = channels >= 3 ? 3 : 1;
  return (x, y) => {
    const values = Array.from({ length: channels }, (_, channel) => element(x, y, channel));
    const [r = 0, g = r, b = r] = values.slice(0, colours).map((value) => (value * 255) / maximum);
    if (channels > colours) return [r, g, b, values[colours] / maximum];
    const hidden = transparency !== undefined && values.every((value, channel) => value === transparency[channel]);
    return [r, g, b, hidden ? 0 : 1];
  };
}
