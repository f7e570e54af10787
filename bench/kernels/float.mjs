// float32 layers of real networks against tfjs-backend-wasm (XNNPACK) and onnxruntime-web, one thread, best/median ms.
//   npm run build && RIVALS=<folder with onnxruntime-web and tfjs> node bench/kernels/float.mjs [PATTERN]
import { CONV_FIELDS, isDepthwise, planConvFloat32 } from '../../dist/plan/i8.js';
import { denseGeometry, outHeight, outWidth } from '../../dist/numerics/geometry.js';
import { packColumns, packLanes } from '../../dist/numerics/quads.js';
import { builds, kernelsOf, race, random, rivals } from './harness.mjs';

// prettier-ignore
const LAYERS = [
  ['stem 7x7s2 3-64@224', { c: 3, n: 64, size: 224, kernel: 7, stride: 2, pad: 3 }],
  ['3x3 64-64@56', { c: 64, n: 64, size: 56, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 128-128@28', { c: 128, n: 128, size: 28, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 256-256@14', { c: 256, n: 256, size: 14, kernel: 3, stride: 1, pad: 1 }],
  ['3x3 512-512@7', { c: 512, n: 512, size: 7, kernel: 3, stride: 1, pad: 1 }],
  ['1x1 64-256@56', { c: 64, n: 256, size: 56, kernel: 1, stride: 1, pad: 0 }],
  ['1x1 512-128@28', { c: 512, n: 128, size: 28, kernel: 1, stride: 1, pad: 0 }],
  ['dw 3x3 128@56', { c: 128, n: 128, size: 56, kernel: 3, stride: 1, pad: 1, groups: 128 }],
  ['dense 1x1024x1024', { m: 1, c: 1024, n: 1024 }],
  ['dense 16x512x512', { m: 16, c: 512, n: 512 }],
];

const pattern = new RegExp(process.argv[2] ?? '');
const { tf } = await rivals();
const kernels = builds.map((build) => kernelsOf(build));
const pick = random(1);
const floats = (count) => Float32Array.from({ length: count }, () => pick(2001) / 1000 - 1);
console.log(process.version, 'columns: best/median ms, GFLOPS, ratio to the first');
for (const [label, layer] of LAYERS.filter(([name]) => pattern.test(name))) {
  const { m = 1, c, n, size = 1, kernel = 1, stride = 1, pad = 0, groups = 1 } = layer;
  const g = {
    ...{ ...denseGeometry(c, n), height: size, width: size, kernelHeight: kernel, kernelWidth: kernel, strideY: stride, strideX: stride },
    ...{ padTop: pad, padBottom: pad, padLeft: pad, padRight: pad, groups },
  };
  const pixels = outHeight(g) * outWidth(g);
  const x = floats(m * size * size * c);
  const w = floats((n * kernel * kernel * c) / groups);
  const contenders = {};
  for (const k of kernels) {
    const at = { input: k.put(x), weights: k.put(isDepthwise(g) ? packColumns(w, g) : packLanes(w, g)), output: k.reserve(4 * m * pixels * n) };
    const plan = (scratch) => planConvFloat32(g, m, { ...at, scratch }, 0);
    const run = k.bind(CONV_FIELDS, plan(k.reserve(plan(0).scratchBytes)));
    contenders[k.build] = () => run(m);
  }
  if (tf) {
    const tx = layer.m ? tf.tensor2d(x, [m, c]) : tf.tensor4d(x, [1, size, size, c]);
    const tw = layer.m ? tf.randomNormal([c, n]) : tf.randomNormal(groups > 1 ? [kernel, kernel, c, 1] : [kernel, kernel, c, n]);
    contenders['tfjs f32'] = () => {
      const y = layer.m ? tf.matMul(tx, tw) : groups > 1 ? tf.depthwiseConv2d(tx, tw, stride, 'same') : tf.conv2d(tx, tw, stride, 'same');
      y.dispose();
    };
  }
  await race(label, contenders, (2 * m * pixels * n * kernel * kernel * c) / groups);
}
