// Answers samples with a model as its exported network will answer them: folded normalizations, integer sums, and the scores
// that the last layer's pairs of scale and shift give.
import { words, type LabelledBytes } from './data/dataset.js';
import type { Backend, Program } from './kernels.js';
import { gatherBytes } from './layers.js';
import { stopIfAborted } from './loop.js';
import type { Model } from './model.js';
import { Tape } from './tape.js';
import { tensor, type Tensor } from './tensor.js';

/** What the trainer itself answers on the test set, for export to agree with. */
export interface TestAnswers {
  /** (N, classes) row-major: fround(fround(scale * sum) + shift) of the last layer's folded normalization. */
  readonly scores: Float32Array;
  /** (N): the class with the highest score, the first of equals. */
  readonly predictions: Uint8Array;
  /** Share of right answers, in [0, 1]. */
  readonly accuracy: number;
}

const EVALUATION_BATCH = 500;

/** Answers samples with the folded network. */
export class Evaluator {
  readonly #backend: Backend;
  readonly #model: Model;
  readonly #batch: Tensor;
  readonly #sums: Tensor;
  readonly #program: Program;
  readonly #features: number;

  private constructor(backend: Backend, model: Model, features: number, batch: Tensor, sums: Tensor, program: Program) {
    this.#backend = backend;
    this.#model = model;
    this.#features = features;
    this.#batch = batch;
    this.#sums = sums;
    this.#program = program;
  }

  static async create(backend: Backend, model: Model, features: number): Promise<Evaluator> {
    const batch = tensor('evaluation samples', [Math.ceil((EVALUATION_BATCH * features) / 4)], 'u32');
    const indices = tensor('evaluation indices', [EVALUATION_BATCH], 'u32');
    const tape = new Tape();
    const sums = model.evaluationPass(tape, gatherBytes(tape, batch, indices, features));
    const program = await backend.compile(tape.forward());
    backend.write(
      indices,
      Uint32Array.from({ length: EVALUATION_BATCH }, (_, i) => i),
    );
    return new Evaluator(backend, model, features, batch, sums, program);
  }

  async evaluate(data: LabelledBytes, signal?: AbortSignal): Promise<TestAnswers> {
    const { scale, shift } = await this.#model.fold(this.#backend);
    const classes = scale.length;
    const scores = new Float32Array(data.count * classes);
    const predictions = new Uint8Array(data.count);
    let right = 0;
    for (let start = 0; start < data.count; start += EVALUATION_BATCH) {
      stopIfAborted(signal);
      const count = Math.min(EVALUATION_BATCH, data.count - start);
      const bytes = data.samples.subarray(start * this.#features, (start + count) * this.#features);
      this.#backend.write(this.#batch, words(bytes));
      this.#program.run();
      const sums = await this.#backend.read(this.#sums);
      for (let b = 0; b < count; b++) {
        const row = scores.subarray((start + b) * classes, (start + b + 1) * classes);
        for (let c = 0; c < classes; c++) row[c] = Math.fround(scale[c] * sums[b * classes + c]) + shift[c];
        const prediction = row.indexOf(Math.max(...row));
        predictions[start + b] = prediction;
        if (prediction === data.labels[start + b]) right++;
      }
    }
    return { scores, predictions, accuracy: right / data.count };
  }
}
