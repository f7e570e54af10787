// Coordinate descent over finite weights: sums that are kept equal sums that are computed anew, the loss never rises, and
// the result runs as a ternary model.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/model/builder.js';
import { int32, int8, threshold } from '../../src/model/specs.js';
import { Random } from '../../src/numerics/random.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { conntraScores, trainConntra, type ConntraOptions } from '../../src/train/conntra.js';

const test = suite('train/conntra');

/** Three overlapping clouds in four dimensions, as the irises are, and an input that is always 1. */
function clouds(count: number, seed: number) {
  const random = new Random(seed);
  const centres = [
    [-30, 20, -35, -40],
    [5, -10, 10, 5],
    [25, 0, 30, 35],
  ];
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
  const samples = Array.from(labels, (label) => {
    const noise = () => random.below(41) - 20;
    return [...centres[label].map((v) => v + noise()), 1];
  }).flat();
  return { samples, labels };
}

const SIZES = [5, 12, 8, 3];

/** Loss and accuracy from the definitions. */
function measured(weights: readonly ArrayLike<number>[], data: ReturnType<typeof clouds>, margin: number) {
  let [loss, right] = [0, 0];
  data.labels.forEach((label, b) => {
    const scores = conntraScores(weights, SIZES, data.samples.slice(5 * b, 5 * b + 5));
    scores.forEach((o, c) => (loss += Math.max(0, margin - (c === label ? o : -o)) ** 2));
    if (scores.indexOf(Math.max(...scores)) === label) right++;
  });
  return { loss, accuracy: right / data.labels.length };
}

for (const values of [
  [-1, 0, 1],
  [-2, -1, 1, 2],
]) {
  test(`trainConntra() over {${values.join(', ')}} never raises the loss, and keeps sums as they are`, () => {
    const data = clouds(90, 4);
    const initial = trainConntra(data, { sizes: SIZES, values, margin: 3, sweeps: 0 });
    assert.is(initial.initialLoss, measured(initial.weights, data, 3).loss);
    let last = initial.initialLoss;
    const seen: number[] = [];
    const { weights, sweeps, converged } = trainConntra(data, {
      ...{ sizes: SIZES, values, margin: 3 },
      onSweep: ({ loss }) => seen.push(loss),
    });
    for (const { loss } of sweeps) {
      assert.ok(loss <= last, `loss rose from ${last} to ${loss}`);
      last = loss;
    }
    assert.equal(
      seen,
      sweeps.map(({ loss }) => loss),
    );
    const { loss, accuracy } = sweeps.at(-1)!;
    assert.equal({ loss, accuracy }, measured(weights, data, 3));
    const before = measured(initial.weights, data, 3).accuracy;
    console.log(
      `{${values.join(', ')}}: accuracy ${before.toFixed(2)} -> ${accuracy.toFixed(2)}, ${sweeps.length} sweeps`,
    );
    assert.ok(accuracy > 0.9 && accuracy > before);
    assert.ok(weights.every((layer) => layer.every((w) => values.includes(w))));
    // Where it converged no single weight is better otherwise; a further sweep has nothing to change.
    assert.ok(converged);
    const again = trainConntra(data, { sizes: SIZES, values, margin: 3, initial: weights });
    assert.is(again.sweeps.length, 1);
    assert.is(again.sweeps[0].changed, 0);
  });
}

test('trainConntra() follows from its seed, and answers what it has not seen', () => {
  const data = clouds(150, 5);
  const options = { sizes: SIZES, sweeps: 6, seed: 3 };
  const first = trainConntra(data, options);
  assert.equal(trainConntra(data, options).weights, first.weights);
  assert.not.equal(trainConntra(data, { ...options, seed: 4 }).weights, first.weights);
  const { accuracy } = measured(first.weights, clouds(300, 99), 1);
  console.log(`accuracy on unseen samples ${accuracy.toFixed(2)}`);
  assert.ok(accuracy > 0.7);
});

test('a ternary network of trainConntra() gives its scores as a model', () => {
  const data = clouds(60, 6);
  const { weights } = trainConntra(data, { sizes: SIZES, sweeps: 2 });
  const builder = new GraphBuilder('conntra');
  let built = builder.input('x', [5], int8);
  weights.forEach((values, layer) => {
    const last = layer === weights.length - 1;
    const spec = { encoding: 'ternary', shape: [SIZES[layer + 1], SIZES[layer]], values } as const;
    built = builder.dense(
      `layer${layer}`,
      built,
      last ? { weights: spec, type: int32 } : { weights: spec, transform: threshold(0) },
    );
  });
  const graph = builder.output(built).build();
  for (let b = 0; b < 60; b++) {
    const sample = data.samples.slice(5 * b, 5 * b + 5);
    assert.equal([...evaluate(graph, [sample])[0]], [...conntraScores(weights, SIZES, sample)]);
  }
});

test('trainConntra() refuses what is out of range', () => {
  const data = { samples: [1, 2, 3, 4], labels: [0, 1] };
  const refused = (change: Partial<ConntraOptions>, expected: RegExp, samples: typeof data = data) => {
    assert.throws(() => trainConntra(samples, { sizes: [2, 2], ...change }), expected);
  };
  refused({ sizes: [2] }, /"sizes" expected at least two integers >= 1, got \[2\]/);
  refused({ values: [1] }, /"values" expected at least two integers from -128 to 127, got \[1\]/);
  refused({ margin: 0.5 }, /"margin" expected an integer >= 1, got 0\.5/);
  refused({ sizes: [3, 2] }, /"samples" expected 3 integers for each of 2 labels, got 4/);
  refused({}, /"labels" expected classes below 2, got 2 at 1/, { ...data, labels: [0, 2] });
  refused({}, /"samples" expected integers, got 0\.5 at 1/, { ...data, samples: [1, 0.5, 3, 4] });
  refused({ initial: [[0, 1, 5, 1]] }, /"initial" expected values of the set, got 5 in layer 0/);
  refused({ initial: [[0, 1]] }, /"initial" expected 4 weights in layer 0, got 2/);
});

test.run();
