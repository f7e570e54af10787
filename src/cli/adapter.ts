// Asks for a WebGPU device in a process of its own first. Where none is to be had, Dawn writes several lines of its own to
// stderr that JavaScript cannot hold back; this way the user sees one line that says what to do.
// Run as a program, it prints `hardware` or `software`, or the error of openDevice(), to stdout.
import { spawnSync } from 'node:child_process';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { TrainError } from '../errors.js';
import { openDevice, type DeviceChoice } from '../train/index.js';

const SELF = fileURLToPath(import.meta.url);

/**
 * What the GPU is made of.
 * @throws TrainError if training would find no WebGPU device
 */
export function probeAdapter(): 'hardware' | 'software' {
  const { stdout } = spawnSync(process.execPath, [SELF], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (stdout === 'hardware' || stdout === 'software') return stdout;
  throw new TrainError(stdout);
}

/** The device that `choice` comes to here. @throws TrainError if it is `gpu` and there is none */
export function resolveDevice(choice: DeviceChoice): 'gpu' | 'cpu' {
  if (choice === 'cpu') return 'cpu';
  try {
    const kind = probeAdapter();
    return kind === 'hardware' || choice === 'gpu' ? 'gpu' : 'cpu';
  } catch (error) {
    if (choice === 'auto') return 'cpu';
    throw error;
  }
}

if (argv[1] === SELF) {
  try {
    const handle = await openDevice();
    process.stdout.write(handle.software ? 'software' : 'hardware');
    handle.close();
  } catch (error) {
    process.stdout.write(error instanceof Error ? error.message : String(error));
  }
  process.exit(0);
}
