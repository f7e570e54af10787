// Answers a whole labelled data set with the WebAssembly runtime.
import type { LabelledBytes } from '../train/data/dataset.js';
import { type Classifier, takesBytes } from './classifier.js';
import { Failure } from './failure.js';
import { shapeText } from './text.js';

/** Samples per run that openModel() should be asked for: enough to share the cost of a call. */
export const BATCH = 100;

export interface Evaluation {
  readonly samples: number;
  readonly correct: number;
  /** correct / samples. */
  readonly accuracy: number;
  /** Time of the runs alone. */
  readonly seconds: number;
  /** Class of each sample. */
  readonly predictions: Uint8Array;
}

/** @param shape of one sample of `data` */
export function answerAll(
  classifier: Classifier,
  data: LabelledBytes,
  shape: readonly number[],
  limit = data.count,
): Evaluation {
  const { input, output, model } = classifier;
  const features = shape.reduce((product, size) => product * size, 1);
  if (!takesBytes(input) || input.length !== features) {
    throw new Failure(
      `model "${model.name}" expected to take the data set's ${shapeText(shape)} bytes, ` +
        `got a model for ${shapeText(input.shape)} ${input.encoding}`,
    );
  }
  const samples = Math.min(limit, data.count);
  if (samples === 0) throw new Failure('data set expected at least one test sample, got none');
  const largest = data.labels.reduce((a, b) => Math.max(a, b), 0);
  if (output.length <= largest) {
    throw new Failure(
      `model "${model.name}" expected at least ${largest + 1} classes, as the data set has, got ${output.length}`,
    );
  }
  const predictions = new Uint8Array(samples);
  let correct = 0;
  let milliseconds = 0;
  for (let first = 0; first < samples; first += model.batch) {
    const last = Math.min(first + model.batch, samples);
    const batch = data.samples.subarray(first * features, last * features);
    const start = performance.now();
    const scores = classifier.run(batch);
    milliseconds += performance.now() - start;
    for (let i = first; i < last; i++) {
      predictions[i] = classifier.classOf(scores, i - first);
      if (predictions[i] === data.labels[i]) correct++;
    }
  }
  return { samples, correct, accuracy: correct / samples, seconds: milliseconds / 1000, predictions };
}
