// A binarized convolutional net for CIFAR-10 whose file stays below 200 KB, of our own: five convolutions of 3 x 3 and two
// dense layers, 29 million multiply-adds a sample, which a processor trains. Bi-Real's slope of the sign (Liu et al. 2018),
// pictures shifted and mirrored (He et al. 2015).
import { cosineDecay } from '../optimizers.js';
import type { Recipe } from '../trainer.js';

/** `hidden` is the width of the dense layer behind the convolutions, which holds most of the bits. */
export function cifar10Tiny(hidden = 512): Recipe {
  const activation = { kind: 'approximateSign' } as const;
  const conv = (name: string, outputs: number, pool: number) => {
    return { kind: 'conv2d', name, outputs, kernel: 3, padding: 1, pool, activation } as const;
  };
  return {
    name: 'cifar10-tiny',
    task: 'small photographs',
    layers: (classes) => [
      conv('conv1', 32, 1),
      conv('conv2', 32, 2),
      conv('conv3', 64, 1),
      conv('conv4', 64, 2),
      conv('conv5', 128, 2),
      { kind: 'dense', name: 'hidden', outputs: hidden, activation },
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 60,
    validationSamples: 5000,
    learningRate: (epochs) => cosineDecay(3e-3, 1e-6, epochs),
    stepScale: 'glorot',
    init: 'uniform',
    augmentation: { padding: 4, flip: true },
  };
}
