// Asks for a WebGPU device in a process of its own first. Where none is to be had, Dawn writes several lines of its own to
// stderr that JavaScript cannot hold back; this way the user sees one line that says what to do.
// Run as a program, it prints the error of openDevice() to stdout, or nothing.
import { spawnSync } from 'node:child_process';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { TrainError } from '../errors.js';
import { openDevice } from '../train/index.js';

const SELF = fileURLToPath(import.meta.url);

/** @throws TrainError if training would find no device */
export function checkAdapter(): void {
  const { stdout } = spawnSync(process.execPath, [SELF], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (stdout !== '') throw new TrainError(stdout.replace(', or pass { device }', ''));
}

if (argv[1] === SELF) {
  try {
    (await openDevice()).close();
  } catch (error) {
    process.stdout.write(error instanceof Error ? error.message : String(error));
  }
  process.exit(0);
}
