// A work as a bitlane model, with random weights: binary layers end in thresholds, int8 layers in a rounding shift, the last
// layer in integer scores; a residual block joins its int8 stream in the requantization of its second convolution.
import { load } from '../dist/index.node.js';
import {
  centered,
  float32,
  floatAffine,
  GraphBuilder,
  int8,
  integerAffine,
  levels,
  requantize,
  roundingShift,
  signs,
  threshold,
  writeModel,
} from '../dist/model/index.js';
import { floats, numbers } from './works.mjs';

const INPUTS = { 1: signs, 7: levels(7), 8: centered(8), 32: float32 };

/** Bytes of the model file. */
export function modelOf({ name, input, layers, bits }) {
  const random = numbers(3);
  const g = new GraphBuilder(name);
  const int8Stream = layers[0].ours === 'int8' && bits === 8;
  let x = g.input('input', input, int8Stream ? int8 : INPUTS[bits]);
  const binary = (shape) => ({
    encoding: 'binary',
    shape,
    values: floats(
      shape.reduce((a, b) => a * b, 1),
      random,
    ),
  });
  const bytes = (shape) => ({
    encoding: 'int8',
    shape,
    values: Int8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.floor(random() * 255) - 127),
  });
  const spread = (n, k, unit) => Int32Array.from({ length: n }, () => (random() - 0.5) * Math.sqrt(k) * unit);
  const signsOf = (name_, from) => (from.encoding === 'int8' ? g.apply(name_, from, threshold(0)) : from);

  layers.forEach((l, i) => {
    const last = i === layers.length - 1;
    const id = `${l.op}${i + 1}`;
    const c = x.shape.at(-1);
    const unit = x.bits === 8 ? 255 : 1;
    if (l.op === 'conv' && l.ours === 'binary') {
      const k = l.kernel * l.kernel * c;
      const weights = binary([l.n, l.kernel, l.kernel, c]);
      x = g.conv2d(id, x, { weights, strides: l.stride, padding: l.pad, transform: threshold(spread(l.n, k, unit)) });
    } else if (l.op === 'conv' && l.ours === 'int8') {
      const weights = bytes([l.n, l.kernel, l.kernel, c]);
      const transform = roundingShift(Math.round(Math.log2(Math.sqrt(l.kernel * l.kernel * c) * 127)));
      x = g.conv2d(id, x, { weights, strides: l.stride, padding: l.pad, transform, type: int8 });
    } else if (l.op === 'conv') {
      const values = floats(l.n * l.kernel * l.kernel * c, random);
      const weights = { encoding: 'float32', shape: [l.n, l.kernel, l.kernel, c], values };
      const transform = floatAffine(1, floats(l.n, random));
      x = g.conv2d(id, x, { weights, strides: l.stride, padding: l.pad, transform, type: float32 });
    } else if (l.op === 'pool') {
      x = g.maxPool(id, x, { size: l.kernel, strides: l.stride, padding: l.pad });
    } else if (l.op === 'block') {
      const shift = Math.round(Math.log2(Math.sqrt(c)));
      const shortcut =
        l.stride === 1 && c === l.n
          ? x
          : g.conv2d(`${id}/shortcut`, x, {
              weights: bytes([l.n, 1, 1, c]),
              strides: l.stride,
              transform: roundingShift(shift + 7),
              type: int8,
            });
      const first = g.conv2d(`${id}/first`, signsOf(`${id}/signs`, x), {
        weights: binary([l.n, 3, 3, c]),
        strides: l.stride,
        padding: 1,
        transform: threshold(spread(l.n, 9 * c, 1)),
      });
      x = g.conv2d(`${id}/second`, first, {
        weights: binary([l.n, 3, 3, l.n]),
        padding: 1,
        transform: requantize(2 ** 28, 30, { residualMultiplier: 2 ** 30 }),
        residual: shortcut,
        type: int8,
      });
    } else if (l.op === 'mean') {
      x = g.globalAvgPool(id, x);
    } else if (l.ours === 'float32') {
      const k = x.shape.reduce((a, b) => a * b, 1);
      const weights = { encoding: 'float32', shape: [l.n, k], values: floats(l.n * k, random) };
      x = g.dense(id, x, { weights, transform: floatAffine(1, floats(l.n, random)), type: float32 });
    } else {
      const k = x.shape.reduce((a, b) => a * b, 1);
      const weights = l.ours === 'int8' ? bytes([l.n, k]) : binary([l.n, k]);
      const single = layers.length === 1;
      const transform = last && !single ? integerAffine(3, spread(l.n, k, 1)) : threshold(spread(l.n, k, unit));
      x = g.dense(id, x, { weights, transform });
    }
  });
  return writeModel(g.output(x).build());
}

/** Random values for a model's inputs, by name: pixels, levels and float32 of any size, tokens of the vocabulary, cells of 0. */
export function valuesOf(model, batch = 1) {
  const random = numbers(4);
  const tokens = model.metadata.labels?.length ?? 0;
  const valuesFor = ({ encoding, bits, shape, length: each }) => {
    const length = batch * each;
    const below = (count) => () => Math.floor(random() * count);
    // Bits behind the last channel are 0; bit inputs here have whole bytes.
    const packed = encoding === 'centered' && bits === 1;
    if (packed && shape.at(-1) % 8 !== 0) throw new Error('internal: a bit input whose rows are no whole bytes');
    if (encoding === 'float32') return floats(length, random, 1);
    if (encoding === 'int32') return Int32Array.from({ length }, below(tokens));
    if (encoding === 'int16') return new Int16Array(length);
    if (encoding === 'int8') return Int8Array.from({ length }, below(256));
    return Uint8Array.from({ length }, below(packed ? 256 : 2 ** bits));
  };
  return Object.fromEntries(model.inputs.map((port) => [port.name, valuesFor(port)]));
}

/**
 * @param options as load() takes them: build, kernel
 * @returns a function that runs the work once, and the model
 */
export async function prepare(work, options) {
  const model = await load(modelOf(work), options);
  const values = valuesOf(model);
  const output = model.run(values);
  return { model, run: () => void model.runInto(values, output) };
}
