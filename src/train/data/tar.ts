// Reads tar archives (POSIX ustar) in memory: blocks of 512 bytes, a header with name, size in octal and type, then the
// contents. Only plain files are given out; paths are the caller's to look up, nothing is written by name.
import { DataError } from '../../errors.js';

const BLOCK = 512;

/** The plain files of an archive by path, as views of its bytes. @throws DataError if it is damaged; `archive` names it */
export function filesOfTar(bytes: Uint8Array, archive: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    // A block of zeros ends the archive.
    if (header.every((byte) => byte === 0)) return files;
    const octal = (start: number, length: number) => Number.parseInt(text(header, start, length).trim(), 8);
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (octal(148, 8) !== sum) {
      throw new DataError(
        `"${archive}" expected a tar header with checksum ${sum} at byte ${at}, got ${octal(148, 8)}`,
      );
    }
    const size = octal(124, 12);
    const start = at + BLOCK;
    if (!(start + size <= bytes.length)) {
      throw new DataError(`"${archive}" expected ${size} bytes behind byte ${start}, got ${bytes.length - start}`);
    }
    const type = text(header, 156, 1);
    const prefix = text(header, 345, 155);
    const name = text(header, 0, 100);
    if (type === '0' || type === '')
      files.set(prefix === '' ? name : `${prefix}/${name}`, bytes.subarray(start, start + size));
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new DataError(`"${archive}" expected a block of zeros at its end, got none`);
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end));
}
