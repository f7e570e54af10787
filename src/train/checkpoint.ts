// A training run between two steps, as plain data and as bytes: a run that continues from it ends as if it had never
// stopped, bit for bit on the same device.
//
// File: "BLTC", u32 version, u32 header bytes, header (JSON: everything but the arrays, and their names and lengths), then
// the arrays' bytes in that order, little-endian, and a CRC-32 of all before it. The states of finished stages come last.
import { DataError } from '../errors.js';

export interface Checkpoint {
  /** What has to be the same for the run to go on; compared as it is. */
  readonly run: Readonly<Record<string, string | number>>;
  /** The epoch that is under way, 1 .. epochs, and the steps of it that are done. */
  readonly epoch: number;
  readonly step: number;
  /** State of the generator behind the epoch's shuffle. */
  readonly random: readonly number[];
  /** What validation gave after each epoch so far. */
  readonly validations: readonly number[];
  /** The epoch's order of the samples. */
  readonly order: Uint32Array;
  /** Parameters, statistics and optimizer state, by label. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
  /** The stages before the one that is under way, where a run has stages (stages.ts). */
  readonly finished?: readonly FinishedRun[];
}

/** What is left of a run that is over: its answers can be had again from its state. */
export interface FinishedRun {
  /** What validation gave after each epoch. */
  readonly validations: readonly number[];
  /** Parameters and statistics, by label. */
  readonly state: Readonly<Record<string, Float32Array>>;
}

const MAGIC = 0x43544c42;
const VERSION = 2;
const PREFIX_BYTES = 12;

type Arrays = Readonly<Record<string, Float32Array>>;
type Lengths = readonly (readonly [string, number])[];

interface Header extends Omit<Checkpoint, 'order' | 'tensors' | 'finished'> {
  readonly order: number;
  readonly tensors: Lengths;
  readonly finished?: readonly { readonly validations: readonly number[]; readonly state: Lengths }[];
}

export function encodeCheckpoint({ order, tensors, finished, ...rest }: Checkpoint): Uint8Array {
  const lengths = (values: Arrays): Lengths => Object.entries(values).map(([name, data]) => [name, data.length]);
  const before = finished?.map(({ validations, state }) => ({ validations, state: lengths(state) }));
  const header: Header = {
    ...rest,
    order: order.length,
    tensors: lengths(tensors),
    ...(before && { finished: before }),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const arrays = [
    order,
    ...[tensors, ...(finished ?? []).map(({ state }) => state)].flatMap(Object.values<Float32Array>),
  ];
  const size = PREFIX_BYTES + text.length + arrays.reduce((sum, data) => sum + data.byteLength, 0) + 4;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  [MAGIC, VERSION, text.length].forEach((word, i) => view.setUint32(4 * i, word, true));
  bytes.set(text, PREFIX_BYTES);
  let at = PREFIX_BYTES + text.length;
  for (const data of arrays) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)), true);
  return bytes;
}

/** @throws DataError if the bytes are no whole checkpoint; `name` stands for the file */
export function decodeCheckpoint(bytes: Uint8Array, name: string): Checkpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 4;
  if (end < PREFIX_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw new DataError(`"${name}" expected a checkpoint of bitlane train, got another file of ${bytes.length} bytes`);
  }
  const version = view.getUint32(4, true);
  if (version !== VERSION) throw new DataError(`"${name}" expected checkpoint version ${VERSION}, got ${version}`);
  const [expected, sum] = [view.getUint32(end, true), crc32(bytes.subarray(0, end))];
  if (expected !== sum) throw new DataError(`"${name}" expected checksum ${expected}, got ${sum}: the file is damaged`);
  const headerEnd = PREFIX_BYTES + view.getUint32(8, true);
  const text = new TextDecoder().decode(bytes.subarray(PREFIX_BYTES, headerEnd));
  const { order, tensors, finished, ...rest } = JSON.parse(text) as Header;
  let at = headerEnd;
  const take = (length: number): ArrayBuffer => {
    // A copy: the arrays need an alignment that their place in the file may not have.
    const part = new Uint8Array(bytes.subarray(at, at + 4 * length)).buffer;
    at += 4 * length;
    return part;
  };
  const first = new Uint32Array(take(order));
  const read = (lengths: Lengths): Arrays =>
    Object.fromEntries(lengths.map(([label, length]) => [label, new Float32Array(take(length))]));
  const current = { ...rest, order: first, tensors: read(tensors) };
  if (!finished) return current;
  return { ...current, finished: finished.map(({ validations, state }) => ({ validations, state: read(state) })) };
}

/** Entry 256 i + byte: the remainder of a byte with i bytes of zeros behind it. */
const TABLES = new Uint32Array(4 * 256);
for (let byte = 0; byte < 256; byte++) {
  let word = byte;
  for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
  TABLES[byte] = word;
}
for (let i = 256; i < TABLES.length; i++) TABLES[i] = TABLES[TABLES[i - 256] & 255] ^ (TABLES[i - 256] >>> 8);

/** CRC-32 (ISO 3309), as gzip has it, four bytes at a time: checkpoints have a hundred million. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      TABLES[768 | (crc & 255)] ^
      TABLES[512 | ((crc >>> 8) & 255)] ^
      TABLES[256 | ((crc >>> 16) & 255)] ^
      TABLES[crc >>> 24];
  }
  for (; i < bytes.length; i++) crc = TABLES[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
