// onnxruntime, from ONNX models that are written here: float32 networks, and single int8 layers as QLinearConv and
// MatMulInteger (u8 activations, s8 weights: what onnxruntime's quantizer makes). One thread.
import { createRequire } from 'node:module';
import { floats, numbers } from '../works.mjs';

const require = createRequire(import.meta.url);
const { onnx } = require('onnx-proto');

const TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6 };
const value = (name, dims, type) => ({
  name,
  type: { tensorType: { elemType: TYPES[type], shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

/** Collects nodes and weights of one ONNX graph. */
class Onnx {
  nodes = [];
  weights = [];
  random = numbers(5);
  fresh = 0;

  name() {
    return `t${this.fresh++}`;
  }
  weight(dims, type, data) {
    const name = this.name();
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.weights.push({ name, dims, dataType: TYPES[type], rawData });
    return name;
  }
  f32(dims) {
    return this.weight(
      dims,
      'float32',
      floats(
        dims.reduce((a, b) => a * b, 1),
        this.random,
      ),
    );
  }
  node(opType, input, attributes = {}) {
    const output = this.name();
    const attribute = Object.entries(attributes).map(([name, v]) =>
      Array.isArray(v) ? { name, ints: v, type: 7 } : { name, i: v, type: 2 },
    );
    this.nodes.push({ opType, name: output, input, output: [output], attribute });
    return output;
  }
  encode(inputs, outputs) {
    const graph = { name: 'work', node: this.nodes, initializer: this.weights, input: inputs, output: outputs };
    const model = { irVersion: 8, opsetImport: [{ domain: '', version: 13 }], graph };
    return onnx.ModelProto.encode(onnx.ModelProto.create(model)).finish();
  }
}

const window = (kernel, stride, pad) => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [pad, pad, pad, pad],
});
const after = (size, kernel, stride, pad) => Math.floor((size + 2 * pad - kernel) / stride) + 1;

function floatModel({ input, layers }) {
  const g = new Onnx();
  let [h, w, c] = input;
  const flat = layers[0].op === 'dense';
  const single = layers.length === 1;
  const shape = flat ? [1, h * w * c] : [1, c, h, w];
  const conv = (x, n, kernel, stride, relu) => {
    const y = g.node('Conv', [x, g.f32([n, c, kernel, kernel]), g.f32([n])], window(kernel, stride, kernel >> 1));
    return relu ? g.node('Relu', [y]) : y;
  };
  let x = 'x';
  layers.forEach((l, i) => {
    if (l.op === 'conv') {
      x = conv(x, l.n, l.kernel, l.stride, !single);
      [h, w, c] = [after(h, l.kernel, l.stride, l.pad), after(w, l.kernel, l.stride, l.pad), l.n];
    } else if (l.op === 'pool') {
      x = g.node('MaxPool', [x], window(l.kernel, l.stride, l.pad));
      [h, w] = [after(h, l.kernel, l.stride, l.pad), after(w, l.kernel, l.stride, l.pad)];
    } else if (l.op === 'block') {
      const first = conv(x, l.n, 3, l.stride, true);
      const shortcut = l.stride !== 1 || c !== l.n ? conv(x, l.n, 1, l.stride, false) : x;
      c = l.n;
      x = g.node('Relu', [g.node('Add', [conv(first, l.n, 3, 1, false), shortcut])]);
      [h, w] = [after(h, 3, l.stride, 1), after(w, 3, l.stride, 1)];
    } else if (l.op === 'mean') {
      x = g.node('GlobalAveragePool', [x]);
      [h, w] = [1, 1];
    } else {
      if (!flat && (h !== 0 || w !== 0)) x = g.node('Flatten', [x]);
      x = g.node('Gemm', [x, g.f32([h * w * c, l.n]), g.f32([l.n])]);
      if (i < layers.length - 1) x = g.node('Relu', [x]);
      [h, w, c] = [1, 1, l.n];
    }
  });
  const dense = layers.at(-1).op === 'dense';
  return {
    shape,
    type: 'float32',
    bytes: g.encode([value('x', shape, 'float32')], [value(x, dense ? [1, c] : [1, c, h, w], 'float32')]),
  };
}

function int8Model({ input: [h, w, c], layers: [l] }) {
  const g = new Onnx();
  const bytes = (count) => Int8Array.from({ length: count }, () => Math.floor(g.random() * 255) - 127);
  const scale = (v) => g.weight([], 'float32', Float32Array.of(v));
  if (l.op === 'dense') {
    const shape = [1, h * w * c];
    const y = g.node('MatMulInteger', ['x', g.weight([h * w * c, l.n], 'int8', bytes(h * w * c * l.n))]);
    return { shape, type: 'uint8', bytes: g.encode([value('x', shape, 'uint8')], [value(y, [1, l.n], 'int32')]) };
  }
  const shape = [1, c, h, w];
  const zero = g.weight([], 'uint8', Uint8Array.of(128));
  const zeroWeight = g.weight([], 'int8', Int8Array.of(0));
  const weights = g.weight([l.n, c, l.kernel, l.kernel], 'int8', bytes(l.n * c * l.kernel * l.kernel));
  const operands = ['x', scale(0.02), zero, weights, scale(0.01), zeroWeight, scale(1), zero];
  const y = g.node('QLinearConv', operands, window(l.kernel, l.stride, l.pad));
  const out = [1, l.n, after(h, l.kernel, l.stride, l.pad), after(w, l.kernel, l.stride, l.pad)];
  return { shape, type: 'uint8', bytes: g.encode([value('x', shape, 'uint8')], [value(y, out, 'uint8')]) };
}

/**
 * @param kind 'ortweb-f32' | 'ortweb-int8' | 'ortnode-f32'
 * @returns a rival, or undefined where the engine cannot run it
 */
export async function rival(kind) {
  const native = kind === 'ortnode-f32';
  const int8 = kind === 'ortweb-int8';
  let ort;
  let options;
  if (native) {
    if (process.versions.bun !== undefined || process.versions.deno !== undefined) return undefined;
    ort = require('onnxruntime-node');
    options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };
  } else {
    ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = 'error';
    options = { executionProviders: ['wasm'] };
  }
  const version = require(
    native ? 'onnxruntime-node/package.json' : '../node_modules/onnxruntime-web/package.json',
  ).version;
  return {
    name: kind,
    version: `onnxruntime-${native ? 'node' : 'web'} ${version}`,
    /** An int8 rival for single layers only. */
    takes: (work) => !int8 || work.layers.length === 1,
    async prepare(work) {
      const { bytes, shape, type } = int8 ? int8Model(work) : floatModel(work);
      const session = await ort.InferenceSession.create(bytes, options);
      const size = shape.reduce((a, b) => a * b, 1);
      const random = numbers(9);
      const data = type === 'uint8' ? Uint8Array.from({ length: size }, () => random() * 255) : floats(size, random, 1);
      const feeds = { x: new ort.Tensor(type, data, shape) };
      return () => session.run(feeds);
    },
  };
}
