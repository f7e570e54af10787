// bitlane inspect: what is in a model file, to the byte.
import type { TensorInfo } from '../../index.node.js';
import { openModel } from '../classifier.js';
import { isLanguageModel } from '../language.js';
import { savingsTable } from '../savings.js';
import { count, printable, shapeText } from '../text.js';

export interface InspectOptions {
  readonly json?: boolean;
}

export async function inspect(path: string, options: InspectOptions): Promise<void> {
  const model = await openModel(path, { build: 'auto' });
  const { inputs, outputs, metadata, build } = model;
  const summary = model.summary();
  if (options.json) {
    console.log(JSON.stringify({ file: path, ...summary, build, inputs, outputs, metadata }));
    return;
  }
  const { memory } = summary;
  const { task, labels, preprocessing, training = {} } = metadata;
  const facts: [string, string][] = [
    ['model', `${summary.name} (${path}, ${count(summary.fileBytes)} bytes)`],
    ...(task === undefined ? [] : [['task', task] as [string, string]]),
    ...inputs.map((tensor): [string, string] => ['input', describe(tensor)]),
    ...outputs.map((tensor): [string, string] => ['output', describe(tensor)]),
    ...(labels === undefined ? [] : [['labels', listed(labels)] as [string, string]]),
    ...(preprocessing === undefined
      ? []
      : [[isLanguageModel(model) ? 'tokens' : 'pixels', preprocessing] as [string, string]]),
  ];
  printFacts(facts);
  console.log();
  for (const line of savingsTable(summary)) console.log(line);
  console.log();
  printFacts([
    ['products', `${count(summary.macs)} multiply-accumulates a sample`],
    [
      'memory',
      `${count(memory.total)} bytes for one sample at a time: kernels' tables ${count(memory.base)}, file ${count(memory.file)}, ` +
        `parameters ${count(memory.blocks)}, activations ${count(memory.arena)}, scratch ${count(memory.scratch)}, ` +
        'in pages of 65,536',
    ],
  ]);
  const record = Object.entries(training);
  if (record.length === 0) return;
  console.log('\ntraining');
  printFacts(record.map(([key, value]) => [`  ${key}`, value]));
}

/** Labels that a line shows; a vocabulary has thousands. */
const SHOWN_LABELS = 20;

function listed(labels: readonly string[]): string {
  if (labels.length <= SHOWN_LABELS) return labels.join(', ');
  return `${labels.slice(0, SHOWN_LABELS).join(', ')}, ... ${count(labels.length)} in all`;
}

function describe({ name, shape, encoding, bits, scale, length }: TensorInfo): string {
  const width = bits > 0 ? ` ${bits}-bit` : '';
  return `${name}: ${shapeText(shape)} ${encoding}${width}, scale ${Number(scale.toPrecision(6))}, ${count(length)} elements`;
}

function printFacts(facts: readonly (readonly [string, string])[]): void {
  const width = Math.max(...facts.map(([key]) => printable(key).length));
  // printable() also folds line breaks: indentation is added after it.
  for (const [key, value] of facts) console.log(`${printable(key).padEnd(width)}  ${printable(value)}`);
}
