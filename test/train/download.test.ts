// Fetching data sets from a server of this test's own: digests, mirrors, cache, archives, and failures that say where.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import { dataFolder } from '../../src/train/data/download.js';
import { DATA_SOURCES, type DataSource, type SourceFile } from '../../src/train/data/sources.js';
import { filesOfTar } from '../../src/train/data/tar.js';

const test = suite<{ server: Server; base: string; cache: string; asked: string[] }>('train/download');

const contents = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A ustar archive of plain files, and a folder before them. */
function tar(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const block = (name: string, size: number, type: string): Buffer => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    header.write(size.toString(8).padStart(11, '0'), 124);
    header.write(type, 156);
    header.write('ustar\u000000', 257, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
    return header;
  };
  const parts = Object.entries(files).flatMap(([name, bytes]) => {
    return [block(name, bytes.length, '0'), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([block('folder/', 0, '5'), ...parts, Buffer.alloc(1024)]);
}

const archive = gzipSync(
  tar({ 'folder/a.bin': contents.subarray(0, 1000), 'folder/other.txt': contents.subarray(0, 5) }),
);
const ANSWERS: Readonly<Record<string, Uint8Array>> = {
  '/plain.bin': contents,
  '/packed.gz': gzipSync(contents),
  '/repacked.gz': gzipSync(contents, { level: 1 }),
  '/wrong.bin': contents.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
  '/short.bin': contents.subarray(1),
  '/bomb.gz': gzipSync(new Uint8Array(1 << 20)),
  '/not.gz': contents,
  '/archive.tar.gz': archive,
};

test.before(async (context) => {
  context.asked = [];
  context.server = createServer(({ url = '' }, response) => {
    context.asked.push(url);
    const body = ANSWERS[url];
    if (body) response.setHeader('content-length', body.length);
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  context.base = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}`;
});
test.before.each((context) => {
  context.cache = mkdtempSync(join(tmpdir(), 'bitlane-cache-'));
  context.asked.length = 0;
});
test.after.each(({ cache }) => rmSync(cache, { recursive: true }));
test.after(({ server }) => void server.close());

const source = (...files: SourceFile[]): DataSource => ({ name: 'set', files });
const file = (base: string, paths: readonly string[], packed: SourceFile['packed'] = 'plain'): SourceFile => ({
  name: 'file.bin',
  urls: paths.map((path) => base + path),
  sha256: sha256(contents),
  bytes: contents.length,
  packed,
});

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, DataError);
  return (error as DataError).message;
}

test('dataFolder() fetches plain and packed files, says how far it is, and fetches them once', async (context) => {
  const { base, cache, asked } = context;
  for (const [path, packed] of [
    ['/plain.bin', 'plain'],
    ['/packed.gz', 'gzip'],
    ['/repacked.gz', 'gzip'],
  ] as const) {
    rmSync(join(cache, 'set'), { recursive: true, force: true });
    asked.length = 0;
    const seen: (readonly [number, number | null])[] = [];
    const wanted = source(file(base, [path], packed));
    const onProgress = ({ received, total }: { received: number; total: number | null }) =>
      seen.push([received, total]);
    const folder = await dataFolder(wanted, { cache, onProgress });
    assert.equal(new Uint8Array(readFileSync(join(folder, 'file.bin'))), contents);
    assert.equal(seen.at(-1), [ANSWERS[path].length, ANSWERS[path].length]);
    assert.is(await dataFolder(wanted, { cache }), folder);
    assert.equal(asked, [path]);
    assert.equal(readdirSync(folder), ['file.bin']);
  }
});

test('dataFolder() fetches again what was damaged in the cache', async ({ base, cache, asked }) => {
  const wanted = source(file(base, ['/plain.bin']));
  const folder = await dataFolder(wanted, { cache });
  writeFileSync(join(folder, 'file.bin'), ANSWERS['/wrong.bin']);
  await dataFolder(wanted, { cache });
  assert.equal(new Uint8Array(readFileSync(join(folder, 'file.bin'))), contents);
  assert.is(asked.length, 2);
});

test('dataFolder() goes on to the next place, and names what each answered when all fail', async ({ base, cache }) => {
  const places = ['/missing', '/wrong.bin', '/short.bin', '/plain.bin'];
  const folder = await dataFolder(source(file(base, places)), { cache });
  assert.equal(new Uint8Array(readFileSync(join(folder, 'file.bin'))), contents);
  rmSync(folder, { recursive: true });
  const message = await failure(dataFolder(source(file(base, places.slice(0, 3))), { cache }));
  assert.match(message, /"file\.bin" of set could not be fetched \(.*\/missing: HTTP status 404; /);
  assert.match(message, new RegExp(`wrong\\.bin: expected SHA-256 ${sha256(contents)}, got [0-9a-f]{64}; `));
  assert.match(message, /short\.bin: expected 70000 bytes, got 69999\); pass a folder that has it as `data`$/);
  assert.equal(readdirSync(join(cache, 'set')), []);
  const packed = await failure(dataFolder(source(file(base, ['/bomb.gz', '/not.gz'], 'gzip')), { cache }));
  assert.match(packed, /bomb\.gz: expected 70000 bytes, got more; .*not\.gz: incorrect header check/);
  assert.match(
    await failure(dataFolder(source(file('http://127.0.0.1:1', ['/x'])), { cache })),
    /127\.0\.0\.1:1\/x: fetch failed \(.+\)/,
  );
});

test('dataFolder() unpacks the members of an archive that it was asked for', async ({ base, cache, asked }) => {
  const wanted = (bytes: number): SourceFile => ({
    name: 'archive.tar.gz',
    urls: [`${base}/archive.tar.gz`],
    sha256: sha256(archive),
    bytes: archive.length,
    packed: 'tar.gz',
    members: [{ path: 'folder/a.bin', name: 'a.bin', bytes }],
  });
  const folder = await dataFolder(source(wanted(1000)), { cache });
  assert.equal(readdirSync(folder), ['a.bin']);
  assert.equal(new Uint8Array(readFileSync(join(folder, 'a.bin'))), contents.subarray(0, 1000));
  await dataFolder(source(wanted(1000)), { cache });
  assert.is(asked.length, 1);
  assert.match(
    await failure(dataFolder(source(wanted(999)), { cache })),
    /expected 999 bytes of "folder\/a\.bin", got 1000/,
  );
});

test('filesOfTar() refuses damaged archives', () => {
  const whole = tar({ a: contents.subarray(0, 600) });
  assert.equal([...filesOfTar(whole, 'x').keys()], ['a']);
  const damaged = (at: number): Uint8Array => whole.map((byte, i) => (i === at ? byte ^ 1 : byte));
  assert.throws(() => filesOfTar(damaged(1), 'x'), /"x" expected a tar header with checksum \d+ at byte 0, got \d+/);
  assert.throws(() => filesOfTar(whole.subarray(0, 1200), 'x'), /"x" expected 600 bytes behind byte 1024, got 176/);
  assert.throws(() => filesOfTar(whole.subarray(0, 2048), 'x'), /"x" expected a block of zeros at its end/);
});

test('dataFolder() takes the folder of the caller, and stops when it is told to', async ({ base, cache, asked }) => {
  assert.is(await dataFolder('mnist', { data: '/somewhere' }), '/somewhere');
  const signal = AbortSignal.abort(new Error('enough'));
  const error: unknown = await dataFolder(source(file(base, ['/plain.bin'])), { cache, signal }).catch(
    (e: unknown) => e,
  );
  assert.is((error as Error).message, 'enough');
  assert.equal(asked, []);
});

test('every source has digests, sizes and places over the web', () => {
  for (const { files } of Object.values<DataSource>(DATA_SOURCES)) {
    for (const { sha256: digest, bytes, urls } of files) {
      assert.match(digest, /^[0-9a-f]{64}$/);
      assert.ok(bytes > 0 && urls.length > 0 && urls.every((url) => /^https?:\/\//.test(url)));
    }
  }
});

test.run();
