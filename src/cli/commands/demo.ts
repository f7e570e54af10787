// bitlane demo (npm start): ten digits of the MNIST test set, drawn, answered and timed; then what the model weighs beside
// its float32 twin.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseIdx } from '../../train/data/idx.js';
import { type BuildChoice, Classifier, openModel } from '../classifier.js';
import { drawBar, drawPicture } from '../draw.js';
import { readWhole } from '../files.js';
import { readSamples } from '../inputs.js';
import { savingsTable } from '../savings.js';
import { aligned, count, duration, printable, ratio } from '../text.js';

export interface DemoOptions {
  readonly build: BuildChoice;
}

const MODEL = new URL('../../../models/mnist-mlp.qnn', import.meta.url);
const IMAGES = new URL('../../../models/digits/mnist-test-10.idx3-ubyte', import.meta.url);
const LABELS = new URL('../../../models/digits/mnist-test-10.idx1-ubyte', import.meta.url);

const BAR_WIDTH = 24;
/** Runs of each digit that its time is the median of. */
const TIMED_RUNS = 51;

export async function demo(modelPath: string | undefined, options: DemoOptions): Promise<void> {
  const shipped = relative(process.cwd(), fileURLToPath(MODEL));
  const classifier = new Classifier(await openModel(modelPath ?? shipped, options));
  const { model, input } = classifier;
  const samples = await readSamples(fileURLToPath(IMAGES), input);
  const labelsPath = fileURLToPath(LABELS);
  const truths = parseIdx(await readWhole(labelsPath, 'labels'), 1, labelsPath).data;
  const [height, width] = input.shape.length > 1 ? (input.shape as [number, number]) : [28, 28];
  // False where the output is no terminal, and where NO_COLOR asks for none.
  const colours = process.stdout.hasColors?.(256) ?? false;

  console.log(
    `${printable(model.name)}, ${count(model.summary().fileBytes)} bytes, ${model.build} build of the kernels\n`,
  );
  classifier.warmUp();
  let right = 0;
  const times: number[] = [];
  samples.forEach(({ data }, i) => {
    const scores = classifier.run(data);
    const answer = classifier.classOf(scores);
    const time = medianTime(() => classifier.run(data));
    times.push(time);
    const isRight = answer === truths[i];
    if (isRight) right++;
    const verdict = isRight ? 'right' : `wrong, it is ${printable(classifier.labels[truths[i]] ?? String(truths[i]))}`;
    const picture = drawPicture(data, width, height, colours);
    const lines = [
      `answer ${printable(classifier.labels[answer])} (${verdict})  ${duration(time)}`,
      ...scoreBars(classifier.labels, classifier.realScores(scores), answer),
    ];
    for (let row = 0; row < Math.max(picture.length, lines.length); row++) {
      console.log(`${picture[row] ?? ' '.repeat(width)}  ${lines[row] ?? ''}`.trimEnd());
    }
    console.log();
  });
  console.log(`${right} of ${samples.length} right, ${duration(median(times))} a digit on one thread (median)\n`);
  printSavings(classifier);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function medianTime(work: () => void): number {
  const times = Array.from({ length: TIMED_RUNS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return median(times);
}

/** A line per class: its name, a bar from the lowest score to the highest, the score. */
function scoreBars(labels: readonly string[], scores: readonly number[], answer: number): string[] {
  const lowest = Math.min(...scores);
  const range = Math.max(...scores) - lowest || 1;
  const texts = aligned(scores);
  const labelWidth = Math.max(...labels.map((label) => printable(label).length));
  const textWidth = Math.max(...texts.map((text) => text.length));
  return scores.map((score, i) => {
    const bar = drawBar((score - lowest) / range, BAR_WIDTH).padEnd(BAR_WIDTH);
    return `${printable(labels[i]).padStart(labelWidth)} ${bar} ${texts[i].padStart(textWidth)}${i === answer ? ' <' : ''}`;
  });
}

function printSavings({ model }: Classifier): void {
  const summary = model.summary();
  const { float32Bytes, fileBytes, memory } = summary;
  console.log('Bytes beside the same network in float32:\n');
  for (const line of savingsTable(summary)) console.log(line);
  console.log(
    `\nfile    ${count(fileBytes)} bytes, ${ratio(summary.ratio)} smaller than ${count(float32Bytes)} bytes of float32 parameters`,
  );
  console.log(`memory  ${count(memory.total)} bytes to run it: file, activations, scratch and the kernels' tables`);
}
