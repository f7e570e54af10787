// The models that ship: each answers as models/index.json says, on every build. Whole test sets are read from the folders of
// $BITLANE_DATA (mnist, fashion-mnist, cifar10, ptb) where those are; some samples are always tried, digits where they are the
// task.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { argmax } from '../../src/export/agreement.js';
import { loadBytes } from '../../src/load.js';
import { readModel } from '../../src/model/read.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { DATASETS, type DatasetName } from '../../src/cli/datasets.js';
import { figuresOf, LanguageScorer } from '../../src/cli/language.js';
import { Random } from '../../src/numerics/random.js';
import type { Model, TensorData } from '../../src/runtime/model.js';
import { loadPennTreebankPart } from '../../src/train/data/ptb.js';
import { SCORING_STREAMS } from '../../src/train/data/text.js';
import { parseIdx } from '../../src/train/index.js';
import { builds, kernelBytes } from '../helpers/builds.js';

interface Entry {
  readonly file: string;
  readonly dataset: DatasetName | 'ptb';
  readonly metric: 'accuracy' | 'perplexity';
  readonly value: number;
  readonly samples: number;
  readonly bytes: number;
  readonly floatBytes: number;
}
const entries = JSON.parse(readFileSync('models/index.json', 'utf8')) as Entry[];
const digits = parseIdx(readFileSync('models/digits/mnist-test-10.idx3-ubyte'), 3, 'digits').data;

/** What an entry's model is tried on. */
interface Trial {
  /** Compares every build with the reference on a few samples. */
  readonly few: (file: Uint8Array) => Promise<void>;
  /** The value of the metric on the whole test set, and its size. */
  readonly whole: (model: Model, folder: string) => Promise<readonly [value: number, samples: number]>;
  readonly batch: number;
}

function classifier(dataset: DatasetName, large: boolean): Trial {
  const { inputShape, loadTest } = DATASETS[dataset];
  const bytes = inputShape.reduce<number>((product, side) => product * side, 1);
  // The reference takes seconds for each sample of a large one.
  const count = large ? 2 : 10;
  return {
    batch: 100,
    async few(file) {
      const random = new Random(1);
      const samples =
        dataset === 'mnist'
          ? digits.subarray(0, count * bytes)
          : Uint8Array.from({ length: count * bytes }, () => random.below(256));
      const graph = readModel(file);
      const expected = Array.from({ length: count }, (_, i) => [
        ...evaluate(graph, [samples.subarray(bytes * i, bytes * (i + 1))])[0],
      ]).flat();
      for (const build of builds) {
        const model = await loadBytes(file, { build, batch: count }, kernelBytes);
        assert.equal([...model.run(samples)['scores']], expected, build);
      }
    },
    async whole(model, folder) {
      const { samples, labels, count: all } = await loadTest(folder);
      const classes = model.outputs[0].length;
      let right = 0;
      for (let i = 0; i < all; i += 100) {
        const { scores } = model.run(samples.subarray(bytes * i, bytes * (i + 100)));
        for (let j = 0; j < 100; j++) if (argmax(scores, classes * j, classes) === labels[i + j]) right++;
      }
      return [right / all, all];
    },
  };
}

const LANGUAGE: Trial = {
  batch: SCORING_STREAMS,
  async few(file) {
    const graph = readModel(file);
    const tokens = ['the', 'company', 'said'].map((word) => graph.metadata.labels!.indexOf(word));
    const widths = graph.inputs.slice(1).map((index) => graph.tensors[index].shape[0]);
    const start = [new Uint8Array(widths[0]).fill(8), new Int16Array(widths[1])];
    const walk = <S extends ArrayLike<number>>(
      first: readonly S[],
      step: (token: number, states: readonly S[]) => readonly S[],
    ): number[][] => {
      let states = first;
      return tokens.map((token) => {
        const results = step(token, states);
        states = results.slice(1);
        return results.flatMap((values) => Array.from(values));
      });
    };
    const expected = walk<ArrayLike<number>>(start, (token, states) => evaluate(graph, [[token], ...states]));
    for (const build of builds) {
      const model = await loadBytes(file, { build }, kernelBytes);
      const given = walk<TensorData>(start, (token, [hidden, cell]) => {
        const results = model.run({ token: Int32Array.of(token), hidden, cell });
        return model.outputs.map(({ name }) => results[name]);
      });
      assert.equal(given, expected, build);
    }
  },
  async whole(model, folder) {
    const scorer = new LanguageScorer(model);
    const { losses } = scorer.score(scorer.encode(await loadPennTreebankPart(folder, 'test')));
    return [figuresOf(losses, scorer.unit).values.perplexity, losses.length];
  },
};

for (const { file: name, dataset, metric, ...entry } of entries) {
  const file = readFileSync(join('models', name));
  const trial = dataset === 'ptb' ? LANGUAGE : classifier(dataset, entry.bytes > 2e6);

  test(`${name} weighs what models/index.json says`, async () => {
    assert.is(statSync(join('models', name)).size, entry.bytes);
    const model = await loadBytes(file, {}, kernelBytes);
    assert.is(model.summary().float32Bytes, entry.floatBytes);
    const recorded = { accuracy: 'testAccuracy', perplexity: 'testPerplexity' }[metric];
    assert.is(model.metadata.training?.[recorded], String(entry.value));
  });

  test(`${name} gives equal scores on every build and in the reference`, () => trial.few(file));

  const folder = process.env['BITLANE_DATA'] === undefined ? '' : join(process.env['BITLANE_DATA'], dataset);
  if (!existsSync(folder)) {
    console.log(`skipped: the whole test set of ${name}, for want of BITLANE_DATA/${dataset}`);
    continue;
  }
  test(`${name} has the ${metric} that models/index.json says, to the sample, on every build`, async () => {
    for (const build of builds) {
      const model = await loadBytes(file, { build, batch: trial.batch }, kernelBytes);
      assert.equal(await trial.whole(model, folder), [entry.value, entry.samples], build);
    }
  });
}

test.run();
