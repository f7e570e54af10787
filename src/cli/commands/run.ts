// bitlane run: one line per sample. All inputs are read before the first line is printed, so that a wrong one does not leave
// half an answer.
import { type BuildChoice, Classifier, openModel } from '../classifier.js';
import { UsageError } from '../failure.js';
import { readSamples, type Sample } from '../inputs.js';
import { isLanguageModel } from '../language.js';
import { aligned, duration, printable } from '../text.js';

export interface RunOptions {
  readonly limit?: number;
  readonly build: BuildChoice;
  readonly json?: boolean;
}

/** Scores that a line shows; --json has them all. */
const SHOWN = 10;

export async function run(modelPath: string, inputs: readonly string[], options: RunOptions): Promise<void> {
  const model = await openModel(modelPath, options);
  if (isLanguageModel(model)) {
    throw new UsageError(`model "${model.name}" is a language model: expected --prompt TEXT, got inputs`);
  }
  const classifier = new Classifier(model);
  const samples: Sample[] = [];
  for (const path of inputs) samples.push(...(await readSamples(path, classifier.input, options.limit)));
  classifier.warmUp();
  const names = samples.map(({ file, index }) => printable(index === undefined ? file : `${file}[${index}]`));
  const width = Math.max(...names.map((name) => name.length));
  samples.forEach(({ file, index, data }, i) => {
    const start = performance.now();
    const scores = classifier.run(data);
    const milliseconds = performance.now() - start;
    const answer = classifier.classOf(scores);
    const label = classifier.labels[answer];
    const real = classifier.realScores(scores);
    if (options.json) {
      console.log(JSON.stringify({ file, index, class: answer, label, scores: real.map(float32), milliseconds }));
    } else {
      const name = names[i].padEnd(width);
      console.log(`${name}  ${printable(label)}  ${scoreList(classifier.labels, real)}  ${duration(milliseconds)}`);
    }
  });
}

/** The digits that a float32 has. */
function float32(value: number): number {
  return Number(value.toPrecision(8));
}

/** "0:-1.25 1:3.50 ...": in the order of the classes, or the best ones where there are many. */
function scoreList(labels: readonly string[], scores: readonly number[]): string {
  const texts = aligned(scores);
  const order = scores.map((_, i) => i);
  if (order.length > SHOWN) order.sort((a, b) => scores[b] - scores[a]);
  const shown = order.slice(0, SHOWN).map((i) => `${printable(labels[i])}:${texts[i]}`);
  return shown.join(' ') + (order.length > SHOWN ? ' ...' : '');
}
