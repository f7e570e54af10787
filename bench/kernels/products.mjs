// Times whole layers of the product kernels (tables, product, output transform), one thread, all variants interleaved.
//   npm run setup && node bench/kernels/products.mjs [build] [pattern] [rounds]
// Prints GOP/s (2 * M * N * K / time), best and median of the rounds. Compare inside one run only.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { describeKernels, instantiateKernels } from '../../dist/wasm/instantiate.js';
import { outHeight, outWidth } from '../../dist/numerics/geometry.js';
import { planProduct } from '../../dist/plan/product.js';
import { PRODUCT_FIELDS } from '../../dist/plan/params.js';

const build = process.argv[2] ?? 'simd';
const pattern = new RegExp(process.argv[3] ?? '.');
const rounds = Number(process.argv[4] ?? 25);

const module = new WebAssembly.Module(readFileSync(new URL(`../../dist/kernels.${build}.wasm`, import.meta.url)));
const { kernels, memory } = instantiateKernels(module, 2048);
let top = describeKernels(module).heapBase;
const reserve = (bytes) => {
  const address = Math.ceil(top / 64) * 64;
  top = address + bytes + 64;
  return address;
};
const fill = (address, bytes) => {
  const view = new Uint8Array(memory.buffer, address, bytes);
  for (let i = 0; i < bytes; i++) view[i] = Math.imul(i + address, 0x9e3779b1) >>> 13;
  return address;
};

function geometry(height, channels, n, kernel, stride = 1) {
  const pad = kernel >> 1;
  const window = {
    kernelHeight: kernel,
    kernelWidth: kernel,
    strideY: stride,
    strideX: stride,
    dilationY: 1,
    dilationX: 1,
  };
  const pads = { padTop: pad, padBottom: pad, padLeft: pad, padRight: pad };
  return { height, width: height, channels, n, groups: 1, ...window, ...pads };
}

const scratch = reserve(16 << 20);
function layer(name, g, bits, planes, choice, samples = 1, encoding = 'centered') {
  const weightBytes = Math.ceil(g.n / 16) * 16 * planes * g.kernelHeight * g.kernelWidth * Math.ceil(g.channels / 8);
  const inputBytes = samples * g.height * g.width * (bits === 1 ? Math.ceil(g.channels / 8) : g.channels);
  const input = fill(reserve(inputBytes), inputBytes);
  if (bits > 1) new Uint8Array(memory.buffer, input, inputBytes).forEach((v, i, a) => (a[i] = v & (2 ** bits - 1)));
  const weights = fill(reserve(weightBytes), weightBytes);
  const thresholds = reserve(4 * g.n);
  const output = reserve(samples * outHeight(g) * outWidth(g) * Math.ceil(g.n / 8));
  const description = {
    geometry: g,
    activations: { encoding, bits },
    weights: { encoding: 'centered', bits: planes },
    padValue: 0,
    transform: { kind: 'bits', thresholds },
  };
  const at = { input, weights, output, scratch, prepared: 0 };
  const prepared = reserve(planProduct(description, at, { simd: build !== 'scalar', ...choice }).preparedBytes);
  const call = planProduct(description, { ...at, prepared }, { simd: build !== 'scalar', ...choice });
  if (call.scratchBytes > 16 << 20) throw new RangeError(`internal: scratch ${call.scratchBytes}`);
  const block = reserve(4 * PRODUCT_FIELDS.length);
  PRODUCT_FIELDS.forEach((field, i) => (new Int32Array(memory.buffer)[block / 4 + i] = call.params[field]));
  if (call.prepare) kernels[call.prepare](block, samples);
  const run = kernels[call.kernel];
  const k = (g.channels / g.groups) * g.kernelHeight * g.kernelWidth;
  const ops = 2 * samples * outHeight(g) * outWidth(g) * g.n * k;
  return { name, ops, run: () => run(block, samples), times: [] };
}

const layers = [];
const add = (name, ...rest) => pattern.test(name) && layers.push(layer(name, ...rest));
const ways =
  build === 'scalar'
    ? [['popcount', {}]]
    : [
        ...[2, 4, 8].map((block) => [`table${block}`, { kernel: 'table', block }]),
        ['popcount', { kernel: 'popcount' }],
      ];
for (const [way, choice] of ways) {
  add(`conv 128@32 ${way}`, geometry(32, 128, 128, 3), 1, 1, choice);
  add(`conv 256@16 ${way}`, geometry(16, 256, 256, 3), 1, 1, choice);
  add(`conv 512@8 ${way}`, geometry(8, 512, 512, 3), 1, 1, choice);
  add(`conv 64@56 ${way}`, geometry(56, 64, 64, 3), 1, 1, choice);
  add(`conv 512@7 ${way}`, geometry(7, 512, 512, 3), 1, 1, choice);
  add(`conv 128-256@28/2 ${way}`, geometry(28, 128, 256, 3, 2), 1, 1, choice);
  add(`conv1x1 256@14 ${way}`, geometry(14, 256, 256, 1), 1, 1, choice);
  if (way !== 'table2' && way !== 'table4') {
    add(`dense 4096-4096 ${way}`, geometry(1, 4096, 4096, 1), 1, 1, choice);
    add(`dense 1024-1024 ${way}`, geometry(1, 1024, 1024, 1), 1, 1, choice);
  }
  add(`dense 784-4096x8 ${way}`, geometry(1, 784, 4096, 1), 1, 1, choice, 8);
}
for (const [bits, planes] of [
  [2, 1],
  [3, 1],
  [4, 1],
  [8, 1],
  [2, 2],
  [4, 2],
  [4, 4],
]) {
  add(`conv ${bits}x${planes} 128@32`, geometry(32, 128, 128, 3), bits, planes, {});
}
add(`first 8x1 3-128@32`, geometry(32, 3, 128, 3), 8, 1, {});
add(`first 8x1 3-64@64/2 7x7`, geometry(64, 3, 64, 7, 2), 8, 1, {});
add(`values dense 8x1 784-4096`, geometry(1, 784, 4096, 1), 8, 1, {});
add(`values dense 2x1 4096-4096`, geometry(1, 4096, 4096, 1), 2, 1, {});

const timed = (l) => {
  const start = performance.now();
  for (let i = 0; i < l.repeat; i++) l.run();
  return (performance.now() - start) / l.repeat;
};
for (const l of layers) {
  l.repeat = 1;
  for (let i = 0; i < 5; i++) l.run();
  l.repeat = Math.max(1, Math.ceil(1.5 / timed(l)));
}
for (const start = performance.now(); performance.now() - start < 1500;) for (const l of layers) l.run();
for (let r = 0; r < rounds; r++) for (const l of layers) l.times.push((l.run(), timed(l)));
console.log(`${process.version} ${build} build, GOP/s best/median, ms best`);
for (const l of layers) {
  l.times.sort((a, b) => a - b);
  const [best, median] = [l.times[0], l.times[l.times.length >> 1]];
  console.log(
    `${l.name.padEnd(28)} ${(l.ops / best / 1e6).toFixed(0).padStart(5)}/${(l.ops / median / 1e6).toFixed(0).padEnd(5)} ${best.toFixed(4)}`,
  );
}
