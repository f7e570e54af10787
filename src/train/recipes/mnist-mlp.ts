// The binarized multilayer perceptron for MNIST: fully connected layers 784-512-512-10 with binary weights and sign
// activations. The net of Courbariaux et al. 2016 has three layers of 4096 and trains for 1000 epochs; this one is sized
// for a minute. Same layers, loss, optimizer and clipping.
import { cosineDecay } from '../optimizers.js';
import { withPrecision } from '../spec.js';
import type { Recipe } from '../trainer.js';

/** What the recipes below share. */
function perceptron(hidden: readonly number[]): Recipe {
  return {
    name: 'mnist-mlp',
    task: 'handwritten digits',
    layers: (classes) => [
      ...hidden.map((outputs, i) => ({ kind: 'dense', name: `hidden${i + 1}`, outputs, activation: 'sign' }) as const),
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 20,
    validationSamples: 5000,
    learningRate: { start: 3e-3, end: 1e-5 },
    stepScale: 'glorot',
    init: 'uniform',
  };
}

/** Pictures are shifted by up to a pixel, statistics settled. `hidden` overrides the widths of the hidden layers. */
export function mnistMlp(hidden: readonly number[] = [512, 512]): Recipe {
  return { ...perceptron(hidden), settleBatches: 500, augmentation: { padding: 1, flip: false } };
}

/** The paper's: three layers of 4096, half of the hidden activations dropped, 1000 epochs. Its dropout of inputs is left out. */
export function mnistMlpPaper(hidden: readonly number[] = [4096, 4096, 4096]): Recipe {
  const recipe = perceptron(hidden);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { dropout: 0.5 }),
    epochs: 1000,
    validationSamples: 10000,
    learningRate: { start: 3e-3, end: 3e-7 },
  };
}

/**
 * The paper's net with what came later, in a fraction of its epochs: pictures shifted by up to two pixels and turned by up to
 * ten degrees instead of dropout, Bi-Real's slope of the sign (Liu et al. 2018), a cosine, settled statistics.
 */
export function mnistMlpBetter(hidden: readonly number[] = [4096, 4096, 4096]): Recipe {
  const recipe = perceptron(hidden);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { activation: { kind: 'approximateSign' } }),
    epochs: 40,
    learningRate: (epochs) => cosineDecay(1e-3, 1e-6, epochs),
    settleBatches: 500,
    augmentation: { padding: 2, flip: false, turn: 10 },
  };
}
