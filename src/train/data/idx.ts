// The idx format of MNIST and its relatives: two zero bytes, an element type (8 = unsigned byte), the number of
// dimensions, each dimension as a big-endian u32, then the elements, last dimension fastest. Only unsigned bytes are
// read. Source: http://yann.lecun.com/exdb/mnist (file formats, at the bottom of the page).
import { DataError } from '../../errors.js';

const UNSIGNED_BYTE = 0x08;

/** An array of bytes with its dimensions. */
export interface IdxArray {
  readonly shape: readonly number[];
  /** A view of the parsed file's bytes, not a copy. */
  readonly data: Uint8Array;
}

/**
 * Parses an idx file of unsigned bytes with `dimensions` dimensions; `name` stands for the file in messages.
 * @throws DataError if the size, the magic number or the length does not fit
 */
export function parseIdx(bytes: Uint8Array, dimensions: number, name: string): IdxArray {
  const header = 4 + 4 * dimensions;
  if (bytes.length < header) {
    throw new DataError(`"${name}" expected an idx header of ${header} bytes, got a file of ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = (UNSIGNED_BYTE << 8) | dimensions;
  const magic = view.getUint32(0);
  if (magic !== expected) {
    throw new DataError(
      `"${name}" expected idx magic ${hex(expected)} (unsigned bytes, ${dimensions} dimensions), got ${hex(magic)}`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, d) => view.getUint32(4 + 4 * d));
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (bytes.length - header !== size) {
    throw new DataError(
      `"${name}" expected ${size} bytes of data for shape [${shape.join(', ')}], got ${bytes.length - header}`,
    );
  }
  return { shape, data: bytes.subarray(header) };
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
