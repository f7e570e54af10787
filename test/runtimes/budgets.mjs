// Holds what the package may take. Counts are held as they are; times loosely, because machines are shared.
import { PATHS } from './engines.mjs';
import { runHost } from './process.mjs';
import { existsSync } from 'node:fs';

/** Bytes of linear memory behind the file itself: activations, scratch, tables, and whole pages. */
const MEMORY_BESIDE_FILE = 8 * 1024 * 1024;
const COLD_START_MS = 25;
/** What a collector leaves behind, in bytes: compiled code and the like, and no trace of a million runs. */
const GROWTH = 1024 * 1024;

export async function checkBudgets({ project }) {
  const failures = [];
  const notes = [];
  let passed = 0;
  const check = (good, message) => {
    if (good) passed++;
    else failures.push(message);
  };
  const nodes = { node: process.execPath, 'node-newest': PATHS.node26 };
  for (const [name, path] of Object.entries(nodes).filter(([, file]) => existsSync(file))) {
    const report = await runHost(path, ['--expose-gc', 'budgets.js'], { cwd: project, seconds: 300 });
    // The best of a few processes: the first one reads the files from the disk.
    const starts = [];
    for (let i = 0; i < 5; i++) starts.push(await runHost(path, ['cold.js'], { cwd: project }));
    const best = (key) => Math.min(...starts.map((start) => start[key]));
    const coldStart = best('coldStart');
    check(coldStart <= COLD_START_MS, `${name}: first answer expected within ${COLD_START_MS} ms, got ${coldStart}`);
    for (const { file, fileBytes, memory } of report.models) {
      notes.push(`${name}: ${file} runs in ${memory} bytes, ${fileBytes} of them the file`);
      check(memory <= fileBytes + MEMORY_BESIDE_FILE, `${name}: ${file} takes ${memory} bytes of memory`);
    }
    check(report.linearGrowth === 0, `${name}: linear memory grew by ${report.linearGrowth}`);
    const { millionRuns, thousandModels } = report;
    check(millionRuns.growth <= GROWTH, `${name}: a million runs left ${millionRuns.growth} bytes`);
    check(thousandModels.growth <= GROWTH, `${name}: a thousand models left ${thousandModels.growth} bytes`);
    notes.push(
      `${name}: import ${best('import').toFixed(1)} ms, load to first answer ${coldStart.toFixed(1)} ms; a million runs left ${millionRuns.growth} bytes, ` +
        `a thousand models ${thousandModels.growth}, resident ${Math.round(thousandModels.rss / 2 ** 20)} MB`,
    );
    // Reported and not held: on a machine with other work it says more of that.
    const { single, pool } = report.samplesPerSecond;
    notes.push(
      `${name}: ${Math.round(single)} digits a second on one thread, ${Math.round(pool)} on two: ` +
        `${(pool / single).toFixed(2)} times, where the machine gives ${report.machineScaling.toFixed(2)}`,
    );
  }
  return { passed, failed: failures.length, failures, notes };
}
