// MNIST from a folder: 60,000 training and 10,000 test images of 28 x 28 bytes (LeCun, Cortes, Burges), four idx files.
// Each is looked for under its usual names: with `-idx3-ubyte` or `.idx3-ubyte`, plain or gzipped.
import { DataError } from '../../errors.js';
import type { Dataset, LabelledBytes } from './dataset.js';
import { readDataFile } from './files.js';
import { parseIdx, type IdxArray } from './idx.js';

const WHERE =
  'MNIST is at https://ossci-datasets.s3.amazonaws.com/mnist/ (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, ' +
  't10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz)';
const SIDE = 28;
const CLASSES = 10;

const FASHION = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** Reads the training and the test set. @throws DataError naming the file that is missing or damaged */
export async function loadMnist(folder: string): Promise<Dataset> {
  const digits = Array.from({ length: CLASSES }, (_, digit) => String(digit));
  return loadImages(folder, 'MNIST', digits);
}

/**
 * Reads Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): pictures of clothes in files that are named and shaped as MNIST's.
 * @throws DataError naming the file that is missing or damaged
 */
export async function loadFashionMnist(folder: string): Promise<Dataset> {
  return loadImages(folder, 'Fashion-MNIST', FASHION);
}

async function loadImages(folder: string, name: string, classes: readonly string[]): Promise<Dataset> {
  // One after the other, so that of several missing files the same one is named every time.
  const train = await loadMnistSplit(folder, 'train');
  const test = await loadMnistSplit(folder, 'test');
  return { name, inputShape: [SIDE, SIDE, 1], classes, train, test };
}

/** Reads one of the two sets. @throws DataError naming the file that is missing or damaged */
export async function loadMnistSplit(folder: string, split: 'train' | 'test'): Promise<LabelledBytes> {
  const stem = split === 'train' ? 'train' : 't10k';
  const images = await load(folder, `${stem}-images`, 3);
  const labels = await load(folder, `${stem}-labels`, 1);
  const [count, height, width] = images.shape as [number, number, number];
  if (height !== SIDE || width !== SIDE) {
    throw new DataError(`"${stem}-images" expected images of ${SIDE} x ${SIDE}, got ${height} x ${width}`);
  }
  if (labels.shape[0] !== count) {
    throw new DataError(`"${stem}-labels" expected ${count} labels, one per image, got ${labels.shape[0]}`);
  }
  const wrong = labels.data.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) throw new DataError(`"${stem}-labels" expected digits 0 to 9, got ${labels.data[wrong]} at ${wrong}`);
  return { count, samples: images.data, labels: labels.data };
}

async function load(folder: string, stem: string, dimensions: number): Promise<IdxArray> {
  const names = [`${stem}-idx${dimensions}-ubyte`, `${stem}.idx${dimensions}-ubyte`].flatMap((n) => [n, `${n}.gz`]);
  for (const name of names) {
    const path = `${folder}/${name}`;
    const bytes = await readDataFile(path);
    if (bytes) return parseIdx(bytes, dimensions, path);
  }
  throw new DataError(`MNIST folder "${folder}" expected a file ${names.join(' or ')}, got none; ${WHERE}`);
}
