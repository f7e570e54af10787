// bitlane train and eval without --data: data sets from a cache, and from a server of this test's own in place of the
// published ones.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeModel } from '../../src/model/write.js';
import { digitGraph, digitModel, MAIN, put, type Ran, ROOT, temporaryFolder } from './helper.js';

const test = suite<{ server: Server; redirect: string }>('cli/data');
const folder = temporaryFolder();
const model = put(folder, 'digits.qnn', digitModel());
const body = new Uint8Array(70_000);

test.before(async (context) => {
  context.server = createServer(({ url = '' }, response) => {
    const known = decodeURIComponent(url).includes('raw.githubusercontent.com/wojzaremba');
    if (known) response.setHeader('content-length', body.length);
    response.writeHead(known ? 200 : 404).end(known ? body : undefined);
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}/`;
  const script = `const real = fetch; globalThis.fetch = (url, options) => real('${base}' + encodeURIComponent(url), options)`;
  context.redirect = `--import=data:text/javascript,${encodeURIComponent(script)}`;
});
test.after(({ server }) => void server.close());

/** Runs `bitlane` with a cache; not spawnSync(), so that the server can answer. */
async function cached(cache: string, NODE_OPTIONS: string, ...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { ...process.env, BITLANE_CACHE: cache, NODE_OPTIONS },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (ran.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ran.stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...ran };
}

test('train and eval take what is in the cache, and record a command without --data', async ({ redirect }) => {
  const cache = join(folder, 'filled');
  mkdirSync(join(cache, 'cifar10'), { recursive: true });
  for (const name of [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}`), 'test_batch']) {
    const path = join(cache, 'cifar10', `${name}.bin`);
    writeFileSync(path, '');
    // Black aeroplanes.
    truncateSync(path, 30_730_000);
  }
  const out = join(folder, 'tiny.qnn');
  const args = ['cifar10-tiny', '--out', out, '--device', 'cpu', '--epochs', '1', '--limit', '100', '--json'];
  // Whatever is fetched gets status 404 here.
  const trained = await cached(cache, redirect, 'train', ...args);
  assert.is(trained.code, 0, trained.stderr);
  assert.not.match(trained.stderr, /fetching/);
  const { stdout } = await cached(cache, redirect, 'inspect', out, '--json');
  const { metadata } = JSON.parse(stdout) as { metadata: { training: Record<string, string> } };
  assert.is(metadata.training['command'], 'bitlane train cifar10-tiny --out tiny.qnn --epochs 1 --seed 1 --limit 100');
  const evaluated = await cached(cache, redirect, 'eval', out, '--limit', '50', '--json');
  assert.is((JSON.parse(evaluated.stdout) as { samples: number }).samples, 50, evaluated.stderr);
});

test('train and eval say what they tried to fetch, and how to do without', async ({ redirect }) => {
  const cache = join(folder, 'empty');
  const out = join(folder, 'none.qnn');
  const missing = await cached(cache, redirect, 'train', 'mnist-mlp', '--out', out, '--device', 'cpu');
  assert.is(missing.code, 1);
  assert.is(missing.stdout, '');
  assert.match(
    missing.stderr,
    /^bitlane: "train-images-idx3-ubyte" of mnist could not be fetched \(https:\/\/ossci\S+: HTTP status 404; https:\/\/storage\S+: HTTP status 404\); pass a folder that has it as `data` \(--data DIR\)\n$/,
  );
  const wrong = await cached(cache, redirect, 'train', 'ptb-lstm', '--out', out, '--device', 'cpu');
  assert.is(wrong.code, 1);
  assert.match(
    wrong.stderr,
    /^fetching ptb.train.txt: [\d,]+ of 70,000 bytes\nbitlane: "ptb.train.txt" of ptb .* expected 5101618 bytes, got 70000\)/,
  );
  assert.equal(readdirSync(join(cache, 'ptb')), []);
  const evaluated = await cached(cache, redirect, 'eval', model, '--dataset', 'fashion-mnist');
  assert.is(evaluated.code, 1);
  assert.match(evaluated.stderr, /of fashion-mnist could not be fetched .*--data DIR/);
});

test('eval takes the data set that the model was trained on', async ({ redirect }) => {
  const graph = digitGraph();
  const training = { dataset: 'Fashion-MNIST' };
  const path = put(folder, 'clothes.qnn', writeModel({ ...graph, metadata: { ...graph.metadata, training } }));
  const { code, stderr } = await cached(join(folder, 'empty'), redirect, 'eval', path);
  assert.is(code, 1);
  assert.match(stderr, /of fashion-mnist could not be fetched/);
});

test('a cache that cannot be is no internal error', async ({ redirect }) => {
  const { code, stderr } = await cached(model, redirect, 'eval', model, '--dataset', 'mnist');
  assert.is(code, 1);
  assert.match(
    stderr,
    /^bitlane: cache ".*digits.qnn\/mnist" expected to be a folder that can be made, got \w+; pass .*--data DIR\)\n$/,
  );
});

test.run();
