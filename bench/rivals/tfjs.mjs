// tfjs-backend-wasm, float32: the work with biases and ReLU fused, as its users write it.
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { fileURLToPath } from 'node:url';
import { floats, numbers } from '../works.mjs';

export const name = 'tfjs-f32';
export const version = `tfjs-backend-wasm ${version_wasm}`;

export async function start() {
  const folder = new URL('../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url);
  setWasmPaths(fileURLToPath(folder));
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend did not start');
  await tf.ready();
}

/** @returns a function that runs the work once */
export function prepare({ input, layers }) {
  const draw = numbers(6);
  const random = (shape) =>
    tf.tensor(
      floats(
        shape.reduce((a, b) => a * b, 1),
        draw,
      ),
      shape,
    );
  let [h, w, c] = input;
  const single = layers.length === 1;
  const steps = [];
  const convolution = (n, kernel, stride, activation) => {
    const filter = random([kernel, kernel, c, n]);
    const bias = random([n]);
    // 'same' pads as kernel >> 1 does, for the odd sizes measured here; a stride of 2 pads one side less.
    return (x) => tf.fused.conv2d({ x, filter, strides: stride, pad: 'same', bias, activation });
  };
  const product = (k, n, last) => {
    const b = random([k, n]);
    const bias = random([n]);
    return (x) => tf.fused.matMul({ a: tf.reshape(x, [1, k]), b, bias, activation: last ? 'linear' : 'relu' });
  };
  layers.forEach((l, i) => {
    const last = i === layers.length - 1;
    if (l.op === 'conv') {
      steps.push(convolution(l.n, l.kernel, l.stride, single ? 'linear' : 'relu'));
      [h, w, c] = [Math.ceil(h / l.stride), Math.ceil(w / l.stride), l.n];
    } else if (l.op === 'pool') {
      steps.push((x) => tf.maxPool(x, l.kernel, l.stride, l.pad > 0 ? 'same' : 'valid'));
      [h, w] = [Math.ceil(h / l.stride), Math.ceil(w / l.stride)];
    } else if (l.op === 'block') {
      const first = convolution(l.n, 3, l.stride, 'relu');
      const shortcut = l.stride !== 1 || c !== l.n ? convolution(l.n, 1, l.stride, 'linear') : (x) => x;
      c = l.n;
      const second = convolution(l.n, 3, 1, 'linear');
      steps.push((x) => tf.relu(tf.add(second(first(x)), shortcut(x))));
      [h, w] = [Math.ceil(h / l.stride), Math.ceil(w / l.stride)];
    } else if (l.op === 'mean') {
      steps.push((x) => tf.mean(x, [1, 2]));
      [h, w] = [1, 1];
    } else {
      steps.push(product(h * w * c, l.n, last));
      [h, w, c] = [1, 1, l.n];
    }
  });
  const x = random([1, ...input]);
  // The backend's kernels are synchronous: the result is complete without reading it, and dataSync() of a large one would
  // cost more than the layer.
  return () => {
    tf.tidy(() => {
      steps.reduce((y, step) => step(y), x);
    });
  };
}
