// int8 layers of real networks against onnxruntime-web's QLinearConv (uint8 x int8) on one thread, best/median ms.
//   npm run build && RIVALS=<folder with onnxruntime-web and tfjs> node bench/kernels/int8.mjs [PATTERN]
// i8: any int8 activations; i8+: activations known to be 0..127 (behind a ReLU), which the relaxed build uses.
import { CONV_FIELDS, isDepthwise, planConvInt8 } from '../../dist/plan/i8.js';
import { denseGeometry, outHeight, outWidth } from '../../dist/numerics/geometry.js';
import { packPairs, packQuads } from '../../dist/numerics/quads.js';
import { builds, kernelsOf, race, random, rivals } from './harness.mjs';
import { convQuantized, matMulInteger } from './onnx.mjs';

// prettier-ignore
const LAYERS = [
  ['stem 7x7s2 3-64@224', { c: 3, n: 64, size: 224, kernel: 7, stride: 2, pad: 3 }],
  ['cifar 3x3 3-128@32', { c: 3, n: 128, size: 32, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 64-64@56', { c: 64, n: 64, size: 56, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 128-128@28', { c: 128, n: 128, size: 28, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 256-256@14', { c: 256, n: 256, size: 14, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 512-512@7', { c: 512, n: 512, size: 7, kernel: 3, stride: 1, pad: 1 }],
  ['3x3s2 64-128@56', { c: 64, n: 128, size: 56, kernel: 3, stride: 2, pad: 1 }],
  ['1x1 64-256@56', { c: 64, n: 256, size: 56, kernel: 1, stride: 1, pad: 0 }],
  ['1x1 256-64@56', { c: 256, n: 64, size: 56, kernel: 1, stride: 1, pad: 0 }],
  ['1x1 512-128@28', { c: 512, n: 128, size: 28, kernel: 1, stride: 1, pad: 0 }],
  ['1x1 1024-256@14', { c: 1024, n: 256, size: 14, kernel: 1, stride: 1, pad: 0 }],
  ['1x1s2 64-128@56', { c: 64, n: 128, size: 56, kernel: 1, stride: 2, pad: 0 }],
  ['dw 3x3 128@56', { c: 128, n: 128, size: 56, kernel: 3, stride: 1, pad: 1, groups: 128 }],
  ['dw 3x3 512@14', { c: 512, n: 512, size: 14, kernel: 3, stride: 1, pad: 1, groups: 512 }],
  ['dense 1x1024x1024', { m: 1, c: 1024, n: 1024 }],
  ['dense 16x512x512', { m: 16, c: 512, n: 512 }],
];

function geometryOf({ m, c, n, size, kernel, stride, pad, groups = 1 }) {
  if (m) return denseGeometry(c, n);
  return {
    ...{ height: size, width: size, channels: c, kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride },
    ...{ dilationY: 1, dilationX: 1, padTop: pad, padBottom: pad, padLeft: pad, padRight: pad, groups, n },
  };
}

const pattern = new RegExp(process.argv[2] ?? '');
const { ort, session } = await rivals();
const kernels = builds.map((build) => kernelsOf(build));
const pick = random(1);
console.log(process.version, 'columns: best/median ms, GOPS, ratio to the first');
for (const [label, layer] of LAYERS.filter(([name]) => pattern.test(name))) {
  const g = geometryOf(layer);
  const m = layer.m ?? 1;
  const shape = [outHeight(g), outWidth(g)];
  const weights = Int8Array.from({ length: (g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups }, () => pick(255) - 127);
  const packed = isDepthwise(g) ? packPairs(weights, g) : packQuads(weights, g);
  const contenders = {};
  for (const k of kernels) {
    for (const nonNegative of [false, true]) {
      if (nonNegative && (k.build === 'simd' || isDepthwise(g))) continue;
      const input = k.put(Int8Array.from({ length: m * g.height * g.width * g.channels }, () => (nonNegative ? pick(128) : pick(256) - 128)));
      const multipliers = k.put(new Int32Array(g.n).fill(2 ** 24));
      const at = { input, weights: k.put(packed), output: k.reserve(m * shape[0] * shape[1] * g.n) };
      const requantize = { kind: 'int8', bias: k.put(new Int32Array(g.n)), multipliers, left: 0, shift: 0, min: -128, max: 127 };
      const plan = (scratch) => planConvInt8(g, m, { ...at, scratch }, requantize, nonNegative);
      const run = k.bind(CONV_FIELDS, plan(k.reserve(plan(0).scratchBytes)));
      contenders[`${k.build} i8${nonNegative ? '+' : ''}`] = () => run(m);
    }
  }
  if (ort) {
    const bytes = Uint8Array.from({ length: m * g.height * g.width * g.channels }, () => pick(256));
    const shapes = { input: [1, g.channels, g.height, g.width], output: [1, g.n, ...shape] };
    const model = layer.m ? matMulInteger(m, g.channels, g.n, weights) : convQuantized(layer, weights, shapes);
    const s = await session(model);
    const x = new ort.Tensor('uint8', bytes, layer.m ? [m, g.channels] : shapes.input);
    contenders['ort-web i8'] = () => s.run({ x });
  }
  await race(label, contenders, (2 * m * shape[0] * shape[1] * g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups);
}
