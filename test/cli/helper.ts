// What the tests of the command line share: a small model with random weights, files in a folder of their own, and a way to
// run the command as users do.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Constant, Graph } from '../../src/model/graph.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/numerics/random.js';

/** The repository; compiled tests lie in build/test/cli. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/cli/main.js');
export const DIGITS = join(ROOT, 'models/digits');
export const IDX = join(DIGITS, 'mnist-test-10.idx3-ubyte');
export const PNG = join(DIGITS, 'digit-7.png');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bitlane` with arguments, without a terminal. */
export function bitlane(...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: ROOT });
  return { code: status, stdout, stderr };
}

/** A folder that exists until the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bitlane-cli-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file below `folder` and returns its path. */
export function put(folder: string, name: string, data: Uint8Array | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
  return path;
}

/** 28 x 28 x 1 bytes -> 64 signs -> 10 scores, with weights from a seed. */
export function digitGraph(seed = 1): Graph {
  const random = new Random(seed);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.below(256));
  // blocks16: byte i belongs to output channel i % 16 of its block; the last layer has 10 of 16.
  const last = bytes(16 * 8).map((byte, i) => (i % 16 < 10 ? byte : 0));
  const weights = (name: string, n: number, k: number, data: Uint8Array): Constant => {
    return { name, shape: [n, k], encoding: 'centered', bits: 1, layout: 'blocks16', data };
  };
  const values = (name: string, numbers: readonly number[]): Constant => {
    const data = new Uint8Array(Int32Array.from(numbers).buffer);
    return { name, shape: [numbers.length], encoding: 'int32', bits: 0, layout: 'plain', data };
  };
  return {
    name: 'test-digits',
    tensors: [
      { name: 'input', shape: [28, 28, 1], encoding: 'centered', bits: 8, scale: 1 / 255 },
      { name: 'hidden/signs', shape: [64], encoding: 'centered', bits: 1, scale: 1 },
      { name: 'scores', shape: [10], encoding: 'int32', bits: 0, scale: 0.125 },
    ],
    constants: [
      weights('hidden/weights', 64, 784, bytes(64 * 98)),
      values('hidden/thresholds', new Array<number>(64).fill(0)),
      weights('last/weights', 10, 64, last),
      values('last/multipliers', new Array<number>(10).fill(2)),
      values('last/biases', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
    nodes: [
      {
        name: 'hidden',
        operator: { kind: 'dense', weights: 0, transform: { kind: 'threshold', thresholds: 1 } },
        inputs: [0],
        outputs: [1],
      },
      {
        name: 'last',
        operator: { kind: 'dense', weights: 2, transform: { kind: 'integerAffine', multipliers: 3, biases: 4 } },
        inputs: [1],
        outputs: [2],
      },
    ],
    inputs: [0],
    outputs: [2],
    metadata: {
      task: 'handwritten digits',
      labels: ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
      preprocessing: 'bytes as they stand',
      training: { recipe: 'none', seed: String(seed) },
    },
  };
}

export function digitModel(): Uint8Array {
  return writeModel(digitGraph());
}

/** An idx file of bytes. */
export function idx(shape: readonly number[], data: Uint8Array, type = 0x08): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint8(2, type);
  header.setUint8(3, shape.length);
  shape.forEach((size, d) => header.setUint32(4 + 4 * d, size));
  return new Uint8Array([...new Uint8Array(header.buffer), ...data]);
}
