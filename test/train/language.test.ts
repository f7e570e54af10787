// Language models: the quantized cell and its gradients, learning, and that the exported file is the network that was trained.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ExportError } from '../../src/errors.js';
import { checkLosses, exportLanguageModel } from '../../src/export/index.js';
import { cellArithmetic, centeredThresholds, weightScale } from '../../src/numerics/cells.js';
import { bitsOf, negativeLogLikelihood } from '../../src/numerics/likelihood.js';
import { centeredQuant, weightIntegers, weightUnit } from '../../src/numerics/quantizers.js';
import { Random } from '../../src/numerics/random.js';
import { CpuBackend } from '../../src/train/cpu/backend.js';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../src/train/checkpoint.js';
import { ptbCharRnn, ptbLstm } from '../../src/train/index.js';
import { LanguageModel, type LanguageSpec } from '../../src/train/language/model.js';
import type { TrainedLanguageModel } from '../../src/train/language/network.js';
import {
  trainLanguageModel,
  type LanguageOptions,
  type LanguageProgress,
  type LanguageRecipe,
  type LanguageResult,
} from '../../src/train/language/trainer.js';
import { crossEntropy } from '../../src/train/losses.js';
import { Tape } from '../../src/train/tape.js';
import { tensor, type Tensor } from '../../src/train/tensor.js';
import { CpuReference } from './cpu.js';
import { BEST_PERPLEXITY, FORGETFUL_PERPLEXITY, grammar } from './grammar.js';
import { agrees, FOUR, recipeOf } from './languages.js';

const test = suite('train/language');
const wasm = readFileSync('dist/train.simd.wasm');

async function trained(recipe: LanguageRecipe, options: LanguageOptions = {}, data = grammar(recipe.unit)) {
  const device = await CpuBackend.create({ threads: 1, wasm });
  try {
    return await trainLanguageModel(recipe, data, { device, ...options });
  } finally {
    device.dispose();
  }
}

const kept = new Map<string, LanguageResult>();

for (const cell of ['lstm', 'rnn'] as const) {
  test(`${cell} of 4-bit weights and states remembers across words, close to its float twin`, async () => {
    const seen: LanguageProgress[] = [];
    const quantized = await trained(recipeOf(cell, FOUR), { onProgress: (p) => seen.push(p) });
    const twin = await trained(recipeOf(cell, null));
    const figures = [quantized, twin].map(({ perplexity }) => perplexity.toFixed(4)).join(', ');
    console.log(`  ${cell} 4/4 and float: perplexity ${figures}; best ${BEST_PERPLEXITY.toFixed(4)}`);
    // The bounds are shares of the way from forgetting the noun to the entropy of the grammar.
    const bound = (share: number) => FORGETFUL_PERPLEXITY - share * (FORGETFUL_PERPLEXITY - BEST_PERPLEXITY);
    assert.ok(quantized.perplexity < bound(0.5), figures);
    assert.ok(twin.perplexity < bound(0.7), figures);
    assert.ok(quantized.perplexity > BEST_PERPLEXITY * 0.97, figures);
    assert.is(twin.network, null);
    const ends = seen.filter(({ step, steps }) => step === steps);
    assert.equal(
      ends.map(({ validationLoss }) => validationLoss),
      quantized.validationLosses,
    );
    assert.ok(ends.at(-1)!.loss < ends[0].loss);
    kept.set(cell, quantized);
  });
}

test('every quantizer of weights, other bits, dropout, ties and characters train and export to the same losses', async () => {
  const cases: readonly (readonly [LanguageRecipe, number])[] = [
    [recipeOf('lstm', { weights: { kind: 'log', bits: 4 }, activationBits: 4 }), 2.4],
    [recipeOf('rnn', { weights: { kind: 'power', bits: 3 }, activationBits: 3 }), 2.5],
    [recipeOf('lstm', { weights: { kind: 'linear', bits: 2 }, activationBits: 6 }, { embedding: 7, hidden: 13 }), 4],
    [recipeOf('lstm', FOUR, { dropout: 0.2, learningRate: { kind: 'plateau', start: 3e-2, factor: 0.5 } }), 2.4],
    [recipeOf('lstm', FOUR, { embedding: 32, tied: true, dropout: 0.2 }), 2.4],
    [recipeOf('rnn', { weights: { kind: 'log', bits: 4 }, activationBits: 5 }, { embedding: 32, tied: true }), 2.5],
    [recipeOf('rnn', FOUR, { unit: 'character', epochs: 2 }), 2],
  ];
  for (const [recipe, bound] of cases) {
    const result = await trained(recipe, { epochs: Math.min(3, recipe.epochs) });
    const { weights, activationBits } = recipe.quantization!;
    const tied = recipe.tied ? ', tied' : '';
    const name = `${recipe.cell} ${weights.kind} ${weights.bits}/${activationBits}, ${recipe.unit}s${tied}`;
    assert.ok(result.perplexity < bound, `${name}: ${result.perplexity}`);
    const { table, outputWeights } = result.network!;
    const same = table.length === outputWeights.length && table.every((value, i) => value === outputWeights[i]);
    assert.is(same, recipe.tied === true, name);
    // Of the two matrices that are tied and have as many bits, the file has one.
    const alike = recipe.tied === true && weights.kind === 'linear' && weights.bits === activationBits;
    const constants = exportLanguageModel(result.network!).constants.map((constant) => constant.name);
    assert.equal([constants.includes('embedding/table'), constants.includes('scores/weights')], [true, !alike], name);
    await agrees(name, result, recipe.unit);
  }
});

for (const cell of ['lstm', 'rnn'] as const) {
  test(`the exported ${cell} gives the trainer's losses to the bit, on the reference and every build`, () =>
    agrees(cell, kept.get(cell)!, 'word'));
}

test('a run continues from a checkpoint inside an epoch to the same bits, and not from that of another network', async () => {
  const recipe = recipeOf('lstm', FOUR, {
    epochs: 3,
    dropout: 0.1,
    learningRate: { kind: 'plateau', start: 0.1, factor: 0.5 },
  });
  const checkpoints: Checkpoint[] = [];
  const onCheckpoint = (checkpoint: Checkpoint) => void checkpoints.push(checkpoint);
  const whole = await trained(recipe, { onCheckpoint, checkpointSeconds: 0 });
  const inside = checkpoints.find(({ epoch, step }) => epoch === 3 && step === 20)!;
  const resume = decodeCheckpoint(encodeCheckpoint(inside), 'test');
  assert.ok(resume.tensors['carried state'].some((value) => value !== 0));
  const continued = await trained(recipe, { resume });
  assert.equal(continued.network, whole.network);
  assert.equal(continued.losses, whole.losses);
  assert.equal(continued.validationLosses, whole.validationLosses);
  const other = await trained({ ...recipe, dropout: 0.2 }, { resume }).catch((error: unknown) => error);
  assert.match((other as Error).message, /"resume" expected a run with network .*"dropout":0.2/);
});

test('latent weights stay in [-1, 1], and those of a float twin where the recipe bounds them', async () => {
  const largest = async (quantization: typeof FOUR | null, bounded: boolean): Promise<number> => {
    const recipe = recipeOf('lstm', quantization, {
      epochs: 1,
      learningRate: { kind: 'exponential', start: 0.3, end: 0.3 },
      bounded,
    });
    let last: Checkpoint | undefined;
    await trained(recipe, { onCheckpoint: (checkpoint) => void (last = checkpoint), checkpointSeconds: 0 });
    const names = ['embedding', 'input weights', 'recurrent weights', 'output weights'];
    return Math.max(...names.map((name) => last!.tensors[name].reduce((most, w) => Math.max(most, Math.abs(w)), 0)));
  };
  assert.is(await largest(FOUR, false), 1);
  assert.is(await largest(null, true), 1);
  assert.ok((await largest(null, false)) > 1.5);
});

test('trainLanguageModel() refuses options and texts out of range, and stops', async () => {
  const recipe = recipeOf('rnn', FOUR);
  const message = async (run: Promise<unknown>) => ((await run.catch((error: unknown) => error)) as Error).message;
  assert.match(await message(trained(recipe, { epochs: 0 })), /"epochs" expected an integer >= 1, got 0/);
  assert.match(await message(trained(recipe, { seed: 0.5 })), /"seed" expected an integer, got 0.5/);
  assert.match(await message(trained(recipe, { limit: 120 })), /at least 121 tokens, a batch, got 120/);
  assert.match(await message(trained({ ...recipe, tied: true })), /tied embedding expected the width .* 32, got 16/);
  assert.match(await message(trained(recipe, {}, grammar('character'))), /"data" expected words, got characters/);
  const stop = new AbortController();
  const stopped = trained(recipe, { signal: stop.signal, onProgress: () => stop.abort() });
  assert.match(await message(stopped), /training was stopped/);
});

test("the papers' recipes are 4/4 at their sizes, and their twins are float", () => {
  const of = ({ cell, hidden, unit, quantization }: LanguageRecipe) => ({ cell, hidden, unit, quantization });
  assert.equal(of(ptbLstm()), { cell: 'lstm', hidden: 300, unit: 'word', quantization: FOUR });
  assert.equal(of(ptbCharRnn()), { cell: 'rnn', hidden: 2048, unit: 'character', quantization: FOUR });
  for (const recipe of [ptbLstm, ptbCharRnn]) {
    assert.ok(recipe({ variant: 'better' }).dropout > 0);
    for (const variant of ['paper', 'better'] as const) {
      const plain = recipe({ variant });
      const { name, quantization, ...rest } = recipe({ variant, float: true });
      assert.equal({ ...rest, name: plain.name, quantization: FOUR }, plain);
      assert.is(quantization, null);
      assert.is(name, `${plain.name}-float`);
      assert.is(recipe({ variant, hidden: 64 }).hidden, 64);
    }
  }
  assert.is(ptbLstm().tied, undefined);
  const { tied, hidden, embedding } = ptbLstm({ variant: 'better', hidden: 650 });
  assert.equal([tied, hidden, embedding], [true, 650, 650]);
});

test('the units of a cell meet, and 4 bits of both sides make steps of 1/8 at 300 units', () => {
  assert.equal([3, 12, 128, 300, 2048].map(weightScale), [1, 1 / 2, 1 / 8, 1 / 8, 1 / 32]);
  const scale = weightScale(300) * 2 ** -8;
  const even = cellArithmetic(scale, scale);
  assert.equal([even.step, even.inputShift, even.recurrentShift, even.indexShift], [1 / 8, 0, 0, 1]);
  const uneven = cellArithmetic(2 ** -13, 2 ** -11);
  assert.equal([uneven.unit, uneven.inputShift, uneven.recurrentShift], [2 ** -11, 2, 0]);
  // tanh(1/8) and sigmoid(-1/8) in 2^-15, and one value for the two ends.
  assert.equal([even.tanh[1], even.sigmoid[255]], [4075, 15361]);
  assert.is(even.sigmoid[128], even.sigmoid[129]);
  assert.throws(() => cellArithmetic(1, 2 ** -8), /expected a power of two from 2\^-20 to 2\^-4, got 1/);
});

test('centeredQuant() has 2^k odd multiples of 2^-k, and thresholds count up to its levels', () => {
  const values = [-3, -1, -0.51, -0.5, -1e-9, 0, 0.49, 0.5, 0.99, 1];
  assert.equal(
    values.map((x) => centeredQuant(x, 2)),
    [-0.75, -0.75, -0.75, -0.25, -0.25, 0.25, 0.25, 0.75, 0.75, 0.75],
  );
  for (const bits of [1, 4, 8]) {
    const thresholds = centeredThresholds(bits);
    assert.is(thresholds.length, 2 ** bits - 1);
    for (let a = -32768; a < 32768; a += 37) {
      const level = thresholds.filter((t) => a >= t).length;
      assert.is((2 * level - (2 ** bits - 1)) * 2 ** -bits, centeredQuant(a / 32768, bits), `${bits} bits, ${a}`);
    }
  }
  const latent = Float32Array.of(-1, -0.3, 0, 0.01, 0.7, 1);
  assert.equal([...weightIntegers(latent, { kind: 'linear', bits: 4 })], [-15, -5, 1, 1, 11, 15]);
  assert.equal([...weightIntegers(latent, { kind: 'log', bits: 4 })], [-64, -16, 0, 0, 32, 64]);
  assert.equal([...weightIntegers(latent, { kind: 'power', bits: 3 })], [-4, -1, 0, 0, 2, 4]);
  assert.equal([weightUnit({ kind: 'linear', bits: 4 }), weightUnit({ kind: 'log', bits: 4 })], [1 / 16, 1 / 64]);
});

test('losses are those of the softmax, whatever the size of the scores', () => {
  assert.ok(Math.abs(negativeLogLikelihood([0, 0, 0, 0], 1, 2) - Math.log(4)) < 1e-15);
  // softmax(ln 1, ln 3) = 1/4, 3/4, behind a large offset and in units of 1/1024.
  const scores = [5, 1e6, 1e6 + Math.round(1024 * Math.log(3)), 7];
  assert.ok(Math.abs(negativeLogLikelihood(scores, 1 / 1024, 0, 1, 2) - Math.log(4)) < 1e-3);
  assert.ok(Math.abs(bitsOf(Math.log(8)) - 3) < 1e-15);
});

test('checkLosses names the first token that differs, and exports refuse sizes that do not fit', () => {
  checkLosses(Float64Array.of(1, 2), Float64Array.of(1, 2 + 1e-12));
  assert.throws(
    () => checkLosses(Float64Array.of(1, 2, 3), Float64Array.of(1, 2.5, NaN)),
    (error: Error) => error instanceof ExportError && /token 1: trainer 2, file 2.5/.test(error.message),
  );
  assert.throws(() => checkLosses(new Float64Array(2), new Float64Array(3)), /expected 2 tokens, got 3/);
  const network = kept.get('rnn')!.network!;
  const broken = (part: Partial<TrainedLanguageModel>) => () => exportLanguageModel({ ...network, ...part });
  assert.throws(broken({ bias: new Float32Array(3) }), /"bias" expected 32 values, got 3/);
  assert.throws(broken({ outputBias: network.outputBias.map(() => NaN) }), /"outputBias" expected finite values/);
});

// Gradients. In float64, on the judge of the kernels, over three steps with the hidden state carried in.

interface Net {
  readonly cpu: CpuReference;
  readonly loss: Tensor;
  readonly carried: Float64Array;
  readonly parameters: readonly Tensor[];
  readonly gradients: readonly Float64Array[];
  readonly run: () => number;
}

const [streams, steps] = [2, 3];
const TOKENS = [0, 3, 1, 0, 4, 2];
const LABELS = [1, 0, 4, 2, 2, 3];

async function netOf(spec: LanguageSpec): Promise<Net> {
  const random = new Random(12);
  const [model, tape, cpu] = [new LanguageModel(spec), new Tape(), new CpuReference()];
  model.initialize(cpu, random);
  model.watch(tape);
  const { tokens, carried, scores } = model.unroll(tape, streams, steps);
  const labels = tensor('labels', [steps * streams], 'u32');
  const loss = crossEntropy(tape, scores, labels, tensor('totals', [2]));
  cpu.write(tokens, TOKENS);
  cpu.write(labels, LABELS);
  cpu.write(
    carried,
    Array.from({ length: carried.size }, () => Math.round(random.uniform(-800, 800)) / 1024),
  );
  const backward = tape.backward(loss);
  cpu.write(backward.seed, [1]);
  const forward = await cpu.compile(tape.forward());
  const parameters = model.parameters.map(({ tensor: t }) => t);
  forward.run();
  (await cpu.compile(backward.calls)).run();
  const gradients = parameters.map((t) => cpu.array(backward.of(t)).slice());
  return {
    cpu,
    loss,
    carried: cpu.array(carried),
    parameters,
    gradients,
    run: () => (forward.run(), cpu.array(loss)[0]),
  };
}

/**
 * The loss of the quantized network as a smooth function of its parameters: roundings add what they added at the parameters
 * given, and functions are moved along their argument to what the tables gave there. Called without a change, it takes
 * these notes.
 *
 * @returns the loss, with the number `by` added to value `i` of parameter `p`
 */
function surrogate(spec: LanguageSpec, values: readonly Float64Array[], carried: Float64Array) {
  const { vocabulary: v, embedding: e, hidden: h, cell } = spec;
  const gates = cell === 'lstm' ? 4 : 1;
  const [scaleIn, scaleH] = [weightScale(e), weightScale(h)];
  const { unit, step, cellShift } = cellArithmetic(scaleIn / 256, scaleH / 256);
  const nearest = (x: number, grain: number) => Math.floor(x / grain + 0.5) * grain;
  const notes: number[] = [];
  return (change?: readonly [p: number, i: number, by: number]): number => {
    let note = 0;
    const recording = change === undefined;
    if (recording) notes.length = 0;
    const rounded = (x: number, round: (x: number) => number): number => {
      if (recording) notes.push(round(x) - x);
      return x + notes[note++];
    };
    const four = (x: number) => rounded(x, (value) => centeredQuant(value, 4));
    const look = (f: (x: number) => number, inverse: (y: number) => number, x: number): number => {
      if (recording) notes.push(inverse(Math.round(f(nearest(x, step)) * 32768) / 32768) - x);
      return f(x + notes[note++]);
    };
    const sigmoid = (x: number) =>
      look(
        (y) => 1 / (1 + Math.exp(-y)),
        (y) => Math.log(y / (1 - y)),
        x,
      );
    const tanh = (x: number) => look(Math.tanh, Math.atanh, x);
    const q15 = (x: number) => rounded(x, (value) => nearest(value, 2 ** -15));
    const parameters = values.map((all, p) =>
      [...all].map((x, i) => (change?.[0] === p && change[1] === i ? x + change[2] : x)),
    );
    const [table, inputs, recurrent, outputs] = [0, 1, 2, spec.tied ? 0 : 4].map((p) => parameters[p].map(four)) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const bias = parameters[3].map((b) => rounded(b, (x) => nearest(x, scaleIn / 256)));
    const outputBias = parameters.at(-1)!.map((b) => rounded(b, (x) => nearest(x, scaleH / 256)));
    const dot = (w: readonly number[], row: number, x: readonly number[]) =>
      x.reduce((sum, value, k) => sum + value * w[row * x.length + k], 0);
    let total = 0;
    for (let b = 0; b < streams; b++) {
      const width = gates === 4 ? 2 * h : h;
      let hidden = Array.from(carried.subarray(b * width, b * width + h), four);
      const cells = Array.from(carried.subarray(b * width + h, b * width + 2 * h));
      for (let t = 0; t < steps; t++) {
        const x = table.slice(TOKENS[t * streams + b] * e, (TOKENS[t * streams + b] + 1) * e);
        const before = hidden;
        const sums = Array.from({ length: gates * h }, (_, n) => {
          const w = rounded(scaleIn * dot(inputs, n, x) + bias[n], (s) => nearest(s, unit));
          const u = rounded(scaleH * dot(recurrent, n, before), (s) => nearest(s, unit));
          return w + u;
        });
        const raw = Array.from({ length: h }, (_, j) => {
          if (gates === 1) return tanh(sums[j]);
          const i = sigmoid(sums[j]);
          const [f, g] = [sigmoid(sums[h + j]), tanh(sums[2 * h + j])];
          const o = sigmoid(sums[3 * h + j]);
          const grain = 2 ** (cellShift - 15);
          const keptPart = rounded(f * cells[j], (value) => nearest(value, grain));
          const added = rounded(q15(i * g), (value) => nearest(value, grain));
          cells[j] = keptPart + added;
          // The index rounds twice: to pre-activations, then to the table.
          const c = rounded(cells[j], (value) => nearest(value, unit));
          return q15(o * tanh(c));
        });
        hidden = raw.map(four);
        const scores = Array.from({ length: v }, (_, n) => scaleH * dot(outputs, n, hidden) + outputBias[n]);
        total += negativeLogLikelihood(scores, 1, LABELS[t * streams + b]);
      }
    }
    return total / (streams * steps);
  };
}

const SIZES = { vocabulary: 5, embedding: 6, hidden: 4 } as const;
const NETS = {
  lstm: { cell: 'lstm', ...SIZES },
  rnn: { cell: 'rnn', ...SIZES },
  'tied lstm': { cell: 'lstm', ...SIZES, embedding: 4, tied: true },
} as const;

for (const [name, net] of Object.entries(NETS)) {
  test(`the gradients of the unrolled float ${name} are central differences`, async () => {
    const { cpu, parameters, gradients, run } = await netOf({ ...net, quantization: null });
    let largest = 0;
    parameters.forEach((t, p) => {
      const values = cpu.array(t);
      values.forEach((value, i) => {
        const at = (x: number) => ((values[i] = x), run());
        const numeric = (at(value + 1e-6) - at(value - 1e-6)) / 2e-6;
        values[i] = value;
        largest = Math.max(largest, Math.abs(numeric - gradients[p][i]));
      });
    });
    console.log(`  ${name}: largest difference from central differences ${largest.toExponential(1)}`);
    assert.ok(largest < 1e-8, `${largest}`);
  });

  test(`the gradients of the unrolled quantized ${name} are those of its smooth parts at the rounded values`, async () => {
    // Straight-through: every rounding r(x) acts as x + (r(x0) - x0) with x0 fixed. Written so, the network is smooth, has
    // the quantized values at x0, and central differences of it are the gradients that training uses.
    const spec: LanguageSpec = { ...net, quantization: FOUR };
    const { cpu, carried, parameters, gradients, loss } = await netOf(spec);
    const values = parameters.map((t) => cpu.array(t).slice());
    const smooth = surrogate(spec, values, carried);
    const start = smooth();
    assert.ok(Math.abs(start - cpu.array(loss)[0]) < 1e-12, `${start} ${cpu.array(loss)[0]}`);
    let largest = 0;
    parameters.forEach((_, p) => {
      gradients[p].forEach((gradient, i) => {
        const numeric = (smooth([p, i, 1e-6]) - smooth([p, i, -1e-6])) / 2e-6;
        largest = Math.max(largest, Math.abs(numeric - gradient));
      });
    });
    const size = Math.max(...gradients.map((values) => Math.max(...values.map(Math.abs))));
    console.log(
      `  ${name}: largest difference ${largest.toExponential(1)} of gradients up to ${size.toExponential(1)}`,
    );
    assert.ok(largest < 1e-8 && size > 0.1, `${largest} of ${size}`);
  });
}

test.run();
