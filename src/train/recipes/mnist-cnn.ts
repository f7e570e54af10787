// A small binarized convolutional net for MNIST and data like it, of our own: three convolutions, two of them pooled by 2,
// and a dense layer. Pictures are shifted by up to two pixels while it trains. Layer order, loss, optimizer and clipping
// are those of Courbariaux et al. 2016.
import { cosineDecay } from '../optimizers.js';
import { withPrecision } from '../spec.js';
import type { Recipe } from '../trainer.js';

/** `channels` are the outputs of the convolutions: 6.9 million multiply-adds a picture by default, 17 KB of weights. */
export function mnistCnn(channels: readonly [number, number, number] = [32, 64, 96]): Recipe {
  const conv = { kind: 'conv2d', activation: 'sign' } as const;
  return {
    name: 'mnist-cnn',
    task: 'handwritten digits',
    layers: (classes) => [
      { ...conv, name: 'conv1', outputs: channels[0], kernel: 5, padding: 2, pool: 2 },
      { ...conv, name: 'conv2', outputs: channels[1], kernel: 3, padding: 1, pool: 2 },
      { ...conv, name: 'conv3', outputs: channels[2], kernel: 3, padding: 1, pool: 1 },
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 20,
    validationSamples: 5000,
    learningRate: { start: 3e-3, end: 1e-5 },
    stepScale: 'glorot',
    init: 'uniform',
    settleBatches: 500,
    augmentation: { padding: 2, flip: false },
  };
}

/**
 * The same net at one and a half times its width, with what came later: Bi-Real's slope of the sign (Liu et al. 2018), pictures
 * also turned by up to ten degrees, a cosine. 14 million multiply-adds a picture, 31 KB of weights.
 */
export function mnistCnnBetter(channels: readonly [number, number, number] = [48, 96, 128]): Recipe {
  const recipe = mnistCnn(channels);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { activation: { kind: 'approximateSign' } }),
    epochs: 20,
    learningRate: (epochs) => cosineDecay(3e-3, 3e-6, epochs),
    augmentation: { padding: 2, flip: false, turn: 10 },
  };
}
