// Files of data sets, plain or gzipped. Node's fs and zlib are loaded when a file is read, so that browsers can load the
// rest of bitlane/train.
import { DataError } from '../../errors.js';

/** The bytes of a file, unpacked if its name ends in .gz; null if there is none. @throws DataError if it cannot be read */
export async function readDataFile(path: string): Promise<Uint8Array | null> {
  const bytes = await readIfThere(path);
  return bytes && path.endsWith('.gz') ? unzip(bytes, path) : bytes;
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new DataError(`"${path}" could not be read: ${String(code)}`, { cause });
  }
}

async function unzip(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  const { gunzipSync } = await import('node:zlib');
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new DataError(`"${path}" expected gzip data: ${(cause as Error).message}`, { cause });
  }
}
