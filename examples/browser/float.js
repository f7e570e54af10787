// What bits are compared with: a network of the same layers in float32, in plain JavaScript. Its weights are signs from a
// seed, because only time and bytes are looked at.

/**
 * @param layers of a model's summary, dense ones
 * @param inputs length of a sample
 * @returns `run`, and the bytes of weights, shifts and activations
 */
export function floatNetwork(layers, inputs) {
  let state = 1;
  const sign = () => ((state = Math.imul(state, 1664525) + 1013904223) < 0 ? -1 : 1);
  let k = inputs;
  let bytes = 4 * inputs;
  const network = layers.map(({ output }) => {
    const n = output[0];
    const layer = {
      k,
      weights: Float32Array.from({ length: n * k }, sign),
      shift: new Float32Array(n),
      out: new Float32Array(n),
    };
    bytes += layer.weights.byteLength + layer.shift.byteLength + layer.out.byteLength;
    k = n;
    return layer;
  });
  const first = new Float32Array(inputs);
  const run = (pixels) => {
    for (let i = 0; i < inputs; i++) first[i] = (2 * pixels[i]) / 255 - 1;
    return network.reduce(dense, first);
  };
  return { run, bytes };
}

function dense(input, { k, weights, shift, out }) {
  for (let n = 0; n < out.length; n++) {
    let sum = shift[n];
    for (let i = 0; i < k; i++) sum += weights[n * k + i] * input[i];
    out[n] = Math.max(0, sum);
  }
  return out;
}
