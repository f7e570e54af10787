// The net of Courbariaux et al. 2016 for CIFAR-10: (2 x 128C3)-MP2-(2 x 256C3)-MP2-(2 x 512C3)-MP2-(2 x 1024FC)-10, batches
// of 50, 500 epochs. 617 million multiply-adds a sample: a task for a GPU.
import { cosineDecay } from '../optimizers.js';
import { withPrecision } from '../spec.js';
import type { Recipe } from '../trainer.js';

/** `width` multiplies all widths: 1 is the paper's net, 1/4 trains on a processor within hours. */
export function cifar10Convnet(width = 1): Recipe {
  const conv = (i: number, outputs: number) => {
    const pool = i % 2 === 0 ? 2 : 1;
    const shape = { kernel: 3, padding: 1, pool } as const;
    return { kind: 'conv2d', name: `conv${i}`, outputs: outputs * width, ...shape, activation: 'sign' } as const;
  };
  return {
    name: 'cifar10-convnet',
    task: 'small photographs',
    layers: (classes) => [
      ...[128, 128, 256, 256, 512, 512].map((outputs, i) => conv(i + 1, outputs)),
      { kind: 'dense', name: 'hidden1', outputs: 1024 * width, activation: 'sign' },
      { kind: 'dense', name: 'hidden2', outputs: 1024 * width, activation: 'sign' },
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 50,
    epochs: 500,
    validationSamples: 5000,
    learningRate: { start: 1e-3, end: 3e-7 },
    stepScale: 'glorot',
    init: 'uniform',
  };
}

/**
 * The same net with what has come since: pictures shifted by up to four pixels and mirrored (He et al. 2015), Bi-Real's slope of
 * the sign (Liu et al. 2018), and a cosine. Not measured yet.
 */
export function cifar10ConvnetBetter(width = 1): Recipe {
  const recipe = cifar10Convnet(width);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { activation: { kind: 'approximateSign' } }),
    augmentation: { padding: 4, flip: true },
    learningRate: (epochs) => cosineDecay(1e-3, 1e-6, epochs),
  };
}
