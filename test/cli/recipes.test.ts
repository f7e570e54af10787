// The recipes that bitlane train knows by name, and their variants.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recipeOf, RECIPES, type RecipeName } from '../../src/cli/recipes.js';
import { Model } from '../../src/train/model.js';
import { tensor } from '../../src/train/tensor.js';
import type { Recipe } from '../../src/train/trainer.js';

const names = Object.keys(RECIPES) as RecipeName[];
const shapeOf = (name: RecipeName): readonly number[] => (name.startsWith('cifar10') ? [32, 32, 3] : [28, 28, 1]);

/** The learning rate of every epoch. */
function rates({ learningRate, epochs }: Recipe): readonly number[] {
  if (typeof learningRate !== 'function') throw new Error('expected a schedule, got two rates');
  return Array.from({ length: epochs }, (_, epoch) => learningRate(epochs)(epoch));
}

test('every recipe but cifar10-tiny has a better variant, of a net that can be trained', () => {
  for (const name of names.filter((each) => each !== 'cifar10-tiny')) {
    const better = recipeOf(name, { variant: 'better' });
    const { parameters } = new Model(shapeOf(name), better.layers(10));
    assert.ok(parameters.length >= 9, `${name}: ${parameters.length} parameters`);
    const schedule = rates(better);
    assert.ok(
      schedule.every((rate) => rate > 0 && rate <= 3e-3 && Number.isFinite(rate)),
      name,
    );
    assert.ok(schedule.at(-1)! < schedule[0], name);
  }
  assert.throws(() => recipeOf('cifar10-tiny', { variant: 'better' }), /expected to be left out, got better/);
});

test('cifar10-resnet: paper is the recipe as it is, better warms up and is of the same size', () => {
  const [paper, better] = (['paper', 'better'] as const).map((variant) => recipeOf('cifar10-resnet', { variant }));
  const plain = recipeOf('cifar10-resnet', {});
  assert.equal(JSON.stringify(paper), JSON.stringify(plain));
  assert.equal(paper.layers(10), plain.layers(10));
  const sizes = ({ layers }: Recipe) => new Model([32, 32, 3], layers(10)).parameters.map(({ tensor }) => tensor.size);
  assert.equal(sizes(better), sizes(plain));
  const schedule = rates(better);
  assert.is(schedule.length, 300);
  assert.is(schedule.indexOf(Math.max(...schedule)), 5);
  assert.ok(schedule[0] < 0.6e-3, `first rate ${schedule[0]}`);
  // Runs of few epochs have next to no warm-up.
  const { learningRate } = better;
  assert.ok(typeof learningRate === 'function' && learningRate(1)(0) > 2.6e-3);
});

test("cifar10-tiny's rate falls along a line to next to nothing, however long it runs", () => {
  const { learningRate } = recipeOf('cifar10-tiny', {});
  if (typeof learningRate !== 'function') throw new Error('expected a schedule, got two rates');
  for (const epochs of [1, 2, 20, 60]) {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const expected = (2e-3 * (epochs - epoch)) / epochs;
      assert.ok(Math.abs(learningRate(epochs)(epoch) / expected - 1) < 1e-12, `epoch ${epoch} of ${epochs}`);
    }
  }
});

test("cifar10-tiny's Adam draws latent weights back, and what normalizes their sums not", () => {
  const optimizer = recipeOf('cifar10-tiny', {}).optimizer!();
  const w = tensor('w', [3]);
  const decayOf = (decays: boolean): unknown => {
    const call = optimizer.update(w, tensor('dw', [3]), optimizer.init(w), { stepScale: 1, clip: null, decays });
    return call.kernel === 'adam' ? call.params.decay : call.kernel;
  };
  assert.equal([decayOf(true), decayOf(false)], [0.02, 0]);
});

test('every recipe has a float twin of the same size, which nothing bounds', () => {
  for (const name of names) {
    const [net, twin] = [false, true].map((float) => new Model(shapeOf(name), recipeOf(name, { float }).layers(10)));
    assert.equal([net.isFloat, twin.isFloat], [false, true], name);
    const sizes = ({ parameters }: Model) => parameters.map((parameter) => parameter.tensor.size);
    assert.equal(sizes(twin), sizes(net), name);
    assert.ok(
      twin.parameters.every(({ clip }) => clip === null),
      name,
    );
  }
});

test('recipes for CIFAR-10 take as many widths as they have', () => {
  const outputs = (name: RecipeName, widths: string): number[] =>
    recipeOf(name, { widths })
      .layers(10)
      .map((layer) => layer.outputs);
  assert.equal(outputs('cifar10-tiny', '8,16,24,32,40,48'), [8, 16, 24, 32, 40, 48, 10]);
  assert.equal(outputs('cifar10-convnet', '1,2,3,4,5,6,7,8'), [1, 2, 3, 4, 5, 6, 7, 8, 10]);
  assert.equal(outputs('cifar10-resnet', '8,16,24'), [8, 8, 8, 8, 8, 16, 16, 16, 16, 24, 24, 24, 24, 10]);
  assert.throws(() => outputs('cifar10-tiny', '8'), /expected 6 widths .* for its convolutions/);
  assert.throws(() => outputs('cifar10-convnet', '8'), /expected 8 widths .* for its convolutions and hidden layers/);
  assert.throws(() => outputs('cifar10-resnet', '8'), /expected 3 widths .* for its stages/);
});

test.run();
