// What is measured: layers and whole networks by their shapes, once, for every contender. A network is a list of layers on
// an NHWC input; names of works are those of the results' files.

/**
 * A layer: { op: 'conv', n, kernel, stride, pad } | { op: 'pool', kernel, stride, pad } | { op: 'dense', n } |
 * { op: 'block', n, stride } (two 3x3 convolutions and a shortcut, 1x1 where size or channels change) | { op: 'mean' }.
 * `ours` says what bitlane stores: 'binary' (default) or 'int8'.
 */
const conv = (n, kernel = 3, stride = 1, ours = 'binary') => ({
  op: 'conv',
  n,
  kernel,
  stride,
  pad: kernel >> 1,
  ours,
});
const pool = (kernel = 2, stride = 2, pad = 0) => ({ op: 'pool', kernel, stride, pad });
const dense = (n) => ({ op: 'dense', n });
const block = (n, stride = 1) => ({ op: 'block', n, stride });

/** input: [height, width, channels]; bits: of our input, 1 (bits), 7 (0..127, as behind a ReLU), 8 (bytes, int8) or 32. */
const layer = (name, size, c, l, bits = 1) => ({ name, input: [size, size, c], layers: [l], bits });

/** @type {{ name: string, input: number[], layers: object[], bits: number, float?: boolean }[]} */
export const WORKS = [
  layer('conv3x3-128@32', 32, 128, conv(128)),
  layer('conv3x3-256@16', 16, 256, conv(256)),
  layer('conv3x3-512@8', 8, 512, conv(512)),
  layer('conv3x3-64@56', 56, 64, conv(64)),
  layer('conv1x1-256@28', 28, 256, conv(256, 1)),
  { name: 'dense-4096x4096', input: [1, 1, 4096], layers: [dense(4096)], bits: 1 },
  layer('first-3x128@32', 32, 3, conv(128), 8),
  layer('int8-conv1x1-256@28', 28, 256, conv(256, 1, 1, 'int8'), 7),
  layer('int8-conv3x3-64@56', 56, 64, conv(64, 3, 1, 'int8'), 7),
  layer('int8-conv7x7s2-3x64@224', 224, 3, conv(64, 7, 2, 'int8'), 8),
  layer('f32-conv3x3-128@28', 28, 128, conv(128, 3, 1, 'float32'), 32),
  { name: 'f32-dense-1024x1024', input: [1, 1, 1024], layers: [{ ...dense(1024), ours: 'float32' }], bits: 32 },
  {
    name: 'mnist-mlp',
    input: [28, 28, 1],
    layers: [dense(4096), dense(4096), dense(4096), dense(10)],
    bits: 8,
  },
  {
    name: 'cifar10-convnet',
    input: [32, 32, 3],
    layers: [
      ...[conv(128), conv(128), pool(), conv(256), conv(256), pool(), conv(512), conv(512), pool()],
      ...[dense(1024), dense(1024), dense(10)],
    ],
    bits: 8,
  },
  {
    name: 'resnet18@224',
    input: [224, 224, 3],
    layers: [
      ...[conv(64, 7, 2, 'int8'), pool(3, 2, 1)],
      ...[64, 128, 256, 512].flatMap((n) => [block(n, n === 64 ? 1 : 2), block(n)]),
      ...[{ op: 'mean' }, { ...dense(1000), ours: 'int8' }],
    ],
    bits: 8,
  },
];

/** Multiply-accumulates of a work. */
export function macsOf({ input, layers }) {
  let [h, w, c] = input;
  let macs = 0;
  const step = (n, kernel, stride, pad) => {
    h = Math.floor((h + 2 * pad - kernel) / stride) + 1;
    w = Math.floor((w + 2 * pad - kernel) / stride) + 1;
    macs += h * w * n * kernel * kernel * c;
    c = n;
  };
  for (const l of layers) {
    if (l.op === 'conv') step(l.n, l.kernel, l.stride, l.pad);
    else if (l.op === 'pool') {
      h = Math.floor((h + 2 * l.pad - l.kernel) / l.stride) + 1;
      w = Math.floor((w + 2 * l.pad - l.kernel) / l.stride) + 1;
    } else if (l.op === 'block') {
      const before = c;
      step(l.n, 3, l.stride, 1);
      if (l.stride !== 1 || before !== l.n) macs += h * w * l.n * before;
      step(l.n, 3, 1, 1);
    } else if (l.op === 'mean') [h, w] = [1, 1];
    else {
      macs += h * w * c * l.n;
      [h, w, c] = [1, 1, l.n];
    }
  }
  return macs;
}

/** Seeded numbers, so that every run measures the same networks. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Random floats; beyond 65,536 they repeat, so that large networks are made in no time. */
export function floats(count, random, scale = 0.1) {
  const block = Float32Array.from({ length: Math.min(count, 65536) }, () => (random() - 0.5) * scale);
  const all = new Float32Array(count);
  for (let at = 0; at < count; at += block.length) all.set(block.subarray(0, Math.min(block.length, count - at)), at);
  return all;
}
