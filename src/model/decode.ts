// Bytes of an untrusted model file to plain values. The FlatBuffers runtime for TypeScript has no verifier, so that it only
// writes models here. Every offset, vtable, vector and string is followed, and is found to lie inside the file and to be
// aligned, before what it leads to is read. What the values mean is checked
// afterwards, in validate.ts.
//
// The walk follows the schema (layout.ts), which is not recursive, and every table and vector visited costs budget: a file
// cannot make it run longer than a few steps per byte, even where tables or vectors are shared.
import { ModelFormatError } from '../errors.js';
import { type Field, MEMBERS, SCALAR_BYTES, TABLES } from './layout.js';

export const FILE_IDENTIFIER = 'QNN1';
/** Root offset, identifier, and the smallest vtable and table. */
const MIN_BYTES = 16;
/** FlatBuffers offsets are 32-bit; the file also has to fit in linear memory. */
const MAX_BYTES = 2 ** 31 - 1;

/** A field: numbers, text, name of an enum value, view of the file's bytes, list, table; undefined where it is absent. */
export type Value = number | string | Uint8Array | readonly Value[] | Table | undefined;

/** A table as layout.ts lists it. Members of unions have their `kind`; optional fields that are no numbers may be missing. */
export interface Table {
  [field: string]: Value;
}

export function refuse(path: string, expected: string, got: string | number, offset?: number): never {
  throw new ModelFormatError(path, expected, got, offset);
}

/**
 * Verifies and reads the root table. Vectors of bytes are views of `bytes`, all else is copied.
 *
 * @param most tables in each of the lists that a model must have
 * @throws ModelFormatError naming the first table path and byte offset that do not hold
 */
export function decode(bytes: Uint8Array, most: number): Table {
  checkHead(bytes);
  const total = bytes.length;
  const view = viewOf(bytes);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  // A table that is really there takes at least 4 bytes of its own; so does every offset in a vector.
  let budget = total;

  return table('Model', 'model', 0);

  /** [at, at + length) is inside the file and `at` is a multiple of `align`; `from` is where the offset was read. */
  function inside(path: string, at: number, length: number, align: number, from: number): number {
    if (!(at >= 4 && at + length <= total)) {
      refuse(path, `an offset inside the file of ${total} bytes`, `${at} + ${length} bytes`, from);
    }
    if (at % align !== 0) refuse(path, `an offset that is a multiple of ${align}`, at, from);
    return at;
  }

  /** What the offset at `from` leads to: a table, or the length of a vector. */
  function target(path: string, from: number): number {
    return inside(path, from + view.getUint32(from, true), 4, 4, from);
  }

  function spend(path: string, at: number, cost: number): void {
    budget -= cost;
    if (budget < 0) refuse(path, 'tables and vectors that are not shared over and over', 'too many visits', at);
  }

  function table(name: string, path: string, from: number): Table {
    const at = target(path, from);
    spend(path, at, 4);
    const place = `${path}.vtable`;
    const vtable = inside(place, at - view.getInt32(at, true), 4, 2, at);
    const vtableBytes = view.getUint16(vtable, true);
    const tableBytes = view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) {
      refuse(place, 'an even size of at least 4 bytes', vtableBytes, vtable);
    }
    inside(place, vtable, vtableBytes, 2, at);
    if (tableBytes < 4) refuse(path, 'a table of at least 4 bytes', tableBytes, vtable + 2);
    inside(path, at, tableBytes, 4, vtable + 2);

    let slot = vtable + 4;
    /** Address of the field in the next slot, or 0 where it is absent. */
    const locate = (field: string, size: number): number => {
      const entry = slot;
      slot += 2;
      const offset = entry < vtable + vtableBytes ? view.getUint16(entry, true) : 0;
      if (offset === 0) return 0;
      if (offset < 4 || offset + size > tableBytes) {
        refuse(field, `an offset inside its table of ${tableBytes} bytes`, offset, entry);
      }
      if ((at + offset) % size !== 0) refuse(field, `alignment to ${size}`, at + offset, entry);
      return at + offset;
    };
    const result: Table = name in MEMBERS ? { kind: name } : {};
    for (const [key, field] of Object.entries(TABLES[name])) {
      const value = valueOf(field, `${path}.${key}`, locate, at);
      if (value !== undefined || name in MEMBERS) result[key] = value;
    }
    return result;
  }

  function valueOf(field: Field, path: string, locate: (field: string, size: number) => number, holder: number): Value {
    if (field.kind === 'scalar') {
      const { type, names, only } = field;
      const at = locate(path, SCALAR_BYTES[type]);
      const value = at === 0 ? field.default : view[`get${type}`](at, true);
      if (only !== undefined && value !== only) refuse(path, `${only}`, `${value}: made by another bitlane`, at);
      if (names === undefined || value === undefined) return value;
      return names[value] ?? refuse(path, `0 to ${names.length - 1}`, value, at);
    }
    if (field.kind === 'union') {
      return union(field, path, locate(`${path}_type`, 1), locate(path, 4), holder);
    }
    const at = locate(path, 4);
    if (at === 0) return field.required ? refuse(path, 'a value', 'none', holder) : undefined;
    switch (field.kind) {
      case 'string':
        return text(path, at);
      case 'strings':
        return list(path, at, text);
      case 'table':
        return table(field.table, path, at);
      case 'tables':
        return list(path, at, (place, entry) => table(field.table, place, entry), field.required ? most : Infinity);
      case 'vector': {
        if (field.bytes > 1) return list(path, at, (_, entry) => view.getUint32(entry, true));
        const [first, count] = vector(path, at, 1, field.align);
        return new Uint8Array(bytes.buffer, bytes.byteOffset + first, count);
      }
    }
  }

  function union(field: Field & { kind: 'union' }, path: string, typeAt: number, at: number, holder: number): Value {
    const type = typeAt === 0 ? 0 : bytes[typeAt];
    if (type === 0) {
      if (field.required) refuse(path, 'a value', 'none', holder);
      if (at !== 0) refuse(`${path}_type`, 'a type beside the value', '0', holder);
      return undefined;
    }
    const member = field.members[type - 1];
    if (member === undefined) {
      const known = field.members.map((name, i) => `${i + 1} (${name})`).join(', ');
      refuse(`${path}_type`, `one of ${known}`, type, typeAt);
    }
    return at === 0 ? refuse(path, `a ${member}`, 'none', holder) : table(member, path, at);
  }

  /** First element and number of elements of `size` bytes, with `tail` bytes behind them. */
  function vector(path: string, from: number, size: number, align: number, tail = 0): readonly [number, number] {
    const at = target(path, from);
    const count = view.getUint32(at, true);
    // 2^32 * 16 is far below 2^53: the product is exact.
    inside(path, at, 4 + count * size + tail, 4, from);
    // Elements are read, or walked by validate(): tables that share one long vector would multiply that.
    spend(path, at, 4 + count * size);
    if (count > 0 && (at + 4) % align !== 0) {
      refuse(path, `elements at a multiple of ${align}`, at + 4, at);
    }
    return [at + 4, count];
  }

  function list(path: string, from: number, read: (place: string, at: number) => Value, limit = Infinity): Value[] {
    const [first, count] = vector(path, from, 4, 4);
    if (count > limit) refuse(path, `at most ${limit}`, count);
    return Array.from({ length: count }, (_, i) => read(`${path}[${i}]`, first + 4 * i));
  }

  function text(path: string, from: number): string {
    const [first, count] = vector(path, from, 1, 1, 1);
    const end = bytes[first + count];
    if (end !== 0) refuse(path, 'a string that ends with a zero byte', end, first - 4);
    try {
      return utf8.decode(bytes.subarray(first, first + count));
    } catch {
      return refuse(path, 'a string in UTF-8', 'other bytes', first - 4);
    }
  }
}

/** Size, magic bytes, and the size that the file says it has. */
function checkHead(bytes: Uint8Array): void {
  const { length } = bytes;
  if (length < MIN_BYTES) refuse('file', `at least ${MIN_BYTES} bytes of a .qnn model`, describeStart(bytes));
  if (length > MAX_BYTES) refuse('file', `at most ${MAX_BYTES} bytes`, `${length} bytes`);
  if (!isModel(bytes)) refuse('file', `the identifier "${FILE_IDENTIFIER}" of a .qnn model`, describeStart(bytes), 4);
  const field = fileBytesField(bytes);
  if (field === 0) refuse('model.fileBytes', 'the size of the file', 'none');
  const expected = viewOf(bytes).getUint32(field, true);
  if (expected !== length) {
    const got = `${length}${length < expected ? ': it is truncated' : ''}`;
    refuse('file', `${expected} bytes, as its header says`, got, field);
  }
}

/** Whether the bytes have the identifier of a model file. */
export function isModel(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(4, 8)) === FILE_IDENTIFIER;
}

/** Slot of `file_bytes` in the vtable of Model. */
const FILE_BYTES_SLOT = 1;

/** Address of the size that the file says it has; 0 where the way to it leads outside. */
export function fileBytesField(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const last = bytes.length - 4;
  const slot = 4 + 2 * FILE_BYTES_SLOT;
  const root = view.getUint32(0, true);
  const vtable = root <= last ? root - view.getInt32(root, true) : -1;
  if (vtable < 0 || vtable + slot > last + 2 || view.getUint16(vtable, true) <= slot) return 0;
  const offset = view.getUint16(vtable + slot, true);
  return offset > 0 && root + offset <= last ? root + offset : 0;
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** First bytes of files that are no models. */
const MAGIC: Readonly<Record<string, string>> = {
  '89504e47': 'a PNG picture',
  ffd8ff: 'a JPEG picture',
  '1f8b': 'a gzip archive: unpack it first',
  '504b0304': 'a zip archive',
  '0061736d': 'a WebAssembly module',
};

/** What a file that is no model looks like, for the error message. */
function describeStart(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const hex = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0'));
  const magic = Object.keys(MAGIC).find((start) => hex.join('').startsWith(start));
  if (magic !== undefined) return MAGIC[magic];
  return bytes.length < MIN_BYTES ? `${bytes.length} bytes` : `bytes ${hex.slice(4).join(' ')}`;
}
