// One-node ONNX models as bytes, for timing the rivals: just enough of the protobuf wire format.
const encoder = new TextEncoder();

function varint(value) {
  const out = [];
  for (let v = BigInt.asUintN(64, BigInt(value)); ; v >>= 7n) {
    if (v < 128n) return [...out, Number(v)];
    out.push(Number(v & 127n) | 128);
  }
}

function bytes(field, value) {
  const data = typeof value === 'string' ? encoder.encode(value) : value;
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(data.length)]), data]);
}

const int = (field, value) => Buffer.from([...varint(field << 3), ...varint(value)]);
const join = (...parts) => Buffer.concat(parts.flat(3));

const TYPES = { Float32Array: 1, Uint8Array: 2, Int8Array: 3, Int32Array: 6 };
const ofArray = (data) => TYPES[data.constructor.name];

const tensor = ([name, dims, data]) =>
  join(dims.map((d) => int(1, d)), int(2, ofArray(data)), bytes(8, name), bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
const value = ([name, dims, type]) =>
  join(bytes(1, name), bytes(2, bytes(1, join(int(1, type), bytes(2, join(dims.map((d) => bytes(1, int(1, d)))))))));
const attribute = ([name, ints]) =>
  Array.isArray(ints) ? join(bytes(1, name), ints.map((i) => int(8, i)), int(20, 7)) : join(bytes(1, name), int(3, ints), int(20, 2));

/** A model of one node; initializers are [name, dims, typed array], input and output [name, dims, element type]. */
function model(op, inputs, attributes, initializers, input, output) {
  const node = join(inputs.map((name) => bytes(1, name)), bytes(2, 'y'), bytes(3, 'n'), bytes(4, op), attributes.map((a) => bytes(5, attribute(a))));
  const graph = join(bytes(1, node), bytes(2, 'g'), initializers.map((t) => bytes(5, tensor(t))), bytes(11, value(input)), bytes(12, value(output)));
  return new Uint8Array(join(int(1, 8), bytes(7, graph), bytes(8, int(2, 13))));
}

const convAttributes = ({ kernel, stride, pad, groups = 1 }) => [
  ['kernel_shape', [kernel, kernel]],
  ['pads', [pad, pad, pad, pad]],
  ['strides', [stride, stride]],
  ['group', groups],
];

/** Weights (n, c / groups, kernel, kernel); activations uint8 with zero point 128, weights int8. */
export function convQuantized(layer, weights, shapes) {
  const { n, c, kernel, groups = 1 } = layer;
  const scalar = (name, data) => [name, [], data];
  return model(
    'QLinearConv',
    ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz'],
    convAttributes(layer),
    [
      ['w', [n, c / groups, kernel, kernel], weights],
      scalar('xs', Float32Array.of(0.02)),
      scalar('xz', Uint8Array.of(128)),
      scalar('ws', Float32Array.of(0.01)),
      scalar('wz', Int8Array.of(0)),
      scalar('ys', Float32Array.of(1)),
      scalar('yz', Uint8Array.of(128)),
    ],
    ['x', shapes.input, 2],
    ['y', shapes.output, 2],
  );
}

export function convFloat(layer, weights, shapes) {
  const { n, c, kernel, groups = 1 } = layer;
  return model('Conv', ['x', 'w'], convAttributes(layer), [['w', [n, c / groups, kernel, kernel], weights]], ['x', shapes.input, 1], ['y', shapes.output, 1]);
}

/** (m, k) by (k, n). */
export function matMulInteger(m, k, n, weights) {
  return model('MatMulInteger', ['x', 'w'], [], [['w', [k, n], weights]], ['x', [m, k], 2], ['y', [m, n], 6]);
}
