// CIFAR-10 from a folder of its binary version: data_batch_1.bin .. data_batch_5.bin and test_batch.bin, 10,000 records each
// of a label and 32 x 32 bytes of red, green and blue (Krizhevsky 2009). Samples come out as height x width x channels.
import { DataError } from '../../errors.js';
import type { Dataset, LabelledBytes } from './dataset.js';

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const RECORD = 1 + 3 * PIXELS;
const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** Reads the training and the test set. @throws DataError naming the file that is missing or damaged */
export async function loadCifar10(folder: string): Promise<Dataset> {
  const train = await loadCifar10Split(folder, 'train');
  const test = await loadCifar10Split(folder, 'test');
  return { name: 'CIFAR-10', inputShape: [SIDE, SIDE, 3], classes: CLASSES, train, test };
}

/** Reads one of the two sets. @throws DataError naming the file that is missing or damaged */
export async function loadCifar10Split(folder: string, split: 'train' | 'test'): Promise<LabelledBytes> {
  const { readFile } = await import('node:fs/promises');
  const names = split === 'train' ? [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`) : ['test_batch.bin'];
  const parts: LabelledBytes[] = [];
  for (const name of names) {
    const path = `${folder}/${name}`;
    const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      throw new DataError(
        `"${path}" could not be read: ${String(cause.code)}; the binary version of CIFAR-10 is at ` +
          'https://www.cs.toronto.edu/~kriz/cifar.html',
        { cause },
      );
    });
    parts.push(parseCifar10(bytes, name));
  }
  return joined(parts);
}

/** The records of one file. @throws DataError if it is damaged; `name` stands for the file */
export function parseCifar10(bytes: Uint8Array, name: string): LabelledBytes {
  const count = bytes.length / RECORD;
  if (!Number.isInteger(count) || count === 0) {
    throw new DataError(`"${name}" expected records of ${RECORD} bytes, got ${bytes.length} bytes`);
  }
  const samples = new Uint8Array(count * 3 * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = bytes[i * RECORD];
    if (label >= CLASSES.length) throw new DataError(`"${name}" expected labels 0 to 9, got ${label} at ${i}`);
    labels[i] = label;
    const planes = i * RECORD + 1;
    let to = i * 3 * PIXELS;
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      for (let channel = 0; channel < 3; channel++) samples[to++] = bytes[planes + channel * PIXELS + pixel]!;
    }
  }
  return { count, samples, labels };
}

function joined(parts: readonly LabelledBytes[]): LabelledBytes {
  const join = (arrays: readonly Uint8Array[]): Uint8Array => {
    const whole = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const array of arrays) {
      whole.set(array, at);
      at += array.length;
    }
    return whole;
  };
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { count, samples: join(parts.map((p) => p.samples)), labels: join(parts.map((p) => p.labels)) };
}
