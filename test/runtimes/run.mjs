// The packed package on every engine of this machine: npm run test:runtimes [-- --json] [--require A,B] [--only A,B]
// Packs, installs the archive in an empty folder, and has each engine run suite.js on the same models. Prints engine,
// version, the build it used, counts and a digest of all outputs. An engine that is not here is skipped, with the reason;
// --require makes that a failure.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installFolder } from '../../scripts/install.mjs';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, require: { type: 'string' }, only: { type: 'string' } },
});
const list = (text) => (text === undefined ? undefined : text.split(','));
const required = list(values.require) ?? [];
const only = list(values.only);
const note = (text) => console.error(text);

installFolder('test/runtimes');
if (process.platform === 'linux' && process.arch === 'x64') installFolder('test/runtimes/node26');
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'], { stdio: 'inherit' });

// What they import was installed just now.
const { checkBudgets } = await import('./budgets.mjs');
const { ENGINES } = await import('./engines.mjs');
const { checkExamples } = await import('./examples.mjs');
const { checkPackage } = await import('./package.mjs');
const { makeProject } = await import('./project.mjs');
const { checkReadme } = await import('./readme.mjs');

/** Steps beside the engines, in the same form. */
const STEPS = [
  { name: 'package', run: checkPackage },
  ...ENGINES,
  { name: 'budgets', run: checkBudgets },
  { name: 'examples', run: checkExamples },
  { name: 'readme', run: checkReadme },
];

const folder = mkdtempSync(join(tmpdir(), 'bitlane-'));
const rows = [];
try {
  const project = await makeProject(folder);
  for (const { name, run } of STEPS) {
    if (only !== undefined && !only.includes(name)) continue;
    const row = { engine: name, version: '', build: '', passed: 0, failed: 0, digest: '', failures: [] };
    try {
      Object.assign(row, await run(project));
    } catch (error) {
      Object.assign(row, { failed: 1, failures: [error.stack ?? String(error)] });
    }
    if (row.skipped !== undefined && required.includes(name)) {
      Object.assign(row, { failed: 1, failures: [`${name} is required, and skipped: ${row.skipped}`] });
    }
    rows.push(row);
    for (const failure of row.failures) note(`FAILED ${name}: ${failure}`);
    note(row.skipped === undefined ? `${name}: ${row.passed} passed, ${row.failed} failed` : `${name}: skipped`);
    for (const line of row.notes ?? []) note(`  ${line}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const digests = new Set(rows.map((row) => row.digest).filter((digest) => digest !== ''));
const failed = rows.reduce((sum, row) => sum + row.failed, 0) + (digests.size > 1 ? 1 : 0);
const passed = rows.reduce((sum, row) => sum + row.passed, 0);
if (digests.size > 1) note(`FAILED engines differ: ${[...digests].join(', ')}`);
if (values.json) console.log(JSON.stringify({ passed, failed, rows }, null, 2));
else printTable(rows);
console.error(`runtimes: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function printTable(rows) {
  const cells = rows.map(({ engine, version, build, passed, failed, digest, coldStart, skipped }) =>
    skipped === undefined
      ? [engine, version, build, passed, failed, digest, coldStart === undefined ? '' : `${coldStart.toFixed(1)} ms`]
      : [engine, `skipped: ${skipped}`],
  );
  const head = ['engine', 'version', 'build', 'passed', 'failed', 'digest', 'first answer after'];
  const full = [head, ...cells.filter((row) => row.length > 2)];
  const widths = head.map((_, i) => Math.max(...full.map((row) => String(row[i]).length)));
  for (const row of [head, ...cells]) {
    console.log(row.length === 2 ? `${row[0].padEnd(widths[0])}  ${row[1]}` : line(row, widths));
  }
}

function line(row, widths) {
  return row
    .map((cell, i) => String(cell).padEnd(widths[i]))
    .join('  ')
    .trimEnd();
}
