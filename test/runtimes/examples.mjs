// Starts every example from the packed archive and asks it: the servers over HTTP, the page by mouse, finger and keyboard.
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync, gzipSync } from 'node:zlib';
import { withBrowser } from './browsers.mjs';
import { bundleFor } from './bundle.mjs';
import { PATHS, workerConfig } from './engines.mjs';
import { run, withServer } from './process.mjs';
import { MODULES, ROOT } from './project.mjs';

const digits = readFileSync(join(ROOT, 'models/digits/mnist-test-10.idx3-ubyte')).subarray(16);
const digit = (i) => digits.subarray(784 * i, 784 * (i + 1));
/** What the model answers for each, by the reference: it takes this 3 for an 8. */
const CLASSES = [0, 1, 2, 8, 4, 5, 6, 7, 8, 9];
const seven = readFileSync(join(ROOT, 'models/digits/digit-7.png'));

/** A PNG chunk; the servers leave its checksum to the pixels' own. */
function chunk(name, content) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, Buffer.from(name), content, Buffer.alloc(4)]);
}

/** A PNG whose header says 8-bit grey of this size, with `rows` as its unpacked data. */
function png(width, height, rows) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([seven.subarray(0, 8), ...chunks]);
}

function* slowly(bytes) {
  for (let i = 0; i < bytes.length; i += 1000) yield bytes.subarray(i, i + 1000);
}

/** What the servers answer to whom: name, status, body. */
const REQUESTS = [
  ['nothing', 400, Buffer.alloc(0)],
  ['text', 415, Buffer.from('seven')],
  ['one byte too few', 415, Buffer.alloc(783)],
  ['16 KB of noise', 415, Buffer.alloc(16 * 1024, 1)],
  ['a byte more than 16 KB', 413, Buffer.alloc(16 * 1024 + 1)],
  ['500 KB', 413, Buffer.alloc(500_000)],
  ['a PNG cut off', 422, seven.subarray(0, seven.length / 2)],
  ['a PNG that is only a signature', 422, seven.subarray(0, 8)],
  ['a PNG with damaged pixels', 422, Buffer.from(seven).fill(0, 45, 60)],
  ['a PNG of another size', 422, png(29, 28, Buffer.alloc(30 * 28))],
  ['a PNG of 4 billion pixels', 422, png(65535, 65535, Buffer.alloc(100))],
  ['a PNG that unpacks to 10 MB', 422, png(28, 28, Buffer.alloc(10_000_000))],
  ['a PNG that unpacks to too little', 422, png(28, 28, Buffer.alloc(100))],
];

/** Posts a body; gives status and answer. */
const asker =
  (url) =>
  async (body, options = {}) => {
    const response = await fetch(url, { method: 'POST', body, ...options });
    return { status: response.status, answer: await response.json() };
  };

async function checkServer(url, check) {
  const ask = asker(url);
  for (let i = 0; i < 10; i++) {
    const { status, answer } = await ask(digit(i));
    check(
      status === 200 && answer.digit === CLASSES[i] && answer.scores.length === 10,
      `digit ${i}: ${JSON.stringify(answer)}`,
    );
  }
  const { answer } = await ask(seven);
  check(answer.digit === 7, `digit-7.png: ${JSON.stringify(answer)}`);
  const grey = png(
    28,
    28,
    Buffer.concat(
      Array.from({ length: 28 }, (_, y) => Buffer.concat([Buffer.alloc(1), digit(3).subarray(28 * y, 28 * (y + 1))])),
    ),
  );
  check((await ask(grey)).answer.digit === CLASSES[3], `a PNG without filters expected ${CLASSES[3]}`);
  for (const [name, expected, body] of REQUESTS) {
    const { status, answer } = await ask(body).catch((error) => ({ status: error.cause, answer: {} }));
    check(status === expected && typeof answer.error === 'string', `${name} expected ${expected}, got ${status}`);
  }
  const streamed = await ask(ReadableStream.from(slowly(Buffer.alloc(40_000))), { duplex: 'half' });
  check(streamed.status === 413, `40 KB without a length expected 413, got ${streamed.status}`);
  // Where a body is much too large, the server may hang up before its answer can be read.
  const huge = await ask(Buffer.alloc(10_000_000)).catch(() => ({ status: 413 }));
  check(huge.status === 413, `10 MB expected 413, got ${huge.status}`);
  check((await fetch(url, { method: 'PUT', body: digit(1) })).status === 405, 'PUT expected 405');
  check((await fetch(url)).status === 200, 'GET expected 200');
  const many = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(digit(i % 10))));
  const wrong = many.filter(({ answer }, i) => answer.digit !== CLASSES[i % 10]).length;
  check(wrong === 0, `100 requests at once: ${wrong} wrong answers`);
}

/** Bodies of a load, with the status that each has to get every time. */
const LOAD = [
  ...[1, 4, 7].map((i) => [200, digit(i)]),
  [200, seven],
  [413, Buffer.alloc(20_000)],
  [415, Buffer.from('junk')],
  [422, seven.subarray(0, seven.length / 2)],
  [400, Buffer.alloc(0)],
];

/** 1,600 requests of all kinds, 64 at a time: each gets its status, and none is lost. */
async function checkLoad(url, check) {
  const ask = asker(url);
  const counts = {};
  let sent = 0;
  const client = async () => {
    while (sent < 1600) {
      const [expected, body] = LOAD[sent++ % LOAD.length];
      const { status } = await ask(body).catch((error) => ({ status: error.cause?.code ?? error.message }));
      const outcome = `${expected}: ${status}`;
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
  const good = { '200: 200': 800, '413: 413': 200, '415: 415': 200, '422: 422': 200, '400: 400': 200 };
  const same = Object.entries(good).every(([outcome, count]) => counts[outcome] === count);
  check(same, `load expected ${JSON.stringify(good)}, got ${JSON.stringify(counts)}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Seconds of CPU that a process has used, by Linux. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const peakMegabytes = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** A thousand answers of the Worker: CPU of the whole workerd process a request, and its peak memory. */
async function measureWorker(url, child, check, notes) {
  const start = cpuSeconds(child.pid);
  const bodies = [digit(1), seven, Buffer.from('junk')];
  for (let i = 0; i < 50; i++) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, j) => {
        const response = await fetch(url, { method: 'POST', body: bodies[(i + j) % bodies.length] });
        await response.arrayBuffer();
      }),
    );
  }
  const milliseconds = (1000 * (cpuSeconds(child.pid) - start)) / 1000;
  const megabytes = peakMegabytes(child.pid);
  notes.push(`worker: ${milliseconds.toFixed(2)} ms CPU a request, ${megabytes.toFixed(0)} MB at most, workerd in all`);
  check(milliseconds <= 10, `a request expected at most 10 ms of CPU, got ${milliseconds.toFixed(2)}`);
  check(megabytes <= 128, `workerd expected to stay within 128 MB, got ${megabytes.toFixed(0)}`);
}

async function checkWorker({ folder, examples }, check, notes) {
  if (!existsSync(PATHS.workerd)) return notes.push('worker skipped: workerd is not installed');
  const out = join(folder, 'example-worker');
  const files = await bundleFor('workerd', join(examples, 'worker/src/index.js'), out);
  const gzip = files.map(({ name }) => gzipSync(readFileSync(join(out, name))).length);
  notes.push(`worker: ${files.map(({ name }, i) => `${name} ${gzip[i]}`).join(', ')} bytes gzip`);
  const port = await freePort();
  writeFileSync(join(out, 'serve.capnp'), workerConfig(files, port));
  const url = `http://127.0.0.1:${port}/`;
  await withServer(
    PATHS.workerd,
    ['serve', 'serve.capnp'],
    url,
    async (_, child) => {
      await checkServer(url, check);
      if (process.platform === 'linux') await measureWorker(url, child, check, notes);
      await checkLoad(url, check);
    },
    { cwd: out },
  );
}

async function checkNode({ examples }, check) {
  const port = await freePort();
  const use = async (url) => {
    await checkServer(url, check);
    await checkLoad(url, check);
  };
  await withServer(process.execPath, ['server.js'], `http://127.0.0.1:${port}/`, use, {
    cwd: join(examples, 'node-http'),
    env: { PORT: String(port) },
  });
}

async function checkDeno({ folder, examples }, check, notes) {
  if (!existsSync(PATHS.deno)) return notes.push('deno skipped: Deno is not installed');
  const port = await freePort();
  const args = ['serve', '--host', '127.0.0.1', '--port', String(port), '--allow-read', '--no-prompt', 'serve.js'];
  await withServer(PATHS.deno, args, `http://127.0.0.1:${port}/`, (url) => checkServer(url, check), {
    cwd: join(examples, 'deno'),
    env: { DENO_NO_UPDATE_CHECK: '1', DENO_DIR: join(folder, 'deno') },
  });
}

async function checkBrowser({ examples }, check, notes) {
  if (!existsSync('/usr/bin/chromium')) return notes.push('browser skipped: chromium is not installed');
  const folder = join(examples, 'browser');
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(MODULES, 'esbuild'), join(folder, 'node_modules/esbuild'));
  const built = await run(process.execPath, ['build.mjs'], { cwd: folder });
  check(built.status === 0, `build.mjs: ${built.output}`);
  const address = pathToFileURL(join(folder, 'dist/index.html')).href;
  await withBrowser('/usr/bin/chromium', ({ page }) => drawDigits(page, address, check), {
    hasTouch: true,
    offline: true,
    viewport: { width: 720, height: 900 },
  });
}

async function drawDigits(page, address, check) {
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) problems.push(`a request to ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector('body[data-ready]');
  const answer = () => page.textContent('#answer');
  const box = await page.locator('#board').boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  const stroke = async (...points) => {
    await page.mouse.move(...at(...points[0]));
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...at(...point), { steps: 8 });
    await page.mouse.up();
  };
  await stroke([0.25, 0.2], [0.75, 0.2], [0.45, 0.85]);
  check((await answer()) === 'It is a 7', `a 7 by mouse: ${await answer()}`);
  for (const id of ['time', 'float-time', 'memory', 'float-memory']) {
    check(/\d/.test(await page.textContent(`#${id}`)), `#${id} expected a figure`);
  }
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  await page.screenshot({ path: join(ROOT, 'build/example-browser.png') });

  await page.getByRole('button', { name: 'Clear' }).click();
  check((await answer()) === 'nothing drawn yet', `after Clear: ${await answer()}`);

  await page.locator('#board').focus();
  const press = async (key, times = 1) => {
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
  };
  await press('ArrowUp', 9);
  await press('Space');
  await press('ArrowDown', 18);
  await press('Space');
  check((await answer()) === 'It is a 1', `a 1 by keyboard: ${await answer()}`);
  await press('Delete');
  check((await answer()) === 'nothing drawn yet', `after Delete: ${await answer()}`);

  const touch = await page.context().newCDPSession(page);
  const finger = (type, points) =>
    touch.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y })) });
  const ring = Array.from({ length: 33 }, (_, i) => (i / 16) * Math.PI);
  const [start, ...rest] = ring.map((turn) => at(0.5 + 0.22 * Math.sin(turn), 0.5 - 0.32 * Math.cos(turn)));
  await finger('touchStart', [start]);
  for (const point of rest) await finger('touchMove', [point]);
  await finger('touchEnd', []);
  await page.waitForFunction("document.getElementById('answer').textContent.startsWith('It is')");
  check((await answer()) === 'It is a 0', `a 0 by finger: ${await answer()}`);
  check(problems.length === 0, `the page: ${problems.join(', ')}`);
}

export async function checkExamples({ folder, project }) {
  const examples = join(project, 'examples');
  cpSync(join(ROOT, 'examples'), examples, { recursive: true, filter: (path) => !/node_modules|dist/.test(path) });
  const failures = [];
  const notes = [];
  let passed = 0;
  for (const [name, example] of Object.entries({ checkWorker, checkNode, checkDeno, checkBrowser })) {
    const check = (good, message) => {
      if (good) passed++;
      else failures.push(`${name}: ${message}`);
    };
    try {
      await example({ folder, examples }, check, notes);
    } catch (error) {
      failures.push(`${name}: ${error.stack ?? error}`);
    }
  }
  return { passed, failed: failures.length, failures, notes };
}
