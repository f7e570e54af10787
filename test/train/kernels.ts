// What every backend must do: each kernel against the float64 reference, at sizes around the tiles. One function, run on
// the GPU and on the CPU backend.
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sign } from '../../src/numerics/bits.js';
import { Random } from '../../src/numerics/random.js';
import type { Backend, Call } from '../../src/train/kernels.js';
import { squaredHinge } from '../../src/train/losses.js';
import {
  APPROXIMATE_SIGN,
  centeredQuantizer,
  grid,
  HARD_TANH,
  linearQuantizer,
  logQuantizer,
  powerQuantizer,
  RELU,
  SIGMOID,
  SIGN,
  TANH,
  ternary,
  unitQuantizer,
} from '../../src/train/maps.js';
import { Model } from '../../src/train/model.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { casesOf } from './cases.js';
import { CpuReference } from './cpu.js';

const SEED = 20;

type Create = () => Backend | Promise<Backend>;

/** @param variants backends by name; the first is the usual one, the others differ in their matrix products */
export function kernelTests(test: ReturnType<typeof suite>, variants: Readonly<Record<string, Create>>): void {
  const usual = Object.values(variants)[0];
  const random = new Random(SEED);
  const largest = new Map<string, number>();
  test.after(() => {
    const differences = [...largest].map(([kernel, value]) => `${kernel} ${value.toExponential(1)}`);
    console.log(
      `seed ${SEED}; largest differences from float64, relative to the largest value: ${differences.join(', ')}`,
    );
  });

  const floats = (t: Tensor, low = -2, high = 2) =>
    Float32Array.from({ length: t.size }, () => random.uniform(low, high));
  const integers = (t: Tensor, bound: number) => Uint32Array.from({ length: t.size }, () => random.below(bound));

  /**
   * Runs calls on the device and the reference from equal contents; compares `outputs` to a tolerance, 0 for equality.
   */
  async function compare(
    calls: readonly Call[],
    contents: ReadonlyMap<Tensor, Float32Array | Uint32Array>,
    outputs: readonly Tensor[],
    tolerance: number,
    create: Create = usual,
    what?: string,
  ): Promise<void> {
    const backend = await create();
    const cpu = new CpuReference();
    for (const [t, data] of contents) {
      backend.write(t, data);
      cpu.write(t, data);
    }
    for (const each of [backend, cpu]) (await each.compile(calls)).run();
    for (const t of outputs) {
      const expected = cpu.array(t);
      const got = await backend.read(t);
      const magnitude = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-30);
      const difference = expected.reduce((max, v, i) => Math.max(max, Math.abs(v - got[i])), 0) / magnitude;
      const name = what ?? (calls.length > 2 ? 'whole net' : calls[0].kernel);
      largest.set(name, Math.max(largest.get(name) ?? 0, difference));
      const place = `${name} ${JSON.stringify(calls[what ? calls.length - 1 : 0].params)} "${t.label}"`;
      assert.ok(difference <= tolerance, `${place}: largest difference ${difference}, tolerance ${tolerance}`);
    }
    backend.dispose();
  }

  // Around 8 rows, 32 columns and 8 lanes of one kernel and the 64 x 64 x 16 tiles of the other. Every size is a shader
  // of its own to compile, so they are few.
  const shapes = [
    [1, 1, 1],
    [9, 33, 8],
    [65, 31, 17],
    [13, 101, 15],
  ] as const;
  // Around words of 32 and what is packed at all (64), tiles of 64 and 128, slices of words, and past 16 bits of count.
  const SIGN_SHAPES = [
    [1, 1, 1],
    [2, 3, 31],
    [3, 2, 32],
    [2, 5, 33],
    [1, 1, 64],
    [7, 9, 65],
    [65, 67, 127],
    [13, 33, 257],
    [4, 4, 544],
    [1537, 1409, 96],
    [2, 65, 65573],
  ] as const;
  const SPECIAL = [0, -0, 1, -1, 1 + 2 ** -23, -1 - 2 ** -23, 1 - 2 ** -24, 1e-30, -1e-30];
  for (const [variant, create] of Object.entries(variants)) {
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
    ] as const) {
      test(`matmul ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'} by ${variant} is right at awkward sizes`, async () => {
        for (const [i, [m, n, k]] of shapes.entries()) {
          const [a, b, c] = [tensor('a', [m, k]), tensor('b', [k, n]), tensor('c', [m, n])];
          const params = { m, n, k, transposeA, transposeB, accumulate: i % 2 === 1 };
          const contents = new Map([a, b, c].map((t) => [t, floats(t)]));
          await compare([{ kernel: 'matmul', params, tensors: [a, b, c] }], contents, [c], 2e-6, create);
        }
      });
    }
    test(`matmul by ${variant} is exact for signs times signs, of every length`, async () => {
      for (const [m, n, k] of SIGN_SHAPES) {
        const [x, w] = [tensor('x', [m, k]), tensor('w', [n, k])];
        const [a, b, c] = [tensor('a', [m, k]), tensor('b', [n, k]), tensor('c', [m, n])];
        const accumulate = k === 127;
        const contents = new Map([
          [x, floats(x)],
          [w, floats(w)],
          [c, floats(c).map(Math.round)],
        ]);
        contents.get(x)!.set(SPECIAL.slice(0, Math.min(9, x.size)));
        const signs = (from: Tensor, to: Tensor): Call => {
          return { kernel: 'map', params: { ...SIGN, size: from.size, alpha: 1 }, tensors: [from, to] };
        };
        const params = { m, n, k, transposeA: false, transposeB: true, accumulate };
        const calls: Call[] = [signs(x, a), signs(w, b), { kernel: 'matmul', params, tensors: [a, b, c] }];
        await compare(calls, contents, [c], 0, create, 'matmul of signs');
      }
    });
    test(`matmul by ${variant} is exact for patches of signs, zeros around them too`, async () => {
      // Words inside a tap and across taps, strides, results by fours and alone, kernels larger than the picture.
      for (const [images, height, width, channels, kernel, stride, padding, n] of [
        [2, 5, 6, 32, 3, 1, 1, 8],
        [3, 6, 5, 7, 3, 2, 1, 5],
        [2, 4, 4, 64, 3, 1, 0, 33],
        [1, 3, 2, 5, 5, 1, 2, 12],
        [70, 8, 7, 12, 3, 2, 2, 68],
      ] as const) {
        const side = (length: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1;
        const [outHeight, outWidth] = [side(height), side(width)];
        const [m, k] = [images * outHeight * outWidth, kernel * kernel * channels];
        const size = images * height * width * channels;
        const [x, w] = [tensor('x', [size]), tensor('w', [n, k])];
        const [a, b, p, c] = [tensor('a', [size]), tensor('b', [n, k]), tensor('p', [m, k]), tensor('c', [m, n])];
        const picture = { images, height, width, channels, kernel, stride, padding, outHeight, outWidth };
        const accumulate = stride === 2;
        const contents = new Map([
          [x, floats(x)],
          [w, floats(w)],
          [c, floats(c).map(Math.round)],
        ]);
        const calls: Call[] = [
          { kernel: 'map', params: { ...SIGN, size, alpha: 1 }, tensors: [x, a] },
          { kernel: 'map', params: { ...SIGN, size: n * k, alpha: 1 }, tensors: [w, b] },
          { kernel: 'im2col', params: picture, tensors: [a, p] },
          {
            kernel: 'matmul',
            params: { m, n, k, transposeA: false, transposeB: true, accumulate },
            tensors: [p, b, c],
          },
        ];
        await compare(calls, contents, [c], 0, create, 'matmul of patches of signs');
      }
    });
    test(`matmul by ${variant} is right for few results of long sums, and exact for integers`, async () => {
      for (const [m, n, k, accumulate] of [
        [9, 33, 5003, false],
        [12, 68, 16500, true],
        [70, 200, 513, false],
      ] as const) {
        const [a, b, c] = [tensor('a', [k, m]), tensor('b', [k, n]), tensor('c', [m, n])];
        const params = { m, n, k, transposeA: true, transposeB: false, accumulate };
        const calls: Call[] = [{ kernel: 'matmul', params, tensors: [a, b, c] }];
        const contents = new Map([a, b, c].map((t) => [t, floats(t)]));
        await compare(calls, contents, [c], 1e-5, create, `long sums by ${variant}`);
        const integral = new Map([a, b, c].map((t) => [t, floats(t, -20, 20).map(Math.round)]));
        await compare(calls, integral, [c], 0, create, 'long sums of integers');
      }
    });
    test(`matmul by ${variant} is right in tiles of 128`, async () => {
      // Two by 65 tiles, with and without rows that are a multiple of four long.
      for (const [m, n, k] of [
        [131, 8204, 9],
        [132, 8201, 8],
      ] as const) {
        const [a, b, c] = [tensor('a', [m, k]), tensor('b', [k, n]), tensor('c', [m, n])];
        const params = { m, n, k, transposeA: m % 4 === 0, transposeB: n % 4 !== 0, accumulate: false };
        const contents = new Map([a, b].map((t) => [t, floats(t)]));
        await compare([{ kernel: 'matmul', params, tensors: [a, b, c] }], contents, [c], 2e-6, create);
      }
    });
    test(`matmul by ${variant} is exact for odd bytes times signs`, async () => {
      const [m, n, k] = [9, 34, 784];
      const [a, b, c] = [tensor('a', [m, k]), tensor('b', [n, k]), tensor('c', [m, n])];
      const contents = new Map([
        [a, floats(a).map(() => 2 * random.below(256) - 255)],
        [b, floats(b).map(sign)],
      ]);
      const params = { m, n, k, transposeA: false, transposeB: true, accumulate: false };
      await compare([{ kernel: 'matmul', params, tensors: [a, b, c] }], contents, [c], 0, create);
    });
  }

  const mapCases = {
    sign: SIGN,
    'hard tanh': HARD_TANH,
    relu: RELU,
    ternary: ternary(0.5),
    '3-bit linear': linearQuantizer(3),
    grid: grid(1 / 16, 1.5),
    '4-bit centered': centeredQuantizer(4),
    '4-bit log': logQuantizer(4),
    '3-bit power': powerQuantizer(3),
    'approximate sign': APPROXIMATE_SIGN,
    '2-bit unit': unitQuantizer(2),
    tanh: TANH,
    sigmoid: SIGMOID,
  };
  for (const [name, spec] of Object.entries(mapCases)) {
    test(`map ${name} and its gradient agree, at the edges and blended too`, async () => {
      const size = 131;
      const [x, y, dy, dx] = ['x', 'y', 'dy', 'dx'].map((label) => tensor(label, [size])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const contents = new Map([x, dy, dx].map((t) => [t, floats(t)]));
      contents.get(x)!.set(SPECIAL);
      // Steps of 1/3 are rounded, and so are transcendental functions.
      const exact = { unit: 1e-7, tanh: 1e-6, sigmoid: 1e-6 }[spec.op as string] ?? 0;
      for (const [alpha, factor, accumulate] of [
        [1, 1, false],
        [0.75, 1.5, true],
      ] as const) {
        const forward: Call = { kernel: 'map', params: { ...spec, size, alpha }, tensors: [x, y] };
        const backward: Call = {
          kernel: 'mapBackward',
          params: { ...spec, size, factor, accumulate },
          tensors: [x, dy, dx],
        };
        await compare([forward], contents, [y], Math.max(exact, alpha === 1 ? 0 : 2e-7));
        await compare(
          [backward],
          contents,
          [dx],
          Math.max(exact, accumulate || spec.op === 'approximateSign' ? 2e-7 : 0),
        );
      }
    });
  }

  for (const [kernel, cases] of casesOf(new Random(SEED))) {
    test(`${kernel} agrees`, async () => {
      for (const { call, contents, outputs, tolerance } of cases) await compare([call], contents, outputs, tolerance);
    });
  }

  test('long arrays are covered to the end', async () => {
    const size = 64 * 65535 + 77;
    const [x, y] = [tensor('x', [size]), tensor('y', [size])];
    await compare(
      [{ kernel: 'map', params: { ...SIGN, size, alpha: 1 }, tensors: [x, y] }],
      new Map([[x, floats(x)]]),
      [y],
      0,
    );
  });

  for (const [variant, create] of Object.entries(variants)) {
    test(`batchNorm and its gradient by ${variant} agree at awkward sizes, far from zero and accumulated`, async () => {
      for (const [rows, channels] of [
        [5, 1],
        [16, 16],
        [17, 17],
        [131, 10],
        [1537, 17],
        [4111, 3],
      ] as const) {
        const [x, y, dy, dx] = ['x', 'y', 'dy', 'dx'].map((l) => tensor(l, [rows, channels])) as [
          Tensor,
          Tensor,
          Tensor,
          Tensor,
        ];
        const [gamma, beta, dgamma, dbeta] = ['gamma', 'beta', 'dgamma', 'dbeta'].map((l) => tensor(l, [channels])) as [
          Tensor,
          Tensor,
          Tensor,
          Tensor,
        ];
        const [saved, running] = [tensor('saved', [2, channels]), tensor('running', [2, channels])];
        const contents = new Map([gamma, beta, running, dy, dx, dgamma, dbeta].map((t) => [t, floats(t)]));
        contents.set(
          x,
          floats(x, -5e3, 5e3).map((v) => Math.round(v + 1e5)),
        );
        for (const accumulate of [
          [false, false, false],
          [true, true, true],
        ] as const) {
          const calls: Call[] = [
            {
              kernel: 'batchNorm',
              params: { rows, channels, epsilon: 1e-4, momentum: 0.1 },
              tensors: [x, gamma, beta, y, saved, running],
            },
            {
              kernel: 'batchNormBackward',
              params: { rows, channels, accumulate },
              tensors: [x, gamma, saved, dy, dx, dgamma, dbeta],
            },
          ];
          await compare(
            calls,
            contents,
            [y, saved, running, dx, dgamma, dbeta],
            3e-5,
            create,
            `batchNorm by ${variant}`,
          );
        }
      }
    });
  }

  test('affineSign decides as the rounded product plus shift does, at ties too', async () => {
    const [rows, channels] = [257, 13];
    const [s, affine, y] = [
      tensor('s', [rows, channels]),
      tensor('affine', [2, channels]),
      tensor('y', [rows, channels]),
    ];
    const sums = floats(s, -2000, 2000).map(Math.round);
    const pairs = floats(affine, -0.01, 0.01);
    // Every shift is the negated rounded product of one of its column's sums: exactly at the threshold.
    for (let c = 0; c < channels; c++) pairs[channels + c] = -Math.fround(pairs[c] * sums[c * channels + c]);
    const contents = new Map([
      [s, sums],
      [affine, pairs],
    ]);
    await compare([{ kernel: 'affineSign', params: { rows, channels }, tensors: [s, affine, y] }], contents, [y], 0);
  });

  test('gatherBytes unpacks every byte, whatever the alignment of a sample', async () => {
    for (const features of [1, 7, 784]) {
      const rows = 5;
      const data = tensor('data', [Math.ceil((9 * features) / 4)], 'u32');
      const [indices, out] = [tensor('indices', [rows], 'u32'), tensor('out', [rows, features])];
      const contents = new Map([
        [data, integers(data, 2 ** 32)],
        [indices, integers(indices, 9)],
      ]);
      const call: Call = { kernel: 'gatherBytes', params: { rows, features }, tensors: [data, indices, out] };
      await compare([call], contents, [out], 0);
    }
  });

  test('squaredHinge and its gradient agree, and totals add up', async () => {
    for (const [rows, channels] of [
      [1, 2],
      [64, 3],
      [131, 10],
    ] as const) {
      const [scores, dscores] = [tensor('scores', [rows, channels]), tensor('dscores', [rows, channels])];
      const [labels, loss, dloss, totals] = [
        tensor('labels', [rows], 'u32'),
        tensor('loss', [1]),
        tensor('dloss', [1]),
        tensor('totals', [2]),
      ];
      const contents = new Map<Tensor, Float32Array | Uint32Array>(
        [scores, dscores, dloss, totals].map((t) => [t, floats(t)]),
      );
      contents.set(labels, integers(labels, channels));
      for (const accumulate of [false, true]) {
        const calls: Call[] = [
          { kernel: 'squaredHinge', params: { rows, channels }, tensors: [scores, labels, loss, totals] },
          {
            kernel: 'squaredHingeBackward',
            params: { rows, channels, accumulate },
            tensors: [scores, labels, dloss, dscores],
          },
        ];
        await compare(calls, contents, [loss, totals, dscores], 2e-6);
      }
    }
  });

  test('adam agrees for clipped, free and decaying parameters', async () => {
    for (const [clip, decay] of [
      [1, 0],
      [null, 0],
      [null, 0.05],
      [1, 0.05],
    ] as const) {
      const size = 131;
      const [dw, w, m, v] = ['dw', 'w', 'm', 'v'].map((label) => tensor(label, [size])) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const rates = tensor('rates', [3]);
      const contents = new Map([dw, w, m].map((t) => [t, floats(t)]));
      contents.set(v, floats(v, 0, 2));
      contents.set(rates, Float32Array.of(0.003 / (1 - 0.9 ** 3), 1 / (1 - 0.999 ** 3), 0.003));
      const params = { size, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, stepScale: 35, clip, decay };
      await compare([{ kernel: 'adam', params, tensors: [dw, rates, w, m, v] }], contents, [w, m, v], 5e-6);
    }
  });

  test('a training pass of a whole binarized net has the gradients of the reference', async () => {
    const rows = 37;
    const model = new Model(
      [19],
      [
        { kind: 'dense', name: 'hidden1', outputs: 33, activation: 'sign' },
        { kind: 'dense', name: 'hidden2', outputs: 17, activation: 'sign' },
        { kind: 'dense', name: 'scores', outputs: 4, activation: 'none' },
      ],
    );
    const tape = new Tape();
    const [x, labels] = [tensor('x', [rows, 19]), tensor('labels', [rows], 'u32')];
    const loss = squaredHinge(
      tape,
      model.trainingPass(tape, x, tensor('key', [1], 'u32')).scores,
      labels,
      tensor('totals', [2]),
    );
    const gradients = tape.backward(loss);
    const contents = new Map<Tensor, Float32Array | Uint32Array>([
      [x, floats(x).map(() => 2 * random.below(256) - 255)],
      [labels, integers(labels, 4)],
      [gradients.seed, Float32Array.of(1)],
    ]);
    for (const { tensor: w, fan } of model.parameters) contents.set(w, fan ? floats(w, -1, 1) : floats(w, 0.5, 1.5));
    const outputs = [loss, ...model.parameters.map(({ tensor: w }) => gradients.of(w))];
    await compare([...tape.forward(), ...gradients.calls], contents, outputs, 1e-4);
  });
}
