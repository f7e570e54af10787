// One small call of every kernel that has no test of its own, for the backends to be compared on. An entry names the sizes
// of its tensors in the order of the call; contents are random, unless it says otherwise.
import type { Call, KernelName } from '../../src/train/kernels.js';
import type { Random } from '../../src/numerics/random.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';

export interface Case {
  readonly call: Call;
  /** Tensors with contents. */
  readonly contents: ReadonlyMap<Tensor, Float32Array | Uint32Array>;
  readonly outputs: readonly Tensor[];
  readonly tolerance: number;
}

/** 'name' is an input, 'name!' an output, 'name#n' u32 below n, 'name%n' floats 0 .. n - 1, 'name=v' v,
 * 'name~' pairs of a negative and a positive number; then the size. */
type Sketch = readonly (readonly [name: string, size: number])[];

export function casesOf(random: Random): ReadonlyMap<KernelName, readonly Case[]> {
  const cases = new Map<KernelName, Case[]>();
  const add = (call: Omit<Call, 'tensors'>, sketch: Sketch, tolerance = 1e-6): void => {
    const contents = new Map<Tensor, Float32Array | Uint32Array>();
    const outputs: Tensor[] = [];
    const tensors = sketch.map(([name, size]) => {
      const bound = name.split('#')[1];
      const t = tensor(name, [size], bound ? 'u32' : 'f32');
      if (bound) {
        contents.set(
          t,
          Uint32Array.from({ length: size }, () => random.below(Number(bound))),
        );
      } else {
        // State that optimizers divide by is not negative; outputs hold something to add to.
        const low = name.startsWith('v') ? 0 : -2;
        const [, levels] = name.split('%');
        const [, value] = name.split('=');
        let next = 0;
        // '~': pairs of a negative and a positive number.
        const pair = () => random.uniform(0.1, 2) * (next++ % 2 ? 1 : -1);
        const draw = () =>
          name.endsWith('~')
            ? pair()
            : levels
              ? random.below(Number(levels))
              : value
                ? Number(value)
                : random.uniform(low, 2);
        contents.set(t, Float32Array.from({ length: size }, draw));
      }
      if (name.endsWith('!')) outputs.push(t);
      return t;
    });
    const list = cases.get(call.kernel) ?? [];
    list.push({ call: { ...call, tensors } as Call, contents, outputs, tolerance });
    cases.set(call.kernel, list);
  };

  for (const accumulate of [false, true]) {
    const size = 131;
    add({ kernel: 'scale', params: { size, factor: 1.5, accumulate } }, [
      ['x', size],
      ['y!', size],
    ]);
    if (!accumulate) {
      add(
        { kernel: 'staircase', params: { rows: 26, channels: 5, steps: 3 } },
        [
          ['s%5', 130],
          ['table%4', 20],
          ['values', 4],
          ['y!', 130],
        ],
        0,
      );
    }
    add({ kernel: 'sumRows', params: { rows: 13, channels: 18, accumulate } }, [
      ['x', 234],
      ['sums!', 18],
    ]);
    add({ kernel: 'sliceBackward', params: { rows: 5, columns: 12, from: 3, width: 7, accumulate } }, [
      ['dy', 35],
      ['dx!', 60],
    ]);
    add({ kernel: 'dropout', params: { size, rate: 0.3, stream: 5, accumulate } }, [
      ['x', size],
      ['key#1000', 1],
      ['y!', size],
    ]);
    for (const window of [
      { images: 2, height: 6, width: 5, channels: 5, kernel: 3, stride: 1, padding: 1, outHeight: 6, outWidth: 5 },
      { images: 1, height: 7, width: 6, channels: 2, kernel: 3, stride: 2, padding: 0, outHeight: 3, outWidth: 2 },
      { images: 3, height: 4, width: 3, channels: 8, kernel: 3, stride: 1, padding: 1, outHeight: 4, outWidth: 3 },
    ]) {
      const input = window.images * window.height * window.width * window.channels;
      const patches = window.images * window.outHeight * window.outWidth * 9 * window.channels;
      add({ kernel: 'col2im', params: { ...window, accumulate } }, [
        ['dpatches', patches],
        ['dx!', input],
      ]);
      if (accumulate) continue;
      add({ kernel: 'im2col', params: window }, [
        ['x', input],
        ['patches!', patches],
      ]);
    }
    for (const average of [false, true]) {
      const shape = { images: 2, height: 5, width: 6, channels: 3, size: 2, average };
      add({ kernel: 'poolBackward', params: { ...shape, accumulate } }, [
        // Levels 0 to 2 and a maximum of 2: windows hold it several times, once, or not at all.
        ['x%3', 180],
        ['y=2', 36],
        ['dy', 36],
        ['dx!', 180],
      ]);
      if (accumulate) continue;
      add({ kernel: 'pool', params: shape }, [
        ['x', 180],
        ['y!', 36],
      ]);
    }
    add(
      {
        kernel: 'shiftNormBackward',
        params: { rows: 17, channels: 19, accumulate: [accumulate, accumulate, accumulate] },
      },
      [
        ['x', 323],
        ['gamma', 19],
        ['saved', 38],
        ['dy', 323],
        ['dx!', 323],
        ['dgamma!', 19],
        ['dbeta!', 19],
      ],
      3e-6,
    );
    add({ kernel: 'embeddingBackward', params: { rows: 9, columns: 5, vocabulary: 4, accumulate } }, [
      ['indices#4', 9],
      ['dy', 45],
      ['dtable!', 20],
    ]);
    add({ kernel: 'lstmCellBackward', params: { rows: 3, hidden: 5, accumulate: [accumulate, accumulate] } }, [
      ['gates', 60],
      ['previous', 30],
      ['state', 30],
      ['dstate', 30],
      ['dgates!', 60],
      ['dprevious!', 30],
    ]);
    add({ kernel: 'tableTanhBackward', params: { size, accumulate } }, [
      ['y', size],
      ['dy', size],
      ['dx!', size],
    ]);
    for (const shifts of [
      { cellShift: 3, indexShift: 1 },
      { cellShift: 0, indexShift: -2 },
    ]) {
      const params = { rows: 3, hidden: 5, step: 0.125, ...shifts };
      add({ kernel: 'tableLstmCellBackward', params: { ...params, accumulate: [accumulate, accumulate] } }, [
        ['gates%17', 60],
        ['previous', 30],
        ['tables%32768', 512],
        ['state', 30],
        ['dstate', 30],
        ['dgates!', 60],
        ['dprevious!', 30],
      ]);
      if (accumulate) continue;
      add(
        { kernel: 'tableLstmCell', params },
        [
          ['gates%17', 60],
          ['previous=-0.625', 30],
          ['tables%32768', 512],
          ['state!', 30],
        ],
        0,
      );
    }
    add(
      { kernel: 'gruCellBackward', params: { rows: 3, hidden: 5, accumulate: [accumulate, accumulate, accumulate] } },
      [
        ['fromInput', 45],
        ['fromState', 45],
        ['previous', 15],
        ['dstate', 15],
        ['dfromInput!', 45],
        ['dfromState!', 45],
        ['dprevious!', 15],
      ],
    );
    // Few classes, and from 64 on a vocabulary.
    for (const channels of [11, 64, 131]) {
      add({ kernel: 'crossEntropyBackward', params: { rows: 7, channels, accumulate } }, [
        ['scores', 7 * channels],
        [`labels#${channels}`, 7],
        ['parts', 28],
        ['dloss', 1],
        ['dscores!', 7 * channels],
      ]);
    }
    add({ kernel: 'distillationBackward', params: { rows: 7, channels: 11, temperature: 3, accumulate } }, [
      ['scores', 77],
      ['teacher', 77],
      ['parts', 28],
      ['dloss', 1],
      ['dscores!', 77],
    ]);
    add({ kernel: 'squaredDistanceBackward', params: { size, accumulate } }, [
      ['a', size],
      ['b', size],
      ['dloss', 1],
      ['da!', size],
    ]);
    const clip = accumulate ? 1 : null;
    add(
      { kernel: 'sgd', params: { size, momentum: 0.9, decay: 0.01, stepScale: 3, clip } },
      [
        ['dw', size],
        ['rates', 1],
        ['w!', size],
        ['m!', size],
      ],
      3e-6,
    );
    for (const variant of ['plain', 'shift-paper', 'shift-torch'] as const) {
      add(
        { kernel: 'adaMax', params: { size, variant, beta1: 0.9, beta2: 0.999, epsilon: 1e-6, stepScale: 3, clip } },
        [
          ['dw', size],
          ['rates', 1],
          ['w!', size],
          ['m!', size],
          ['v!', size],
        ],
        3e-6,
      );
    }
  }
  for (const accumulate of [false, true]) {
    for (const masked of [false, true]) {
      add({ kernel: 'scaledSignBackward', params: { rows: 5, columns: 7, masked, accumulate } }, [
        ['x', 35],
        ['s', 5],
        ['dy', 35],
        ['dx!', 35],
      ]);
    }
    add({ kernel: 'tanhWeightsBackward', params: { size: 131, accumulate } }, [
      ['x', 131],
      ['maximum=0.97', 1],
      ['dy', 131],
      ['dx!', 131],
    ]);
  }
  for (const statistic of ['meanAbs', 'maxAbs', 'maxTanh', 'range'] as const) {
    add({ kernel: 'rowStatistic', params: { rows: 5, columns: 7, statistic } }, [
      ['x', 35],
      ['s!', statistic === 'range' ? 10 : 5],
    ]);
  }
  add({ kernel: 'scaledSign', params: { rows: 5, columns: 7 } }, [
    ['x', 35],
    ['s', 5],
    ['y!', 35],
  ]);
  add({ kernel: 'tanhWeights', params: { size: 131, steps: 7 } }, [
    ['x', 131],
    ['maximum=0.97', 1],
    ['y!', 131],
  ]);
  for (const [scheme, steps] of [
    ['dorefa', 63],
    ['log', 2 ** -14],
    ['affine', 15],
  ] as const) {
    for (const whole of [false, true]) {
      const params = { rows: 6, columns: 21, scheme, steps, whole, stream: 2 };
      add({ kernel: 'quantizeGradient', params }, [
        ['dy', 126],
        // A range of both signs, or a maximum.
        ...(scheme === 'affine' ? ([['s~', 12]] as const) : ([['s=2', 6]] as const)),
        ['key#1000', 1],
        ['out!', 126],
      ]);
    }
  }
  add({ kernel: 'householderPlan', params: { rows: 9 } }, [
    ['range~', 18],
    ['plan!', 36],
  ]);
  add(
    { kernel: 'tableTanh', params: { size: 131, step: 1 / 32 } },
    [
      ['x', 131],
      ['tables%32768', 512],
      ['y!', 131],
    ],
    0,
  );
  add({ kernel: 'addBias', params: { rows: 13, channels: 18 } }, [
    ['x', 234],
    ['bias', 18],
    ['y!', 234],
  ]);
  add({ kernel: 'slice', params: { rows: 5, columns: 12, from: 3, width: 7 } }, [
    ['x', 60],
    ['y!', 35],
  ]);
  add(
    { kernel: 'stochasticSign', params: { size: 131, stream: 7 } },
    [
      ['x', 131],
      ['key#1000', 1],
      ['y!', 131],
    ],
    0,
  );
  add(
    { kernel: 'shiftNorm', params: { rows: 17, channels: 19, epsilon: 1e-5, momentum: 0.125 } },
    [
      ['x', 323],
      ['gamma', 19],
      ['beta', 19],
      ['y!', 323],
      ['saved!', 38],
      ['running!', 38],
    ],
    3e-6,
  );
  add({ kernel: 'embedding', params: { rows: 9, columns: 5 } }, [
    ['table', 20],
    ['indices#4', 9],
    ['y!', 45],
  ]);
  add({ kernel: 'lstmCell', params: { rows: 3, hidden: 5 } }, [
    ['gates', 60],
    ['previous', 30],
    ['state!', 30],
  ]);
  add({ kernel: 'gruCell', params: { rows: 3, hidden: 5 } }, [
    ['fromInput', 45],
    ['fromState', 45],
    ['previous', 15],
    ['state!', 15],
  ]);
  for (const channels of [11, 64, 131]) {
    add({ kernel: 'crossEntropyRows', params: { rows: 7, channels } }, [
      ['scores', 7 * channels],
      [`labels#${channels}`, 7],
      ['parts!', 28],
    ]);
  }
  add(
    { kernel: 'distillationRows', params: { rows: 7, channels: 11, temperature: 3 } },
    [
      ['scores', 77],
      ['teacher', 77],
      ['parts!', 28],
    ],
    5e-6,
  );
  // Numbers of both signs: the sum is small beside its parts.
  add(
    { kernel: 'meanLoss', params: { rows: 67 } },
    [
      ['parts', 268],
      ['loss!', 1],
      ['totals!', 2],
    ],
    1e-5,
  );
  add({ kernel: 'squaredDistance', params: { size: 131 } }, [
    ['a', 131],
    ['b', 131],
    ['loss!', 1],
  ]);
  return cases;
}
