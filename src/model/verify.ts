// Structural verification of an untrusted model file: every offset, vtable, vector and string that the reader will follow
// lies inside the file and is aligned. The FlatBuffers runtime for TypeScript has no verifier; it reads outside as 0 and
// can hand out views of neighbouring memory, so nothing is read through it before this has passed. What the values mean is
// checked afterwards, in validate.ts.
//
// The walk follows the schema (layout.ts), which is not recursive, and every table and vector visited costs budget: a file
// cannot make it, or the reader after it, run longer than a few steps per byte, even where tables or vectors are shared.
import { ModelFormatError } from '../errors.js';
import { type Field, SCALAR_BYTES, TABLES } from './layout.js';

export const FILE_IDENTIFIER = 'QNN1';
export const FORMAT_VERSION = 1;
/** Root offset, identifier, and the smallest vtable and table. */
const MIN_BYTES = 16;
/** FlatBuffers offsets are 32-bit; the file also has to fit in linear memory. */
const MAX_BYTES = 2 ** 31 - 1;

/** @throws ModelFormatError naming the first table path and byte offset that do not hold */
export function verify(bytes: Uint8Array): void {
  if (bytes.length < MIN_BYTES) {
    throw new ModelFormatError('file', `at least ${MIN_BYTES} bytes of a .qnn model`, describeStart(bytes));
  }
  if (bytes.length > MAX_BYTES) {
    throw new ModelFormatError('file', `at most ${MAX_BYTES} bytes`, `${bytes.length} bytes`);
  }
  const identifier = String.fromCharCode(...bytes.subarray(4, 8));
  if (identifier !== FILE_IDENTIFIER) {
    const expected = `the identifier "${FILE_IDENTIFIER}" of a .qnn model`;
    throw new ModelFormatError('file', expected, describeStart(bytes), 4);
  }
  const field = fileBytesField(bytes);
  if (field !== 0) {
    const expected = new DataView(bytes.buffer, bytes.byteOffset).getUint32(field, true);
    if (expected > bytes.length) {
      throw new ModelFormatError(
        'file',
        `${expected} bytes, as its header says`,
        `${bytes.length}: it is truncated`,
        field,
      );
    }
    if (expected !== bytes.length) {
      throw new ModelFormatError('file', `${expected} bytes, as its header says`, `${bytes.length}`, field);
    }
  }
  new Verifier(bytes).root();
}

/** Slot of `file_bytes` in the vtable of Model. */
const FILE_BYTES_SLOT = 1;

/** Address of the size that the file says it has; 0 where the way to it leads outside. Needs at least 16 bytes. */
export function fileBytesField(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const inside = (at: number, size: number): boolean => at >= 0 && at + size <= bytes.length;
  const root = view.getUint32(0, true);
  if (!inside(root, 4)) return 0;
  const vtable = root - view.getInt32(root, true);
  const slot = vtable + 4 + 2 * FILE_BYTES_SLOT;
  if (!inside(vtable, 4) || !inside(slot, 2) || view.getUint16(vtable, true) < slot + 2 - vtable) return 0;
  const offset = view.getUint16(slot, true);
  return offset !== 0 && inside(root + offset, 4) ? root + offset : 0;
}

/** What a file that is no model looks like, for the error message. */
function describeStart(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file';
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  if (starts(0x89, 0x50, 0x4e, 0x47)) return 'a PNG picture';
  if (starts(0xff, 0xd8, 0xff)) return 'a JPEG picture';
  if (starts(0x1f, 0x8b)) return 'a gzip archive: unpack it first';
  if (starts(0x50, 0x4b, 0x03, 0x04)) return 'a zip archive';
  if (starts(0x00, 0x61, 0x73, 0x6d)) return 'a WebAssembly module';
  if (bytes.length < MIN_BYTES) return `${bytes.length} bytes`;
  const hex = [...bytes.subarray(4, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `bytes ${hex}`;
}

class Verifier {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true });
  private budget: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // A table that is really there takes at least 4 bytes of its own; so does every offset in a vector.
    this.budget = bytes.length;
  }

  root(): void {
    if (fileBytesField(this.bytes) === 0) throw new ModelFormatError('model.fileBytes', 'the size of the file', 'none');
    const target = this.view.getUint32(0, true);
    this.inside('model', target, 4, 4, 0);
    this.table('Model', 'model', target);
  }

  /** [at, at + length) is inside the file and `at` is a multiple of `align`; `from` is where the offset was read. */
  private inside(path: string, at: number, length: number, align: number, from: number): void {
    const total = this.bytes.length;
    if (!(at >= 4 && at + length <= total)) {
      throw new ModelFormatError(path, `an offset inside the file of ${total} bytes`, `${at} + ${length} bytes`, from);
    }
    if (at % align !== 0) throw new ModelFormatError(path, `an offset that is a multiple of ${align}`, `${at}`, from);
  }

  private spend(path: string, at: number, cost: number): void {
    this.budget -= cost;
    if (this.budget < 0) {
      throw new ModelFormatError(path, 'tables and vectors that are not shared over and over', 'too many visits', at);
    }
  }

  private table(name: string, path: string, at: number): void {
    this.spend(path, at, 4);
    const { view } = this;
    const vtable = at - view.getInt32(at, true);
    this.inside(`${path}.vtable`, vtable, 4, 2, at);
    const vtableBytes = view.getUint16(vtable, true);
    const tableBytes = view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) {
      throw new ModelFormatError(`${path}.vtable`, 'an even size of at least 4 bytes', `${vtableBytes}`, vtable);
    }
    this.inside(`${path}.vtable`, vtable, vtableBytes, 2, at);
    if (tableBytes < 4) throw new ModelFormatError(path, 'a table of at least 4 bytes', `${tableBytes}`, vtable + 2);
    this.inside(path, at, tableBytes, 4, vtable + 2);

    const slots = (vtableBytes - 4) / 2;
    /** Address of a field, or 0 where it is absent. */
    const locate = (slot: number, size: number, field: string): number => {
      const offset = slot < slots ? view.getUint16(vtable + 4 + 2 * slot, true) : 0;
      if (offset === 0) return 0;
      const entry = vtable + 4 + 2 * slot;
      if (offset < 4 || offset + size > tableBytes) {
        throw new ModelFormatError(field, `an offset inside its table of ${tableBytes} bytes`, `${offset}`, entry);
      }
      if ((at + offset) % size !== 0)
        throw new ModelFormatError(field, `alignment to ${size}`, `${at + offset}`, entry);
      return at + offset;
    };
    let slot = 0;
    for (const [key, field] of Object.entries(TABLES[name])) {
      slot = this.field(field, `${path}.${key}`, slot, locate, at);
    }
  }

  /** Verifies one field and returns the next slot. */
  private field(
    field: Field,
    path: string,
    slot: number,
    locate: (slot: number, size: number, field: string) => number,
    table: number,
  ): number {
    if (field.kind === 'scalar') {
      locate(slot, SCALAR_BYTES[field.type], path);
      return slot + 1;
    }
    if (field.kind === 'union') {
      this.union(field, path, locate(slot, 1, `${path}_type`), locate(slot + 1, 4, path), table);
      return slot + 2;
    }
    const at = locate(slot, 4, path);
    if (at === 0) {
      if (field.required) throw new ModelFormatError(path, 'a value', 'none', table);
      return slot + 1;
    }
    const target = at + this.view.getUint32(at, true);
    if (field.kind === 'string') this.string(path, target, at);
    else if (field.kind === 'table') {
      this.inside(path, target, 4, 4, at);
      this.table(field.table, path, target);
    } else if (field.kind === 'vector') this.vector(path, target, field.bytes, field.align, at);
    else {
      const count = this.vector(path, target, 4, 4, at);
      for (let i = 0; i < count; i++) {
        const entry = target + 4 + 4 * i;
        const element = entry + this.view.getUint32(entry, true);
        const place = `${path}[${i}]`;
        if (field.kind === 'strings') this.string(place, element, entry);
        else {
          this.inside(place, element, 4, 4, entry);
          this.table(field.table, place, element);
        }
      }
    }
    return slot + 1;
  }

  private union(field: Field & { kind: 'union' }, path: string, typeAt: number, valueAt: number, table: number): void {
    const type = typeAt === 0 ? 0 : this.bytes[typeAt];
    if (type === 0) {
      if (field.required) throw new ModelFormatError(path, 'a value', 'none', table);
      if (valueAt !== 0) throw new ModelFormatError(`${path}_type`, 'a type beside the value', '0', table);
      return;
    }
    const member = field.members[type - 1];
    if (member === undefined) {
      const known = field.members.map((name, i) => `${i + 1} (${name})`).join(', ');
      throw new ModelFormatError(`${path}_type`, `one of ${known}`, `${type}`, typeAt);
    }
    if (valueAt === 0) throw new ModelFormatError(path, `a ${member}`, 'none', table);
    const target = valueAt + this.view.getUint32(valueAt, true);
    this.inside(path, target, 4, 4, valueAt);
    this.table(member, path, target);
  }

  /** Verifies a vector of `size`-byte elements that start at a multiple of `align`; returns how many there are. */
  private vector(path: string, at: number, size: number, align: number, from: number): number {
    this.inside(path, at, 4, 4, from);
    const count = this.view.getUint32(at, true);
    // 2^32 * 16 is far below 2^53: the product is exact.
    this.inside(path, at, 4 + count * size, 4, from);
    // Elements are read, or walked by validate(): tables that share one long vector would multiply that.
    this.spend(path, at, 4 + count * size);
    if (count > 0 && (at + 4) % align !== 0) {
      throw new ModelFormatError(path, `elements at a multiple of ${align}`, `${at + 4}`, at);
    }
    return count;
  }

  private string(path: string, at: number, from: number): void {
    const count = this.vector(path, at, 1, 1, from);
    this.inside(path, at, 4 + count + 1, 4, from);
    if (this.bytes[at + 4 + count] !== 0) {
      throw new ModelFormatError(path, 'a string that ends with a zero byte', `${this.bytes[at + 4 + count]}`, at);
    }
    try {
      this.utf8.decode(this.bytes.subarray(at + 4, at + 4 + count));
    } catch {
      throw new ModelFormatError(path, 'a string in UTF-8', 'other bytes', at);
    }
  }
}
