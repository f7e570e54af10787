// Small recipes of language models, and the comparison of what was trained with what was exported.
import * as assert from 'uvu/assert';
import { LanguageScorer } from '../../src/cli/language.js';
import { exportLanguageModel } from '../../src/export/index.js';
import { load } from '../../src/index.node.js';
import { writeModel } from '../../src/model/write.js';
import { negativeLogLikelihood } from '../../src/numerics/likelihood.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { scoringOf, SCORING_STREAMS } from '../../src/train/data/text.js';
import type { Quantization } from '../../src/train/language/network.js';
import type { LanguageRecipe, LanguageResult } from '../../src/train/language/trainer.js';
import { builds, kernelBytes } from '../helpers/builds.js';
import { grammar } from './grammar.js';

export const FOUR: Quantization = { weights: { kind: 'linear', bits: 4 }, activationBits: 4 };

/** A recipe of 16 and 32 units for grammar(). */
export function recipeOf(cell: 'lstm' | 'rnn', quantization: Quantization | null, more: Partial<LanguageRecipe> = {}) {
  const recipe: LanguageRecipe = {
    name: `tiny-${cell}`,
    task: 'the next word of a small grammar',
    unit: 'word',
    ...{ cell, embedding: 16, hidden: 32, quantization },
    ...{ dropout: 0, batchSize: 10, steps: 12, epochs: 6 },
    learningRate: { kind: 'exponential', start: 3e-2, end: 1e-3 },
    ...more,
  };
  return recipe;
}

/** The exported file gives the trainer's losses: on the reference, and on every build. */
export async function agrees(
  name: string,
  { network, losses }: LanguageResult,
  unit: LanguageRecipe['unit'],
): Promise<void> {
  const graph = exportLanguageModel(network!);
  const bytes = writeModel(graph);
  const { test: tokens, vocabulary } = grammar(unit);
  for (const build of builds) {
    const model = await load(bytes, { module: kernelBytes(build), build, batch: SCORING_STREAMS });
    const scorer = new LanguageScorer(model);
    assert.equal(scorer.vocabulary.tokens, vocabulary.tokens);
    assert.is(scorer.unit, unit);
    assert.equal(scorer.score(tokens).losses, losses, `${name}, ${build}`);
  }
  // The reference is slow: the first tokens of the first stream.
  const bits = network!.quantization.activationBits;
  const start = [new Uint8Array(network!.hidden).fill(2 ** (bits - 1)), new Int16Array(network!.hidden)];
  let state: readonly ArrayLike<number>[] = start.slice(0, graph.inputs.length - 1);
  const { input } = scoringOf(tokens, vocabulary.numbers.get('<eos>')!);
  const scale = graph.tensors[graph.outputs[0]].scale;
  for (let t = 0; t < 25; t++) {
    const [scores, ...next] = evaluate(graph, [[input(0, t)], ...state]);
    assert.is(negativeLogLikelihood(scores, scale, tokens[t]), losses[t], `${name}, reference, token ${t}`);
    state = next;
  }
}
