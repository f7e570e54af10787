// Files, with failures that say which file and what to do, and writes that leave either the whole file or none.
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from './failure.js';

/**
 * Reads a whole file.
 *
 * @param role what the file is to the command: "model", "input"
 */
export async function readWhole(path: string, role: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure(`${role} "${path}" expected to be a readable file, got ${reason(error)}; check the path`, {
      cause: error,
    });
  }
}

/** Fails when there is no folder at `path`. */
export async function checkFolder(path: string, role: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw new Failure(`${role} "${path}" expected to be a folder, got ${reason(error)}; check the path`, {
      cause: error,
    });
  });
  if (!found.isDirectory()) throw new Failure(`${role} "${path}" expected to be a folder, got a file`);
}

/** Fails when a file cannot be put at `path`; long work should not end with that. */
export async function checkTarget(path: string): Promise<void> {
  await checkFolder(dirname(path), 'output folder');
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined && !existing.isFile()) {
    throw new Failure(`output "${path}" expected to be a file, got a folder; name the file in it`);
  }
  // What access() says is not what open() does on every system: try it.
  const trial = temporaryName(path);
  await withReason(path, async () => {
    await (await open(trial, 'wx')).close();
    await rm(trial);
  });
}

/** Writes beside the target, flushes, and renames: whoever looks sees the old file or the whole new one. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  await withReason(path, async () => {
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
}

async function withReason(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Failure(`output "${path}" expected to be writable, got ${reason(error)}`, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a path through something that is no folder',
  EISDIR: 'a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'a read-only file system',
  ENOSPC: 'a full disk',
  ENAMETOOLONG: 'a name that is too long',
  ERR_FS_FILE_TOO_LARGE: 'a file of more than 2 GiB',
};

/** A system error in words. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (code || String(error));
}
