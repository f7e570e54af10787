// The labelled data sets that commands read from a folder, by the names that --dataset takes and that model files record.
import {
  type Dataset,
  loadCifar10,
  loadCifar10Split,
  loadFashionMnist,
  loadMnist,
  loadMnistSplit,
  type LabelledBytes,
} from '../train/index.js';

interface Source {
  /** As Dataset.name, and as model files record it. */
  readonly name: string;
  /** What a network of it is for, as model files record it. */
  readonly task: string;
  readonly inputShape: readonly number[];
  readonly load: (folder: string) => Promise<Dataset>;
  readonly loadTest: (folder: string) => Promise<LabelledBytes>;
}

const loadDigits = (folder: string): Promise<LabelledBytes> => loadMnistSplit(folder, 'test');

export const DATASETS = {
  mnist: { name: 'MNIST', task: 'handwritten digits', inputShape: [28, 28, 1], load: loadMnist, loadTest: loadDigits },
  'fashion-mnist': {
    name: 'Fashion-MNIST',
    task: 'pictures of clothes',
    inputShape: [28, 28, 1],
    load: loadFashionMnist,
    loadTest: loadDigits,
  },
  cifar10: {
    name: 'CIFAR-10',
    task: 'small photographs',
    inputShape: [32, 32, 3],
    load: loadCifar10,
    loadTest: (folder) => loadCifar10Split(folder, 'test'),
  },
} as const satisfies Record<string, Source>;

export type DatasetName = keyof typeof DATASETS;

/** The data set that a model's record names, if it is one of ours. */
export function datasetOf(training: Readonly<Record<string, string>> | undefined): DatasetName | undefined {
  const names = Object.keys(DATASETS) as DatasetName[];
  return names.find((name) => DATASETS[name].name === training?.['dataset']);
}
