// Folders of data sets: the caller's own, or a cache that is filled from the places in sources.ts. A file gets its name in
// the cache only after its SHA-256 was checked; what is there is checked again before it is used, and fetched anew if it
// was damaged. For Node: its modules are loaded when a folder is asked for, so that browsers can load the rest.
import { DataError } from '../../errors.js';
import { DATA_SOURCES, type DatasetName, type DataSource, type SourceFile } from './sources.js';
import { filesOfTar } from './tar.js';

export interface DataFolderOptions {
  /** A folder that has the files already: it is taken as it is, and nothing is fetched. */
  readonly data?: string;
  /** Where fetched data sets are kept. Default: $BITLANE_CACHE, else bitlane in the user's cache folder. */
  readonly cache?: string;
  readonly signal?: AbortSignal;
  /** Called as bytes arrive; `total` is null where the server does not say. */
  readonly onProgress?: (progress: {
    readonly file: string;
    readonly received: number;
    readonly total: number | null;
  }) => void;
}

/**
 * The folder with the files of a data set, for its loader.
 * @throws DataError naming what could not be fetched from where, or arrived with another digest; or the cache that there
 * cannot be
 * @example
 * const data = await loadMnist(await dataFolder('mnist'));
 */
export async function dataFolder(dataset: DatasetName | DataSource, options: DataFolderOptions = {}): Promise<string> {
  if (options.data !== undefined) return options.data;
  const { mkdir } = await import('node:fs/promises');
  const source = typeof dataset === 'string' ? DATA_SOURCES[dataset] : dataset;
  const folder = `${options.cache ?? (await defaultCache())}/${source.name}`;
  await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(
      `cache "${folder}" expected to be a folder that can be made, got ${String(cause.code)}; ` +
        `pass a folder that has ${source.name} as \`data\``,
      { cause },
    );
  });
  for (const file of source.files) {
    if (!(await isThere(folder, file))) await fetchFile(folder, source.name, file, options);
  }
  return folder;
}

async function defaultCache(): Promise<string> {
  const { homedir } = await import('node:os');
  const { env } = process;
  if (env.BITLANE_CACHE) return env.BITLANE_CACHE;
  return `${env.XDG_CACHE_HOME ?? env.LOCALAPPDATA ?? `${homedir()}/.cache`}/bitlane`;
}

async function isThere(folder: string, { name, bytes, sha256, members }: SourceFile): Promise<boolean> {
  const { stat } = await import('node:fs/promises');
  const sizeOf = (path: string) =>
    stat(`${folder}/${path}`).then(
      ({ size }) => size,
      () => null,
    );
  if (members) {
    const sizes = await Promise.all(members.map((member) => sizeOf(member.name)));
    return members.every((member, i) => member.bytes === sizes[i]);
  }
  return (await sizeOf(name)) === bytes && (await digestOf(`${folder}/${name}`)) === sha256;
}

async function digestOf(path: string): Promise<string> {
  const { createReadStream } = await import('node:fs');
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Tries the places in turn; the error names what each of them answered. */
async function fetchFile(folder: string, dataset: string, file: SourceFile, options: DataFolderOptions): Promise<void> {
  const { rename, rm } = await import('node:fs/promises');
  const failures: string[] = [];
  for (const url of file.urls) {
    // Several processes may fill one cache: each writes a file of its own, and the last name given wins.
    const part = `${folder}/${file.name}.${process.pid}.part`;
    try {
      await receive(url, part, file, options);
      if (file.members) await unpack(part, folder, file);
      else await rename(part, `${folder}/${file.name}`);
      return;
    } catch (cause) {
      options.signal?.throwIfAborted();
      failures.push(`${url}: ${reasonOf(cause)}`);
    } finally {
      await rm(part, { force: true });
    }
  }
  throw new DataError(
    `"${file.name}" of ${dataset} could not be fetched (${failures.join('; ')}); pass a folder that has it as \`data\``,
  );
}

function reasonOf(cause: unknown): string {
  const { message, cause: inner } = cause as Error;
  return inner instanceof Error ? `${message} (${inner.message})` : message;
}

/** Writes what `url` answers to `part`, unpacked if it is gzip, and checks length and digest. */
async function receive(url: string, part: string, file: SourceFile, options: DataFolderOptions): Promise<void> {
  const { createWriteStream } = await import('node:fs');
  const { createHash } = await import('node:crypto');
  const { Readable, Transform } = await import('node:stream');
  const { pipeline } = await import('node:stream/promises');
  const { createGunzip } = await import('node:zlib');
  const signal = options.signal ?? new AbortController().signal;
  const response = await fetch(url, { signal });
  if (!response.ok || !response.body) throw new DataError(`HTTP status ${response.status}`);
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  let received = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      received += chunk.length;
      options.onProgress?.({ file: file.name, received, total: Number.isFinite(length) ? length : null });
      done(null, chunk);
    },
  });
  const hash = createHash('sha256');
  let bytes = 0;
  const checked = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      hash.update(chunk);
      // A gzip bomb ends here, not on the disk.
      done(bytes > file.bytes ? new DataError(`expected ${file.bytes} bytes, got more`) : null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  const target = createWriteStream(part);
  if (file.packed === 'gzip') await pipeline(body, counted, createGunzip(), checked, target, { signal });
  else await pipeline(body, counted, checked, target, { signal });
  if (bytes !== file.bytes) throw new DataError(`expected ${file.bytes} bytes, got ${bytes}`);
  const digest = hash.digest('hex');
  if (digest !== file.sha256) throw new DataError(`expected SHA-256 ${file.sha256}, got ${digest}`);
}

/** Writes the members of an archive that was checked to `folder`. */
async function unpack(archive: string, folder: string, { name, members = [] }: SourceFile): Promise<void> {
  const { readFile, rename, writeFile } = await import('node:fs/promises');
  const { promisify } = await import('node:util');
  const { gunzip } = await import('node:zlib');
  const files = filesOfTar(await promisify(gunzip)(await readFile(archive)), name);
  for (const member of members) {
    const contents = files.get(member.path);
    if (contents?.length !== member.bytes) {
      throw new DataError(
        `"${name}" expected ${member.bytes} bytes of "${member.path}", got ${contents ? contents.length : 'no such file'}`,
      );
    }
    const part = `${folder}/${member.name}.${process.pid}.part`;
    await writeFile(part, contents);
    await rename(part, `${folder}/${member.name}`);
  }
}
