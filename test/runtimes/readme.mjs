// Runs the README's snippet for each runtime as it stands there, with the model and the pixels that it speaks of.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withBrowser } from './browsers.mjs';
import { bundleFor } from './bundle.mjs';
import { PATHS, workerConfig } from './engines.mjs';
import { run } from './process.mjs';
import { ROOT } from './project.mjs';
import { serveFolder } from './serve.mjs';

/** Says what `scores` is, at the end of a snippet. */
const TELL = "\nconsole.log('SCORES', [...scores].join());\n";

export async function checkReadme({ folder, project }) {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const snippets = [...text.matchAll(/```js ?(\w*)\n([\s\S]*?)```/g)].map(([, host, code]) => ({ host, code }));
  const find = (host, has) => snippets.find((snippet) => snippet.host === host && snippet.code.includes(has)).code;
  const digits = readFileSync(join(ROOT, 'models/digits/mnist-test-10.idx3-ubyte')).subarray(16);
  writeFileSync(join(project, 'seven.bin'), digits.subarray(7 * 784, 8 * 784));
  copyFileSync(join(ROOT, 'models/mnist-mlp.qnn'), join(project, 'mnist-mlp.qnn'));
  const { default: fixtures } = await import(join(project, 'fixtures.js'));
  const scores = new Int32Array(new Uint8Array(Buffer.from(fixtures[0].outputs[0][2], 'base64')).buffer, 7 * 40, 10);
  const failures = [];
  const notes = [];
  let passed = 0;
  const check = (name, output) => {
    const numbers = output.replace(/\s/g, '');
    if (numbers.includes(scores.join())) passed++;
    else failures.push(`${name} expected ${scores.join()}, got ${output.slice(-1000)}`);
  };
  /** Puts the snippet behind the imports that a module begins with. */
  const write = (name, code, before, after = TELL) => {
    const imports = code.match(/^import .*$/gm) ?? [];
    const rest = code.replace(/^import .*$/gm, '');
    writeFileSync(join(project, name), [...imports, before, rest, after].join('\n'));
  };

  const readNode = "import { readFileSync } from 'node:fs';\nconst pixels = readFileSync('seven.bin');";
  for (const [name, code] of [
    ['readme-node.js', find('', "from 'bitlane';\n\nconst model")],
    ['readme-pool.js', find('', 'bitlane/pool')],
  ]) {
    write(name, code.replace("'models/", "'"), readNode);
    for (const path of [process.execPath, PATHS.bun].filter(existsSync)) {
      check(`${name} by ${path}`, (await run(path, [name], { cwd: project })).output);
    }
  }
  const bytes =
    "import { readFileSync } from 'node:fs';\nconst [bytes, pixels] = ['mnist-mlp.qnn', 'seven.bin'].map((name) => readFileSync(name));";
  write('readme-inline.js', find('inline', ''), bytes, `\nconst { scores } = model.run(pixels);${TELL}`);
  check('inline', (await run(process.execPath, ['readme-inline.js'], { cwd: project })).output);

  if (existsSync(PATHS.deno)) {
    write('readme-deno.js', find('deno', ''), "const pixels = Deno.readFileSync('seven.bin');", '');
    const env = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', DENO_DIR: join(folder, 'deno') };
    const args = ['run', '--no-prompt', '--allow-read', 'readme-deno.js'];
    const { output } = await run(PATHS.deno, args, { cwd: project, env });
    check('deno', output);
  } else notes.push('deno skipped: it is not installed');

  if (existsSync(PATHS.workerd)) {
    writeFileSync(join(project, 'readme-worker.js'), find('workerd', ''));
    writeFileSync(
      join(project, 'readme-test.js'),
      `import worker from './readme-worker.js';
export { default } from './readme-worker.js';
import seven from './seven.qnn';
export const test = { async test() {
  const response = await worker.fetch(new Request('http://worker/', { method: 'POST', body: seven }));
  console.log(await response.text());
} };`,
    );
    // The bundler hands .qnn files over as bytes, which is all that is wanted here.
    copyFileSync(join(project, 'seven.bin'), join(project, 'seven.qnn'));
    const out = join(folder, 'readme-worker');
    const files = await bundleFor('workerd', join(project, 'readme-test.js'), out);
    writeFileSync(join(out, 'test.capnp'), workerConfig(files));
    check('workerd', (await run(PATHS.workerd, ['test', 'test.capnp'], { cwd: out })).output);
  } else notes.push('workerd skipped: it is not installed');

  if (existsSync('/usr/bin/chromium')) {
    const load = "const pixels = new Uint8Array(await (await fetch('/seven.bin')).arrayBuffer());";
    write('readme-browser.js', find('browser', ''), load, '\nwindow.scores = [...scores].join();\n');
    const page = readFileSync(join(project, 'page.html'), 'utf8');
    const map = page.slice(0, page.lastIndexOf('<script'));
    writeFileSync(join(project, 'readme.html'), `${map}<script type="module" src="readme-browser.js"></script>`);
    await serveFolder(project, {}, (origin) =>
      withBrowser('/usr/bin/chromium', async ({ page: tab }) => {
        await tab.goto(`${origin}/readme.html`);
        await tab.waitForFunction('window.scores !== undefined', undefined, { timeout: 10_000 });
        check('browser', await tab.evaluate('window.scores'));
      }),
    );
  } else notes.push('browser skipped: chromium is not installed');
  return { passed, failed: failures.length, failures, notes };
}
