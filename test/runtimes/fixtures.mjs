// Makes the conformance models: networks of awkward sizes from seeds and every model that ships, each with inputs and with
// the outputs that the reference evaluator gives. Written as one module, because that is what every engine can read.
import { readFileSync, writeFileSync } from 'node:fs';
import { readModel } from '../../build/src/model/read.js';
import { writeModel } from '../../build/src/model/write.js';
import { evaluate } from '../../build/src/reference/evaluate.js';
import { denseNetwork, randomInput } from '../../build/test/helpers/graphs.js';

/** Sizes sit around the kernels' blocks: 8 inputs to a byte, 16 outputs and 4 samples side by side. */
const NETWORKS = [
  { seed: 1, inputBits: 1, inputs: 1, widths: [1], last: 'none' },
  { seed: 2, inputBits: 1, inputs: 7, widths: [17], last: 'integerAffine' },
  { seed: 3, inputBits: 8, inputs: 9, widths: [15, 3], last: 'threshold' },
  { seed: 4, inputBits: 8, inputs: 127, widths: [33, 16, 5], last: 'integerAffine' },
  { seed: 5, inputBits: 1, inputs: 1027, widths: [129, 31, 1], last: 'none' },
];
const SAMPLES = 5;

const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

/** Outputs by name, samples following each other. */
function answers(graph, input, samples) {
  const length = input.length / samples;
  const rows = Array.from({ length: samples }, (_, i) =>
    evaluate(graph, [input.subarray(i * length, (i + 1) * length)]),
  );
  return Object.fromEntries(
    graph.outputs.map((index, o) => [
      graph.tensors[index].name,
      base64(Buffer.concat(rows.map((row) => Buffer.from(row[o].buffer, row[o].byteOffset, row[o].byteLength)))),
    ]),
  );
}

function fixture(name, file, input, samples) {
  const outputs = answers(readModel(file), input, samples);
  return { name, model: base64(file), samples, input: base64(input), outputs };
}

/** Writes the module to `path`. */
export function writeFixtures(path) {
  const made = NETWORKS.map((network) => {
    const graph = denseNetwork(network);
    const sizes = [network.inputs, ...network.widths].join('-');
    return fixture(`${sizes} ${network.inputBits}-bit`, writeModel(graph), randomInput(graph, SAMPLES, 100), SAMPLES);
  });
  const digits = readFileSync('models/digits/mnist-test-10.idx3-ubyte').subarray(16);
  const mnist = fixture('mnist-mlp', readFileSync('models/mnist-mlp.qnn'), digits, 10);
  writeFileSync(path, `export default ${JSON.stringify([mnist, ...made])};\n`);
}
