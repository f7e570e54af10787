// Makes the conformance models: networks of awkward sizes and of every operator from seeds, and mnist-mlp, each with inputs and with
// the outputs that the reference evaluator gives. Written as one module, because that is what every engine can read.
import { readFileSync, writeFileSync } from 'node:fs';
import { readModel } from '../../build/src/model/read.js';
import { writeModel } from '../../build/src/model/write.js';
import { evaluate } from '../../build/src/reference/evaluate.js';
import { denseNetwork, randomInput } from '../../build/test/helpers/graphs.js';
import { randomSample, zoo } from '../../build/test/helpers/zoo.js';

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

/** Arrays of the same kind, one after the other. */
function joined(arrays) {
  const all = new arrays[0].constructor(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** A model, `samples` (an array per input each), and what the reference answers; arrays as [name, type, base64]. */
function fixture(name, file, samples) {
  const graph = readModel(file);
  const answers = samples.map((sample) => evaluate(graph, sample));
  const ports = (indices, rows) =>
    indices.map((index, i) => {
      const array = joined(rows.map((row) => row[i]));
      return [graph.tensors[index].name, array.constructor.name, base64(array)];
    });
  const inputs = ports(graph.inputs, samples);
  return { name, model: base64(file), samples: samples.length, inputs, outputs: ports(graph.outputs, answers) };
}

const split = (array, count) =>
  Array.from({ length: count }, (_, i) => [
    array.subarray((i * array.length) / count, ((i + 1) * array.length) / count),
  ]);

/** Writes the module to `path`. The first model is mnist-mlp with its ten digits, the second a small one of one input. */
export function writeFixtures(path) {
  const digits = new Uint8Array(readFileSync('models/digits/mnist-test-10.idx3-ubyte').subarray(16));
  const mnist = fixture('mnist-mlp', readFileSync('models/mnist-mlp.qnn'), split(digits, 10));
  const dense = NETWORKS.map((network) => {
    const graph = denseNetwork(network);
    const sizes = [network.inputs, ...network.widths].join('-');
    const input = randomInput(graph, SAMPLES, 100);
    return fixture(`${sizes} ${network.inputBits}-bit`, writeModel(graph), split(input, SAMPLES));
  });
  const operators = [...zoo].map(([name, graph]) =>
    fixture(
      name,
      writeModel(graph),
      Array.from({ length: SAMPLES }, (_, i) => randomSample(graph, 1 + i)),
    ),
  );
  writeFileSync(path, `export default ${JSON.stringify([mnist, ...dense, ...operators])};\n`);
}
