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

const LARGEST_BATCH = 500;
/** Values of a tensor that every WebGPU device can bind. */
const MOST_VALUES = 2 ** 25;

function passOf(model: Model, features: number, rows: number) {
  const batch = tensor('evaluation samples', [Math.ceil((rows * features) / 4)], 'u32');
  const indices = tensor('evaluation indices', [rows], 'u32');
  const tape = new Tape();
  const sums = model.evaluationPass(tape, gatherBytes(tape, batch, indices, features));
  const calls = tape.forward();
  const largest = calls.flatMap(({ tensors }) => tensors).reduce((most, { size }) => Math.max(most, size), 0);
  return { batch, indices, sums, calls, rows, largest };
}

/** The evaluation pass of as many samples as fit: the patches of a wide net take 5 MB a picture. */
function largestPass(model: Model, features: number) {
  let pass = passOf(model, features, LARGEST_BATCH);
  while (pass.largest > MOST_VALUES && pass.rows > 1) {
    const smaller = passOf(model, features, Math.ceil(pass.rows / 2));
    // Weights do not shrink with the batch.
    if (smaller.largest === pass.largest) break;
    pass = smaller;
  }
  return pass;
}

/** Answers samples with the folded network. */
export class Evaluator {
  readonly #backend: Backend;
  readonly #model: Model;
  readonly #batch: Tensor;
  readonly #sums: Tensor;
  readonly #rows: number;
  readonly #program: Program;
  readonly #features: number;

  private constructor(
    backend: Backend,
    model: Model,
    features: number,
    pass: ReturnType<typeof largestPass>,
    program: Program,
  ) {
    this.#backend = backend;
    this.#model = model;
    this.#features = features;
    this.#batch = pass.batch;
    this.#sums = pass.sums;
    this.#rows = pass.rows;
    this.#program = program;
  }

  static async create(backend: Backend, model: Model, features: number): Promise<Evaluator> {
    const pass = largestPass(model, features);
    const program = await backend.compile(pass.calls);
    backend.write(
      pass.indices,
      Uint32Array.from({ length: pass.rows }, (_, i) => i),
    );
    return new Evaluator(backend, model, features, pass, program);
  }

  async evaluate(data: LabelledBytes, signal?: AbortSignal): Promise<TestAnswers> {
    const { scale, shift } = await this.#model.fold(this.#backend);
    const classes = scale.length;
    const scores = new Float32Array(data.count * classes);
    const predictions = new Uint8Array(data.count);
    let right = 0;
    for (let start = 0; start < data.count; start += this.#rows) {
      stopIfAborted(signal);
      const count = Math.min(this.#rows, data.count - start);
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
